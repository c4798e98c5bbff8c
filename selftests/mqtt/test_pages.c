// SPDX-License-Identifier: MIT
/*
 * Long payloads are forwarded in the pages that they were received in, unless
 * somebody can still write to these; headers are copied before they are looked at.
 */
#include <fcntl.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/rig.h"

#define KIB 1024
#define LONG (64 * KIB)

static struct rig_peer pub, sub, slow;

static void start(void)
{
	static const struct tcp_options small = {
		.family = AF_INET, .server_sndbuf = 16 * KIB, .client_rcvbuf = 16 * KIB,
	};

	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	rig_open_with(&slow, &small);
	rig_sub(&slow, "t/#");
}

static unsigned long long shared(void)
{
	return rig_stat(MQTT_A_STATS_RX_SHARED_BYTES);
}

/* A packet whose payload is a pattern of its own. */
static size_t put_message(struct bytes *b, size_t payload, unsigned int pattern)
{
	/* two bytes of the remaining length belong to the topic's length, three to it */
	return wire_publish_of(b, 0x30, "t/u", 5 + payload, pattern);
}

/* --- whoever sends bytes -------------------------------------------------------- */

static void ordinary(void)
{
	static const size_t sizes[] = { 3 * KIB, 4 * KIB, 9 * KIB, LONG, 200 * KIB };
	struct bytes b = { 0 };
	size_t i;

	start();
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		unsigned long long before = shared();

		put_message(&b, sizes[i], i);
		rig_send_bytes(&pub, &b);
		tcp_expect(sub.client, b.p, b.len);
		tcp_expect(slow.client, b.p, b.len);
		/* Of a longer one a few bytes may stand alone in a buffer. */
		if (sizes[i] <= LONG / 2)
			CHECK_EQ(shared() - before, sizes[i]);
		ksft_note("%llu of %zu bytes shared", shared() - before, sizes[i]);
		bytes_free(&b);
	}
	CHECK(shared());
	rig_check_balance();
}

/* What is shared outlives the publisher, also its twin for another protocol. */
static void publisher_closes(void)
{
	struct rig_peer five;
	struct bytes b = { 0 };
	unsigned char *got;
	size_t len;
	int i;

	start();
	rig_open_as(&five, MQTT_PROTOCOL_V5, 0);
	rig_sub(&five, "t/u");
	for (i = 0; i < 20; i++)
		put_message(&b, 16 * KIB, i);
	len = b.len;
	rig_send_bytes(&pub, &b);
	CHECK(shared());
	rig_close(&pub);
	tcp_expect(sub.client, b.p, len);
	tcp_expect(slow.client, b.p, len);
	/* with the length of no properties in each */
	got = malloc(len + 20);
	CHECK(got);
	tcp_recv_all(five.client, got, len + 20);
	CHECK(!memcmp(got + 20 + len - 16 * KIB, b.p + len - 16 * KIB, 16 * KIB));
	free(got);
	bytes_free(&b);
	rig_check_balance();
}

/* In the middle of a payload the connection goes back to the daemon. */
static void detach(void)
{
	struct bytes b = { 0 }, head = { 0 };
	unsigned char *got;
	size_t len;

	start();
	len = put_message(&b, 200 * KIB, 1);
	rig_send_bytes(&pub, &b);
	rig_detach(&slow);
	wire_message(&head, "t/u", "mine");
	got = malloc(len);
	CHECK(got);
	tcp_recv_all(slow.client, got, len);
	tcp_compare("payload", got, b.p, len);
	tcp_send_all(slow.fd, head.p, head.len);
	tcp_expect(slow.client, head.p, head.len);
	tcp_expect(sub.client, b.p, len);
	free(got);
	bytes_free(&b);
	bytes_free(&head);
}

/* --- whoever sends pages of its own ----------------------------------------------- */

static unsigned char *own;		/* LONG bytes, a file's or memory */
static int own_file;

static void own_new(bool file)
{
	own_file = -1;
	if (file) {
		own_file = CHECK_SYS(memfd_create("payload", 0));
		CHECK_SYS(ftruncate(own_file, LONG));
	}
	own = mmap(NULL, LONG, PROT_READ | PROT_WRITE,
		   file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, own_file, 0);
	CHECK(own != MAP_FAILED);
	memset(own, 'a', LONG);
}

static void by_sendfile(int fd)
{
	off_t at = 0;

	while (at < LONG)
		CHECK_SYS(sendfile(fd, own_file, &at, LONG - at));
}

static void by_pipe(int fd, bool from_file)
{
	struct iovec iov;
	loff_t at = 0;
	int pipes[2];
	ssize_t n;

	CHECK_SYS(pipe(pipes));
	while (at < LONG) {
		if (from_file) {
			n = CHECK_SYS(splice(own_file, &at, pipes[1], NULL, LONG - at, 0));
		} else {
			iov = (struct iovec){ own + at, LONG - at };
			n = CHECK_SYS(vmsplice(pipes[1], &iov, 1, 0));
			at += n;
		}
		while (n)
			n -= CHECK_SYS(splice(pipes[0], NULL, fd, NULL, n, 0));
	}
	close(pipes[0]);
	close(pipes[1]);
}

static void by_splice(int fd)
{
	by_pipe(fd, true);
}

static void by_vmsplice(int fd)
{
	by_pipe(fd, false);
}

static void by_zerocopy(int fd)
{
	size_t at = 0;

	tcp_set_int(fd, SOL_SOCKET, SO_ZEROCOPY, 1);
	while (at < LONG)
		at += CHECK_SYS(send(fd, own + at, LONG - at, MSG_ZEROCOPY));
}

/*
 * @first bytes of the payload are sent as others do. As soon as the kernel has seen
 * it all, the pages are changed; the subscribers have not read a byte by then.
 */
static void change(bool file, void (*send_own)(int fd), size_t first, bool copied)
{
	unsigned long long before;
	struct bytes b = { 0 };
	size_t head, len;

	start();
	own_new(file);
	len = put_message(&b, first + LONG, 0);
	head = len - LONG;
	memset(b.p + head, 'a', LONG);
	before = shared();
	tcp_send_all(pub.client, b.p, head);
	send_own(pub.client);
	pub.sent += len;
	rig_wait_arrived(&pub);
	memset(own, 'b', LONG);
	tcp_expect(sub.client, b.p, len);
	tcp_expect(slow.client, b.p, len);
	if (copied)
		CHECK_EQ(shared(), before);
	bytes_free(&b);
	munmap(own, LONG);
	rig_check_balance();
}

static void sendfile_changed(void)
{
	change(true, by_sendfile, 0, true);
}

static void splice_changed(void)
{
	change(true, by_splice, 0, true);
}

static void vmsplice_changed(void)
{
	change(false, by_vmsplice, 0, true);
}

/* Loopback copies these. */
static void zerocopy_changed(void)
{
	change(false, by_zerocopy, 0, false);
}

/* Buffers that are merged keep their mark. */
static void half_of_it_changed(void)
{
	change(true, by_sendfile, 8 * KIB, true);
	rig_close(&pub);
}

/* ...and so do those that are too many to be merged. */
static void rest_of_it_changed(void)
{
	change(true, by_sendfile, 100 * KIB, true);
}

/* A payload in very many pieces is not worth it. */
static void small_pieces(void)
{
	struct bytes b = { 0 };
	size_t at;

	start();
	put_message(&b, 4000, 1);
	for (at = 0; at < b.len; at += 50)
		tcp_send_all(pub.client, b.p + at, b.len - at < 50 ? b.len - at : 50);
	pub.sent += b.len;
	rig_wait_arrived(&pub);
	tcp_expect(sub.client, b.p, b.len);
	CHECK_EQ(shared(), 0);
	bytes_free(&b);
}

/* --- headers, while they are read ------------------------------------------------------- */

static unsigned char *shared_page;
static bool changer_stop;

/* Turns the packet into others, well-formed and not, for ever. */
static void *changer_main(void *arg)
{
	static const struct {
		int at;
		unsigned char value, other;
	} changes[] = {
		{ 0, 0x30, 0x3f }, { 1, 60, 120 }, { 1, 60, 5 }, { 3, 3, 200 }, { 2, 0, 255 },
		{ 5, '/', 0 }, { 6, 'u', '#' }, { 6, 'u', 0xff }, { 0, 0x30, 0 },
	};
	unsigned int i;

	(void)arg;
	ksft_run_on(1);
	for (i = 0; !ksft_flag(&changer_stop); i = (i + 1) % ARRAY_LEN(changes)) {
		*(volatile unsigned char *)&shared_page[changes[i].at] = changes[i].other;
		*(volatile unsigned char *)&shared_page[changes[i].at] = changes[i].value;
	}
	return NULL;
}

/* Sends the page itself, not a copy, @n times, or until the window is closed. */
static void splice_pages(int fd, size_t len, int n)
{
	struct iovec iov = { .iov_base = shared_page, .iov_len = len };
	bool ok = true;
	int pipes[2];

	CHECK_SYS(pipe(pipes));
	while (ok && n--) {
		CHECK_EQ(vmsplice(pipes[1], &iov, 1, 0), len);
		ok = splice(pipes[0], NULL, fd, NULL, len, SPLICE_F_NONBLOCK) == (ssize_t)len;
	}
	close(pipes[0]);
	close(pipes[1]);
}

/* What came out: whole packets that a client may have meant. Returns how many. */
static unsigned int check_packets(struct packets *p)
{
	unsigned int n = 0, topic;
	size_t len, i;

	for (;;) {
		const unsigned char *data = packets_data(p);

		len = wire_length(data, packets_left(p));
		if (!len || len > packets_left(p))
			return n;
		CHECK_EQ(data[0], 0x30);
		topic = data[2] << 8 | data[3];
		CHECK(len < 130 && topic >= 3 && topic + 4 <= len);
		for (i = 4; i < 4 + topic; i++)
			CHECK(data[i] != '#' && data[i] != '+' && data[i]);
		CHECK(packets_take(p, data, len));
		n++;
	}
}

static void headers_changed(void)
{
	struct packets got = { 0 };
	unsigned int delivered = 0;
	struct bytes b = { 0 };
	pthread_t changer;
	int i;

	rig_start();
	rig_open_sub(&sub, "#");
	got.fd = sub.client;
	wire_publish_of(&b, 0x30, "t/u", 60, 1);
	shared_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(shared_page != MAP_FAILED);
	memcpy(shared_page, b.p, b.len);
	ksft_run_on(0);
	CHECK(!pthread_create(&changer, NULL, changer_main, NULL));
	for (i = 0; i < ksft_scale(150, 20); i++) {
		rig_open(&pub);
		splice_pages(pub.client, b.len, 30);
		rig_close(&pub);
		while (packets_read(&got))
			delivered += check_packets(&got);
	}
	ksft_flag_set(&changer_stop);
	pthread_join(changer, NULL);
	WAIT_UNTIL(rig_peer_count() == 1);
	rig_check_balance();
	while (delivered < rig_stat(MQTT_A_STATS_TX_PACKETS)) {
		packets_read(&got);
		delivered += check_packets(&got);
	}
	CHECK_EQ(packets_left(&got), 0);
	ksft_note("%u packets delivered, %llu streams malformed", delivered,
		  rig_stat(MQTT_A_STATS_RX_MALFORMED));
	CHECK(ksft_slow() || sysconf(_SC_NPROCESSORS_ONLN) == 1 ||
	      rig_stat(MQTT_A_STATS_RX_MALFORMED));
	rig_fence(&sub);
}

/* --- what is pinned ------------------------------------------------------------------ */

static long available_kib(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = -1;

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

/*
 * Of each 32 KiB that TCP has in one piece one message is for a queue that nobody
 * empties. If that kept the whole, it would be eight times what the queue is charged.
 */
static void pinned(void)
{
	struct rig_peer stuck;
	struct bytes b = { 0 };
	long before, taken;
	int i;

	if (ksft_slow())
		ksft_skip("free memory is no measure here");
	rig_start();
	rig_open(&pub);
	rig_open_sub(&stuck, "t/u");
	put_message(&b, 4 * KIB - 10, 0);
	for (i = 0; i < 7; i++)
		wire_publish_of(&b, 0x30, "n/u", 4 * KIB - 5, i);
	before = available_kib();
	for (i = 0; i < 6000; i++)
		rig_send_bytes(&pub, &b);
	taken = before - available_kib();
	ksft_note("%ld MiB taken, %llu MiB shared", taken / KIB, shared() >> 20);
	CHECK(rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL));
	CHECK(shared());
	/* the queue's 16 MiB, the receive buffer, and what is not ours */
	CHECK(taken < 48 * KIB);
	bytes_free(&b);
}

static const struct ksft_case cases[] = {
	{ "ordinary", ordinary },
	{ "publisher_closes", publisher_closes },
	{ "detach", detach },
	{ "sendfile_changed", sendfile_changed },
	{ "splice_changed", splice_changed },
	{ "vmsplice_changed", vmsplice_changed },
	{ "zerocopy_changed", zerocopy_changed },
	{ "half_of_it_changed", half_of_it_changed },
	{ "rest_of_it_changed", rest_of_it_changed },
	{ "small_pieces", small_pieces },
	{ "headers_changed", headers_changed },
	{ "pinned", pinned },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
