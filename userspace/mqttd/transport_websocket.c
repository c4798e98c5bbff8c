// SPDX-License-Identifier: MIT
/*
 * Frames of WebSockets, as a transport on top of another.
 *
 *   recv()  <── in place ── wslay: headers, masks  <── below: recv()
 *   sendv() ──> pieces as they are, a header before each packet ──> below: sendv()
 *               keeps what is not taken of a header: "unsent"
 *
 * What is received goes where the caller wants MQTT's bytes, and these overwrite it: they
 * are never more. So nothing is kept from call to call but half a header, and the
 * library's buffer is there while a frame is on its way only.
 *
 * Each packet is a frame. Nobody may rely on that (MQTT 5.0 6), but there are clients that
 * do. Queues never lose the rest of a packet that was begun, and so of no frame. PONGs
 * wait until one ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <wslay/wslay.h>

#include <mqtt/utf8.h>
#include <mqtt/wire.h>

#include "timer.h"
#include "websocket.h"

/* Given to the connection below at a time, half of them headers */
#define PIECES_MAX	128
/* With more PONGs than this who wants them and does not read is closed, bytes. */
#define CONTROLS_MAX	(64 << 10)
#define HEADER_MAX	10

/* --- receiving --------------------------------------------------------------------- */

static ssize_t take_raw(uint8_t *buf, size_t len, int flags, void *user)
{
	struct websocket *ws = user;

	(void)flags;
	if (len > ws->raw_len)
		len = ws->raw_len;
	memcpy(buf, ws->raw, len);
	ws->raw += len;
	ws->raw_len -= len;
	ws->held += len;
	return len;
}

/* We make no masks, and our frames ourselves. */
static const struct wslay_frame_callbacks callbacks = { .recv_callback = take_raw };

/* Nothing more comes of it, and the other side is told @status. */
static int fail(struct websocket *ws, enum websocket_status status, const char *why)
{
	ws->error = -EBADMSG;
	ws->status = status;
	ws->why = why;
	return ws->error;
}

static size_t header_size(const struct wslay_frame_iocb *frame)
{
	size_t mask = frame->mask ? 4 : 0;

	if (frame->payload_length < 126)
		return 2 + mask;
	return (frame->payload_length <= UINT16_MAX ? 4 : 10) + mask;
}

/* RFC 6455 5.2, 5.4, [MQTT-6.0.0-1] */
static int begin_frame(struct websocket *ws, const struct wslay_frame_iocb *frame)
{
	bool begins = frame->opcode == WSLAY_BINARY_FRAME;

	ws->held -= header_size(frame);
	ws->left = frame->payload_length;
	ws->opcode = frame->opcode;
	ws->control_len = 0;
	if (frame->rsv)
		return fail(ws, WEBSOCKET_PROTOCOL, "reserved bits in a frame");
	if (!frame->mask)
		return fail(ws, WEBSOCKET_PROTOCOL, "a frame without a mask");
	switch (frame->opcode) {
	case WSLAY_CONNECTION_CLOSE:
	case WSLAY_PING:
	case WSLAY_PONG:
		return 0;
	case WSLAY_TEXT_FRAME:
		return fail(ws, WEBSOCKET_UNSUPPORTED, "a frame of text");
	case WSLAY_BINARY_FRAME:
	case WSLAY_CONTINUATION_FRAME:
		/* These go on with what was begun, the others begin. */
		if (ws->fragmented == begins)
			return fail(ws, WEBSOCKET_PROTOCOL, "fragments that do not fit together");
		ws->fragmented = !frame->fin;
		return 0;
	default:
		return fail(ws, WEBSOCKET_PROTOCOL, "a frame of an unknown kind");
	}
}

static size_t write_header(uint8_t header[HEADER_MAX], uint8_t opcode, uint64_t len)
{
	size_t more = len < 126 ? 0 : len <= UINT16_MAX ? 2 : 8, i;

	header[0] = 0x80 | opcode;
	header[1] = !more ? len : more == 2 ? 126 : 127;
	for (i = 0; i < more; i++)
		header[2 + i] = len >> 8 * (more - 1 - i);
	return 2 + more;
}

/* Those that wait in "unsent" count as well: push() puts them there whenever it is called. */
static int keep_control(struct websocket *ws, uint8_t opcode, const void *data, size_t len)
{
	uint8_t frame[HEADER_MAX + WEBSOCKET_CONTROL_MAX];
	size_t size = write_header(frame, opcode, len);

	if (ws->unsent.len + ws->controls.len + size + len > CONTROLS_MAX)
		return -ENOBUFS;
	memcpy(frame + size, data, len);
	return buffer_append(&ws->controls, frame, size + len);
}

static bool status_valid(unsigned int status)
{
	return (status >= 1000 && status <= 1003) || (status >= 1007 && status <= 1014) ||
	       (status >= 3000 && status <= 4999);
}

/* It is answered with the same status, when the connection is closed. */
static int closed_by_peer(struct websocket *ws)
{
	unsigned int status = WEBSOCKET_NORMAL;

	if (ws->control_len == 1)
		return fail(ws, WEBSOCKET_PROTOCOL, "half a status when it closed");
	if (ws->control_len)
		status = ws->control[0] << 8 | ws->control[1];
	if (!status_valid(status))
		return fail(ws, WEBSOCKET_PROTOCOL, "a wrong status when it closed");
	if (ws->control_len > 2 && !mqtt_utf8_valid(ws->control + 2, ws->control_len - 2))
		return fail(ws, WEBSOCKET_DATA, "a reason that is not UTF-8 when it closed");
	ws->status = status;
	ws->ended = true;
	return 0;
}

static int end_frame(struct websocket *ws)
{
	switch (ws->opcode) {
	case WSLAY_PING:
		ws->error = keep_control(ws, WSLAY_PONG, ws->control, ws->control_len);
		return ws->error;
	case WSLAY_CONNECTION_CLOSE:
		return closed_by_peer(ws);
	default:
		return 0;
	}
}

/* What came of a frame. Data goes to @out, which has room. */
static int take_part(struct websocket *ws, const struct wslay_frame_iocb *frame, uint8_t *out,
		     size_t *got)
{
	size_t n = frame->data_length;
	int err = 0;

	if (!ws->left)
		err = begin_frame(ws, frame);
	if (err)
		return err;
	ws->held -= n;
	ws->left -= n;
	if (!wslay_is_ctrl_frame(ws->opcode)) {
		memcpy(out + *got, frame->data, n);
		*got += n;
	} else {
		/* The library has refused longer ones. */
		memcpy(ws->control + ws->control_len, frame->data, n);
		ws->control_len += n;
	}
	return ws->left ? 0 : end_frame(ws);
}

static void release_frames(struct websocket *ws)
{
	wslay_frame_context_free(ws->frames);
	ws->frames = NULL;
}

/* Returns bytes of MQTT in @data, where @len bytes have come; ws->error is for the next call. */
static size_t unframe(struct websocket *ws, uint8_t *data, size_t len)
{
	struct wslay_frame_iocb frame;
	size_t got = 0;
	ssize_t n = 0;

	if (!ws->frames && wslay_frame_context_init(&ws->frames, &callbacks, ws)) {
		ws->error = -ENOMEM;
		return 0;
	}
	ws->raw = data;
	ws->raw_len = len;
	while (!ws->error && !ws->ended) {
		n = wslay_frame_recv(ws->frames, &frame);
		if (n == WSLAY_ERR_WANT_READ)
			break;
		if (n < 0)
			fail(ws, WEBSOCKET_PROTOCOL, "a malformed frame");
		else
			take_part(ws, &frame, data, &got);
	}
	if (!ws->held && !ws->left)
		release_frames(ws);
	return got;
}

/* Without frames only the socket is emptied. */
static ssize_t discard(struct websocket *ws, void *buf, size_t len)
{
	ws->below.transport->recv(&ws->below, buf, len);
	return ws->error;
}

/* Within a frame others have to wait, and its next bytes come from the queue. */
static void note_unsent(struct conn *conn)
{
	const struct websocket *ws = conn->websocket;

	conn->unsent = ws->below.unsent || ws->unsent.len || (ws->controls.len && !ws->sending);
}

static ssize_t websocket_recv(struct conn *conn, void *buf, size_t len)
{
	struct websocket *ws = conn->websocket;
	size_t got;
	ssize_t n;

	if (!ws->open || ws->error || ws->ended)
		return discard(ws, buf, len);
	n = ws->below.transport->recv(&ws->below, buf, len);
	conn->more = ws->below.more;
	note_unsent(conn);
	if (n <= 0)
		return n;
	got = unframe(ws, buf, n);
	note_unsent(conn);
	if (got) {
		conn->heard = timer_now();
		conn->more |= ws->error || ws->ended;
		return got;
	}
	return ws->error || ws->ended ? ws->error : -EAGAIN;
}

/* Of MQTT's bytes, which the socket cannot tell from PINGs. */
static int64_t websocket_idle(const struct conn *conn)
{
	return timer_now() - conn->heard;
}

/* --- sending ------------------------------------------------------------------------- */

/* Sends what was kept: 0, -EAGAIN or why that is impossible. */
static int push(struct conn *conn)
{
	struct websocket *ws = conn->websocket;
	struct conn *below = &ws->below;
	ssize_t n = 0;

	if (!ws->sending && ws->controls.len) {
		n = buffer_append(&ws->unsent, buffer_head(&ws->controls), ws->controls.len);
		if (n < 0)
			return n;
		buffer_free(&ws->controls);
	}
	while (n >= 0 && (ws->unsent.len || below->unsent)) {
		struct iovec iov = { .iov_len = ws->unsent.len };

		if (ws->unsent.len)
			iov.iov_base = buffer_head(&ws->unsent);
		n = below->transport->sendv(below, &iov, !!ws->unsent.len);
		if (n > 0)
			buffer_consume(&ws->unsent, n);
	}
	note_unsent(conn);
	if (!ws->unsent.len)
		buffer_free(&ws->unsent);
	return n < 0 ? n : 0;
}

/**
 * struct batch - what is given to the connection below at once
 * @pieces: it
 * @frame: of those that are headers: bytes behind them; of others 0
 * @n: how many
 * @headers: bytes of headers
 */
struct batch {
	struct iovec pieces[PIECES_MAX];
	size_t frame[PIECES_MAX];
	int n;
	uint8_t headers[PIECES_MAX][HEADER_MAX];
};

/* Bytes of the packet that begins there; of all that is there if that cannot be seen. */
static size_t packet_size(const struct iovec *iov, int n, size_t skip)
{
	u8 start[MQTT_FIXED_HEADER_MAX];
	struct mqtt_fixed_header fh;
	size_t len = 0, total = 0, part;

	for (; n; iov++, n--, skip = 0) {
		part = iov->iov_len - skip;
		total += part;
		if (part > sizeof(start) - len)
			part = sizeof(start) - len;
		memcpy(start + len, (const u8 *)iov->iov_base + skip, part);
		len += part;
		if (!mqtt_fixed_header_parse(start, len, &fh))
			return fh.size + (size_t)fh.remaining;
	}
	return total;
}

static void add_piece(struct batch *batch, void *at, size_t len, size_t frame)
{
	batch->pieces[batch->n] = (struct iovec){ .iov_base = at, .iov_len = len };
	batch->frame[batch->n++] = frame;
}

/* A frame for each packet, from @skip bytes behind @iov on. */
static void fill(const struct websocket *ws, struct batch *batch, const struct iovec *iov, int n,
		 size_t skip)
{
	size_t left = ws->sending, part;

	batch->n = 0;
	while (n && batch->n + 2 <= PIECES_MAX) {
		if (!left) {
			if (batch->n && ws->controls.len)
				break;
			left = packet_size(iov, n, skip);
			add_piece(batch, batch->headers[batch->n],
				  write_header(batch->headers[batch->n], WSLAY_BINARY_FRAME, left),
				  left);
		}
		part = iov->iov_len - skip < left ? iov->iov_len - skip : left;
		add_piece(batch, (uint8_t *)iov->iov_base + skip, part, 0);
		left -= part;
		skip += part;
		if (skip == iov->iov_len) {
			skip = 0;
			iov++;
			n--;
		}
	}
}

/*
 * The connection below has taken the first @used bytes of a header, and nothing behind it.
 * The first byte of the packet goes with the rest of it, so that the queue knows that it
 * was begun.
 */
static int keep_header(struct websocket *ws, const struct iovec *header, size_t used)
{
	int err = buffer_append(&ws->unsent, (const uint8_t *)header->iov_base + used,
				header->iov_len - used);

	if (!err)
		err = buffer_append(&ws->unsent, header[1].iov_base, 1);
	ws->sending--;
	return err;
}

/*
 * The connection below has taken @sent bytes. Returns how many of MQTT, or -ENOMEM: then
 * part of a header is lost, and nothing can follow it.
 */
static ssize_t account(struct websocket *ws, const struct batch *batch, size_t sent)
{
	size_t total = 0, used;
	int i;

	for (i = 0; i < batch->n && sent; i++, sent -= used) {
		used = batch->pieces[i].iov_len < sent ? batch->pieces[i].iov_len : sent;
		if (!batch->frame[i]) {
			ws->sending -= used;
			total += used;
			continue;
		}
		ws->sending = batch->frame[i];
		if (used < sent)
			continue;
		if (keep_header(ws, &batch->pieces[i], used)) {
			ws->open = false;
			ws->error = -ENOMEM;
			return ws->error;
		}
		total++;
	}
	return total;
}

static ssize_t write_batch(struct conn *conn, const struct iovec *iov, int n, size_t skip)
{
	struct websocket *ws = conn->websocket;
	struct batch batch;
	ssize_t sent, done;

	fill(ws, &batch, iov, n, skip);
	sent = ws->below.transport->sendv(&ws->below, batch.pieces, batch.n);
	if (sent < 0)
		return sent;
	done = account(ws, &batch, sent);
	note_unsent(conn);
	return done;
}

static ssize_t websocket_sendv(struct conn *conn, const struct iovec *iov, int n)
{
	struct websocket *ws = conn->websocket;
	ssize_t done = ws->open ? 0 : ws->error ? ws->error : -EPIPE;
	size_t total = 0, skip = 0;

	if (!done && conn->unsent)
		done = push(conn);
	while (done >= 0 && n && !conn->unsent) {
		done = write_batch(conn, iov, n, skip);
		if (done < 0)
			break;
		total += done;
		for (skip += done; n && skip >= iov->iov_len; iov++, n--)
			skip -= iov->iov_len;
		if (conn->unsent)
			done = push(conn);
	}
	return total ? (ssize_t)total : done < 0 ? done : 0;
}

/* --- the end --------------------------------------------------------------------------- */

const char *websocket_why(const struct conn *conn)
{
	return conn->websocket->why;
}

void websocket_set_status(struct conn *conn, enum websocket_status status)
{
	if (conn->websocket && !conn->websocket->status)
		conn->websocket->status = status;
}

/* What was kept leaves if it can, or there is no saying why this is the end; nor within a frame. */
static void websocket_close(struct conn *conn)
{
	struct websocket *ws = conn->websocket;
	uint16_t status = htons(ws->status ? ws->status : WEBSOCKET_NORMAL);

	if (ws->open)
		keep_control(ws, WSLAY_CONNECTION_CLOSE, &status, sizeof(status));
	push(conn);
	ws->below.transport->close(&ws->below);
	release_frames(ws);
	buffer_free(&ws->head);
	buffer_free(&ws->unsent);
	buffer_free(&ws->controls);
	free(ws);
	conn->websocket = NULL;
}

/* The kernel's router cannot read what is in frames. */
const struct transport transport_websocket = {
	.name = "websockets",
	.recv = websocket_recv,
	.sendv = websocket_sendv,
	.close = websocket_close,
	.idle = websocket_idle,
};
