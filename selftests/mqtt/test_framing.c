// SPDX-License-Identifier: MIT
/*
 * The kernel finds packet borders in a byte stream however it is cut, takes
 * whole QoS 0 PUBLISH packets and leaves every other byte to the daemon.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/pump.h"

#define LIMIT 262144		/* the kernel's default offload-max-packet */

static struct rig_peer pub, sub;

static void start(const char *filter)
{
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, filter);
}

static void add_fast(struct stream *s, size_t remaining)
{
	wire_publish_of(&s->all, 0x30, "t/u", remaining, s->all.len);
	stream_end(s, STREAM_FAST);
}

static void run_and_end(const struct pump *p, struct stream *s)
{
	unsigned long long packets = rig_stat(MQTT_A_STATS_RX_PACKETS);

	pump_run(p, s);
	/* Lifts the last barrier: nobody waits for what is behind it, if it matches nothing. */
	tcp_expect_again(pub.fd);
	/* Another CPU may have sent the last one before this one has counted it. */
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_RX_PACKETS) - packets >= s->fast_packets);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PACKETS) - packets, s->fast_packets);
	tcp_expect_again(pub.fd);
	rig_fence(&sub);
	stream_free(s);
}

/* One packet of each kind; together they raise every sort of barrier. */
static void add_one_of_each(struct stream *s)
{
	add_fast(s, 20);
	wire_puback(&s->all, 7);
	stream_end(s, STREAM_SLOW);
	add_fast(s, 5);
	wire_subscribe(&s->all, "x/y");
	stream_end(s, STREAM_BARRIER);
	add_fast(s, ksft_scale(200, 20));
	wire_puback(&s->all, 5);
	stream_end(s, STREAM_SLOW);
	wire_message(&s->all, "nobody/listens", "unmatched");
	s->done = s->all.len;
	s->fast_packets++;
	wire_publish_of(&s->all, 0x32, "t/u", ksft_scale(150, 15), 1);
	stream_end(s, STREAM_SLOW);
	wire_publish_of(&s->all, 0x3c, "t/u", 15, 2);
	stream_end(s, STREAM_SLOW);
	wire_unsubscribe(&s->all, "x/y");
	stream_end(s, STREAM_BARRIER);
	wire_publish_of(&s->all, 0x31, "t/u", 30, 3);
	stream_end(s, STREAM_BARRIER);
	add_fast(s, ksft_scale(127, 12));
	add_fast(s, ksft_scale(128, 13));
	wire_disconnect(&s->all);
	stream_end(s, STREAM_BARRIER);
	add_fast(s, 6);
}

static void one_packet(int family)
{
	struct tcp_options opt = { .family = family };
	struct stream *s = stream_new();
	struct pump p = { .pub = &pub, .sub = &sub };

	rig_start();
	rig_open_with(&pub, &opt);
	rig_open_with(&sub, &opt);
	rig_sub(&sub, "t/u");
	add_fast(s, 30);
	run_and_end(&p, s);
}

static void one_packet_ipv4(void)
{
	one_packet(AF_INET);
}

static void one_packet_ipv6(void)
{
	one_packet(AF_INET6);
}

static void pipelined(void)
{
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = stream_new();

	start("t/u");
	add_one_of_each(s);
	run_and_end(&p, s);
}

static size_t one_byte(void)
{
	return 1;
}

static void byte_per_segment(void)
{
	struct pump p = { .pub = &pub, .sub = &sub, .chunk = one_byte, .separate = true };
	struct stream *s = stream_new();

	start("t/u");
	add_one_of_each(s);
	run_and_end(&p, s);
}

/* The daemon reads byte by byte, too. */
static void byte_per_read(void)
{
	struct pump p = {
		.pub = &pub, .sub = &sub, .chunk = one_byte, .separate = !ksft_slow(),
		.read_size = 1,
	};
	struct stream *s = stream_new();

	start("t/u");
	add_one_of_each(s);
	run_and_end(&p, s);
}

static void hundred_per_segment(void)
{
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = stream_new();
	int i;

	start("t/u");
	for (i = 0; i < 100; i++)
		add_fast(s, 5 + i * 3);
	run_and_end(&p, s);
}

/* Fast packets in two segments, cut at @at; nothing of it is the daemon's. */
static void split_fast(const struct bytes *b, size_t at)
{
	rig_send(&pub, b->p, at);
	if (tcp_is_readable(pub.fd))
		FAIL("cut at %zu: part of a fast packet is readable", at);
	tcp_expect_again(pub.fd);
	rig_send(&pub, b->p + at, b->len - at);
	tcp_expect(sub.client, b->p, b->len);
}

static void split_everywhere(size_t remaining)
{
	struct bytes b = { 0 };
	size_t at;

	wire_publish_of(&b, 0x30, "t/u", remaining, remaining);
	for (at = 1; at < b.len; at += ksft_scale(1, 7)) {
		if (at > 24 && at + 4 < b.len && b.len > 200)
			at = b.len - 4;
		split_fast(&b, at);
	}
	bytes_free(&b);
}

static void split_fast_packets(void)
{
	static const size_t remaining[] = { 5, 20, 127, 128, 160, 16383, 16384, 70000 };
	size_t i;

	start("t/u");
	for (i = 0; i < ARRAY_LEN(remaining); i++)
		split_everywhere(remaining[i]);
	rig_fence(&sub);
}

/* A slow packet in two segments, then a fast one that has to follow it. */
static void split_slow(const struct bytes *slow, const struct bytes *fast)
{
	size_t at;

	for (at = 1; at < slow->len; at += at < 4 ? 1 : ksft_scale(1, 5)) {
		rig_send(&pub, slow->p, at);
		rig_send(&pub, slow->p + at, slow->len - at);
		rig_send_bytes(&pub, fast);
		rig_daemon_expect(&pub, slow);
		tcp_expect_again(pub.fd);
		tcp_expect(sub.client, fast->p, fast->len);
	}
}

static void split_slow_packets(void)
{
	struct bytes fast = { 0 }, slow = { 0 };

	start("t/u");
	wire_message(&fast, "t/u", "behind");
	wire_puback(&slow, 7);
	split_slow(&slow, &fast);
	slow.len = 0;
	wire_subscribe(&slow, "some/filter");
	split_slow(&slow, &fast);
	slow.len = 0;
	wire_publish_of(&slow, 0x32, "t/u", 20, 1);
	split_slow(&slow, &fast);
	slow.len = 0;
	wire_publish_of(&slow, 0x31, "t/u", 130, 1);
	split_slow(&slow, &fast);
	rig_fence(&sub);
}

static void sizes(void)
{
	static const size_t remaining[] = {
		4, 5, 126, 127, 128, 129, 1447, 1448, 4096, 16382, 16383, 16384, 16385, 32768,
		65482, 65483, 65535, 65536, 100000, 131072, 200000, LIMIT - 5, LIMIT - 4,
	};
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = stream_new();
	size_t i;

	start("b");
	for (i = 0; i < ARRAY_LEN(remaining); i++) {
		wire_publish_of(&s->all, 0x30, "b", remaining[i], i);
		stream_end(s, STREAM_FAST);
	}
	run_and_end(&p, s);
}

static void above_limit(void)
{
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = stream_new();

	start("t/u");
	add_fast(s, LIMIT - 4);
	wire_publish_of(&s->all, 0x30, "t/u", LIMIT - 3, 3);
	stream_end(s, STREAM_BARRIER);
	add_fast(s, 10);
	wire_publish_of(&s->all, 0x30, "t/u", 300 * 1024, 4);
	stream_end(s, STREAM_BARRIER);
	add_fast(s, 11);
	wire_publish_of(&s->all, 0x32, "t/u", 300 * 1024, 5);
	stream_end(s, STREAM_SLOW);
	add_fast(s, 12);
	run_and_end(&p, s);
}

static void above_set_limit(void)
{
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = stream_new();

	rig_start_with(0, 64);
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	add_fast(s, 62);
	wire_publish_of(&s->all, 0x30, "t/u", 63, 3);
	stream_end(s, STREAM_BARRIER);
	add_fast(s, 62);
	run_and_end(&p, s);
}

/*
 * MQTT 3.1.1 forbids a Remaining Length in more bytes than it needs only to
 * who writes it: such a packet must be handled, but not be passed on.
 */
static void padded_length(void)
{
	static const unsigned char packet[] = "\x30\x87\x80\x00\x00\x03t/uxy";
	struct pump p = { .pub = &pub, .sub = &sub };
	struct stream *s = stream_new();

	start("t/u");
	bytes_put(&s->all, packet, sizeof(packet) - 1);
	stream_end(s, STREAM_BARRIER);
	add_fast(s, 9);
	run_and_end(&p, s);
}

/*
 * A receive buffer smaller than the packets: each arrives exactly once, at
 * the subscriber or, if the kernel has no room for it, at the daemon.
 */
struct collector {
	struct bytes buf;
	unsigned int numbers[4096];
	unsigned int n;
};

static void collect(struct collector *c, int fd)
{
	unsigned char buf[65536];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	unsigned int source;
	size_t len;

	if (n < 0 && errno == EAGAIN)
		return;
	CHECK(n > 0);
	bytes_put(&c->buf, buf, n);
	while ((len = wire_length(c->buf.p, c->buf.len)) && len <= c->buf.len) {
		c->numbers[c->n++] = wire_number(c->buf.p, len, &source);
		c->buf.len -= len;
		memmove(c->buf.p, c->buf.p + len, c->buf.len);
	}
}

static void check_collected(const struct collector *fast, const struct collector *slow)
{
	unsigned int i = 0, j = 0, number;

	for (number = 0; number < fast->n + slow->n; number++) {
		if (i < fast->n && fast->numbers[i] == number)
			i++;
		else if (j < slow->n && slow->numbers[j] == number)
			j++;
		else
			FAIL("message %u is lost or out of order", number);
	}
	ksft_note("%u messages through the kernel, %u through the daemon", fast->n, slow->n);
}

static void small_rcvbuf(void)
{
	struct tcp_options opt = { .family = AF_INET, .server_rcvbuf = 4096 };
	static const size_t payload[] = { 10, 3000, 10, 20000, 500, 100000, 10, 261000, 10 };
	struct collector *fast = calloc(1, sizeof(*fast)), *slow = calloc(1, sizeof(*slow));
	long long end = ksft_deadline();
	struct bytes b = { 0 };
	size_t sent = 0, i;
	ssize_t n;

	rig_start();
	rig_open_with(&pub, &opt);
	rig_open_sub(&sub, "t/u");
	for (i = 0; i < ARRAY_LEN(payload); i++)
		wire_numbered(&b, 0x30, "t/u", 1, i, payload[i]);
	while (fast->n + slow->n < i) {
		n = send(pub.client, b.p + sent, b.len - sent, MSG_DONTWAIT);
		sent += n > 0 ? n : 0;
		collect(fast, sub.client);
		if (tcp_is_readable(pub.fd))
			collect(slow, pub.fd);
		if (n <= 0)
			ksft_pause();
		if (ksft_now_ms() > end)
			FAIL("stuck: sent %zu of %zu, received %u, daemon %u", sent, b.len,
			     fast->n, slow->n);
	}
	check_collected(fast, slow);
	CHECK(fast->n > 0);
	rig_fence(&sub);
}

static size_t chunk_max;

static size_t random_chunk(void)
{
	return 1 + ksft_random(chunk_max);
}

static void add_random(struct stream *s, size_t size_max)
{
	size_t remaining = 12 + ksft_random(size_max);

	switch (ksft_random(16)) {
	case 0:
		wire_puback(&s->all, 7);
		return stream_end(s, STREAM_SLOW);
	case 1:
		wire_subscribe(&s->all, "some/filter/+");
		return stream_end(s, STREAM_BARRIER);
	case 2:
		wire_publish_of(&s->all, 0x32, "t/u", remaining, s->done);
		return stream_end(s, STREAM_SLOW);
	case 3:
		wire_publish_of(&s->all, 0x31, "t/u", remaining, s->done);
		return stream_end(s, STREAM_BARRIER);
	case 4:
		wire_unsubscribe(&s->all, "u");
		return stream_end(s, STREAM_BARRIER);
	case 5:
		wire_publish_of(&s->all, 0x34, "t/u", remaining, s->done);
		return stream_end(s, STREAM_SLOW);
	case 6:
		wire_publish_of(&s->all, 0x30, "un/matched", remaining, s->done);
		s->done = s->all.len;
		s->fast_packets++;
		return;
	default:
		return add_fast(s, remaining);
	}
}

static void random_stream(size_t chunk, size_t size_max, int packets, bool separate)
{
	struct pump p = {
		.pub = &pub, .sub = &sub, .chunk = random_chunk, .separate = separate,
	};
	struct stream *s = stream_new();

	start("t/u");
	chunk_max = chunk;
	p.read_size = size_max < 10000 ? 1 + ksft_random(200) : 0;
	while (packets--)
		add_random(s, size_max);
	run_and_end(&p, s);
}

static void random_tiny_chunks(void)
{
	random_stream(3, 40, ksft_scale(200, 20), true);
}

static void random_small_chunks(void)
{
	random_stream(100, 300, ksft_scale(800, 50), true);
}

static void random_coalesced(void)
{
	random_stream(3000, 1500, ksft_scale(2000, 300), false);
}

static void random_large(void)
{
	random_stream(60000, 100000, ksft_scale(150, 40), false);
}

static const struct ksft_case cases[] = {
	{ "one_packet_ipv4", one_packet_ipv4 },
	{ "one_packet_ipv6", one_packet_ipv6 },
	{ "pipelined", pipelined },
	{ "byte_per_segment", byte_per_segment },
	{ "byte_per_read", byte_per_read },
	{ "hundred_per_segment", hundred_per_segment },
	{ "split_fast_packets", split_fast_packets },
	{ "split_slow_packets", split_slow_packets },
	{ "sizes", sizes },
	{ "above_limit", above_limit },
	{ "above_set_limit", above_set_limit },
	{ "padded_length", padded_length },
	{ "small_rcvbuf", small_rcvbuf },
	{ "random_tiny_chunks", random_tiny_chunks },
	{ "random_small_chunks", random_small_chunks },
	{ "random_coalesced", random_coalesced },
	{ "random_large", random_large },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
