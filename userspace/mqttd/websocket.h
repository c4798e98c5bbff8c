/* SPDX-License-Identifier: MIT */
/*
 * WebSockets (RFC 6455) on a connection that is there, plain or with TLS. MQTT's bytes are
 * in binary frames, wherever these begin and end (MQTT 5.0 6).
 */
#ifndef MQTTD_WEBSOCKET_H
#define MQTTD_WEBSOCKET_H

#include <stddef.h>
#include <sys/socket.h>

#include "buffer.h"
#include "transport.h"

struct upgrade;
struct upgrade_rules;
struct wslay_frame_context;

/* Status codes of the frame that closes (RFC 6455 7.4.1) */
enum websocket_status {
	WEBSOCKET_NORMAL	= 1000,
	WEBSOCKET_GOING_AWAY	= 1001,
	WEBSOCKET_PROTOCOL	= 1002,
	WEBSOCKET_UNSUPPORTED	= 1003,
	WEBSOCKET_DATA		= 1007,
	WEBSOCKET_POLICY	= 1008,
	WEBSOCKET_TOO_BIG	= 1009,
	WEBSOCKET_INTERNAL	= 1011,
};

/**
 * websocket_begin() - the connection is to become a WebSocket
 * @conn: nothing was read from it, or its TLS handshake is over
 *
 * From here on it has the transport of WebSockets, and only websocket_upgrade() reads.
 *
 * Return: 0 or -ENOMEM, and nothing has changed.
 */
int websocket_begin(struct conn *conn);

/**
 * websocket_upgrade() - read the request, as far as it goes
 * @conn: begun
 * @rules: of the listener
 * @max: bytes that it may have
 * @peer: who sends it
 * @upgrade: what is to be answered
 *
 * Return: 0 when it can be answered; -EAGAIN when the socket has to be readable first;
 * -ENODATA: the stream has ended; -errno as recv().
 */
int websocket_upgrade(struct conn *conn, const struct upgrade_rules *rules, size_t max,
		      const struct sockaddr *peer, struct upgrade *upgrade);

/* What @upgrade says will be sent, see conn->unsent; if it is yes there are frames now. */
int websocket_answer(struct conn *conn, const struct upgrade *upgrade);	/* 0 or -ENOMEM */

/* Of a connection that recv() returned -EBADMSG for: constant text. */
const char *websocket_why(const struct conn *conn);

/* What the other side is told when this one closes, unless there is a better reason. */
void websocket_set_status(struct conn *conn, enum websocket_status status);

/* Below: between transport_websocket.c and websocket_accept.c. */

#define WEBSOCKET_CONTROL_MAX	125	/* bytes in a control frame */

/**
 * struct websocket - of a connection
 * @below: what carries the frames
 * @head: of the request, until it is complete
 * @unsent: bytes that @below did not take, which come before all others
 * @controls: frames to be sent behind the one that is being sent
 * @sending: bytes of that which are not sent, of those that come from the queue
 * @frames: the library's state, NULL between frames
 * @held: bytes that were received of a header that is not complete
 * @left: bytes to come of the frame
 * @opcode: its kind
 * @open: the request was answered with yes, and frames are whole
 * @fragmented: the last frame's message goes on
 * @ended: the other side has closed
 * @status: to be sent when we close, 0: none
 * @error: what recv() returns from now on, -errno; unless @open also sendv()
 * @why: for -EBADMSG
 * @raw: bytes that @frames is to see
 * @raw_len: of them
 * @control_len: bytes in @control
 * @control: of a frame that is not complete
 */
struct websocket {
	struct conn below;
	struct buffer head;
	struct buffer unsent;
	struct buffer controls;
	size_t sending;
	struct wslay_frame_context *frames;
	size_t held;
	uint64_t left;
	uint8_t opcode;
	bool open;
	bool fragmented;
	bool ended;
	uint16_t status;
	int error;
	const char *why;
	const uint8_t *raw;
	size_t raw_len;
	uint8_t control_len;
	uint8_t control[WEBSOCKET_CONTROL_MAX];
};

#endif /* MQTTD_WEBSOCKET_H */
