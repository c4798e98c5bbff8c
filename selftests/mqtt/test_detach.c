// SPDX-License-Identifier: MIT
/*
 * A detach, or the end of a socket, at any moment: no byte is lost, doubled
 * or reordered, in neither direction.
 */
#include <poll.h>
#include <sys/socket.h>

#include "lib/packets.h"
#include "lib/pump.h"
#include "lib/reader.h"
#include "lib/rig.h"

static struct rig_peer pub, sub;

static void start(void)
{
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
}

/* @cut bytes arrive, @taken of them are read, then the peer is detached. */
static void detach_at(const struct bytes *b, size_t cut, size_t taken)
{
	rig_attach(&pub);
	rig_send(&pub, b->p, cut);
	tcp_expect(pub.fd, b->p, taken);
	rig_detach(&pub);
	tcp_expect(pub.fd, b->p + taken, cut - taken);
	tcp_expect_again(pub.fd);
	rig_send(&pub, b->p + cut, b->len - cut);
	tcp_expect(pub.fd, b->p + cut, b->len - cut);
	tcp_expect_again(pub.fd);
}

static void detach_at_each(struct bytes *b, bool fast)
{
	size_t cut, last = fast ? b->len - 1 : b->len;

	for (cut = 0; cut <= last; cut += ksft_scale(1, 3)) {
		detach_at(b, cut, 0);
		if (cut > 5 && !fast)
			detach_at(b, cut, 2);
		if (cut > 40 && cut + 10 < last)
			cut = last - 10;
	}
	b->len = 0;
}

static void at_each_offset(void)
{
	struct bytes b = { 0 };

	start();
	rig_detach(&pub);
	wire_publish_of(&b, 0x30, "t/u", 30, 1);
	detach_at_each(&b, true);
	wire_publish_of(&b, 0x30, "t/u", 16384, 1);
	detach_at_each(&b, true);
	wire_publish_of(&b, 0x30, "t/u", 300 * 1024, 1);
	b.len = 50;
	detach_at_each(&b, false);
	wire_publish_of(&b, 0x31, "t/u", 30, 1);
	detach_at_each(&b, false);
	wire_publish_of(&b, 0x32, "t/u", 30, 1);
	detach_at_each(&b, false);
	wire_subscribe(&b, "some/filter");
	detach_at_each(&b, false);
	wire_puback(&b, 7);
	detach_at_each(&b, false);
	wire_disconnect(&b);
	detach_at_each(&b, false);
	rig_fence(&sub);
}

/* A large packet, of which a part has arrived, into buffers of two sizes. */
static void in_large_packet(void)
{
	static const struct {
		int rcvbuf;
		size_t cut;
	} cases[] = { { 0, 100 }, { 0, 5000 }, { 0, 60000 }, { 8192, 100 }, { 8192, 1500 } };
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = stream_new();
	size_t i;

	start();
	wire_publish_of(&s->all, 0x30, "t/u", 200000, 9);
	stream_end(s, STREAM_SLOW);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct tcp_options opt = { .family = AF_INET, .server_rcvbuf = cases[i].rcvbuf };

		rig_close(&pub);
		rig_open_with(&pub, &opt);
		rig_send(&pub, s->all.p, cases[i].cut);
		rig_detach(&pub);
		p.already = cases[i].cut;
		pump_run(&p, s);
		tcp_expect_again(pub.fd);
	}
	rig_fence(&sub);
}

static void behind_slow(void)
{
	struct bytes slow = { 0 }, fast = { 0 };
	int i;

	start();
	wire_message(&fast, "t/u", "waits");
	for (i = 0; i < 2; i++) {
		slow.len = 0;
		if (i)
			wire_subscribe(&slow, "x/y");
		else
			wire_puback(&slow, 1);
		rig_send_bytes(&pub, &slow);
		rig_send_bytes(&pub, &fast);
		rig_detach(&pub);
		rig_daemon_expect(&pub, &slow);
		rig_daemon_expect(&pub, &fast);
		tcp_expect_again(pub.fd);
		rig_attach(&pub);
	}
	/* the barrier packet read, the barrier not lifted */
	rig_send_bytes(&pub, &slow);
	rig_send_bytes(&pub, &fast);
	rig_daemon_expect(&pub, &slow);
	rig_detach(&pub);
	CHECK(tcp_is_readable(pub.fd));
	rig_daemon_expect(&pub, &fast);
	rig_fence(&sub);
}

static void at_end_of_stream(void)
{
	struct bytes b = { 0 };

	start();
	wire_message(&b, "t/u", "cut off");
	rig_send(&pub, b.p, b.len - 2);
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	rig_detach(&pub);
	tcp_expect(pub.fd, b.p, b.len - 2);
	tcp_expect_eof(pub.fd);
	tcp_expect_eof(pub.fd);
}

static void blocked_reader(void)
{
	struct bytes b = { 0 };
	struct reader r;
	int i;

	start();
	wire_message(&b, "t/u", "plain bytes now");
	for (i = 0; i < 10; i++) {
		reader_start(&r, pub.fd, sizeof(r.buf), 0);
		if (i % 2)
			rig_send(&pub, b.p, 5);
		rig_detach(&pub);
		if (i % 2) {
			reader_expect(&r, b.p, 5);
			rig_send(&pub, b.p + 5, b.len - 5);
			tcp_expect(pub.fd, b.p + 5, b.len - 5);
		} else {
			CHECK(!reader_is_done(&r));
			rig_send_bytes(&pub, &b);
			reader_expect(&r, b.p, b.len);
		}
		rig_attach(&pub);
	}
	rig_fence(&sub);
}

/* Both ends of what one publisher sends, merged by number. */
struct merger {
	struct packets fast;
	struct packets slow;
	unsigned int next;
	unsigned int all;
};

static void merge_stuck(const struct merger *m, bool attached)
{
	ksft_note("of %llu bytes arrived, %d are unread, %s", tcp_received(pub.fd),
		  tcp_unread(pub.fd), tcp_is_readable(pub.fd) ? "readable" : "not readable");
	if (attached)
		ksft_note("state %llu, rx-no-buffer %llu", rig_peer_get(&pub, MQTT_A_PEER_STATE),
			  rig_stat(MQTT_A_STATS_RX_NO_BUFFER));
	FAIL("message %u does not come while %s", m->next, attached ? "attached" : "detached");
}

/* Reads and merges until @n messages have come that way, or all. */
static void merge_until(struct merger *m, struct packets *way, unsigned int n)
{
	long long end = ksft_deadline();
	bool moved;

	while (way->n < n && m->next < m->all) {
		moved = packets_read(&m->fast);
		if (way == &m->slow && packets_left(&m->slow) < 8192)
			moved |= packets_read(&m->slow);
		while (packets_take_number(&m->fast, 1, m->next) ||
		       packets_take_number(&m->slow, 1, m->next))
			m->next++;
		if (moved)
			end = ksft_deadline();
		else
			ksft_pause();
		if (ksft_now_ms() > end)
			merge_stuck(m, way == &m->fast);
	}
}

/* The daemon detaches, reads for a while, and attaches with what it has. */
static void attach_cycles(size_t read_size)
{
	unsigned int cycles = 0;
	struct merger m = {
		.fast = { .fd = sub.client },
		.slow = { .fd = pub.fd, .read_size = read_size },
		.all = ksft_scale(20000, 1500),
	};
	struct traffic t = {
		.from = &pub, .topic = "t/u", .source = 1, .n = m.all, .payload = 10,
		.batch = 1500, .cpu = -1,
	};

	traffic_start(&t);
	while (m.next < m.all) {
		merge_until(&m, &m.fast, m.fast.n + 1 + ksft_random(300));
		rig_detach(&pub);
		merge_until(&m, &m.slow, m.slow.n + 1 + ksft_random(200));
		rig_attach_residue(&pub, packets_data(&m.slow), packets_left(&m.slow));
		packets_clear(&m.slow);
		cycles++;
	}
	traffic_join(&t);
	ksft_note("%u cycles: %u messages through the kernel, %u through the daemon",
		  cycles, m.fast.n, m.slow.n);
	CHECK_EQ(m.fast.n + m.slow.n, m.all);
	CHECK(m.slow.n);
	rig_fence(&sub);
}

static void attach_cycles_under_traffic(void)
{
	start();
	attach_cycles(8192);
}

static void attach_cycles_read_in_pieces(void)
{
	start();
	attach_cycles(7);
}

/* Fills the peer's queue beyond what its socket takes. */
static void fill_queue(struct rig_peer *to, size_t payload)
{
	unsigned int n = ksft_scale(200000, 50000) / payload + 20, i;
	struct bytes b = { 0 };

	for (i = 0; i < n; i++) {
		wire_numbered(&b, 0x30, "t/u", 1, i, payload);
		if (b.len < 1000 && i + 1 < n)
			continue;
		rig_send_bytes(&pub, &b);
		b.len = 0;
	}
	bytes_free(&b);
	WAIT_UNTIL(rig_peer_get(to, MQTT_A_PEER_QUEUE_PACKETS) > 0);
}

static const struct tcp_options small = {
	.family = AF_INET, .server_sndbuf = 4608, .client_rcvbuf = 4608,
};

/*
 * The client reads nothing until the detach has returned. It receives a
 * first part of the messages, the last of them whole, then the daemon's own.
 */
static void with_queue_of(size_t payload)
{
	struct packets got = { 0 };

	rig_open_with(&sub, &small);
	rig_sub(&sub, "t/u");
	fill_queue(&sub, payload);
	rig_detach(&sub);
	got.fd = sub.client;
	/* TCP may still hold kernel packets: the send has to find room. */
	while (send(sub.fd, "\xd0\x00", 2, MSG_NOSIGNAL | MSG_DONTWAIT) != 2) {
		CHECK_EQ(errno, EAGAIN);
		packets_wait(&got);
	}
	while (!packets_take(&got, "\xd0\x00", 2)) {
		if (!packets_take_number(&got, 1, got.n))
			packets_wait(&got);
	}
	ksft_note("payload %zu: %u whole messages before the detach", payload, got.n);
	CHECK_EQ(packets_left(&got), 0);
	rig_attach(&sub);
	rig_fence(&sub);
	rig_close(&sub);
}

static void with_queue(void)
{
	rig_start();
	rig_open(&pub);
	with_queue_of(20);
	with_queue_of(3000);
	with_queue_of(100000);
	with_queue_of(250000);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_DROP_PEER_GONE) > 0);
	rig_check_balance();
}

/* The kernel sends nothing on a detached socket, its filters are gone. */
static void silent_afterwards(void)
{
	struct bytes b = { 0 };

	start();
	wire_message(&b, "t/u", "not for the detached");
	rig_detach(&sub);
	rig_send_bytes(&pub, &b);
	CHECK_SYS(send(sub.fd, "\xd0\x00", 2, 0));
	tcp_expect(sub.client, "\xd0\x00", 2);
	rig_attach(&sub);
	rig_fence(&sub);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_SUBSCRIPTIONS), 1);
	rig_sub(&sub, "t/u");
	rig_send_bytes(&pub, &b);
	tcp_expect(sub.client, b.p, b.len);
}

/* Nobody waits for the other: each is a plain socket at once, and can come again. */
static void many(void)
{
	static struct rig_peer peers[200];
	struct bytes b = { 0 };
	size_t i;

	start();
	wire_message(&b, "t/u", "the daemon's");
	for (i = 0; i < ARRAY_LEN(peers); i++)
		rig_open_sub(&peers[i], "t/u");
	for (i = 0; i < ARRAY_LEN(peers); i++)
		rig_detach(&peers[i]);
	for (i = 0; i < ARRAY_LEN(peers); i++) {
		rig_send_bytes(&peers[i], &b);
		rig_daemon_expect(&peers[i], &b);
	}
	CHECK_EQ(rig_peer_count(), 2);
	for (i = 0; i < ARRAY_LEN(peers); i++) {
		rig_attach(&peers[i]);
		rig_detach(&peers[i]);
		if (i % 3 == 0)
			rig_close(&peers[i]);
		else if (i % 3 == 1)
			rig_attach(&peers[i]);
	}
	rig_send_bytes(&peers[1], &b);
	tcp_expect(sub.client, b.p, b.len);
	rig_fence(&sub);
}

static const struct ksft_case cases[] = {
	{ "at_each_offset", at_each_offset },
	{ "in_large_packet", in_large_packet },
	{ "behind_slow", behind_slow },
	{ "at_end_of_stream", at_end_of_stream },
	{ "blocked_reader", blocked_reader },
	{ "attach_cycles_under_traffic", attach_cycles_under_traffic },
	{ "attach_cycles_read_in_pieces", attach_cycles_read_in_pieces },
	{ "with_queue", with_queue },
	{ "silent_afterwards", silent_afterwards },
	{ "many", many },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
