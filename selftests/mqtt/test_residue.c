// SPDX-License-Identifier: MIT
/*
 * Bytes that the daemon received before the attach go back in front of the
 * stream, as if they had never been read.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/pump.h"

static struct rig_peer pub, sub;

static struct stream *mixed_stream(void)
{
	struct stream *s = stream_new();

	wire_message(&s->all, "t/u", "one");
	stream_end(s, STREAM_FAST);
	wire_puback(&s->all, 7);
	stream_end(s, STREAM_SLOW);
	wire_message(&s->all, "t/u", "two");
	stream_end(s, STREAM_FAST);
	wire_subscribe(&s->all, "c");
	stream_end(s, STREAM_BARRIER);
	wire_message(&s->all, "t/u", "three");
	stream_end(s, STREAM_FAST);
	wire_puback(&s->all, 9);
	stream_end(s, STREAM_SLOW);
	return s;
}

/* Sends @sent bytes, takes @taken of them and attaches with these. */
static void attach_with(const struct stream *s, size_t sent, size_t taken)
{
	char *buf = malloc(taken + 1);

	rig_connect(&pub, NULL);
	rig_send(&pub, s->all.p, sent);
	tcp_recv_all(pub.fd, buf, taken);
	rig_attach_residue(&pub, buf, taken);
	free(buf);
}

static void start(void)
{
	rig_start();
	rig_open_sub(&sub, "t/u");
}

static void run_rest(const struct stream *s, size_t already)
{
	struct pump p = { .pub = &pub, .sub = &sub, .already = already };

	pump_run(&p, s);
	tcp_expect_again(pub.fd);
	rig_fence(&sub);
	rig_close(&pub);
}

/* Everything is there at the attach, a part of it read before. */
static void every_cut_of_what_arrived(void)
{
	struct stream *s = mixed_stream();
	size_t taken;

	start();
	for (taken = 1; taken <= s->all.len; taken++) {
		attach_with(s, s->all.len, taken);
		run_rest(s, s->all.len);
	}
}

/* The residue is all that is there at the attach. */
static void every_cut_of_what_will_come(void)
{
	struct stream *s = mixed_stream();
	size_t taken;

	start();
	for (taken = 1; taken <= s->all.len; taken++) {
		attach_with(s, taken, taken);
		run_rest(s, taken);
	}
}

/* No residue: what is in the receive queue at the attach counts as well. */
static void queued_before_attach(void)
{
	struct stream *s = mixed_stream();
	size_t sent;

	start();
	for (sent = 0; sent <= s->all.len; sent++) {
		rig_connect(&pub, NULL);
		rig_send(&pub, s->all.p, sent);
		rig_attach(&pub);
		run_rest(s, sent);
	}
}

static void largest(void)
{
	struct stream *s = stream_new();

	start();
	while (s->all.len + 2000 < MQTT_RX_RESIDUE_MAX) {
		wire_publish_of(&s->all, 0x30, "t/u", 990, s->all.len);
		stream_end(s, STREAM_FAST);
	}
	wire_publish_of(&s->all, 0x30, "t/u", 50000, 7);
	stream_end(s, STREAM_FAST);
	attach_with(s, MQTT_RX_RESIDUE_MAX, MQTT_RX_RESIDUE_MAX);
	run_rest(s, MQTT_RX_RESIDUE_MAX);
	attach_with(s, s->all.len, MQTT_RX_RESIDUE_MAX);
	run_rest(s, s->all.len);
}

/* Detached again, the daemon reads the same bytes from the socket. */
static void detached_at_once(void)
{
	static const char stream[] = "\x82\x06\x00\x01\x00\x01z\x00\x30\x05\x00\x03t/";
	size_t len = sizeof(stream) - 1, taken;
	char buf[64];

	start();
	for (taken = 1; taken <= len; taken++) {
		rig_connect(&pub, NULL);
		rig_send(&pub, stream, len);
		tcp_recv_all(pub.fd, buf, taken);
		rig_attach_residue(&pub, buf, taken);
		rig_detach(&pub);
		tcp_expect(pub.fd, stream, len);
		tcp_expect_again(pub.fd);
		rig_send(&pub, "u", 1);
		tcp_expect(pub.fd, "u", 1);
		rig_close(&pub);
	}
	rig_fence(&sub);
}

static void peek_and_poll(void)
{
	static const char stream[] = "\x40\x02\x00\x03\x82\x06\x00\x01\x00\x01z\x00";
	size_t len = sizeof(stream) - 1;
	char buf[64];

	start();
	rig_connect(&pub, NULL);
	rig_send(&pub, stream, len);
	tcp_recv_all(pub.fd, buf, len);
	CHECK(!tcp_is_readable(pub.fd));
	rig_attach_residue(&pub, buf, len);
	CHECK(tcp_is_readable(pub.fd));
	memset(buf, 0, sizeof(buf));
	CHECK(CHECK_SYS(recv(pub.fd, buf, sizeof(buf), MSG_PEEK)) >= 4);
	tcp_compare("peek", buf, stream, 4);
	tcp_expect(pub.fd, stream, len);
}

static void residue_then_eof(void)
{
	struct bytes b = { 0 };
	char buf[64];

	start();
	wire_message(&b, "t/u", "end");
	rig_connect(&pub, NULL);
	rig_send(&pub, b.p, b.len);
	rig_send(&pub, b.p, 5);
	tcp_recv_all(pub.fd, buf, b.len + 5);
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	rig_attach_residue(&pub, buf, b.len + 5);
	tcp_expect(sub.client, b.p, b.len);
	tcp_expect(pub.fd, b.p, 5);
	tcp_expect_eof(pub.fd);
	rig_fence(&sub);
}

static void malformed_residue(void)
{
	char buf[16];

	start();
	rig_connect(&pub, NULL);
	rig_send(&pub, "\x00\x00rest", 6);
	tcp_recv_all(pub.fd, buf, 3);
	rig_attach_residue(&pub, buf, 3);
	tcp_expect(pub.fd, "\x00\x00rest", 6);
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_RAW);
}

static const struct ksft_case cases[] = {
	{ "every_cut_of_what_arrived", every_cut_of_what_arrived },
	{ "every_cut_of_what_will_come", every_cut_of_what_will_come },
	{ "queued_before_attach", queued_before_attach },
	{ "largest", largest },
	{ "detached_at_once", detached_at_once },
	{ "peek_and_poll", peek_and_poll },
	{ "residue_then_eof", residue_then_eof },
	{ "malformed_residue", malformed_residue },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
