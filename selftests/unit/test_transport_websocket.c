// SPDX-License-Identifier: MIT
/*
 * The transport of WebSockets against a client that does as the test says, on a pair of
 * sockets that hold little.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "websocket.h"
#include "websocket_upgrade.h"

#define BYTES	(4 << 20)
#define PACKETS	100
#define REQUEST	"GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" \
		"Sec-WebSocket-Protocol: mqtt\r\n\r\n"

static const struct sockaddr peer = { .sa_family = AF_UNIX };
static const struct upgrade_rules rules;

struct fixture {
	struct conn conn;
	int client;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2], small = 8192;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	f->conn = (struct conn){ .transport = &transport_plain, .fd = fds[0] };
	f->client = fds[1];
	assert_int_equal(websocket_begin(&f->conn), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->conn.websocket)
		conn_close(&f->conn);
	close(f->client);
	free(f);
	return 0;
}

static void say(struct fixture *f, const void *data, size_t len)
{
	assert_int_equal(send(f->client, data, len, 0), len);
}

static size_t hear(struct fixture *f, void *data, size_t len)
{
	ssize_t n = recv(f->client, data, len, 0);

	return n < 0 ? 0 : n;
}

/* Masked with zeros, which change nothing. */
static void say_frame(struct fixture *f, uint8_t first, const void *data, uint8_t len)
{
	uint8_t frame[2 + 4 + 125] = { first, 0x80 | len };

	memcpy(frame + 6, data, len);
	say(f, frame, 6 + len);
}

static int ask(struct fixture *f, size_t max, struct upgrade *upgrade)
{
	return websocket_upgrade(&f->conn, &rules, max, &peer, upgrade);
}

static void answer_yes(struct fixture *f)
{
	struct upgrade upgrade;
	char text[512];
	size_t len;

	say(f, REQUEST, sizeof(REQUEST) - 1);
	assert_int_equal(ask(f, 4096, &upgrade), 0);
	assert_int_equal(upgrade.status, 101);
	assert_int_equal(websocket_answer(&f->conn, &upgrade), 0);
	assert_true(f->conn.unsent);
	assert_int_equal(f->conn.transport->sendv(&f->conn, NULL, 0), 0);
	assert_false(f->conn.unsent);
	len = hear(f, text, sizeof(text));
	assert_true(len > 17);
	assert_memory_equal(text, "HTTP/1.1 101 ", 13);
	assert_memory_equal(text + len - 4, "\r\n\r\n", 4);
}

static ssize_t receive(struct fixture *f, void *buf, size_t len)
{
	return f->conn.transport->recv(&f->conn, buf, len);
}

static void test_request_in_pieces(void **state)
{
	struct fixture *f = *state;
	struct upgrade upgrade;
	size_t i;

	for (i = 0; i < sizeof(REQUEST) - 2; i++) {
		say(f, &REQUEST[i], 1);
		assert_int_equal(ask(f, 4096, &upgrade), -EAGAIN);
	}
	say(f, "\n", 1);
	assert_int_equal(ask(f, 4096, &upgrade), 0);
	assert_int_equal(upgrade.status, 101);
}

static void test_request_too_long(void **state)
{
	struct fixture *f = *state;
	struct upgrade upgrade;
	char line[2000];
	int i, err;

	say(f, "GET / HTTP/1.1\r\n", 16);
	memset(line, 'a', sizeof(line));
	memcpy(line, "a:", 2);
	for (i = 0; i < 3; i++) {
		say(f, line, sizeof(line));
		err = ask(f, 4096, &upgrade);
		assert_int_equal(err, i < 2 ? -EAGAIN : 0);
	}
	assert_int_equal(upgrade.status, 431);
	/* Exactly as long as it may be */
	teardown(state);
	setup(state);
	f = *state;
	say(f, REQUEST, sizeof(REQUEST) - 1);
	assert_int_equal(ask(f, sizeof(REQUEST) - 1, &upgrade), 0);
	assert_int_equal(upgrade.status, 101);
}

/* What is refused is answered before the end, and nothing but the answer. */
static void test_refused(void **state)
{
	static const struct {
		const char *request;
		const char *status;
	} cases[] = {
		{ "\x16\x03\x01", "400" }, { "\x10", "400" },
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "426" },
		{ REQUEST "\x82", "400" }, { "BREW /pot HTCPCP/1.0\r\n", "400" },
	};
	struct upgrade upgrade;
	struct fixture *f;
	char text[1024];
	size_t i, n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f = *state;
		say(f, cases[i].request, strlen(cases[i].request));
		assert_int_equal(ask(f, 4096, &upgrade), 0);
		assert_int_equal(websocket_answer(&f->conn, &upgrade), 0);
		assert_int_equal(receive(f, text, sizeof(text)), 0);
		conn_close(&f->conn);
		n = hear(f, text, sizeof(text) - 1);
		text[n] = 0;
		assert_memory_equal(text, "HTTP/1.1 ", 9);
		assert_memory_equal(text + 9, cases[i].status, 3);
		assert_int_equal(hear(f, text, sizeof(text)), 0);
		teardown(state);
		setup(state);
	}
}

static void test_ends_early(void **state)
{
	struct fixture *f = *state;
	struct upgrade upgrade;

	say(f, "GET", 3);
	shutdown(f->client, SHUT_WR);
	assert_int_equal(ask(f, 4096, &upgrade), -ENODATA);
}

/* Between frames there is nothing but the connection itself. */
static void test_frames(void **state)
{
	struct fixture *f = *state;
	char buf[64];

	answer_yes(f);
	assert_int_equal(receive(f, buf, sizeof(buf)), -EAGAIN);
	assert_null(f->conn.websocket->frames);
	say_frame(f, 0x82, "hello", 5);
	say_frame(f, 0x02, "one", 3);
	say_frame(f, 0x80, "two", 3);
	assert_int_equal(receive(f, buf, sizeof(buf)), 11);
	assert_memory_equal(buf, "helloonetwo", 11);
	assert_null(f->conn.websocket->frames);
	/* A header without its frame */
	say(f, "\x82", 1);
	assert_int_equal(receive(f, buf, sizeof(buf)), -EAGAIN);
	assert_non_null(f->conn.websocket->frames);
	say(f, "\x82\x01\x01\x01\x01" "`", 6);
	assert_int_equal(receive(f, buf, sizeof(buf)), 1);
	assert_int_equal(*buf, 'a');
	say(f, "b", 1);
	assert_int_equal(receive(f, buf, sizeof(buf)), 1);
	assert_int_equal(*buf, 'c');
	assert_null(f->conn.websocket->frames);
	/* An empty one */
	say_frame(f, 0x82, "", 0);
	assert_int_equal(receive(f, buf, sizeof(buf)), -EAGAIN);
	/* The end without closing */
	shutdown(f->client, SHUT_WR);
	assert_int_equal(receive(f, buf, sizeof(buf)), 0);
}

static void ends_with(struct fixture *f, int result, uint16_t status)
{
	uint8_t buf[64];

	assert_int_equal(receive(f, buf, sizeof(buf)), result);
	conn_close(&f->conn);
	assert_int_equal(hear(f, buf, sizeof(buf)), 4);
	assert_memory_equal(buf, "\x88\x02", 2);
	assert_int_equal(buf[2] << 8 | buf[3], status);
}

static void test_wrong_frames(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int result;
		uint16_t status;
	} cases[] = {
		{ "\x81\x81\0\0\0\0a", 7, -EBADMSG, 1003 },		/* text */
		{ "\x82\x01" "a", 3, -EBADMSG, 1002 },			/* no mask */
		{ "\xc2\x81\0\0\0\0a", 7, -EBADMSG, 1002 },		/* a reserved bit */
		{ "\x80\x81\0\0\0\0a", 7, -EBADMSG, 1002 },		/* goes on with nothing */
		{ "\x02\x80\0\0\0\0\x82\x80\0\0\0\0", 12, -EBADMSG, 1002 },
		{ "\x83\x80\0\0\0\0", 6, -EBADMSG, 1002 },		/* unknown */
		{ "\x8b\x80\0\0\0\0", 6, -EBADMSG, 1002 },
		{ "\x09\x80\0\0\0\0", 6, -EBADMSG, 1002 },		/* PING in parts */
		{ "\x89\xfe\0\x7e\0\0\0\0", 8, -EBADMSG, 1002 },	/* PING that is too long */
		{ "\x82\xfe\0\x7d\0\0\0\0", 8, -EBADMSG, 1002 },	/* too long a length */
		{ "\x82\xff\x80\0\0\0\0\0\0\0", 10, -EBADMSG, 1002 },
		{ "\x88\x80\0\0\0\0", 6, 0, 1000 },
		{ "\x88\x82\0\0\0\0\x03\xe9", 8, 0, 1001 },
		{ "\x88\x85\0\0\0\0\x0f\xa0" "bye", 11, 0, 4000 },
		{ "\x88\x81\0\0\0\0\x03", 7, -EBADMSG, 1002 },
		{ "\x88\x82\0\0\0\0\x03\xed", 8, -EBADMSG, 1002 },	/* 1005 */
		{ "\x88\x82\0\0\0\0\x03\xe7", 8, -EBADMSG, 1002 },
		{ "\x88\x83\0\0\0\0\x03\xe8\xff", 9, -EBADMSG, 1007 },
	};
	struct fixture *f;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f = *state;
		answer_yes(f);
		say(f, cases[i].bytes, cases[i].len);
		ends_with(f, cases[i].result, cases[i].status);
		teardown(state);
		setup(state);
	}
}

/* What came before the mistake is MQTT all the same. */
static void test_bytes_before(void **state)
{
	struct fixture *f = *state;
	char buf[64];

	answer_yes(f);
	say_frame(f, 0x82, "good", 4);
	say_frame(f, 0x81, "bad", 3);
	assert_int_equal(receive(f, buf, sizeof(buf)), 4);
	assert_true(f->conn.more);
	ends_with(f, -EBADMSG, 1003);
}

static void test_status(void **state)
{
	struct fixture *f = *state;

	answer_yes(f);
	websocket_set_status(&f->conn, WEBSOCKET_GOING_AWAY);
	websocket_set_status(&f->conn, WEBSOCKET_POLICY);
	ends_with(f, -EAGAIN, 1001);
}

static void test_ping(void **state)
{
	struct fixture *f = *state;
	char buf[64];

	answer_yes(f);
	say_frame(f, 0x02, "a", 1);
	say_frame(f, 0x89, "ping", 4);
	say_frame(f, 0x80, "b", 1);
	say_frame(f, 0x8a, "nobody asked", 12);
	assert_int_equal(receive(f, buf, sizeof(buf)), 2);
	assert_memory_equal(buf, "ab", 2);
	assert_true(f->conn.unsent);
	assert_int_equal(f->conn.transport->sendv(&f->conn, NULL, 0), 0);
	assert_int_equal(hear(f, buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "\x8a\x04ping", 6);
}

/* Who reads no answers gets no memory for more of them. */
static void test_ping_without_end(void **state)
{
	struct fixture *f = *state;
	char data[125] = "", buf[4096];
	ssize_t n;
	int i;

	answer_yes(f);
	for (i = 0; i < 10000; i++) {
		say_frame(f, 0x89, data, sizeof(data));
		n = receive(f, buf, sizeof(buf));
		if (n != -EAGAIN)
			break;
		assert_true(f->conn.websocket->controls.len <= 64 << 10);
	}
	assert_int_equal(n, -ENOBUFS);
}

/* Nor who has others sent to it meanwhile, each of which tries to send what was kept. */
static void test_ping_while_sending(void **state)
{
	struct fixture *f = *state;
	char data[125] = "", buf[4096];
	struct websocket *ws;
	ssize_t n;
	int i;

	answer_yes(f);
	ws = f->conn.websocket;
	for (i = 0; i < 10000; i++) {
		say_frame(f, 0x89, data, sizeof(data));
		n = receive(f, buf, sizeof(buf));
		if (n != -EAGAIN)
			break;
		f->conn.transport->sendv(&f->conn, NULL, 0);
		assert_true(ws->unsent.len + ws->controls.len <= 64 << 10);
	}
	assert_int_equal(n, -ENOBUFS);
}

/* PUBLISH of many sizes, one behind the other. Returns bytes. */
static size_t make_packets(uint8_t *out, size_t *sizes, unsigned int *n)
{
	static const size_t bodies[] = {
		2, 3, 127, 128, 200, 123, 124, 65531, 65532, 100000, 5, 16000
	};
	size_t len = 0, body, i;

	for (*n = 0; *n < PACKETS; sizes[(*n)++] = len) {
		body = bodies[*n % (sizeof(bodies) / sizeof(bodies[0]))];
		out[len++] = 0x30;
		for (i = body; i > 127; i >>= 7)
			out[len++] = 0x80 | (i & 0x7f);
		out[len++] = i;
		for (i = 0; i < body; i++, len++)
			out[len] = len * 2654435761u >> 24;
	}
	return len;
}

/* Each packet is a frame. @sizes: where packets end. */
static void check_frames(const uint8_t *in, size_t got, const uint8_t *out, const size_t *sizes,
			 unsigned int n)
{
	size_t at = 0, payload = 0, pongs = 0, head, len, i, j;

	for (i = 0; i < n; i++, at += head + len, payload += len) {
		for (; in[at] == 0x8a; pongs++, at += 6)
			assert_memory_equal(in + at, "\x8a\x04ping", 6);
		assert_true(at < got);
		assert_int_equal(in[at], 0x82);
		head = in[at + 1] == 126 ? 4 : in[at + 1] == 127 ? 10 : 2;
		len = head == 2 ? in[at + 1] : 0;
		for (j = 2; j < head; j++)
			len = len << 8 | in[at + j];
		assert_int_equal(len, sizes[i] - payload);
		assert_memory_equal(in + at + head, out + payload, len);
	}
	assert_int_equal(at, got);
	assert_true(pongs);
}

/*
 * Everything arrives, in order, whatever the socket takes at a time, and wherever pieces
 * begin. Also while PONGs are wanted.
 */
static void test_long(void **state)
{
	uint8_t *out = malloc(BYTES), *in = malloc(2 * BYTES);
	size_t sent = 0, got = 0, total, sizes[PACKETS];
	struct fixture *f = *state;
	unsigned int full = 0, n_packets;
	struct iovec iov[3];
	char none[16];
	ssize_t n;

	answer_yes(f);
	total = make_packets(out, sizes, &n_packets);
	while (sent < total || f->conn.unsent) {
		size_t left = total - sent, first = left % 7 % (left + !left), part = left / 2;

		iov[0] = (struct iovec){ out + sent, 1 + first };
		iov[1] = (struct iovec){ out + sent + 1 + first, part };
		n = left < 10 ? 1 : 2;
		if (left < 10)
			iov[0].iov_len = left;
		n = f->conn.transport->sendv(&f->conn, iov, left ? n : 0);
		full += n == -EAGAIN || f->conn.unsent;
		assert_true(n >= 0 || n == -EAGAIN);
		sent += n > 0 ? n : 0;
		if (full == 50)
			say_frame(f, 0x89, "ping", 4);
		receive(f, none, sizeof(none));
		got += hear(f, in + got, full % 3 ? 997 : 5000);
	}
	assert_true(full > 50);
	while ((n = hear(f, in + got, 2 * BYTES - got)))
		got += n;
	check_frames(in, got, out, sizes, n_packets);
	free(out);
	free(in);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_request_in_pieces),
		TEST(test_request_too_long),
		TEST(test_refused),
		TEST(test_ends_early),
		TEST(test_frames),
		TEST(test_wrong_frames),
		TEST(test_bytes_before),
		TEST(test_status),
		TEST(test_ping),
		TEST(test_ping_without_end),
		TEST(test_ping_while_sending),
		TEST(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
