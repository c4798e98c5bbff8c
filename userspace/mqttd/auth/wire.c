// SPDX-License-Identifier: MIT
/*
 * Messages between the daemon and mqttd-auth.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "auth/wire.h"
#include "log.h"

/* --- writing -------------------------------------------------------------------- */

/**
 * struct writer - a message that grows
 * @bytes: memory for it
 * @len: of it so far
 * @size: of the memory
 * @full: something had no room
 */
struct writer {
	u8 *bytes;
	size_t len;
	size_t size;
	bool full;
};

static void put(struct writer *to, const void *bytes, size_t len)
{
	if (len > to->size - to->len) {
		to->full = true;
		return;
	}
	if (len)
		memcpy(to->bytes + to->len, bytes, len);
	to->len += len;
}

static void put_u8(struct writer *to, u8 value)
{
	put(to, &value, sizeof(value));
}

static void put_u32(struct writer *to, u32 value)
{
	put(to, &value, sizeof(value));
}

static void put_u64(struct writer *to, uint64_t value)
{
	put(to, &value, sizeof(value));
}

static void put_text(struct writer *to, const char *text)
{
	size_t len = text ? strlen(text) + 1 : 0;

	put_u32(to, text ? len : WIRE_NONE);
	put(to, text, len);
}

static int transmit(int fd, struct iovec *iov, size_t n, int flags)
{
	const struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t sent;

	do {
		sent = sendmsg(fd, &msg, flags | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* The u32 with the length, which goes to @len, and what it counts. */
static void add(struct iovec **iov, u32 *len, const void *bytes, size_t n)
{
	*len = bytes ? n : WIRE_NONE;
	*(*iov)++ = (struct iovec){ len, sizeof(*len) };
	*(*iov)++ = (struct iovec){ (void *)bytes, bytes ? n : 0 };
}

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

int wire_send_request(int fd, const struct wire_request *request)
{
	const struct auth_request *ask = &request->ask;
	struct iovec iov[9], *next = iov;
	u8 head[16];
	struct writer to = { .bytes = head, .size = sizeof(head) };
	u32 lens[4];

	put_u8(&to, request->type);
	if (request->type == WIRE_ASK || request->type == WIRE_PREPARE)
		put_u64(&to, request->id);
	if (request->type == WIRE_ASK)
		put_u32(&to, request->listener);
	*next++ = (struct iovec){ head, to.len };
	if (request->type == WIRE_ASK) {
		add(&next, &lens[0], ask->client_id, text_size(ask->client_id));
		add(&next, &lens[1], ask->username, text_size(ask->username));
		add(&next, &lens[2], ask->password, ask->password_len);
		add(&next, &lens[3], ask->address, text_size(ask->address));
	}
	return transmit(fd, iov, next - iov, MSG_DONTWAIT);
}

static void put_grant(struct writer *to, const struct auth_grant *grant)
{
	unsigned int i;

	put_text(to, grant->username);
	put_text(to, grant->client_id);
	put_u32(to, grant->n_roles);
	for (i = 0; i < grant->n_roles; i++)
		put_text(to, grant->roles[i]);
	put_u32(to, grant->n_claims);
	for (i = 0; i < grant->n_claims; i++) {
		put_text(to, grant->claims[i].name);
		put_text(to, grant->claims[i].value);
	}
}

static void put_reply(struct writer *to, const struct wire_reply *reply)
{
	put_u8(to, reply->type);
	switch (reply->type) {
	case WIRE_HELLO:
	case WIRE_GONE:
		put_u32(to, reply->error);
		break;
	case WIRE_PREPARED:
		put_u64(to, reply->id);
		put_u32(to, reply->error);
		break;
	case WIRE_LOG:
		put_u8(to, reply->level);
		put_text(to, reply->text);
		break;
	case WIRE_ANSWER:
		put_u64(to, reply->id);
		put_u8(to, reply->answer);
		put_u64(to, reply->grant.expires);
		put_text(to, reply->text);
		put_grant(to, &reply->grant);
		break;
	}
}

int wire_send_reply(int fd, const struct wire_reply *reply)
{
	struct writer to = { .size = WIRE_REPLY_MAX };
	struct iovec iov;
	int err;

	to.bytes = malloc(to.size);
	if (!to.bytes)
		return -ENOMEM;
	put_reply(&to, reply);
	iov = (struct iovec){ to.bytes, to.len };
	err = to.full ? -EMSGSIZE : transmit(fd, &iov, 1, 0);
	free(to.bytes);
	return err;
}

/* --- reading -------------------------------------------------------------------- */

/**
 * struct reader - what is left of a message
 * @at: next byte
 * @end: of it
 * @bad: it is not what it should be, and all that is read from here on is 0
 */
struct reader {
	const u8 *at;
	const u8 *end;
	bool bad;
};

static const void *get(struct reader *from, size_t len)
{
	const void *at = from->at;

	if (from->bad || len > (size_t)(from->end - from->at)) {
		from->bad = true;
		return NULL;
	}
	from->at += len;
	return at;
}

static void get_number(struct reader *from, void *value, size_t size)
{
	const void *at = get(from, size);

	if (at)
		memcpy(value, at, size);
}

static u8 get_u8(struct reader *from)
{
	u8 value = 0;

	get_number(from, &value, sizeof(value));
	return value;
}

static u32 get_u32(struct reader *from)
{
	u32 value = 0;

	get_number(from, &value, sizeof(value));
	return value;
}

static uint64_t get_u64(struct reader *from)
{
	uint64_t value = 0;

	get_number(from, &value, sizeof(value));
	return value;
}

/* NULL if there are none. */
static const void *get_bytes(struct reader *from, size_t max, size_t *len)
{
	u32 size = get_u32(from);

	*len = 0;
	if (from->bad || size == WIRE_NONE)
		return NULL;
	if (size > max) {
		from->bad = true;
		return NULL;
	}
	*len = size;
	return get(from, size);
}

/* @max: with the NUL */
static const char *get_text(struct reader *from, size_t max)
{
	size_t len;
	const char *text = get_bytes(from, max, &len);

	if (!text)
		return NULL;
	if (!len || memchr(text, 0, len) != text + len - 1) {
		from->bad = true;
		return NULL;
	}
	return text;
}

/* There has to be one. */
static const char *need_text(struct reader *from, size_t max)
{
	const char *text = get_text(from, max);

	if (!text)
		from->bad = true;
	return text;
}

static bool finished(const struct reader *from)
{
	return !from->bad && from->at == from->end;
}

int wire_parse_request(struct wire_request *request, const void *message, size_t len)
{
	struct reader from = { message, (const u8 *)message + len, false };
	struct auth_request *ask = &request->ask;

	*request = (struct wire_request){ .type = get_u8(&from) };
	switch (request->type) {
	case WIRE_ASK:
		request->id = get_u64(&from);
		request->listener = get_u32(&from);
		ask->client_id = need_text(&from, UINT16_MAX + 1);
		ask->username = get_text(&from, UINT16_MAX + 1);
		ask->password = get_bytes(&from, UINT16_MAX, &ask->password_len);
		ask->address = need_text(&from, 256);
		if (!ask->username && !ask->password)
			from.bad = true;
		break;
	case WIRE_PREPARE:
		request->id = get_u64(&from);
		break;
	case WIRE_COMMIT:
	case WIRE_CANCEL:
		break;
	default:
		from.bad = true;
	}
	return finished(&from) ? 0 : -EBADMSG;
}

/* A copy that is the grant's. */
static char *copy_text(struct reader *from, const char *text, bool *short_of_memory)
{
	char *copy = text && !from->bad ? strdup(text) : NULL;

	if (text && !from->bad && !copy)
		*short_of_memory = true;
	return copy;
}

static void get_claims(struct reader *from, struct auth_grant *grant, bool *memory)
{
	u32 n = get_u32(from);

	if (n > AUTH_CLAIMS_MAX)
		from->bad = true;
	while (n-- && !from->bad) {
		struct auth_claim *claim = &grant->claims[grant->n_claims++];

		claim->name = copy_text(from, need_text(from, AUTH_TEXT_MAX + 1), memory);
		claim->value = copy_text(from, need_text(from, AUTH_TEXT_MAX + 1), memory);
	}
}

static void get_grant(struct reader *from, struct auth_grant *grant, bool *memory)
{
	u32 n;

	grant->username = copy_text(from, get_text(from, AUTH_TEXT_MAX + 1), memory);
	grant->client_id = copy_text(from, get_text(from, AUTH_TEXT_MAX + 1), memory);
	n = get_u32(from);
	if (n > AUTH_ROLES_MAX)
		from->bad = true;
	while (n-- && !from->bad)
		grant->roles[grant->n_roles++] =
			copy_text(from, need_text(from, AUTH_TEXT_MAX + 1), memory);
	get_claims(from, grant, memory);
}

static void get_answer(struct reader *from, struct wire_reply *reply, bool *memory)
{
	reply->id = get_u64(from);
	reply->answer = get_u8(from);
	reply->grant.expires = get_u64(from);
	reply->text = get_text(from, WIRE_WHY_MAX);
	get_grant(from, &reply->grant, memory);
	if (reply->answer > WIRE_BUSY || reply->grant.expires < 0)
		from->bad = true;
	/* Who is not let in has nothing. */
	if (reply->answer != WIRE_GRANTED)
		auth_grant_clear(&reply->grant);
}

static bool level_known(u8 level)
{
	return level && !(level & (level - 1)) && level & LOG_TYPE_ALL;
}

int wire_parse_reply(struct wire_reply *reply, const void *message, size_t len)
{
	struct reader from = { message, (const u8 *)message + len, false };
	bool memory = false;

	*reply = (struct wire_reply){ .type = get_u8(&from) };
	switch (reply->type) {
	case WIRE_HELLO:
	case WIRE_GONE:
		reply->error = get_u32(&from);
		break;
	case WIRE_PREPARED:
		reply->id = get_u64(&from);
		reply->error = get_u32(&from);
		break;
	case WIRE_LOG:
		reply->level = get_u8(&from);
		reply->text = need_text(&from, WIRE_LINE_MAX);
		if (!level_known(reply->level))
			from.bad = true;
		break;
	case WIRE_ANSWER:
		get_answer(&from, reply, &memory);
		break;
	default:
		from.bad = true;
	}
	if (finished(&from) && !memory)
		return 0;
	auth_grant_clear(&reply->grant);
	return memory ? -ENOMEM : -EBADMSG;
}

ssize_t wire_receive(int fd, void *message, size_t size, int flags)
{
	struct iovec iov = { message, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t len;

	do {
		len = recvmsg(fd, &msg, flags);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : len;
}
