// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink: subscriptions.
 */
#include <mqtt/topic.h>
#include <mqtt/utf8.h>

#include "group.h"
#include "netlink.h"
#include "peer.h"
#include "router.h"

#define MQTT_NL_SUB_ID_MAX	268435455	/* MQTT 5.0 3.8.2.1.2 */

static struct netlink_range_validation mqtt_nl_sub_id_range = {
	.min = 1,
	.max = MQTT_NL_SUB_ID_MAX,
};

static const struct nla_policy mqtt_nl_sub_add_nest[MQTT_A_SUB_MAX + 1] = {
	[MQTT_A_SUB_FILTER] = { .type = NLA_BINARY, .len = MQTT_FILTER_MAX },
	[MQTT_A_SUB_OPTIONS] = NLA_POLICY_MASK(NLA_U8, MQTT_SUB_OPTIONS),
	[MQTT_A_SUB_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &mqtt_nl_sub_id_range),
	[MQTT_A_SUB_GROUP] = NLA_POLICY_RANGE(NLA_BINARY, 1, MQTT_GROUP_MAX),
};

static const struct nla_policy mqtt_nl_sub_del_nest[MQTT_A_SUB_MAX + 1] = {
	[MQTT_A_SUB_FILTER] = { .type = NLA_BINARY, .len = MQTT_FILTER_MAX },
	[MQTT_A_SUB_GROUP] = NLA_POLICY_RANGE(NLA_BINARY, 1, MQTT_GROUP_MAX),
};

const struct nla_policy mqtt_nl_sub_add_policy[MQTT_A_SUB + 1] = {
	[MQTT_A_PEER] = NLA_POLICY_NESTED(mqtt_nl_peer_id_nest),
	[MQTT_A_SUB] = NLA_POLICY_NESTED(mqtt_nl_sub_add_nest),
};

const struct nla_policy mqtt_nl_sub_del_policy[MQTT_A_SUB + 1] = {
	[MQTT_A_PEER] = NLA_POLICY_NESTED(mqtt_nl_peer_id_nest),
	[MQTT_A_SUB] = NLA_POLICY_NESTED(mqtt_nl_sub_del_nest),
};

/* What a nest says, after its policy was found kept: the filter may be missing */
struct mqtt_nl_sub {
	const struct nlattr *filter;
	const struct nlattr *options;
	const struct nlattr *id;
	const struct nlattr *group;
};

static struct mqtt_nl_sub mqtt_nl_sub_parse(const struct nlattr *nest)
{
	return (struct mqtt_nl_sub){
		.filter = nla_find_nested(nest, MQTT_A_SUB_FILTER),
		.options = nla_find_nested(nest, MQTT_A_SUB_OPTIONS),
		.id = nla_find_nested(nest, MQTT_A_SUB_ID),
		.group = nla_find_nested(nest, MQTT_A_SUB_GROUP),
	};
}

static u8 mqtt_nl_sub_options(const struct mqtt_nl_sub *sub)
{
	return sub->options ? nla_get_u8(sub->options) : 0;
}

/* Of a nest that was found good. */
static struct mqtt_sub_desc mqtt_nl_sub_desc(const struct nlattr *nest)
{
	struct mqtt_nl_sub sub = mqtt_nl_sub_parse(nest);

	return (struct mqtt_sub_desc){
		.filter = nla_data(sub.filter),
		.len = nla_len(sub.filter),
		.group = sub.group ? nla_data(sub.group) : NULL,
		.group_len = sub.group ? nla_len(sub.group) : 0,
		.how = mqtt_sub_how(mqtt_nl_sub_options(&sub), sub.id ? nla_get_u32(sub.id) : 0),
	};
}

/* MQTT 5.0 4.8.2 */
static bool mqtt_nl_group_check(const struct mqtt_nl_sub *sub, struct netlink_ext_ack *extack)
{
	const u8 *name = nla_data(sub->group);
	u32 len = nla_len(sub->group);

	if (!mqtt_utf8_valid(name, len) || memchr(name, '/', len) || memchr(name, '+', len) ||
	    memchr(name, '#', len)) {
		NL_SET_ERR_MSG_ATTR(extack, sub->group, "not a valid ShareName");
		return false;
	}
	if (mqtt_nl_sub_options(sub) & MQTT_SUB_OPTION_NO_LOCAL) {
		NL_SET_ERR_MSG_ATTR(extack, sub->options,
				    "a shared subscription cannot be no-local");
		return false;
	}
	return true;
}

static bool mqtt_nl_sub_check(const struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct mqtt_nl_sub sub = mqtt_nl_sub_parse(nest);

	if (!sub.filter) {
		NL_SET_ERR_ATTR_MISS(extack, nest, MQTT_A_SUB_FILTER);
		NL_SET_ERR_MSG(extack, "the filter is missing");
		return false;
	}
	if (!mqtt_topic_filter_valid(nla_data(sub.filter), nla_len(sub.filter))) {
		NL_SET_ERR_MSG_ATTR(extack, sub.filter, "not a valid topic filter");
		return false;
	}
	if (mqtt_topic_levels(nla_data(sub.filter), nla_len(sub.filter)) >
	    MQTT_FILTER_LEVELS_MAX) {
		NL_SET_ERR_MSG_ATTR(extack, sub.filter, "the topic filter has too many levels");
		return false;
	}
	return !sub.group || mqtt_nl_group_check(&sub, extack);
}

/* The request's next subscription behind @prev, or its first, or NULL */
static struct nlattr *mqtt_nl_sub_next(const struct genl_info *info, const struct nlattr *prev)
{
	const struct nlattr *first = nlmsg_attrdata(info->nlhdr, GENL_HDRLEN);
	int left = nlmsg_attrlen(info->nlhdr, GENL_HDRLEN);
	const struct nlattr *attr = first;

	if (prev) {
		attr = (void *)prev + NLA_ALIGN(prev->nla_len);
		left -= (void *)attr - (void *)first;
	}
	return nla_find(attr, left, MQTT_A_SUB);
}

/* Everything is looked at before anything is changed. */
static int mqtt_nl_subs_check(struct genl_info *info)
{
	struct nlattr *attr;

	attr = mqtt_nl_sub_next(info, NULL);
	if (!attr) {
		NL_SET_ERR_ATTR_MISS(info->extack, NULL, MQTT_A_SUB);
		NL_SET_ERR_MSG(info->extack, "there is no subscription in the request");
		return -EINVAL;
	}
	for (; attr; attr = mqtt_nl_sub_next(info, attr)) {
		if (!mqtt_nl_sub_check(attr, info->extack))
			return -EINVAL;
		cond_resched();
	}
	return 0;
}

/* Does the peer's protocol have what is asked for? */
static int mqtt_nl_subs_fit(const struct mqtt_peer *peer, struct genl_info *info)
{
	const struct nlattr *attr, *id;

	if (peer->protocol == MQTT_PROTOCOL_V5)
		return 0;
	for (attr = mqtt_nl_sub_next(info, NULL); attr; attr = mqtt_nl_sub_next(info, attr)) {
		id = nla_find_nested(attr, MQTT_A_SUB_ID);
		if (id) {
			NL_SET_ERR_MSG_ATTR(info->extack, id,
					    "only MQTT 5.0 has Subscription Identifiers");
			return -EINVAL;
		}
	}
	return 0;
}

/* The router's lock is held. All or none. */
static int mqtt_nl_subs_add(struct mqtt_peer *peer, struct genl_info *info)
{
	struct mqtt_sub_desc desc;
	struct nlattr *attr;
	bool all_new = true;
	u32 before;
	int ret;

	ret = mqtt_nl_subs_fit(peer, info);
	if (ret)
		return ret;
	mqtt_peer_subs_renumber(peer);
	before = peer->next_sub_seq;
	for (attr = mqtt_nl_sub_next(info, NULL); attr; attr = mqtt_nl_sub_next(info, attr)) {
		desc = mqtt_nl_sub_desc(attr);
		ret = mqtt_peer_sub_add(peer, &desc);
		if (ret < 0) {
			mqtt_peer_sub_undo(peer, before);
			return ret;
		}
		all_new &= ret;
		cond_resched();
	}
	if (all_new)
		return 0;
	/* From here on nothing fails. */
	for (attr = mqtt_nl_sub_next(info, NULL); attr; attr = mqtt_nl_sub_next(info, attr)) {
		desc = mqtt_nl_sub_desc(attr);
		mqtt_peer_sub_set(peer, &desc);
		cond_resched();
	}
	return 0;
}

/* The router's lock is held. All or none. */
static int mqtt_nl_subs_del(struct mqtt_peer *peer, struct genl_info *info)
{
	struct mqtt_sub_desc desc;
	struct nlattr *attr;

	for (attr = mqtt_nl_sub_next(info, NULL); attr; attr = mqtt_nl_sub_next(info, attr)) {
		desc = mqtt_nl_sub_desc(attr);
		if (!mqtt_peer_sub_exists(peer, &desc)) {
			NL_SET_ERR_MSG_ATTR(info->extack, mqtt_nl_sub_parse(attr).filter,
					    "the peer has no such subscription");
			return -ENOENT;
		}
		cond_resched();
	}
	/* The same filter twice is gone the second time, which is as good. */
	for (attr = mqtt_nl_sub_next(info, NULL); attr; attr = mqtt_nl_sub_next(info, attr)) {
		desc = mqtt_nl_sub_desc(attr);
		mqtt_peer_sub_del(peer, &desc);
		cond_resched();
	}
	return 0;
}

static int mqtt_nl_subs_change(struct sk_buff *skb, struct genl_info *info,
			       int (*change)(struct mqtt_peer *peer, struct genl_info *info))
{
	struct mqtt_router *router;
	struct mqtt_peer *peer;
	u32 id;
	int err;

	err = mqtt_nl_peer_id(info->attrs, info->extack, &id) ?: mqtt_nl_subs_check(info);
	if (err)
		return err;
	router = mqtt_nl_router(skb, info);
	if (IS_ERR(router))
		return PTR_ERR(router);

	mutex_lock(&router->lock);
	peer = mqtt_peer_find(router, id, info->extack);
	err = IS_ERR(peer) ? PTR_ERR(peer) : change(peer, info);
	mutex_unlock(&router->lock);
	if (IS_ERR(peer))
		mqtt_nl_bad_peer_id(info);
	mqtt_router_put(router);
	return err;
}

int mqtt_nl_sub_add(struct sk_buff *skb, struct genl_info *info)
{
	return mqtt_nl_subs_change(skb, info, mqtt_nl_subs_add);
}

int mqtt_nl_sub_del(struct sk_buff *skb, struct genl_info *info)
{
	return mqtt_nl_subs_change(skb, info, mqtt_nl_subs_del);
}

static int mqtt_nl_put_sub_filter(struct sk_buff *skb, const struct mqtt_sub *place)
{
	size_t len = mqtt_trie_filter(place, NULL, 0);
	struct nlattr *filter = nla_reserve(skb, MQTT_A_SUB_FILTER, len);

	if (!filter)
		return -EMSGSIZE;
	mqtt_trie_filter(place, nla_data(filter), len);
	return 0;
}

/* What most do not have is there only if it is. */
static int mqtt_nl_put_sub_how(struct sk_buff *skb, const struct mqtt_peer_sub *sub)
{
	u32 id = mqtt_sub_id(sub->how);

	if (nla_put_u8(skb, MQTT_A_SUB_OPTIONS, sub->how & MQTT_SUB_OPTIONS) ||
	    (id && nla_put_u32(skb, MQTT_A_SUB_ID, id)))
		return -EMSGSIZE;
	if (!(sub->how & MQTT_SUB_MEMBER))
		return 0;
	return nla_put(skb, MQTT_A_SUB_GROUP, sub->group->name_len, sub->group->name);
}

static int mqtt_nl_put_sub(struct sk_buff *skb, const struct mqtt_peer_sub *sub)
{
	const struct mqtt_peer_sub *place = sub->how & MQTT_SUB_MEMBER ? &sub->group->entry : sub;
	struct nlattr *nest = nla_nest_start(skb, MQTT_A_SUB);

	if (!nest || nla_put_u32(skb, MQTT_A_SUB_PEER_ID, sub->peer->id) ||
	    nla_put_u32(skb, MQTT_A_SUB_SEQ, sub->seq) ||
	    mqtt_nl_put_sub_how(skb, sub) || mqtt_nl_put_sub_filter(skb, &place->trie))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int mqtt_nl_dump_sub(struct sk_buff *skb, struct netlink_callback *cb,
			    const struct mqtt_peer_sub *sub)
{
	void *hdr = mqtt_nl_dump_begin(skb, cb, MQTT_CMD_SUB_GET);

	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	return mqtt_nl_dump_end(skb, hdr, mqtt_nl_put_sub(skb, sub));
}

/* Returns -EMSGSIZE if the message is full. */
static int mqtt_nl_dump_subs_of(struct sk_buff *skb, struct netlink_callback *cb,
				const struct mqtt_peer *peer)
{
	struct mqtt_nl_dump *dump = mqtt_nl_dump(cb);
	const struct mqtt_peer_sub *sub;

	list_for_each_entry(sub, &peer->subs, list) {
		cond_resched();
		if (sub->seq <= dump->sub_seq)
			continue;
		if (mqtt_nl_dump_sub(skb, cb, sub))
			return -EMSGSIZE;
		dump->sub_seq = sub->seq;
	}
	return 0;
}

int mqtt_nl_sub_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct mqtt_nl_dump *dump = mqtt_nl_dump(cb);
	struct mqtt_peer *peer;
	unsigned long id;

	mutex_lock(&dump->router->lock);
	/* 0 would be taken for one that says nothing. */
	cb->seq = dump->router->renumbered | 1U << 31;
	xa_for_each_start(&dump->router->peers, id, peer, dump->peer_id) {
		if (id != dump->peer_id) {
			if (dump->one_peer)
				break;
			dump->peer_id = id;
			dump->sub_seq = 0;
		}
		if (mqtt_nl_dump_subs_of(skb, cb, peer))
			goto out;
	}
	dump->peer_id = U32_MAX;
	dump->one_peer = false;
out:
	mutex_unlock(&dump->router->lock);
	return skb->len;
}
