// SPDX-License-Identifier: MIT
/*
 * Generic netlink by hand. See rawnl.h.
 */
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ksft.h"
#include "rawnl.h"
#include "tcp.h"

#define REPLY_MAX 32768

static void pad(struct bytes *b)
{
	while (b->len % 4)
		bytes_u8(b, 0);
}

static void begin(struct rawnl *nl, struct bytes *b, unsigned int type, unsigned int cmd,
		  unsigned int flags)
{
	struct nlmsghdr hdr = {
		.nlmsg_type = type,
		.nlmsg_flags = NLM_F_REQUEST | flags,
		.nlmsg_seq = ++nl->seq,
	};
	struct genlmsghdr genl = { .cmd = cmd, .version = 1 };

	b->len = 0;
	bytes_put(b, &hdr, sizeof(hdr));
	bytes_put(b, &genl, sizeof(genl));
}

void rawnl_begin(struct rawnl *nl, struct bytes *b, unsigned int cmd, unsigned int flags)
{
	begin(nl, b, nl->family, cmd, flags | NLM_F_ACK);
}

size_t rawnl_put(struct bytes *b, unsigned int type, const void *data, size_t len)
{
	struct nlattr attr = { .nla_type = type, .nla_len = sizeof(attr) + len };
	size_t at = b->len;

	bytes_put(b, &attr, sizeof(attr));
	bytes_put(b, data, len);
	pad(b);
	return at;
}

size_t rawnl_put_u8(struct bytes *b, unsigned int type, unsigned char value)
{
	return rawnl_put(b, type, &value, sizeof(value));
}

size_t rawnl_put_u32(struct bytes *b, unsigned int type, unsigned int value)
{
	return rawnl_put(b, type, &value, sizeof(value));
}

size_t rawnl_put_u64(struct bytes *b, unsigned int type, unsigned long long value)
{
	return rawnl_put(b, type, &value, sizeof(value));
}

size_t rawnl_nest(struct bytes *b, unsigned int type)
{
	return rawnl_put(b, type | NLA_F_NESTED, NULL, 0);
}

void rawnl_nest_end(struct bytes *b, size_t nest)
{
	unsigned short len = b->len - nest;

	memcpy(b->p + nest, &len, sizeof(len));
}

static void send_request(struct rawnl *nl, struct bytes *b)
{
	unsigned int len = b->len;

	memcpy(b->p, &len, sizeof(len));
	CHECK_EQ(send(nl->fd, b->p, b->len, 0), b->len);
	b->len = 0;
}

/* The attributes of an extended acknowledgment. */
static void parse_extack(const unsigned char *p, size_t len, struct rawnl_answer *a)
{
	struct nlattr attr;
	size_t step;

	while (len >= sizeof(attr)) {
		memcpy(&attr, p, sizeof(attr));
		CHECK(attr.nla_len >= sizeof(attr) && attr.nla_len <= len);
		if (attr.nla_type == NLMSGERR_ATTR_MSG)
			snprintf(a->text, sizeof(a->text), "%.*s",
				 (int)(attr.nla_len - sizeof(attr)), p + sizeof(attr));
		if (attr.nla_type == NLMSGERR_ATTR_OFFS)
			memcpy(&a->offset, p + sizeof(attr), sizeof(a->offset));
		step = NLA_ALIGN(attr.nla_len);
		if (step >= len)
			break;
		p += step;
		len -= step;
	}
}

static void parse_ack(const struct nlmsghdr *hdr, struct rawnl_answer *a)
{
	const struct nlmsgerr *err = (const void *)(hdr + 1);
	size_t skip = sizeof(*hdr) + sizeof(*err);

	a->error = -err->error;
	if (!(hdr->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(err->msg.nlmsg_len) - sizeof(err->msg);
	if (hdr->nlmsg_flags & NLM_F_ACK_TLVS)
		parse_extack((const unsigned char *)hdr + skip, hdr->nlmsg_len - skip, a);
}

/* Reads one datagram; true when the acknowledgment was in it. */
static bool read_answer(struct rawnl *nl, struct rawnl_answer *a)
{
	static struct nlmsghdr buf[REPLY_MAX / sizeof(struct nlmsghdr)];
	unsigned int left = CHECK_SYS(recv(nl->fd, buf, sizeof(buf), 0));
	struct nlmsghdr *hdr = buf;

	for (; NLMSG_OK(hdr, left); hdr = NLMSG_NEXT(hdr, left)) {
		if (hdr->nlmsg_seq != nl->seq)
			continue;
		if (hdr->nlmsg_type == NLMSG_ERROR) {
			parse_ack(hdr, a);
			return true;
		}
		if (hdr->nlmsg_type == NLMSG_DONE) {
			int error;

			memcpy(&error, hdr + 1, sizeof(error));
			a->error = -error;
			return true;
		}
	}
	return false;
}

void rawnl_call(struct rawnl *nl, struct bytes *b, struct rawnl_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	send_request(nl, b);
	while (!read_answer(nl, answer))
		;
}

/* CTRL_CMD_GETFAMILY; the family's number is an attribute of the reply. */
static unsigned short family_number(struct rawnl *nl)
{
	unsigned char buf[4096];
	struct bytes b = { 0 };
	struct nlattr attr;
	size_t at, len;

	begin(nl, &b, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	rawnl_put(&b, CTRL_ATTR_FAMILY_NAME, MQTT_GENL_NAME, sizeof(MQTT_GENL_NAME));
	send_request(nl, &b);
	bytes_free(&b);
	len = CHECK_SYS(recv(nl->fd, buf, sizeof(buf), 0));
	at = NLMSG_HDRLEN + GENL_HDRLEN;
	if (((struct nlmsghdr *)buf)->nlmsg_type == NLMSG_ERROR)
		FAIL("netlink family mqtt is not there; is the module loaded?");
	while (at + sizeof(attr) <= len) {
		memcpy(&attr, buf + at, sizeof(attr));
		if (attr.nla_type == CTRL_ATTR_FAMILY_ID)
			return buf[at + 4] | buf[at + 5] << 8;
		at += NLA_ALIGN(attr.nla_len);
	}
	FAIL("no family number");
}

void rawnl_open_as(struct rawnl *nl, unsigned int port)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_pid = port };

	memset(nl, 0, sizeof(*nl));
	nl->fd = CHECK_SYS(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));
	CHECK_SYS(bind(nl->fd, (struct sockaddr *)&addr, sizeof(addr)));
	tcp_set_int(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	tcp_set_int(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
	nl->family = family_number(nl);
}

void rawnl_open(struct rawnl *nl)
{
	rawnl_open_as(nl, 0);
}

unsigned int rawnl_port(const struct rawnl *nl)
{
	struct sockaddr_nl addr;
	socklen_t len = sizeof(addr);

	CHECK_SYS(getsockname(nl->fd, (struct sockaddr *)&addr, &len));
	return addr.nl_pid;
}

void rawnl_close(struct rawnl *nl)
{
	close(nl->fd);
}
