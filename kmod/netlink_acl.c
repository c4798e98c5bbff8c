// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink: sets of rules, and which of them a peer has.
 */
#include <linux/slab.h>
#include <mqtt/topic.h>

#include "acl.h"
#include "compat/compat.h"
#include "netlink.h"
#include "netlink_acl.h"
#include "peer.h"
#include "router.h"

static const struct nla_policy mqtt_nl_acl_set_nest[MQTT_A_ACL_MAX + 1] = {
	[MQTT_A_ACL_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[MQTT_A_ACL_FALLBACK] = NLA_POLICY_MAX(NLA_U8, MQTT_ACL_ACTION_PASS),
	[MQTT_A_ACL_MORE] = { .type = NLA_FLAG },
	[MQTT_A_ACL_RULES] = { .type = NLA_U32 },
};

static const struct nla_policy mqtt_nl_acl_id_nest[MQTT_A_ACL_MAX + 1] = {
	[MQTT_A_ACL_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

static const struct nla_policy mqtt_nl_acl_rule_nest[MQTT_A_ACL_RULE_MAX + 1] = {
	[MQTT_A_ACL_RULE_FILTER] = { .type = NLA_BINARY, .len = MQTT_FILTER_MAX },
	[MQTT_A_ACL_RULE_ACTION] = NLA_POLICY_MAX(NLA_U8, MQTT_ACL_ACTION_PASS),
	[MQTT_A_ACL_RULE_ACCESS] = NLA_POLICY_RANGE(NLA_U8, MQTT_ACL_ACCESS_PUBLISH,
						    MQTT_ACL_ACCESS_PUBLISH |
						    MQTT_ACL_ACCESS_RECEIVE),
};

const struct nla_policy mqtt_nl_acl_set_policy[MQTT_A_ACL_RULE + 1] = {
	[MQTT_A_ACL] = NLA_POLICY_NESTED(mqtt_nl_acl_set_nest),
	[MQTT_A_ACL_RULE] = NLA_POLICY_NESTED(mqtt_nl_acl_rule_nest),
};

const struct nla_policy mqtt_nl_acl_id_policy[MQTT_A_ACL + 1] = {
	[MQTT_A_ACL] = NLA_POLICY_NESTED(mqtt_nl_acl_id_nest),
};

/* What a request says of its set; the id is there. */
static int mqtt_nl_acl_parse(struct nlattr **tb, struct nlattr **attrs,
			     const struct nla_policy *policy, struct netlink_ext_ack *extack)
{
	int err;

	if (!attrs[MQTT_A_ACL]) {
		NL_SET_ERR_ATTR_MISS(extack, NULL, MQTT_A_ACL);
		NL_SET_ERR_MSG(extack, "the set of rules is missing");
		return -EINVAL;
	}
	err = nla_parse_nested(tb, MQTT_A_ACL_MAX, attrs[MQTT_A_ACL], policy, extack);
	if (err)
		return err;
	if (!tb[MQTT_A_ACL_ID]) {
		NL_SET_ERR_ATTR_MISS(extack, attrs[MQTT_A_ACL], MQTT_A_ACL_ID);
		NL_SET_ERR_MSG(extack, "the set's id is missing");
		return -EINVAL;
	}
	return 0;
}

/* --- acl-set ------------------------------------------------------------------ */

/* Likewise; how many rules the set has in all is there, too. */
static int mqtt_nl_acl_set_parse(struct nlattr **tb, struct genl_info *info)
{
	int err = mqtt_nl_acl_parse(tb, info->attrs, mqtt_nl_acl_set_nest, info->extack);

	if (err)
		return err;
	if (!tb[MQTT_A_ACL_RULES]) {
		NL_SET_ERR_ATTR_MISS(info->extack, info->attrs[MQTT_A_ACL], MQTT_A_ACL_RULES);
		NL_SET_ERR_MSG(info->extack, "rules is missing: how many the set has in all");
		return -EINVAL;
	}
	return 0;
}

static bool mqtt_nl_acl_filter_check(const struct nlattr *nest, const struct nlattr *filter,
				     struct netlink_ext_ack *extack)
{
	if (!filter) {
		NL_SET_ERR_ATTR_MISS(extack, nest, MQTT_A_ACL_RULE_FILTER);
		NL_SET_ERR_MSG(extack, "the filter is missing");
		return false;
	}
	if (!mqtt_topic_filter_valid(nla_data(filter), nla_len(filter))) {
		NL_SET_ERR_MSG_ATTR(extack, filter, "not a valid topic filter");
		return false;
	}
	if (mqtt_topic_levels(nla_data(filter), nla_len(filter)) > MQTT_FILTER_LEVELS_MAX) {
		NL_SET_ERR_MSG_ATTR(extack, filter, "the topic filter has too many levels");
		return false;
	}
	return true;
}

/* @nest has been found to keep its policy. */
static int mqtt_nl_acl_rule(const struct nlattr *nest, struct mqtt_acl_input *rule,
			    struct netlink_ext_ack *extack)
{
	const struct nlattr *filter = nla_find_nested(nest, MQTT_A_ACL_RULE_FILTER);
	const struct nlattr *action = nla_find_nested(nest, MQTT_A_ACL_RULE_ACTION);
	const struct nlattr *access = nla_find_nested(nest, MQTT_A_ACL_RULE_ACCESS);

	if (!mqtt_nl_acl_filter_check(nest, filter, extack))
		return -EINVAL;
	if (!action) {
		NL_SET_ERR_ATTR_MISS(extack, nest, MQTT_A_ACL_RULE_ACTION);
		NL_SET_ERR_MSG(extack, "the action is missing");
		return -EINVAL;
	}
	if (nla_get_u8(action) == MQTT_ACL_ACTION_PASS) {
		NL_SET_ERR_MSG_ATTR(extack, action, "a rule denies or allows");
		return -EINVAL;
	}
	if (!access) {
		NL_SET_ERR_ATTR_MISS(extack, nest, MQTT_A_ACL_RULE_ACCESS);
		NL_SET_ERR_MSG(extack, "the access is missing");
		return -EINVAL;
	}
	rule->filter = nla_data(filter);
	rule->len = nla_len(filter);
	rule->action = nla_get_u8(action);
	rule->access = nla_get_u8(access);
	return 0;
}

/* Counts a request's rules, and with @rules checks and stores them. */
static int mqtt_nl_acl_rules(const struct genl_info *info, struct mqtt_acl_input *rules)
{
	const struct nlattr *attr;
	int left, err, n = 0;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, left) {
		if (nla_type(attr) != MQTT_A_ACL_RULE)
			continue;
		err = rules ? mqtt_nl_acl_rule(attr, &rules[n], info->extack) : 0;
		if (err)
			return err;
		n++;
	}
	return n;
}

static struct mqtt_acl_sender mqtt_nl_acl_sender(const struct sk_buff *skb)
{
	return (struct mqtt_acl_sender){
		.portid = NETLINK_CB(skb).portid,
		.sk = NETLINK_CB(skb).sk,
	};
}

/* All rules have come. */
static int mqtt_nl_acl_finish(struct mqtt_router *router, const struct mqtt_acl_sender *sender,
			      struct nlattr **tb, struct netlink_ext_ack *extack)
{
	u8 fallback = tb[MQTT_A_ACL_FALLBACK] ? nla_get_u8(tb[MQTT_A_ACL_FALLBACK]) :
						MQTT_ACL_ACTION_PASS;
	u32 total = nla_get_u32(tb[MQTT_A_ACL_RULES]);
	u32 id = nla_get_u32(tb[MQTT_A_ACL_ID]);
	struct mqtt_acl_version *version;
	int err;

	version = mqtt_acl_stage_end(router, sender, id, fallback, total, extack);
	if (IS_ERR(version))
		return PTR_ERR(version);
	err = mqtt_acl_install(router, id, version, extack);
	if (err)
		mqtt_acl_version_drop(version);
	return err;
}

static int mqtt_nl_acl_take(struct mqtt_router *router, const struct mqtt_acl_sender *sender,
			    struct genl_info *info)
{
	struct mqtt_acl_input *rules = NULL;
	struct nlattr *tb[MQTT_A_ACL_MAX + 1];
	int n, err;

	err = mqtt_nl_acl_set_parse(tb, info);
	if (err)
		return err;
	n = mqtt_nl_acl_rules(info, NULL);
	if (n) {
		rules = kvmalloc_array(n, sizeof(*rules), GFP_KERNEL);
		if (!rules)
			return -ENOMEM;
		err = mqtt_nl_acl_rules(info, rules);
	}
	if (err >= 0)
		err = mqtt_acl_stage(router, sender, nla_get_u32(tb[MQTT_A_ACL_ID]), rules, n,
				     info->extack);
	kvfree(rules);
	if (!err && !tb[MQTT_A_ACL_MORE])
		err = mqtt_nl_acl_finish(router, sender, tb, info->extack);
	return err;
}

int mqtt_nl_acl_set(struct sk_buff *skb, struct genl_info *info)
{
	struct mqtt_acl_sender sender = mqtt_nl_acl_sender(skb);
	struct mqtt_router *router = mqtt_nl_router(skb, info);
	int err;

	if (IS_ERR(router))
		return PTR_ERR(router);
	err = mqtt_nl_acl_take(router, &sender, info);
	if (err)
		mqtt_acl_stage_drop(router, &sender);
	mqtt_router_put(router);
	return err;
}

int mqtt_nl_acl_del(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[MQTT_A_ACL_MAX + 1];
	struct mqtt_router *router;
	int err;

	err = mqtt_nl_acl_parse(tb, info->attrs, mqtt_nl_acl_id_nest, info->extack);
	if (err)
		return err;
	router = mqtt_nl_router(skb, info);
	if (IS_ERR(router))
		return PTR_ERR(router);
	err = mqtt_acl_del(router, nla_get_u32(tb[MQTT_A_ACL_ID]), info->extack);
	if (err)
		NL_SET_BAD_ATTR(info->extack, tb[MQTT_A_ACL_ID]);
	mqtt_router_put(router);
	return err;
}

/* --- acl-get ------------------------------------------------------------------ */

int mqtt_nl_acl_dump_start(struct netlink_callback *cb)
{
	struct mqtt_nl_dump *dump = mqtt_nl_dump(cb);
	struct nlattr **attrs = mqtt_dump_attrs(cb);
	struct nlattr *tb[MQTT_A_ACL_MAX + 1];
	int err;

	if (attrs && attrs[MQTT_A_ACL]) {
		err = mqtt_nl_acl_parse(tb, attrs, mqtt_nl_acl_id_nest, cb->extack);
		if (err)
			return err;
		dump->acl_id = nla_get_u32(tb[MQTT_A_ACL_ID]);
		dump->one_acl = true;
	}
	return mqtt_nl_dump_start(cb);
}

static int mqtt_nl_put_acl(struct sk_buff *skb, const struct mqtt_acl *acl)
{
	const struct mqtt_acl_rules *rules = mqtt_acl_rules(acl);
	struct nlattr *nest = nla_nest_start(skb, MQTT_A_ACL);

	if (!nest || nla_put_u32(skb, MQTT_A_ACL_ID, acl->id) ||
	    nla_put_u8(skb, MQTT_A_ACL_FALLBACK, rules->fallback) ||
	    nla_put_u32(skb, MQTT_A_ACL_PEERS, acl->peers) ||
	    nla_put_u32(skb, MQTT_A_ACL_RULES, rules->nr))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int mqtt_nl_put_rule(struct sk_buff *skb, const struct mqtt_acl_rule *rule)
{
	struct nlattr *nest = nla_nest_start(skb, MQTT_A_ACL_RULE);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put(skb, MQTT_A_ACL_RULE_FILTER, rule->len, rule->filter) ||
	    nla_put_u8(skb, MQTT_A_ACL_RULE_ACTION, rule->action) ||
	    nla_put_u8(skb, MQTT_A_ACL_RULE_ACCESS, rule->access)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

/* Rules from @dump->acl_rule on, as many as fit. Returns -EMSGSIZE if there are more. */
static int mqtt_nl_put_rules(struct sk_buff *skb, struct mqtt_nl_dump *dump,
			     const struct mqtt_acl_rules *rules)
{
	const struct mqtt_acl_rule *rule;

	for (rule = rules->first; rule; rule = rule->next) {
		if (rule->index < dump->acl_rule)
			continue;
		if (mqtt_nl_put_rule(skb, rule))
			return -EMSGSIZE;
		dump->acl_rule = rule->index + 1;
	}
	return 0;
}

/* One message of a set. Returns -EMSGSIZE if there has to be another one. */
static int mqtt_nl_dump_acl(struct sk_buff *skb, struct netlink_callback *cb,
			    const struct mqtt_acl *acl)
{
	struct mqtt_nl_dump *dump = mqtt_nl_dump(cb);
	u32 before = dump->acl_rule;
	void *hdr;
	int err;

	hdr = mqtt_nl_dump_begin(skb, cb, MQTT_CMD_ACL_GET);
	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	err = mqtt_nl_put_acl(skb, acl);
	if (!err)
		err = mqtt_nl_put_rules(skb, dump, mqtt_acl_rules(acl));
	/* Nothing but the set's head waits for the next message. */
	mqtt_nl_dump_end(skb, hdr, dump->acl_rule == before ? err : 0);
	return err;
}

int mqtt_nl_acl_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct mqtt_nl_dump *dump = mqtt_nl_dump(cb);
	struct mqtt_router *router = dump->router;
	struct mqtt_acl *acl;
	unsigned long id;

	if (dump->acls_done)
		return 0;
	mutex_lock(&router->lock);
	/* 0 would be taken for one that says nothing. */
	cb->seq = (u32)router->acls.generation | 1U << 31;
	xa_for_each_start(&router->acls.sets, id, acl, dump->acl_id) {
		if (dump->one_acl && id != dump->acl_id)
			break;
		if (id != dump->acl_id) {
			dump->acl_id = id;
			dump->acl_rule = 0;
		}
		if (mqtt_nl_dump_acl(skb, cb, acl))
			goto out;
		if (dump->one_acl || id == U32_MAX)
			break;
		dump->acl_id = id + 1;
		dump->acl_rule = 0;
	}
	dump->acls_done = true;
out:
	mutex_unlock(&router->lock);
	return skb->len;
}

/* --- of a peer ---------------------------------------------------------------- */

/**
 * mqtt_nl_peer_acls() - the sets that a request gives a peer
 * @router: router; its lock is held
 * @attr: MQTT_A_PEER_ACLS, or NULL
 * @extack: is told what is wrong
 *
 * Return: as mqtt_acl_chain_new(); ERR_PTR(-ERANGE) if an id is 0.
 */
struct mqtt_acl_chain *mqtt_nl_peer_acls(struct mqtt_router *router, const struct nlattr *attr,
					 struct netlink_ext_ack *extack)
{
	u32 ids[MQTT_PEER_ACLS_MAX] = {};
	struct mqtt_acl_chain *chain;
	unsigned int i, nr;

	if (!attr)
		return NULL;
	nr = nla_len(attr) / sizeof(u32);
	if (nla_len(attr) % sizeof(u32)) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "not a list of 32-bit numbers");
		return ERR_PTR(-EINVAL);
	}
	nla_memcpy(ids, attr, sizeof(ids));
	for (i = 0; i < nr; i++)
		if (!ids[i]) {
			NL_SET_ERR_MSG_ATTR(extack, attr, "no set of rules has the id 0");
			return ERR_PTR(-ERANGE);
		}
	chain = mqtt_acl_chain_new(router, ids, nr, extack);
	if (IS_ERR(chain))
		NL_SET_BAD_ATTR(extack, attr);
	return chain;
}

/**
 * mqtt_nl_put_peer_acls() - write which sets a peer has
 * @skb: message
 * @peer: peer; its router's lock is held
 *
 * Return: 0 or -EMSGSIZE.
 */
int mqtt_nl_put_peer_acls(struct sk_buff *skb, const struct mqtt_peer *peer)
{
	const struct mqtt_acl_chain *chain;
	u32 ids[MQTT_PEER_ACLS_MAX];
	u8 i;

	chain = rcu_dereference_protected(peer->acls, lockdep_is_held(&peer->router->lock));
	if (!chain)
		return 0;
	for (i = 0; i < chain->nr; i++)
		ids[i] = chain->sets[i]->id;
	return nla_put(skb, MQTT_A_PEER_ACLS, chain->nr * sizeof(u32), ids);
}
