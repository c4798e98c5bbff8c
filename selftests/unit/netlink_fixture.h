/* SPDX-License-Identifier: MIT */
/*
 * A kernel in place of the real one: sendmsg() and recvmsg() are replaced. It takes
 * messages apart and puts answers together without the library's help. Each test
 * program includes it once.
 */
#ifndef NETLINK_FIXTURE_H
#define NETLINK_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include <linux/genetlink.h>
#include <linux/mqtt.h>
#include <linux/netlink.h>

#include "netlink.h"

#define FAMILY		77
#define REQUESTS_MAX	64
#define DATAGRAMS_MAX	64

struct bytes {
	uint8_t *data;
	size_t len;
};

/* What the client has sent, but for the family's look-up. */
static struct bytes requests[REQUESTS_MAX];
static size_t nr_requests;

/* What it will receive. */
static struct bytes datagrams[DATAGRAMS_MAX];
static size_t first_datagram, nr_datagrams;

/* How the kernel answers the request with this number; NULL: acknowledges. */
static void (*answer)(size_t number, const struct nlmsghdr *request);
static bool no_family;

/*
 * Messages, written
 */

static struct bytes message;

static void put(const void *data, size_t len)
{
	size_t padded = NLMSG_ALIGN(len);

	message.data = realloc(message.data, message.len + padded);
	memset(message.data + message.len, 0, padded);
	if (len)
		memcpy(message.data + message.len, data, len);
	message.len += padded;
}

static void put_attr(int type, const void *data, size_t len)
{
	struct nlattr attr = { .nla_type = (uint16_t)type,
			       .nla_len = (uint16_t)(NLA_HDRLEN + len) };

	put(&attr, sizeof(attr));
	put(data, len);
}

static void put_attr_u32(int type, uint32_t value)
{
	put_attr(type, &value, sizeof(value));
}

static size_t nest_begin(int type)
{
	put_attr(type | NLA_F_NESTED, NULL, 0);
	return message.len - NLA_HDRLEN;
}

static void nest_end(size_t nest)
{
	((struct nlattr *)(message.data + nest))->nla_len = (uint16_t)(message.len - nest);
}

static size_t message_begin(const struct nlmsghdr *request, int type, int flags)
{
	struct nlmsghdr header = { .nlmsg_type = (uint16_t)type,
				   .nlmsg_flags = (uint16_t)flags,
				   .nlmsg_seq = request->nlmsg_seq,
				   .nlmsg_pid = request->nlmsg_pid };
	size_t start = message.len;

	put(&header, sizeof(header));
	return start;
}

static void message_end(size_t start)
{
	((struct nlmsghdr *)(message.data + start))->nlmsg_len = (uint32_t)(message.len - start);
}

/* The messages written so far become one datagram. */
static void datagram(void)
{
	assert_true(nr_datagrams < DATAGRAMS_MAX);
	datagrams[nr_datagrams++] = message;
	message = (struct bytes){ 0 };
}

static void put_extack(const char *text)
{
	put_attr_u32(NLMSGERR_ATTR_OFFS, 20);
	put_attr(NLMSGERR_ATTR_MSG, text, strlen(text) + 1);
}

/* @err: 0 for an acknowledgement; @capped: without the request's payload */
static void reply_error(const struct nlmsghdr *request, int err, const char *text, bool capped)
{
	int flags = (capped ? NLM_F_CAPPED : 0) | (text ? NLM_F_ACK_TLVS : 0);
	size_t start = message_begin(request, NLMSG_ERROR, flags);

	put(&err, sizeof(err));
	put(request, capped ? sizeof(*request) : request->nlmsg_len);
	if (text)
		put_extack(text);
	message_end(start);
	datagram();
}

static void reply_done(const struct nlmsghdr *request, int flags, int err, const char *text)
{
	size_t start = message_begin(request, NLMSG_DONE,
				     flags | NLM_F_MULTI | (text ? NLM_F_ACK_TLVS : 0));

	put(&err, sizeof(err));
	if (text)
		put_extack(text);
	message_end(start);
}

static size_t genl_begin(const struct nlmsghdr *request, int flags)
{
	struct genlmsghdr genl = { .cmd = 1, .version = 1 };
	size_t start = message_begin(request, request->nlmsg_type, flags);

	put(&genl, sizeof(genl));
	return start;
}

static void put_peer(uint32_t id)
{
	size_t nest = nest_begin(MQTT_A_PEER);

	put_attr_u32(MQTT_A_PEER_ID, id);
	put_attr_u32(MQTT_A_PEER_MAX + 1, 1);		/* of a newer kernel */
	nest_end(nest);
}

/*
 * The kernel
 */

static void answer_family(const struct nlmsghdr *request)
{
	uint16_t id = FAMILY;
	size_t start;

	if (no_family) {
		reply_error(request, -ENOENT, NULL, true);
		return;
	}
	start = genl_begin(request, 0);
	put_attr(CTRL_ATTR_FAMILY_ID, &id, sizeof(id));
	put_attr(CTRL_ATTR_FAMILY_NAME, MQTT_GENL_NAME, sizeof(MQTT_GENL_NAME));
	message_end(start);
	datagram();
	reply_error(request, 0, NULL, true);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const struct nlmsghdr *request = msg->msg_iov[0].iov_base;
	size_t len = request->nlmsg_len;
	struct bytes copy;

	(void)fd;
	(void)flags;
	if (request->nlmsg_type == GENL_ID_CTRL) {
		answer_family(request);
		return (ssize_t)len;
	}
	assert_true(nr_requests < REQUESTS_MAX);
	copy = (struct bytes){ malloc(len), len };
	memcpy(copy.data, request, len);
	requests[nr_requests++] = copy;
	if (answer)
		answer(nr_requests - 1, request);
	else
		reply_error(request, 0, NULL, true);
	return (ssize_t)len;
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	const struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	struct bytes *d = &datagrams[first_datagram];
	size_t room = msg->msg_iov[0].iov_len;

	(void)fd;
	if (first_datagram == nr_datagrams) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(msg->msg_iov[0].iov_base, d->data, d->len < room ? d->len : room);
	memcpy(msg->msg_name, &from, sizeof(from));
	msg->msg_flags = d->len > room ? MSG_TRUNC : 0;
	msg->msg_controllen = 0;
	if (!(flags & MSG_PEEK))
		first_datagram++;
	return (ssize_t)((flags & MSG_TRUNC) || d->len < room ? d->len : room);
}

/*
 * Messages, read: "COMMAND FLAGS: TYPE(TYPE=HEX ...) ..."; "!" is a nest
 * without its flag, "..." cuts long values.
 */

static char *describe_value(char *at, const struct nlattr *attr)
{
	size_t len = attr->nla_len - (size_t)NLA_HDRLEN;
	const uint8_t *value = (const uint8_t *)attr + NLA_HDRLEN;

	at += sprintf(at, "=");
	for (size_t i = 0; i < len && i < 8; i++)
		at += sprintf(at, "%02x", value[i]);
	return len > 8 ? at + sprintf(at, "...%zu", len) : at;
}

static char *describe_attrs(char *at, const uint8_t *data, size_t len)
{
	const struct nlattr *attr;

	for (size_t off = 0; off < len; off += NLA_ALIGN(attr->nla_len)) {
		attr = (const void *)(data + off);
		assert_true(attr->nla_len >= NLA_HDRLEN && off + attr->nla_len <= len);
		at += sprintf(at, "%s%d", off ? " " : "", attr->nla_type & NLA_TYPE_MASK);
		if (attr->nla_type & NLA_F_NESTED) {
			at = describe_attrs(at + sprintf(at, "("),
					    (const uint8_t *)attr + NLA_HDRLEN,
					    attr->nla_len - (size_t)NLA_HDRLEN);
			at += sprintf(at, ")");
		} else {
			at = describe_value(at, attr);
		}
	}
	return at;
}

static const char *describe(size_t number)
{
	const struct nlmsghdr *request = (const void *)requests[number].data;
	const struct genlmsghdr *genl = (const void *)(request + 1);
	const size_t skip = sizeof(*request) + sizeof(*genl);
	static char text[1 << 20];
	char *at = text;

	assert_int_equal(request->nlmsg_type, FAMILY);
	assert_int_equal(genl->version, MQTT_GENL_VERSION);
	at += sprintf(at, "%d %#x: ", genl->cmd, request->nlmsg_flags);
	describe_attrs(at, requests[number].data + skip, requests[number].len - skip);
	return text;
}

/*
 * Every test begins with a handle and an obedient kernel
 */

static void forget(struct bytes *list, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		free(list[i].data);
	*n = 0;
}

static int setup(void **state)
{
	answer = NULL;
	no_family = false;
	return mqtt_nl_open((struct mqtt_nl **)state);
}

static int teardown(void **state)
{
	mqtt_nl_close(*state);
	forget(requests, &nr_requests);
	forget(datagrams, &nr_datagrams);
	first_datagram = 0;
	return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif /* NETLINK_FIXTURE_H */
