// SPDX-License-Identifier: MIT
/*
 * The daemon's send() and the kernel's packets share one socket: they
 * alternate only where a packet ends, and each keeps its own order.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/reader.h"
#include "lib/rig.h"

#define KERNEL 1			/* sources of numbered messages */
#define DAEMON 2

static const struct tcp_options small = {
	.family = AF_INET, .server_sndbuf = 4608, .client_rcvbuf = 4608,
};

static struct rig_peer pub, sub;

static void start(const struct tcp_options *opt)
{
	rig_start();
	rig_open(&pub);
	rig_open_with(&sub, opt);
	rig_sub(&sub, "t/u");
}

static void publish(unsigned int number, size_t payload)
{
	struct bytes b = { 0 };

	wire_numbered(&b, 0x30, "t/u", KERNEL, number, payload);
	rig_send_bytes(&pub, &b);
	bytes_free(&b);
}

/* Takes @n messages of both sources in any interleaving. */
static void expect_both(struct packets *got, unsigned int kernel, unsigned int daemon)
{
	unsigned int next[3] = { 0 }, turns = 0, last = 0, source;
	long number;

	while (next[KERNEL] < kernel || next[DAEMON] < daemon) {
		number = packets_take_any(got, &source);
		if (number < 0) {
			packets_wait(got);
			continue;
		}
		CHECK(source == KERNEL || source == DAEMON);
		CHECK_EQ(number, next[source]);
		next[source]++;
		turns += source != last;
		last = source;
	}
	CHECK_EQ(packets_left(got), 0);
	ksft_note("%u and %u messages in %u turns", kernel, daemon, turns);
}

struct sender {
	pthread_t thread;
	struct bytes data;
	size_t part;		/* bytes per send(); 0: all at once */
	pid_t tid;
	bool done;
	ssize_t ret;
	int error;
};

static void *sender_main(void *arg)
{
	struct sender *s = arg;
	size_t done = 0, left;

	__atomic_store_n(&s->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	do {
		left = s->data.len - done;
		s->ret = send(sub.fd, s->data.p + done,
			      s->part && s->part < left ? s->part : left, MSG_NOSIGNAL);
		s->error = errno;
		done += s->ret;
	} while (s->ret > 0 && done < s->data.len);
	ksft_flag_set(&s->done);
	return NULL;
}

static bool sender_is_done(struct sender *s)
{
	return ksft_flag(&s->done);
}

static bool sender_is_blocked(struct sender *s)
{
	pid_t tid = __atomic_load_n(&s->tid, __ATOMIC_ACQUIRE);

	return !sender_is_done(s) && tid && thread_is_asleep(tid);
}

static void sender_start(struct sender *s)
{
	CHECK(!pthread_create(&s->thread, NULL, sender_main, s));
}

static void sender_join(struct sender *s)
{
	WAIT_UNTIL(sender_is_done(s));
	pthread_join(s->thread, NULL);
}

/*
 * Blocking sends of @n daemon packets, @part bytes each (0: one send), with
 * kernel packets at the same time.
 */
static void blocking_send(const struct tcp_options *opt, unsigned int n, size_t payload,
			  size_t part)
{
	unsigned int i, messages = ksft_scale(3000, 500);
	struct packets got = { .read_size = 5000 };
	struct sender s = { .part = part };
	struct traffic t = {
		.from = &pub, .topic = "t/u", .source = KERNEL, .n = messages,
		.payload = 200, .batch = 2000, .cpu = -1,
	};

	start(opt);
	for (i = 0; i < n; i++)
		wire_numbered(&s.data, 0x32, "t/u", DAEMON, i, payload + i % 100);
	sender_start(&s);
	traffic_start(&t);
	got.fd = sub.client;
	expect_both(&got, messages, n);
	sender_join(&s);
	traffic_join(&t);
	CHECK(part ? s.ret > 0 : s.ret == (ssize_t)s.data.len);
	rig_fence(&sub);
	rig_check_balance();
}

static void send_many_packets(void)
{
	blocking_send(NULL, ksft_scale(20000, 2000), 100, 0);
}

static void send_large_packets(void)
{
	blocking_send(NULL, 8, ksft_scale(1000000, 300000), 0);
}

static void send_one_huge_packet(void)
{
	blocking_send(NULL, 1, 4000000, 0);
}

static void send_small_buffers(void)
{
	blocking_send(&small, 50, 10000, 0);
}

static void send_packet_by_packet(void)
{
	/* parts that hardly ever end where a packet does */
	blocking_send(NULL, ksft_scale(3000, 500), 93, 105);
}

/* Many sends of random parts of the daemon's stream, not blocking. */
static void send_in_random_parts(void)
{
	unsigned int n = ksft_scale(2000, 300), i;
	struct packets got = { 0 };
	struct bytes b = { 0 };
	struct traffic t = {
		.from = &pub, .topic = "t/u", .source = KERNEL, .n = n,
		.payload = 300, .batch = 1, .cpu = -1,
	};
	size_t done = 0, part;
	ssize_t ret;

	start(&small);
	for (i = 0; i < n; i++)
		wire_numbered(&b, 0x32, "t/u", DAEMON, i, 10 + ksft_random(600));
	got.fd = sub.client;
	traffic_start(&t);
	while (done < b.len) {
		part = 1 + ksft_random(700);
		ret = send(sub.fd, b.p + done, part < b.len - done ? part : b.len - done,
			   MSG_DONTWAIT);
		if (ret > 0)
			done += ret;
		else
			CHECK_EQ(errno, EAGAIN);
		if (ret < 0 && !packets_read(&got))
			ksft_pause();
	}
	expect_both(&got, n, n);
	traffic_join(&t);
	rig_fence(&sub);
}

/* In the middle of a daemon's packet, the kernel waits: at each byte. */
static void kernel_waits_for_daemon(void)
{
	struct packets got = { 0 };
	struct bytes b = { 0 };
	unsigned int i = 0;
	size_t cut;

	start(NULL);
	got.fd = sub.client;
	wire_subscribe(&b, "any/packet/will/do");
	for (cut = 1; cut < b.len; cut++, i++) {
		CHECK_EQ(send(sub.fd, b.p, cut, 0), cut);
		publish(i, 20);
		tcp_expect(sub.client, b.p, cut);
		WAIT_UNTIL(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS) == 1);
		WAIT_UNTIL(rig_peer_stat(&sub, MQTT_A_PEER_STATS_TX_PACKETS) == i);
		CHECK(!tcp_is_readable(sub.client));
		CHECK_EQ(send(sub.fd, b.p + cut, b.len - cut, 0), b.len - cut);
		tcp_expect(sub.client, b.p + cut, b.len - cut);
		packets_expect(&got, KERNEL, i, 1);
	}
}

/* writev, sendfile, MSG_MORE and splice are ways of sending, too. */
static void other_ways_to_send(void)
{
	struct packets got = { 0 };
	struct bytes b = { 0 };
	struct iovec iov[2];
	int file, pipe_fd[2];
	off_t at = 0;

	start(NULL);
	got.fd = sub.client;
	wire_numbered(&b, 0x32, "t/u", DAEMON, 7, 1000);
	iov[0] = (struct iovec){ b.p, 3 };
	iov[1] = (struct iovec){ b.p + 3, 500 };
	CHECK_EQ(writev(sub.fd, iov, 2), 503);
	publish(0, 20);
	file = CHECK_SYS(memfd_create("file", 0));
	CHECK_EQ(write(file, b.p, b.len), b.len);
	at = 503;
	CHECK_EQ(sendfile(sub.fd, file, &at, 200), 200);
	CHECK_EQ(send(sub.fd, b.p + 703, 100, MSG_MORE), 100);
	CHECK_SYS(pipe(pipe_fd));
	CHECK_EQ(write(pipe_fd[1], b.p + 803, 100), 100);
	CHECK_EQ(splice(pipe_fd[0], NULL, sub.fd, NULL, 100, 0), 100);
	tcp_expect(sub.client, b.p, 903);
	WAIT_UNTIL(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS) == 1);
	CHECK_EQ(write(sub.fd, b.p + 903, b.len - 903), b.len - 903);
	tcp_expect(sub.client, b.p + 903, b.len - 903);
	packets_expect(&got, KERNEL, 0, 1);
}

/*
 * Blocks the subscriber's socket in the middle of a kernel packet. The first
 * messages may be whole in TCP; a packet this large is not.
 */
static void block_in_kernel_packet(void)
{
	publish(0, 250000);
	WAIT_UNTIL(!tcp_is_writable(sub.fd));
}

static void daemon_waits_for_kernel(void)
{
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET };
	int ep = CHECK_SYS(epoll_create1(EPOLL_CLOEXEC));
	struct packets got = { 0 };

	start(&small);
	got.fd = sub.client;
	CHECK(tcp_is_writable(sub.fd));
	block_in_kernel_packet();
	CHECK_EQ(send(sub.fd, "\xd0\x00", 2, MSG_DONTWAIT), -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK_SYS(epoll_ctl(ep, EPOLL_CTL_ADD, sub.fd, &ev));
	CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
	packets_expect(&got, KERNEL, 0, 1);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 10000), 1);
	CHECK(ev.events & EPOLLOUT);
	CHECK_EQ(send(sub.fd, "\xd0\x00", 2, MSG_DONTWAIT), 2);
	tcp_expect(sub.client, "\xd0\x00", 2);
}

/* The daemon's packet goes first at the next border, whatever is queued. */
static void daemon_goes_first(void)
{
	struct packets got = { 0 };
	struct sender s = { 0 };
	unsigned int i;

	start(&small);
	got.fd = sub.client;
	block_in_kernel_packet();
	for (i = 1; i < 20; i++)
		publish(i, 20000);
	bytes_put(&s.data, "\xd0\x00", 2);
	sender_start(&s);
	WAIT_UNTIL(sender_is_blocked(&s));
	packets_expect(&got, KERNEL, 0, 1);
	while (!packets_left(&got))
		packets_wait(&got);
	while (packets_left(&got) < 2)
		packets_wait(&got);
	if (!packets_take(&got, "\xd0\x00", 2))
		FAIL("the daemon's packet did not follow the first");
	packets_expect(&got, KERNEL, 1, 19);
	sender_join(&s);
	CHECK_EQ(s.ret, 2);
	rig_fence(&sub);
}

/* A blocking send that waits for a kernel packet obeys SO_SNDTIMEO. */
static void send_timeout(void)
{
	struct timeval limit = { .tv_usec = 50000 };
	struct packets got = { 0 };

	start(&small);
	got.fd = sub.client;
	CHECK_SYS(setsockopt(sub.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	block_in_kernel_packet();
	CHECK_EQ(send(sub.fd, "\xd0\x00", 2, 0), -1);
	CHECK_EQ(errno, EAGAIN);
	packets_expect(&got, KERNEL, 0, 1);
	rig_fence(&sub);
}

static void on_signal(int number)
{
	(void)number;
}

/* ...and ends at a signal, with nothing of it sent. */
static void send_interrupted(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct packets got = { 0 };
	struct sender s = { 0 };

	start(&small);
	got.fd = sub.client;
	CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
	block_in_kernel_packet();
	bytes_put(&s.data, "\xd0\x00", 2);
	sender_start(&s);
	WAIT_UNTIL(sender_is_blocked(&s));
	CHECK(!pthread_kill(s.thread, SIGUSR1));
	sender_join(&s);
	CHECK_EQ(s.ret, -1);
	CHECK_EQ(s.error, EINTR);
	packets_expect(&got, KERNEL, 0, 1);
	rig_fence(&sub);
}

/* The client goes while a sender waits for a kernel packet to end. */
static void reset_while_send_waits(void)
{
	struct linger now = { .l_onoff = 1 };
	struct sender s = { 0 };

	start(&small);
	block_in_kernel_packet();
	bytes_put(&s.data, "\xd0\x00", 2);
	sender_start(&s);
	WAIT_UNTIL(sender_is_blocked(&s));
	CHECK_SYS(setsockopt(sub.client, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	close(sub.client);
	sender_join(&s);
	CHECK_EQ(s.ret, -1);
	CHECK(s.error == ECONNRESET || s.error == EPIPE);
	close(sub.fd);
	WAIT_UNTIL(rig_peer_count() == 1);
	rig_check_balance();
}

/* Detached in the middle of its own packet, the daemon sends the rest. */
static void detach_in_daemon_packet(void)
{
	struct bytes b = { 0 };

	start(NULL);
	wire_numbered(&b, 0x32, "t/u", DAEMON, 1, 100);
	CHECK_EQ(send(sub.fd, b.p, 50, 0), 50);
	publish(0, 20);
	rig_detach(&sub);
	CHECK_EQ(send(sub.fd, b.p + 50, b.len - 50, 0), b.len - 50);
	tcp_expect(sub.client, b.p, b.len);
	rig_attach(&sub);
	rig_fence(&sub);
	rig_check_balance();
}

/* Where its packets end is not known any more: the kernel does not send again. */
static void daemon_breaks_its_stream(void)
{
	static const char bad[] = "\x30\xff\xff\xff\xff\xff";

	start(NULL);
	publish(0, 20);
	CHECK_EQ(send(sub.fd, "\xd0", 1, 0), 1);
	CHECK_EQ(send(sub.fd, "\x00", 1, 0), 1);
	CHECK_EQ(send(sub.fd, bad, 6, 0), 6);
	publish(1, 20);
	WAIT_UNTIL(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS) == 1);
	CHECK_EQ(send(sub.fd, "\xd0\x00", 2, 0), 2);
	CHECK_EQ(rig_peer_stat(&sub, MQTT_A_PEER_STATS_TX_PACKETS), 1);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS), 1);
	/* until it is attached again */
	rig_detach(&sub);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_PEER_GONE), 1);
	rig_attach(&sub);
	rig_sub(&sub, "t/u");
	publish(2, 20);
	WAIT_UNTIL(rig_peer_stat(&sub, MQTT_A_PEER_STATS_TX_PACKETS) == 1);
}

static const struct ksft_case cases[] = {
	{ "send_many_packets", send_many_packets },
	{ "send_large_packets", send_large_packets },
	{ "send_one_huge_packet", send_one_huge_packet },
	{ "send_small_buffers", send_small_buffers },
	{ "send_packet_by_packet", send_packet_by_packet },
	{ "send_in_random_parts", send_in_random_parts },
	{ "kernel_waits_for_daemon", kernel_waits_for_daemon },
	{ "other_ways_to_send", other_ways_to_send },
	{ "daemon_waits_for_kernel", daemon_waits_for_kernel },
	{ "daemon_goes_first", daemon_goes_first },
	{ "send_timeout", send_timeout },
	{ "send_interrupted", send_interrupted },
	{ "reset_while_send_waits", reset_while_send_waits },
	{ "detach_in_daemon_packet", detach_in_daemon_packet },
	{ "daemon_breaks_its_stream", daemon_breaks_its_stream },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
