// SPDX-License-Identifier: MIT
/*
 * From the first byte of a malformed packet, or of one that the stream ends
 * in, everything is the daemon's.
 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/pump.h"

#define MALFORMED(name, bytes) { (name), (bytes), sizeof(bytes) - 1 }

static struct rig_peer pub, sub;

static const struct malformed {
	const char *name;
	const char *bytes;
	size_t len;
} malformed[] = {
	MALFORMED("type 0", "\x00\x00"),
	MALFORMED("type 0 with flags", "\x0f\x02xy"),
	MALFORMED("QoS 3", "\x36\x08\x00\x03t/u\x00\x01z"),
	MALFORMED("QoS 3, retain", "\x37\x08\x00\x03t/u\x00\x01z"),
	MALFORMED("QoS 3, DUP", "\x3e\x08\x00\x03t/u\x00\x01z"),
	MALFORMED("DUP at QoS 0", "\x38\x07\x00\x03t/uxy"),
	MALFORMED("five length bytes in PUBLISH", "\x30\x87\x80\x80\x80\x00\x00\x03t/uxy"),
	MALFORMED("five length bytes in PINGREQ", "\xc0\x80\x80\x80\x80\x00"),
	MALFORMED("flags in PINGREQ", "\xc1\x00"),
	MALFORMED("PINGREQ with a body", "\xc0\x01x"),
	MALFORMED("five length bytes in SUBSCRIBE", "\x82\xff\xff\xff\xff\x7f"),
	MALFORMED("empty PUBLISH", "\x30\x00"),
	MALFORMED("half a topic length", "\x30\x01\x00"),
	MALFORMED("no topic", "\x30\x02\x00\x00"),
	MALFORMED("empty topic", "\x30\x04\x00\x00xy"),
	MALFORMED("topic beyond the packet", "\x30\x05\x00\x04t/u"),
	MALFORMED("topic far beyond the packet", "\x30\x05\xff\xfft/u"),
	MALFORMED("+ in topic", "\x30\x05\x00\x03t/+"),
	MALFORMED("+ inside a level", "\x30\x05\x00\x03t+u"),
	MALFORMED("# in topic", "\x30\x06\x00\x03t/#z"),
	MALFORMED("NUL in topic", "\x30\x05\x00\x03t\x00u"),
	MALFORMED("stray continuation byte", "\x30\x05\x00\x03t\x80z"),
	MALFORMED("0xff in topic", "\x30\x05\x00\x03t/\xff"),
	MALFORMED("overlong NUL", "\x30\x05\x00\x03t\xc0\x80"),
	MALFORMED("overlong slash", "\x30\x06\x00\x04t\xe0\x80\xaf"),
	MALFORMED("surrogate", "\x30\x06\x00\x04t\xed\xa0\x80"),
	MALFORMED("above U+10FFFF", "\x30\x07\x00\x05t\xf4\x90\x80\x80"),
	MALFORMED("cut off in the topic", "\x30\x06\x00\x03t/\xc3z"),
};

static void start(void)
{
	rig_start();
	rig_open_sub(&sub, "t/#");
}

static size_t one_byte(void)
{
	return 1;
}

static struct stream *malformed_stream(const struct malformed *m)
{
	struct stream *s = stream_new();

	wire_message(&s->all, "t/u", "before");
	stream_end(s, STREAM_FAST);
	wire_puback(&s->all, 7);
	stream_end(s, STREAM_SLOW);
	bytes_put(&s->all, m->bytes, m->len);
	wire_message(&s->all, "t/u", "behind");
	wire_subscribe(&s->all, "t/u");
	wire_message(&s->all, "t/u", "far behind");
	stream_end(s, STREAM_SLOW);
	return s;
}

static void run_malformed(size_t (*chunk)(void))
{
	struct pump p = { .pub = &pub, .sub = &sub, .chunk = chunk, .separate = chunk };
	struct stream *s;
	size_t i;

	start();
	for (i = 0; i < ARRAY_LEN(malformed); i++) {
		ksft_note("%s", malformed[i].name);
		rig_open(&pub);
		s = malformed_stream(&malformed[i]);
		pump_run(&p, s);
		CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_RAW);
		CHECK_EQ(rig_stat(MQTT_A_STATS_RX_MALFORMED), i + 1);
		rig_fence(&sub);
		rig_close(&pub);
		stream_free(s);
	}
}

static void malformed_in_one_segment(void)
{
	run_malformed(NULL);
}

static void malformed_byte_by_byte(void)
{
	if (ksft_slow())
		ksft_skip("each byte by itself takes too long here");
	run_malformed(one_byte);
}

/* A peer whose stream is raw still receives from others, and can send. */
static void raw_still_receives(void)
{
	struct bytes b = { 0 };

	start();
	rig_open(&pub);
	rig_send(&sub, "\x00", 1);
	WAIT_UNTIL(rig_peer_get(&sub, MQTT_A_PEER_STATE) == MQTT_PEER_STATE_RAW);
	wire_message(&b, "t/u", "still here");
	rig_send_bytes(&pub, &b);
	tcp_expect(sub.client, b.p, b.len);
	tcp_send_all(sub.fd, "\xe0\x00", 2);
	tcp_expect(sub.client, "\xe0\x00", 2);
}

/* The stream ends @cut bytes into @b, behind a whole fast packet. */
static void eof_at(const struct bytes *b, size_t cut)
{
	struct bytes whole = { 0 };

	rig_open(&pub);
	wire_message(&whole, "t/u", "whole");
	rig_send_bytes(&pub, &whole);
	rig_send(&pub, b->p, cut);
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	tcp_expect(sub.client, whole.p, whole.len);
	tcp_wait(pub.fd, POLLIN);
	tcp_expect(pub.fd, b->p, cut);
	tcp_expect_eof(pub.fd);
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_RAW);
	rig_fence(&sub);
	rig_close(&pub);
	bytes_free(&whole);
}

static void eof_in_packet(void)
{
	struct bytes b = { 0 };
	size_t cut;

	start();
	wire_publish_of(&b, 0x30, "t/u", 130, 1);
	for (cut = 1; cut < b.len; cut += cut < 12 ? 1 : 40)
		eof_at(&b, cut);
	b.len = 0;
	wire_publish_of(&b, 0x30, "t/u", 100000, 1);
	eof_at(&b, 4);
	eof_at(&b, 40000);
	eof_at(&b, 99999);
}

/* The daemon may get the first bytes of a slow packet before it is whole. */
static void eof_in_slow_packet(void)
{
	struct bytes b = { 0 };
	size_t cut;

	start();
	wire_subscribe(&b, "a/filter");
	for (cut = 1; cut < b.len; cut++) {
		rig_open(&pub);
		rig_send(&pub, b.p, cut);
		CHECK_SYS(shutdown(pub.client, SHUT_WR));
		tcp_expect(pub.fd, b.p, cut);
		tcp_expect_eof(pub.fd);
		rig_close(&pub);
	}
}

static void eof_between_packets(void)
{
	struct bytes fast = { 0 }, slow = { 0 };

	start();
	rig_open(&pub);
	wire_message(&fast, "t/u", "last words");
	rig_send_bytes(&pub, &fast);
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	tcp_expect(sub.client, fast.p, fast.len);
	tcp_expect_eof(pub.fd);
	tcp_expect_eof(pub.fd);
	rig_close(&pub);

	rig_open(&pub);
	wire_disconnect(&slow);
	rig_send_bytes(&pub, &slow);
	rig_send_bytes(&pub, &fast);
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	rig_fence(&sub);
	tcp_expect(pub.fd, slow.p, slow.len);
	rig_fence(&sub);
	tcp_expect_eof(pub.fd);
	tcp_expect(sub.client, fast.p, fast.len);
}

/* The client's half-close does not end what it receives. */
static void half_closed_subscriber(void)
{
	struct bytes b = { 0 };

	start();
	rig_open(&pub);
	CHECK_SYS(shutdown(sub.client, SHUT_WR));
	tcp_expect_eof(sub.fd);
	wire_message(&b, "t/u", "still listening");
	rig_send_bytes(&pub, &b);
	tcp_expect(sub.client, b.p, b.len);
}

static void reset_in_packet(void)
{
	struct linger now = { .l_onoff = 1 };
	struct bytes b = { 0 };
	char buf[64];

	start();
	rig_open(&pub);
	wire_message(&b, "t/u", "never whole");
	rig_send(&pub, b.p, b.len - 1);
	CHECK_SYS(setsockopt(pub.client, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	close(pub.client);
	CHECK(tcp_wait(pub.fd, POLLIN) & (POLLERR | POLLHUP));
	while (recv(pub.fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	CHECK_EQ(errno, ECONNRESET);
	rig_fence(&sub);
	close(pub.fd);
	WAIT_UNTIL(rig_peer_count() == 1);
}

static const struct ksft_case cases[] = {
	{ "malformed_in_one_segment", malformed_in_one_segment },
	{ "malformed_byte_by_byte", malformed_byte_by_byte },
	{ "raw_still_receives", raw_still_receives },
	{ "eof_in_packet", eof_in_packet },
	{ "eof_in_slow_packet", eof_in_slow_packet },
	{ "eof_between_packets", eof_between_packets },
	{ "half_closed_subscriber", half_closed_subscriber },
	{ "reset_in_packet", reset_in_packet },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
