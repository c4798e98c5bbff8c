// SPDX-License-Identifier: MIT
/*
 * Frames of WebSockets. The first two bytes say in which pieces the others come. What is
 * understood is compared with what a reader finds who has all of it.
 */
#include <errno.h>
#include <stdbool.h>

#include "fuzz.h"
#include "websocket.h"
#include "websocket_upgrade.h"

#define INPUT_MAX	8192

/**
 * struct stream - a connection of bytes that are there
 * @data: what is still to be received
 * @len: of them
 * @piece: no more at a time
 */
static struct {
	const uint8_t *data;
	size_t len;
	size_t piece;
} stream;

static ssize_t stream_recv(struct conn *conn, void *buf, size_t len)
{
	(void)conn;
	if (!stream.len)
		return -EAGAIN;
	if (len > stream.piece)
		len = stream.piece;
	if (len > stream.len)
		len = stream.len;
	memcpy(buf, stream.data, len);
	stream.data += len;
	stream.len -= len;
	return len;
}

static ssize_t stream_sendv(struct conn *conn, const struct iovec *iov, int n)
{
	size_t total = 0;

	(void)conn;
	for (; n; iov++, n--)
		total += iov->iov_len;
	return total;
}

static void stream_close(struct conn *conn)
{
	(void)conn;
}

static const struct transport transport_stream = {
	.recv = stream_recv,
	.sendv = stream_sendv,
	.close = stream_close,
};

/**
 * struct expected - what is in the bytes
 * @data: of the frames
 * @len: bytes
 * @verdict: 0: all is well, 1: it was closed, -1: something is wrong
 */
static struct {
	uint8_t data[INPUT_MAX];
	size_t len;
	int verdict;
} expected;

/* Returns bytes of the header, 0 if it is cut, -1 if it is wrong. */
static int header_of(const uint8_t *data, size_t len, uint64_t *payload)
{
	int i, more = 0;

	if (len < 2)
		return 0;
	*payload = data[1] & 127;
	if (data[0] & 8 && (*payload > 125 || !(data[0] & 128)))
		return -1;
	if (*payload >= 126)
		more = *payload == 126 ? 2 : 8;
	if (len < (size_t)(2 + more))
		return 0;
	if (more)
		for (*payload = i = 0; i < more; i++)
			*payload = *payload << 8 | data[2 + i];
	if ((more == 2 && *payload < 126) || (more == 8 && *payload < 65536) || *payload >> 63)
		return -1;
	if (!(data[1] & 128))
		return 2 + more;
	return len < (size_t)(6 + more) ? 0 : 6 + more;
}

static bool close_is_right(const uint8_t *data, size_t len)
{
	unsigned int status = len < 2 ? 1000 : data[0] << 8 | data[1];
	size_t i;

	/* Reasons with other letters are another parser's. */
	for (i = 2; i < len; i++)
		must(data[i] < 128);
	return len != 1 && ((status >= 1000 && status < 1004) || (status > 1006 && status < 1015) ||
			    (status >= 3000 && status < 5000));
}

/* Not those with a frame whose reason we do not judge. */
static bool judge(const uint8_t *data, size_t len)
{
	bool fragments = false;
	uint8_t plain[125];
	uint64_t payload, i;

	expected.len = 0;
	expected.verdict = 0;
	while (len && !expected.verdict) {
		int head = header_of(data, len, &payload), opcode = data[0] & 15;
		bool fin = data[0] & 128;

		if (head < 0)
			expected.verdict = -1;
		if (head <= 0)
			return true;
		/* The library tells of a frame with its first byte. */
		if (payload && len == (size_t)head)
			return true;
		if (data[0] & 0x70 || !(data[1] & 128) || opcode == 1 ||
		    (opcode > 2 && opcode < 8) || opcode > 10 ||
		    (opcode < 3 && fragments != !opcode)) {
			expected.verdict = -1;
			return true;
		}
		if (opcode < 8)
			fragments = !fin;
		for (i = 0; i < payload && head + i < len; i++) {
			uint8_t byte = data[head + i] ^ data[head - 4 + i % 4];

			if (opcode < 8)
				expected.data[expected.len++] = byte;
			else
				plain[i] = byte;
			if (opcode == 8 && i >= 2 && (byte >= 128 || byte < ' '))
				return false;
		}
		if (i < payload)
			return true;
		if (opcode == 8)
			expected.verdict = close_is_right(plain, payload) ? 1 : -1;
		data += head + payload;
		len -= head + payload;
	}
	return true;
}

static void open_websocket(struct conn *conn)
{
	struct upgrade yes = { .status = 101, .protocol = "mqtt" };

	*conn = (struct conn){ .transport = &transport_stream };
	must(!websocket_begin(conn));
	must(!websocket_answer(conn, &yes));
	must(!conn->transport->sendv(conn, NULL, 0));
}

static void compare(struct conn *conn, size_t room)
{
	uint8_t buf[INPUT_MAX];
	size_t got = 0;
	ssize_t n;

	do {
		n = conn->transport->recv(conn, buf, room);
		must(n <= (ssize_t)room);
		if (n > 0) {
			must(got + n <= expected.len);
			must(!memcmp(buf, expected.data + got, n));
			got += n;
		}
	} while (n > 0 || (n == -EAGAIN && (stream.len || conn->more)));
	must(got == expected.len);
	must(n == (expected.verdict < 0 ? -EBADMSG : expected.verdict ? 0 : -EAGAIN));
	must(n != -EBADMSG || websocket_why(conn));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conn conn;
	size_t room;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	stream.piece = 1 + data[0] * 4;
	room = 1 + data[1] * 4;
	stream.data = data + 2;
	stream.len = size - 2;
	if (!judge(stream.data, stream.len))
		return 0;
	open_websocket(&conn);
	compare(&conn, room);
	conn_close(&conn);
	return 0;
}
