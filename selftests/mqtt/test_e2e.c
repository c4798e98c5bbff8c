// SPDX-License-Identifier: MIT
/*
 * Byte streams of MQTT clients against the real daemon, however they are cut
 * into segments, on both data planes: the answers and deliveries are those
 * of a client that sends one packet at a time.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/tcp.h"
#include "lib/wire.h"

#define PORT 1883

static const unsigned char connack[] = { 0x20, 0x02, 0x00, 0x00 };
static const unsigned char suback[] = { 0x90, 0x03, 0x00, 0x4d, 0x00 };
static const unsigned char unsuback[] = { 0xb0, 0x02, 0x00, 0x4d };
static const unsigned char pingresp[] = { 0xd0, 0x00 };

static void write_config(char *config, const char *plane)
{
	int fd = CHECK_SYS(mkstemp(config));

	CHECK(dprintf(fd, "listener %d 127.0.0.1\nallow_anonymous true\ndataplane %s\n"
		      "log_dest none\n", PORT, plane) > 0);
	close(fd);
}

static int try_connect(void)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = CHECK_SYS(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	tcp_set_int(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, 1);
	return fd;
}

/* It ends with the case's process group at the latest. */
static void start_daemon(const char *plane)
{
	char config[] = "/tmp/mqttd-XXXXXX";
	int fd, status;
	pid_t pid;

	if (access("build/mqttd", X_OK))
		ksft_skip("there is no build/mqttd");
	if (ksft_slow() && !strcmp(plane, "user"))
		ksft_skip("a debug kernel has nothing to say about this");
	write_config(config, plane);
	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		execl("build/mqttd", "mqttd", "-c", config, NULL);
		_exit(127);
	}
	WAIT_UNTIL((fd = try_connect()) >= 0 || waitpid(pid, &status, WNOHANG) == pid);
	if (fd < 0)
		FAIL("mqttd ended with status 0x%x", status);
	close(fd);
	unlink(config);
}

/* CONNECT with clean session; @keepalive in seconds */
static void put_connect_with(struct bytes *b, const char *id, unsigned int keepalive)
{
	struct bytes body = { 0 };

	bytes_put(&body, "\x00\x04MQTT\x04\x02", 8);
	bytes_u16(&body, keepalive);
	bytes_u16(&body, strlen(id));
	bytes_put(&body, id, strlen(id));
	wire_packet(b, 0x10, body.p, body.len);
	bytes_free(&body);
}

static void put_connect(struct bytes *b, const char *id)
{
	put_connect_with(b, id, 60);
}

static int client_connect_with(const char *id, unsigned int keepalive)
{
	int fd = CHECK_SYS(try_connect());
	struct bytes b = { 0 };

	put_connect_with(&b, id, keepalive);
	tcp_send_all(fd, b.p, b.len);
	tcp_expect(fd, connack, sizeof(connack));
	bytes_free(&b);
	return fd;
}

static int client_connect(const char *id)
{
	return client_connect_with(id, 60);
}

static int client_subscribed(const char *id, const char *filter)
{
	int fd = client_connect(id);
	struct bytes b = { 0 };

	wire_subscribe(&b, filter);
	tcp_send_all(fd, b.p, b.len);
	tcp_expect(fd, suback, sizeof(suback));
	bytes_free(&b);
	return fd;
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
	put_connect(&t->say, id);
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
	int fd = CHECK_SYS(try_connect());
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
	silent = client_connect_with("silent", 1);
	alive = client_connect_with("alive", 1);
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
