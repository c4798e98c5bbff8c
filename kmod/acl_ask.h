/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * May a peer publish this, may it get that? Who has no sets of rules costs one look.
 */
#ifndef _MQTT_ACL_ASK_H
#define _MQTT_ACL_ASK_H

#include "acl.h"
#include "peer.h"

bool mqtt_acl_ask_publish(struct mqtt_peer *peer, const u8 *topic, u32 len, u32 packets,
			  u32 *steps);
bool mqtt_acl_ask_receive(const struct mqtt_peer *peer, struct mqtt_acl_memo *memo,
			  const u8 *topic, u32 len);

/**
 * mqtt_acl_may_publish() - may a peer publish to a topic?
 * @peer: peer; its socket is locked
 * @topic: valid topic name
 * @len: bytes at @topic
 * @packets: how many are to be published, and are counted if it may not
 * @steps: what it takes is added here, see mqtt_acl_rules_ask()
 *
 * Context: bottom halves off.
 */
static inline bool mqtt_acl_may_publish(struct mqtt_peer *peer, const u8 *topic, u32 len,
					u32 packets, u32 *steps)
{
	return likely(!rcu_access_pointer(peer->acls)) ||
	       mqtt_acl_ask_publish(peer, topic, len, packets, steps);
}

/**
 * mqtt_acl_may_receive() - may a peer get a message?
 * @peer: peer
 * @memo: the message's
 * @topic: its topic name
 * @len: bytes at @topic
 *
 * Context: bottom halves off, RCU read lock since before @memo was first used.
 */
static inline bool mqtt_acl_may_receive(const struct mqtt_peer *peer, struct mqtt_acl_memo *memo,
					const u8 *topic, u32 len)
{
	return likely(!rcu_access_pointer(peer->acls)) ||
	       mqtt_acl_ask_receive(peer, memo, topic, len);
}

#endif /* _MQTT_ACL_ASK_H */
