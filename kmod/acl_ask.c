// SPDX-License-Identifier: GPL-2.0-only
/*
 * May a peer publish this, may it get that? Asked for each message, in softirq.
 */
#include <mqtt/word.h>

#include "acl_ask.h"
#include "event.h"
#include "router.h"
#include "trace.h"

/* What a set says; RCU read lock. */
static u8 mqtt_acl_ask(const struct mqtt_acl *acl, u8 access, const u8 *topic, u32 len, u32 *steps)
{
	return mqtt_acl_rules_ask(&rcu_dereference(acl->version)->rules, access, topic, len, steps);
}

static bool mqtt_acl_ask_chain(const struct mqtt_acl_chain *chain, const u8 *topic, u32 len,
			       u32 *steps)
{
	u8 i, says = MQTT_ACL_ACTION_PASS;

	for (i = 0; i < chain->nr && says == MQTT_ACL_ACTION_PASS; i++)
		says = mqtt_acl_ask(chain->sets[i], MQTT_ACL_ACCESS_PUBLISH, topic, len, steps);
	return says == MQTT_ACL_ACTION_ALLOW;
}

static bool mqtt_acl_ask_and_keep(struct mqtt_acl_chain *chain, unsigned long generation,
				  const u8 *topic, u32 len, u32 *steps)
{
	bool allowed = mqtt_acl_ask_chain(chain, topic, len, steps);

	chain->known = len <= MQTT_ACL_TOPIC_MAX;
	if (chain->known) {
		memcpy(chain->topic, topic, len);
		chain->topic_len = len;
		chain->generation = generation;
		chain->allowed = allowed;
	}
	return allowed;
}

static void mqtt_acl_denied(struct mqtt_peer *peer, struct mqtt_acl_chain *chain,
			    const u8 *topic, u32 len, u32 packets)
{
	trace_mqtt_drop(peer->router, peer, peer->id, 0, topic, len,
			MQTT_A_STATS_DROP_DENIED_PUBLISH, packets, true);
	mqtt_count(&peer->rx.drop_denied, packets);
	mqtt_stats_add(peer->router->stats, MQTT_A_STATS_DROP_DENIED_PUBLISH, packets);
	if (time_before(jiffies, chain->told + HZ))
		return;
	WRITE_ONCE(chain->told, jiffies);
	mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_DENIED);
}

/* mqtt_acl_may_publish() of a peer that has, or had just now, sets */
bool mqtt_acl_ask_publish(struct mqtt_peer *peer, const u8 *topic, u32 len, u32 packets,
			  u32 *steps)
{
	struct mqtt_acl_chain *chain;
	unsigned long generation;
	bool allowed = true;

	rcu_read_lock();
	chain = rcu_dereference(peer->acls);
	if (chain) {
		/* Pairs with the release in mqtt_acl_install(). */
		generation = smp_load_acquire(&peer->router->acls.generation);
		if (chain->known && chain->generation == generation &&
		    chain->topic_len == len && mqtt_word_equal(chain->topic, topic, len))
			allowed = chain->allowed;
		else
			allowed = mqtt_acl_ask_and_keep(chain, generation, topic, len, steps);
		if (!allowed)
			mqtt_acl_denied(peer, chain, topic, len, packets);
	}
	rcu_read_unlock();
	return allowed;
}

/* The same set is asked once for a message, if no other one takes its place. */
static u8 mqtt_acl_recall(struct mqtt_acl_memo *memo, const struct mqtt_acl *acl,
			  const u8 *topic, u32 len)
{
	unsigned int i = acl->id % MQTT_ACL_MEMO;

	if (memo->set[i] != acl) {
		memo->set[i] = acl;
		memo->says[i] = mqtt_acl_ask(acl, MQTT_ACL_ACCESS_RECEIVE, topic, len,
					     &memo->steps);
	}
	return memo->says[i];
}

/* mqtt_acl_may_receive(), likewise */
bool mqtt_acl_ask_receive(const struct mqtt_peer *peer, struct mqtt_acl_memo *memo,
			  const u8 *topic, u32 len)
{
	const struct mqtt_acl_chain *chain = rcu_dereference(peer->acls);
	u8 i, says = MQTT_ACL_ACTION_PASS;

	if (unlikely(!chain))
		return true;
	if (!memo->used) {
		memset(memo->set, 0, sizeof(memo->set));
		memo->used = true;
	}
	for (i = 0; i < chain->nr && says == MQTT_ACL_ACTION_PASS; i++)
		says = mqtt_acl_recall(memo, chain->sets[i], topic, len);
	return says == MQTT_ACL_ACTION_ALLOW;
}
