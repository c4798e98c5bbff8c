// SPDX-License-Identifier: MIT
/*
 * Byte streams of MQTT clients against the real daemon, however they are cut
 * into segments, on both data planes: the answers and deliveries are those
 * of a client that sends one packet at a time.
 */
#include <stdlib.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/packets.h"
#include "lib/tcp.h"
#include "lib/wire.h"

static const unsigned char connack[] = { 0x20, 0x02, 0x00, 0x00 };
static const unsigned char suback[] = { 0x90, 0x03, 0x00, 0x4d, 0x00 };
static const unsigned char unsuback[] = { 0xb0, 0x02, 0x00, 0x4d };
static const unsigned char pingresp[] = { 0xd0, 0x00 };

static void start_daemon(const char *plane)
{
	char config[128];

	if (ksft_slow() && !strcmp(plane, "user"))
		ksft_skip("a debug kernel has nothing to say about this");
	sprintf(config, "listener %d 127.0.0.1\nallow_anonymous true\ndataplane %s\nlog_dest none",
		DAEMON_PORT, plane);
	daemon_start(config);
}

static int client_connect(const char *id)
{
	return daemon_connect(DAEMON_PORT, id, 60);
}

static int client_subscribed(const char *id, const char *filter)
{
	return daemon_subscribed(DAEMON_PORT, id, filter);
}

/* What a client sends, what it and a subscriber to "t/#" are to receive. */
struct talk {
	struct bytes say;
	struct bytes hear;
	struct bytes other;
};

static void say_message(struct talk *t, const char *topic, const char *text, bool own)
{
	wire_message(&t->say, topic, text);
	wire_message(&t->other, topic, text);
	if (own)
		wire_message(&t->hear, topic, text);
}

static void talk_prepare(struct talk *t, const char *id)
{
	memset(t, 0, sizeof(*t));
	daemon_put_connect(&t->say, id, 60);
	bytes_put(&t->hear, connack, sizeof(connack));
	say_message(t, "t/1", "before the subscription", false);
	wire_subscribe(&t->say, "t/u");
	bytes_put(&t->hear, suback, sizeof(suback));
	say_message(t, "t/u", "to myself", true);
	wire_pingreq(&t->say);
	bytes_put(&t->hear, pingresp, sizeof(pingresp));
	say_message(t, "t/v", "not to myself", false);
	/* to be retained: the same, but through the daemon */
	wire_publish(&t->say, 0x31, "t/u", "retained", 8);
	wire_message(&t->hear, "t/u", "retained");
	wire_message(&t->other, "t/u", "retained");
	/* and not for whoever talks next */
	wire_publish(&t->say, 0x31, "t/u", "", 0);
	wire_message(&t->hear, "t/u", "");
	wire_message(&t->other, "t/u", "");
	say_message(t, "t/u", "behind the retained one", true);
	wire_unsubscribe(&t->say, "t/u");
	bytes_put(&t->hear, unsuback, sizeof(unsuback));
	say_message(t, "t/u", "after the subscription", false);
	wire_pingreq(&t->say);
	bytes_put(&t->hear, pingresp, sizeof(pingresp));
}

static void talk_free(struct talk *t)
{
	bytes_free(&t->say);
	bytes_free(&t->hear);
	bytes_free(&t->other);
}

/* Says it in chunks of random length up to @chunk, 0: all at once. */
static void talk_run(const char *id, int other, size_t chunk)
{
	int fd = CHECK_SYS(daemon_try_connect(DAEMON_PORT));
	size_t at, n;
	struct talk t;

	talk_prepare(&t, id);
	for (at = 0; at < t.say.len; at += n) {
		n = chunk ? 1 + ksft_random(chunk) : t.say.len;
		if (n > t.say.len - at)
			n = t.say.len - at;
		tcp_send_all(fd, t.say.p + at, n);
	}
	tcp_expect(fd, t.hear.p, t.hear.len);
	tcp_expect(other, t.other.p, t.other.len);
	close(fd);
	talk_free(&t);
}

static void run_talks(const char *plane)
{
	int other, i, rounds = ksft_scale(20, 2);
	char id[32];

	start_daemon(plane);
	other = client_subscribed("other", "t/#");
	talk_run("whole", other, 0);
	talk_run("byte-by-byte", other, 1);
	for (i = 0; i < rounds; i++) {
		sprintf(id, "random-%d", i);
		talk_run(id, other, 2 + 4 * i);
	}
}

static void talks_kernel(void)
{
	run_talks("kernel");
}

static void talks_user(void)
{
	run_talks("user");
}

/* Many packets in one segment, and all kinds of sizes. */
static void run_batches(const char *plane)
{
	struct bytes b = { 0 };
	int sub, pub, i;

	start_daemon(plane);
	sub = client_subscribed("sub", "t/#");
	pub = client_connect("pub");
	for (i = 0; i < 100; i++)
		wire_numbered(&b, 0x30, "t/u", 1, i, 5 + i);
	tcp_send_all(pub, b.p, b.len);
	tcp_expect(sub, b.p, b.len);
	b.len = 0;
	for (i = 0; i < 40; i++)
		wire_publish_of(&b, 0x30, "t/u", 5 + i * i * 20, i);
	tcp_send_all(pub, b.p, b.len);
	tcp_expect(sub, b.p, b.len);
	b.len = 0;
	wire_publish_of(&b, 0x30, "t/u", 1000000, 7);
	wire_message(&b, "t/u", "behind a large one");
	tcp_send_all(pub, b.p, b.len);
	tcp_expect(sub, b.p, b.len);
}

static void batches_kernel(void)
{
	run_batches("kernel");
}

static void batches_user(void)
{
	run_batches("user");
}

/* A malformed packet ends its connection, what was before it is delivered. */
static void run_malformed(const char *plane)
{
	struct bytes b = { 0 }, want = { 0 };
	int sub, pub;

	start_daemon(plane);
	sub = client_subscribed("sub", "t/#");
	pub = client_connect("pub");
	wire_message(&b, "t/u", "good");
	bytes_put(&want, b.p, b.len);
	bytes_put(&b, "\x30\x05\x00\x03t/#", 7);
	wire_message(&b, "t/u", "behind");
	tcp_send_all(pub, b.p, b.len);
	tcp_expect(sub, want.p, want.len);
	tcp_expect_eof(pub);
	close(pub);
	pub = client_connect("pub2");
	tcp_send_all(pub, want.p, want.len);
	tcp_expect(sub, want.p, want.len);
}

static void malformed_kernel(void)
{
	run_malformed("kernel");
}

static void malformed_user(void)
{
	run_malformed("user");
}

/* DISCONNECT ends a connection: what follows it is not forwarded. */
static void run_disconnect(const char *plane)
{
	struct bytes b = { 0 }, want = { 0 };
	int sub, pub;

	start_daemon(plane);
	sub = client_subscribed("sub", "t/#");
	pub = client_connect("pub");
	wire_message(&b, "t/u", "last words");
	bytes_put(&want, b.p, b.len);
	wire_disconnect(&b);
	wire_message(&b, "t/u", "from the grave");
	tcp_send_all(pub, b.p, b.len);
	tcp_expect(sub, want.p, want.len);
	pub = client_connect("pub2");
	want.len = 0;
	wire_message(&want, "t/u", "next");
	tcp_send_all(pub, want.p, want.len);
	tcp_expect(sub, want.p, want.len);
}

static void disconnect_kernel(void)
{
	run_disconnect("kernel");
}

static void disconnect_user(void)
{
	run_disconnect("user");
}

/* A silent client is disconnected, one that pings is not. */
static void run_keepalive(const char *plane)
{
	struct bytes ping = { 0 };
	int silent, alive;
	struct pollfd fd;

	start_daemon(plane);
	wire_pingreq(&ping);
	silent = daemon_connect(DAEMON_PORT, "silent", 1);
	alive = daemon_connect(DAEMON_PORT, "alive", 1);
	fd = (struct pollfd){ .fd = silent, .events = POLLIN };
	do {
		tcp_send_all(alive, ping.p, ping.len);
		tcp_expect(alive, pingresp, sizeof(pingresp));
	} while (!poll(&fd, 1, 300));
	tcp_expect_eof(silent);
	tcp_send_all(alive, ping.p, ping.len);
	tcp_expect(alive, pingresp, sizeof(pingresp));
}

static void keepalive_kernel(void)
{
	run_keepalive("kernel");
}

static void keepalive_user(void)
{
	run_keepalive("user");
}

static const struct ksft_case cases[] = {
	{ "talks_kernel", talks_kernel },
	{ "talks_user", talks_user },
	{ "batches_kernel", batches_kernel },
	{ "batches_user", batches_user },
	{ "malformed_kernel", malformed_kernel },
	{ "malformed_user", malformed_user },
	{ "disconnect_kernel", disconnect_kernel },
	{ "disconnect_user", disconnect_user },
	{ "keepalive_kernel", keepalive_kernel },
	{ "keepalive_user", keepalive_user },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
