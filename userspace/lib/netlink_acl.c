// SPDX-License-Identifier: MIT
/*
 * Sets of rules as netlink messages.
 */
#include <errno.h>

#include <netlink/msg.h>

#include "exchange.h"
#include "put.h"

/* Bytes of rules in one request; a rule that is longer goes alone. */
#define BATCH_MAX	(32 * 1024)

static const struct nla_policy acl_policy[MQTT_A_ACL_MAX + 1] = {
	[MQTT_A_ACL_ID]		= { .type = NLA_U32 },
	[MQTT_A_ACL_FALLBACK]	= { .type = NLA_U8 },
	[MQTT_A_ACL_PEERS]	= { .type = NLA_U32 },
	[MQTT_A_ACL_RULES]	= { .type = NLA_U32 },
};

static const struct nla_policy rule_policy[MQTT_A_ACL_RULE_MAX + 1] = {
	[MQTT_A_ACL_RULE_FILTER] = { .type = NLA_UNSPEC, .minlen = 1 },
	[MQTT_A_ACL_RULE_ACTION] = { .type = NLA_U8 },
	[MQTT_A_ACL_RULE_ACCESS] = { .type = NLA_U8 },
};

_Static_assert(MQTT_A_ACL_MAX < EXCHANGE_ATTRS_MAX, "exchange.h has too few");
_Static_assert(MQTT_A_ACL_RULE_MAX < EXCHANGE_ATTRS_MAX, "exchange.h has too few");

static size_t rule_size(const struct mqtt_nl_acl_rule *rule)
{
	return 2 * (size_t)NLA_HDRLEN + NLA_ALIGN(rule->len) + 2 * (size_t)nla_total_size(1);
}

/* How many of the rules go into one request; their @size. */
static size_t batch_measure(const struct mqtt_nl_acl_rule *rules, size_t n, size_t *size)
{
	size_t i;

	for (*size = 0, i = 0; i < n; i++) {
		if (i && *size + rule_size(&rules[i]) > BATCH_MAX)
			break;
		*size += rule_size(&rules[i]);
	}
	return i;
}

static int batch_send(struct mqtt_nl *nl, uint32_t id, uint8_t fallback, uint32_t total,
		      const struct mqtt_nl_acl_rule *rules, size_t n, size_t size, bool more)
{
	struct nl_msg *msg = request_new(nl, MQTT_CMD_ACL_SET, 0, size);
	size_t i;
	int err;

	if (msg) {
		err = put_acl(msg, id, fallback, total, more);
		for (i = 0; !err && i < n; i++)
			err = put_acl_rule(msg, &rules[i]);
		msg = request_finish(msg, err);
	}
	return request_run(nl, msg);
}

/*
 * What is left of a set that was not sent to its end the kernel drops when the next one
 * begins; and if that is the same one, the number of its rules is wrong.
 */
int mqtt_nl_acl_set(struct mqtt_nl *nl, uint32_t id, uint8_t fallback,
		    const struct mqtt_nl_acl_rule *rules, size_t n)
{
	size_t done = 0, count, size, i;
	int err;

	for (i = 0; i < n; i++)
		if (rules[i].len > MQTT_FILTER_MAX)
			return exchange_fail(nl, -EMSGSIZE, "a filter of %zu bytes is too long",
					     rules[i].len);
	do {
		count = batch_measure(rules + done, n - done, &size);
		err = batch_send(nl, id, fallback, (uint32_t)n, rules + done, count, size,
				 done + count < n);
		done += count;
	} while (!err && done < n);
	return err;
}

int mqtt_nl_acl_del(struct mqtt_nl *nl, uint32_t id)
{
	struct nl_msg *msg = request_new(nl, MQTT_CMD_ACL_DEL, 0, 0);

	if (msg)
		msg = request_finish(msg, put_acl_id(msg, id));
	return request_run(nl, msg);
}

/* Who is shown what */
struct show {
	mqtt_nl_show show;
	mqtt_nl_show show_rule;
	void *arg;
};

static int show_acl(struct nlattr **attrs, void *arg)
{
	const struct show *show = arg;

	return show->show ? show->show(attrs, show->arg) : 0;
}

static int show_rule(struct nlattr **attrs, void *arg)
{
	const struct show *show = arg;

	return show->show_rule ? show->show_rule(attrs, show->arg) : 0;
}

int mqtt_nl_acl_dump(struct mqtt_nl *nl, uint32_t id, mqtt_nl_show show,
		     mqtt_nl_show show_rule_of, void *arg)
{
	static const struct exchange_reply rule_reply = {
		.nest = MQTT_A_ACL_RULE,
		.max = MQTT_A_ACL_RULE_MAX,
		.policy = rule_policy,
		.show = show_rule,
	};
	static const struct exchange_reply acl_reply = {
		.nest = MQTT_A_ACL,
		.max = MQTT_A_ACL_MAX,
		.policy = acl_policy,
		.part = &rule_reply,
	};
	struct show both = { show, show_rule_of, arg };
	struct nl_msg *msg = request_new(nl, MQTT_CMD_ACL_GET, NLM_F_DUMP, 0);

	if (msg && id)
		msg = request_finish(msg, put_acl_id(msg, id));
	return exchange_run(nl, msg, &acl_reply, show_acl, &both);
}
