/* SPDX-License-Identifier: MIT */
/*
 * What the daemon and mqttd-auth say to each other, over a SOCK_SEQPACKET: one message is
 * one packet, in the machine's byte order.
 *
 *   byte type | what belongs to it
 *
 *   daemon      ASK      u64 id, u32 listener, client id, user name, password, address
 *               PREPARE  u64 id: open what is in files anew
 *               COMMIT   and use it, CANCEL or do not
 *   mqttd-auth  HELLO    u32 error, 0: ready
 *               ANSWER   u64 id, byte answer, i64 expiry, text why, user name, client id,
 *                        u32 number of roles, these, u32 number of claims, names and values
 *               PREPARED u64 id, u32 error
 *               LOG      byte type, text
 *               GONE     u32 status of the process, by the one that makes another
 *
 * Texts and bytes have a u32 with their length in front, WIRE_NONE: there are none. A text
 * has its NUL, which counts, and no other.
 *
 * Neither side believes the other: what is read is checked to the last byte, and a message
 * that is anything else is dropped as a whole.
 */
#ifndef MQTTD_AUTH_WIRE_H
#define MQTTD_AUTH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

#include "auth/method.h"

enum wire_type {
	WIRE_ASK = 1,
	WIRE_PREPARE,
	WIRE_COMMIT,
	WIRE_CANCEL,
	WIRE_HELLO,
	WIRE_ANSWER,
	WIRE_PREPARED,
	WIRE_LOG,
	WIRE_GONE,
};

enum wire_answer {
	WIRE_GRANTED,
	WIRE_DENIED,
	WIRE_FAILED,
	WIRE_BUSY,
};

#define WIRE_NONE	UINT32_MAX
#define WIRE_WHY_MAX	256	/* with the NUL, as all of these */
#define WIRE_LINE_MAX	1024
/* Three of what CONNECT can hold, an address, and numbers; answers are shorter */
#define WIRE_ASK_MAX	(3 * 65536 + 512)
#define WIRE_REPLY_MAX	((2 + AUTH_ROLES_MAX + 2 * AUTH_CLAIMS_MAX) * (AUTH_TEXT_MAX + 5) + 512)

/**
 * struct wire_reply - anything that mqttd-auth says
 * @type: enum wire_type
 * @id: of ANSWER and PREPARED
 * @error: of HELLO, PREPARED and GONE
 * @answer: enum wire_answer
 * @level: enum log_type of LOG
 * @text: @why of ANSWER or NULL, the line of LOG; in the message
 * @grant: of ANSWER that grants; to be cleared by who reads it
 */
struct wire_reply {
	u8 type;
	uint64_t id;
	u32 error;
	u8 answer;
	u8 level;
	const char *text;
	struct auth_grant grant;
};

/**
 * struct wire_request - anything that the daemon says
 * @type: enum wire_type
 * @id: of ASK and PREPARE
 * @listener: of ASK: its number
 * @ask: what it points to is in the message
 */
struct wire_request {
	u8 type;
	uint64_t id;
	u32 listener;
	struct auth_request ask;
};

/*
 * Sends without waiting; a password goes from where it is into the socket. Returns 0 or
 * -errno: -EAGAIN: the socket is full.
 */
int wire_send_request(int fd, const struct wire_request *request);

/* Waits if the socket is full, as long as SO_SNDTIMEO says. 0 or -errno. */
int wire_send_reply(int fd, const struct wire_reply *reply);

/*
 * Reads @len bytes at @message. 0, -EBADMSG and nothing is to be freed, or -ENOMEM, likewise.
 * Requests point into the message.
 */
int wire_parse_request(struct wire_request *request, const void *message, size_t len);
int wire_parse_reply(struct wire_reply *reply, const void *message, size_t len);

/*
 * Receives one message into @message, of @size bytes. Returns its length, 0 at the end of
 * the connection, or -errno; a message that is longer is -EMSGSIZE. Descriptors that come
 * along are not taken.
 */
ssize_t wire_receive(int fd, void *message, size_t size, int flags);

#endif /* MQTTD_AUTH_WIRE_H */
