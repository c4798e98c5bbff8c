// SPDX-License-Identifier: MIT
/* Generic netlink, one request at a time; see exchange.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <netlink/errno.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "exchange.h"

/* Headers, the nest of who it is about and whatever else is no list. */
#define REQUEST_SLACK	1024

struct exchange {
	struct mqtt_nl *nl;
	const struct exchange_reply *reply;
	mqtt_nl_show show;
	void *arg;
	uint32_t seq;
	int shown;			/* first non-zero return of @show */
	int err;
	bool done;
	bool interrupted;		/* the kernel's table changed during a dump */
};

int exchange_fail(struct mqtt_nl *nl, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(nl->error, sizeof(nl->error), fmt, args);
	va_end(args);
	return err;
}

int exchange_fail_library(struct mqtt_nl *nl, int nlerr)
{
	switch (-nlerr) {
	case NLE_AGAIN:
		return exchange_fail(nl, -ETIMEDOUT,
				     "the kernel did not answer within %d seconds",
				     EXCHANGE_TIMEOUT);
	case NLE_NOMEM:
	case NLE_MSGSIZE:
		return exchange_fail(nl, -ENOMEM, "out of memory for a netlink message");
	case NLE_PERM:
		return exchange_fail(nl, -EPERM, "%s", strerror(EPERM));
	case NLE_AF_NOSUPPORT:
		return exchange_fail(nl, -EAFNOSUPPORT, "netlink sockets are not allowed here");
	default:
		return exchange_fail(nl, -EIO, "netlink: %s", nl_geterror(nlerr));
	}
}

/* " (LEAST to MOST)" if the kernel says what an attribute's value has to be. */
static void range_format(char *text, size_t size, struct nlattr *policy)
{
	static const struct nla_policy numbers[NL_POLICY_TYPE_ATTR_MAX + 1] = {
		[NL_POLICY_TYPE_ATTR_MIN_VALUE_U] = { .type = NLA_U64 },
		[NL_POLICY_TYPE_ATTR_MAX_VALUE_U] = { .type = NLA_U64 },
	};
	struct nlattr *attrs[NL_POLICY_TYPE_ATTR_MAX + 1] = { NULL };

	*text = '\0';
	if (!policy || nla_parse_nested(attrs, NL_POLICY_TYPE_ATTR_MAX, policy, numbers) ||
	    !attrs[NL_POLICY_TYPE_ATTR_MIN_VALUE_U] || !attrs[NL_POLICY_TYPE_ATTR_MAX_VALUE_U])
		return;
	snprintf(text, size, " (%" PRIu64 " to %" PRIu64 ")",
		 nla_get_u64(attrs[NL_POLICY_TYPE_ATTR_MIN_VALUE_U]),
		 nla_get_u64(attrs[NL_POLICY_TYPE_ATTR_MAX_VALUE_U]));
}

/*
 * @err is the kernel's; @tlvs is where the message has its extack attributes,
 * if the header says that it has any.
 */
static void take_error(struct exchange *x, int err, const struct nlmsghdr *nlh,
		       const void *tlvs)
{
	static const struct nla_policy policy[NLMSGERR_ATTR_MAX + 1] = {
		[NLMSGERR_ATTR_MSG] = { .type = NLA_STRING },
	};
	struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1] = { NULL };
	int len = (int)((const char *)nlh + nlh->nlmsg_len - (const char *)tlvs);
	const struct nlattr *text = NULL;
	char range[64] = "";

	x->err = err;
	x->done = true;
	if ((nlh->nlmsg_flags & NLM_F_ACK_TLVS) && len > 0 &&
	    !nla_parse(attrs, NLMSGERR_ATTR_MAX, (struct nlattr *)tlvs, len, policy))
		text = attrs[NLMSGERR_ATTR_MSG];
	if (err == -ERANGE)
		range_format(range, sizeof(range), attrs[NLMSGERR_ATTR_POLICY]);
	if (text && nla_len(text) > 0)
		exchange_fail(x->nl, err, "%.*s%s", nla_len(text),
			      (const char *)nla_data(text), range);
	else
		exchange_fail(x->nl, err, "%s%s", strerror(-err), range);
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *arg)
{
	const struct nlmsghdr *nlh = (void *)((char *)e - NLMSG_HDRLEN);
	size_t skip = sizeof(*e);

	(void)from;
	/* Without the capped flag the rest of the request is in between. */
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	take_error(arg, e->error, nlh, (const char *)e + skip);
	return NL_STOP;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct exchange *x = arg;

	(void)msg;
	x->done = true;
	return NL_STOP;
}

/* A dump can fail half way; the library does not look at the end's error. */
static int on_finish(struct nl_msg *msg, void *arg)
{
	const struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct exchange *x = arg;
	int err = 0;

	if (nlmsg_datalen(nlh) >= (int)sizeof(err))
		memcpy(&err, nlmsg_data(nlh), sizeof(err));
	if (err < 0)
		take_error(x, err, nlh, (const char *)nlmsg_data(nlh) + sizeof(err));
	x->done = true;
	return NL_STOP;
}

static int on_interrupted(struct nl_msg *msg, void *arg)
{
	struct exchange *x = arg;

	(void)msg;
	x->interrupted = true;
	return NL_OK;
}

/* Before anything else: is it from the kernel, and the answer to this request? */
static int on_any(struct nl_msg *msg, void *arg)
{
	const struct exchange *x = arg;

	if (nlmsg_get_src(msg)->nl_pid || nlmsg_hdr(msg)->nlmsg_seq != x->seq)
		return NL_SKIP;
	return NL_OK;
}

static void show_nest(struct exchange *x, const struct exchange_reply *reply, mqtt_nl_show show,
		      struct nlattr *nest)
{
	struct nlattr *attrs[EXCHANGE_ATTRS_MAX] = { NULL };

	if (nla_parse_nested(attrs, reply->max, nest, reply->policy))
		x->err = exchange_fail(x->nl, -EBADMSG, "the kernel's answer makes no sense");
	else
		x->shown = show(attrs, x->arg);
}

/*
 * After a failure the rest is read but not shown: a dump that is left standing
 * would be in the way of the next one.
 */
static int on_valid(struct nl_msg *msg, void *arg)
{
	struct genlmsghdr *genl = nlmsg_data(nlmsg_hdr(msg));
	const struct exchange_reply *part;
	struct exchange *x = arg;
	struct nlattr *attr;
	int rem;

	part = x->reply ? x->reply->part : NULL;
	if (!x->reply || nlmsg_datalen(nlmsg_hdr(msg)) < (int)sizeof(*genl))
		return NL_OK;
	nla_for_each_attr(attr, genlmsg_attrdata(genl, 0), genlmsg_attrlen(genl, 0), rem) {
		if (x->shown || x->err)
			break;
		if (nla_type(attr) == x->reply->nest)
			show_nest(x, x->reply, x->show, attr);
		else if (part && nla_type(attr) == part->nest)
			show_nest(x, part, part->show, attr);
	}
	return NL_OK;
}

static struct nl_cb *callbacks_new(struct exchange *x)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_CUSTOM);

	if (!cb)
		return NULL;
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, x);
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, on_any, x);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, x);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, x);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, x);
	nl_cb_set(cb, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interrupted, x);
	return cb;
}

static int receive(struct exchange *x, struct nl_cb *cb)
{
	int err;

	while (!x->done) {
		err = nl_recvmsgs(x->nl->sock, cb);
		if (err < 0 && !x->done)
			return exchange_fail_library(x->nl, err);
	}
	if (x->err)
		return x->err;
	if (x->shown)
		return x->shown;
	if (x->interrupted)
		return exchange_fail(x->nl, -EINTR, "the list changed while it was read");
	return 0;
}

int exchange_run(struct mqtt_nl *nl, struct nl_msg *msg, const struct exchange_reply *reply,
		 mqtt_nl_show show, void *arg)
{
	struct exchange x = { .nl = nl, .reply = reply, .show = show, .arg = arg };
	struct nl_cb *cb;
	int err;

	if (!msg)
		return exchange_fail_library(nl, -NLE_NOMEM);
	cb = callbacks_new(&x);
	if (!cb) {
		err = exchange_fail_library(nl, -NLE_NOMEM);
		goto out_free_msg;
	}
	err = nl_send_auto(nl->sock, msg);
	if (err < 0) {
		err = exchange_fail_library(nl, err);
		goto out_put_cb;
	}
	x.seq = nlmsg_hdr(msg)->nlmsg_seq;
	err = receive(&x, cb);

out_put_cb:
	nl_cb_put(cb);
out_free_msg:
	nlmsg_free(msg);
	return err;
}

struct nl_msg *request_new(struct mqtt_nl *nl, uint8_t cmd, int flags, size_t room)
{
	struct nl_msg *msg = nlmsg_alloc_size(REQUEST_SLACK + room);

	if (msg && !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl->family, 0, flags, cmd,
				MQTT_GENL_VERSION)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

struct nl_msg *request_finish(struct nl_msg *msg, int err)
{
	if (!err)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

int request_run(struct mqtt_nl *nl, struct nl_msg *msg)
{
	return exchange_run(nl, msg, NULL, NULL, NULL);
}
