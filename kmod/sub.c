// SPDX-License-Identifier: GPL-2.0-only
/*
 * Peers subscribe and unsubscribe: their own lists, the topic table and groups.
 */
#include <linux/slab.h>

#include "group.h"
#include "peer.h"
#include "router.h"

/* Subscriptions that end while others wait for the router's lock */
#define MQTT_SUBS_END_BATCH	64

/* What the hot path has to know of the peer before it looks at its subscriptions. */
static void mqtt_peer_special(struct mqtt_peer *peer)
{
	u8 special = 0;

	if (peer->nr_ids)
		special |= MQTT_SPECIAL_ID;
	if (peer->nr_raps)
		special |= MQTT_SPECIAL_RETAIN;
	WRITE_ONCE(peer->special, special);
}

static void mqtt_peer_count(struct mqtt_peer *peer, u32 how, int n)
{
	if (how & MQTT_SUB_MEMBER)
		return;
	if (mqtt_sub_id(how))
		peer->nr_ids += n;
	if (how & MQTT_SUB_OPTION_RETAIN_AS_PUBLISHED)
		peer->nr_raps += n;
}

/* The router's lock is held. */
static void mqtt_peer_sub_free(struct mqtt_peer_sub *sub)
{
	struct mqtt_peer *peer = sub->peer;

	lockdep_assert_held(&peer->router->lock);
	if (sub->how & MQTT_SUB_MEMBER)
		mqtt_group_leave(sub);
	else
		mqtt_trie_del(&peer->router->trie, &sub->trie);
	mqtt_peer_count(peer, sub->how, -1);
	mqtt_peer_special(peer);
	list_del(&sub->list);
	peer->nr_subs--;
	peer->router->nr_subs--;
	kfree_rcu(sub, rcu);
}

static struct mqtt_peer_sub *mqtt_peer_member_find(struct mqtt_peer *peer,
						   const struct mqtt_sub_desc *desc)
{
	struct mqtt_group *group = mqtt_group_find(peer->router, desc);
	struct mqtt_peer_sub *sub;

	if (!group)
		return NULL;
	if (group->n < peer->nr_subs)
		return mqtt_group_member(group, peer);
	list_for_each_entry(sub, &peer->subs, list)
		if (sub->how & MQTT_SUB_MEMBER && sub->group == group)
			return sub;
	return NULL;
}

/* Looks through the shorter of the peer's list and the filter's. */
static struct mqtt_peer_sub *mqtt_peer_sub_find(struct mqtt_peer *peer,
						const struct mqtt_sub_desc *desc)
{
	struct mqtt_trie_node *node;
	struct mqtt_peer_sub *sub;
	bool hash;

	if (desc->group)
		return mqtt_peer_member_find(peer, desc);
	node = mqtt_trie_lookup(&peer->router->trie, desc->filter, desc->len, &hash);
	if (!node)
		return NULL;
	if (mqtt_trie_node_subs(node) < peer->nr_subs) {
		hlist_for_each_entry(sub, mqtt_trie_node_list(node), trie.link)
			if (sub->peer == peer && sub->trie.hash == hash)
				return sub;
		return NULL;
	}
	list_for_each_entry(sub, &peer->subs, list)
		if (!(sub->how & MQTT_SUB_MEMBER) && sub->trie.node == node &&
		    sub->trie.hash == hash)
			return sub;
	return NULL;
}

/**
 * mqtt_peer_sub_exists() - has a peer this subscription?
 * @peer: peer; its router's lock is held
 * @desc: which; options and id do not matter
 */
bool mqtt_peer_sub_exists(struct mqtt_peer *peer, const struct mqtt_sub_desc *desc)
{
	return mqtt_peer_sub_find(peer, desc);
}

static int mqtt_peer_sub_link(struct mqtt_peer_sub *sub, const struct mqtt_sub_desc *desc)
{
	struct mqtt_router *router = sub->peer->router;

	if (sub->how & MQTT_SUB_MEMBER)
		return mqtt_group_join(router, sub, desc);
	return mqtt_trie_add(&router->trie, desc->filter, desc->len, &sub->trie);
}

/**
 * mqtt_peer_sub_add() - subscribe
 * @peer: peer, listed; its router's lock is held
 * @desc: to what, and how; copied
 *
 * A subscription that is there already stays as it is, for others may still
 * fail: see mqtt_peer_sub_set().
 *
 * Return: 1 if it is new, 0 if not, -ENOMEM.
 */
int mqtt_peer_sub_add(struct mqtt_peer *peer, const struct mqtt_sub_desc *desc)
{
	struct mqtt_peer_sub *sub;
	int err;

	lockdep_assert_held(&peer->router->lock);
	if (mqtt_peer_sub_find(peer, desc))
		return 0;
	sub = kzalloc(sizeof(*sub), GFP_KERNEL_ACCOUNT);
	if (!sub)
		return -ENOMEM;
	sub->peer = peer;
	sub->how = desc->how | (desc->group ? MQTT_SUB_MEMBER : 0);
	sub->seq = ++peer->next_sub_seq;
	mqtt_peer_count(peer, sub->how, 1);
	mqtt_peer_special(peer);
	err = mqtt_peer_sub_link(sub, desc);
	if (err) {
		mqtt_peer_count(peer, sub->how, -1);
		mqtt_peer_special(peer);
		kfree(sub);
		return err;
	}
	list_add_tail(&sub->list, &peer->subs);
	peer->nr_subs++;
	peer->router->nr_subs++;
	return 1;
}

/**
 * mqtt_peer_sub_set() - change a subscription's options and id
 * @peer: peer, listed; its router's lock is held
 * @desc: which, and how it is to be in place of what it was (MQTT 3.8.4)
 */
void mqtt_peer_sub_set(struct mqtt_peer *peer, const struct mqtt_sub_desc *desc)
{
	struct mqtt_peer_sub *sub;
	u32 how;

	lockdep_assert_held(&peer->router->lock);
	sub = mqtt_peer_sub_find(peer, desc);
	if (!sub)
		return;
	how = desc->how | (sub->how & MQTT_SUB_MEMBER);
	mqtt_peer_count(peer, how, 1);
	mqtt_peer_count(peer, sub->how, -1);
	mqtt_peer_special(peer);
	WRITE_ONCE(sub->how, how);
}

/**
 * mqtt_peer_sub_del() - unsubscribe
 * @peer: peer, listed; its router's lock is held
 * @desc: from what; options and id do not matter
 *
 * Return: 0, or -ENOENT if there is no such subscription.
 */
int mqtt_peer_sub_del(struct mqtt_peer *peer, const struct mqtt_sub_desc *desc)
{
	struct mqtt_peer_sub *sub;

	lockdep_assert_held(&peer->router->lock);
	sub = mqtt_peer_sub_find(peer, desc);
	if (!sub)
		return -ENOENT;
	mqtt_peer_sub_free(sub);
	return 0;
}

/**
 * mqtt_peer_subs_renumber() - see to it that a request's subscriptions get numbers that grow
 * @peer: peer, listed; its router's lock is held
 *
 * After 2,147,483,647 subscriptions it numbers those that are there anew, and dumps that are
 * being made are told that something has changed.
 *
 * Context: may sleep.
 */
void mqtt_peer_subs_renumber(struct mqtt_peer *peer)
{
	struct mqtt_peer_sub *sub;

	lockdep_assert_held(&peer->router->lock);
	if (likely(peer->next_sub_seq <= S32_MAX))
		return;
	peer->next_sub_seq = 0;
	list_for_each_entry(sub, &peer->subs, list) {
		sub->seq = ++peer->next_sub_seq;
		cond_resched();
	}
	peer->router->renumbered++;
}

/**
 * mqtt_peer_sub_undo() - take back the latest subscriptions
 * @peer: peer, listed; its router's lock is held
 * @seq: all that came after this one
 */
void mqtt_peer_sub_undo(struct mqtt_peer *peer, u32 seq)
{
	struct mqtt_peer_sub *sub, *next;

	list_for_each_entry_safe_reverse(sub, next, &peer->subs, list) {
		if (sub->seq <= seq)
			break;
		mqtt_peer_sub_free(sub);
		cond_resched();
	}
}

/**
 * mqtt_peer_subs_end_locked() - end all subscriptions of a peer
 * @peer: peer, unlisted by the caller; its router's lock is held
 *
 * Context: may sleep.
 */
void mqtt_peer_subs_end_locked(struct mqtt_peer *peer)
{
	struct mqtt_peer_sub *sub, *next;

	list_for_each_entry_safe(sub, next, &peer->subs, list) {
		mqtt_peer_sub_free(sub);
		cond_resched();
	}
}

/**
 * mqtt_peer_subs_end() - end all subscriptions of a peer, a few at a time
 * @peer: peer, unlisted by the caller, who has a reference; its router is not locked
 *
 * Nobody else looks at the list of one that is not listed. Until they have ended, messages
 * that match find a closed queue.
 *
 * Context: may sleep.
 */
void mqtt_peer_subs_end(struct mqtt_peer *peer)
{
	struct mqtt_peer_sub *sub;
	unsigned int i;

	while (!list_empty(&peer->subs)) {
		mutex_lock(&peer->router->lock);
		for (i = 0; i < MQTT_SUBS_END_BATCH && !list_empty(&peer->subs); i++) {
			sub = list_first_entry(&peer->subs, struct mqtt_peer_sub, list);
			mqtt_peer_sub_free(sub);
		}
		mutex_unlock(&peer->router->lock);
		cond_resched();
	}
}
