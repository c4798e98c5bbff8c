// SPDX-License-Identifier: GPL-2.0-only
/*
 * What has happened, told to who listens: the multicast group "events".
 *
 * An event is a hint. When there is no memory for one, or a listener's buffer
 * is full, the listener learns by ENOBUFS that something is missing. Nobody
 * listening costs one look.
 */
#include <net/genetlink.h>

#include "event.h"
#include "netlink.h"
#include "peer.h"
#include "router.h"
#include "trace.h"

/* Client ids are private, and say who is there. */
const struct genl_multicast_group mqtt_event_groups[1] = {
	{ .name = MQTT_GENL_MCGRP_EVENTS, .flags = GENL_MCAST_CAP_NET_ADMIN },
};

static size_t mqtt_event_size(const struct mqtt_peer *peer)
{
	size_t size = nla_total_size(sizeof(u8));		/* type */

	if (peer)
		size += nla_total_size(sizeof(u32)) +		/* peer-id */
			nla_total_size(strlen(peer->client_id) + 1) +
			nla_total_size(sizeof(u8)) +		/* protocol */
			2 * nla_total_size(sizeof(struct sockaddr_in6));
	return nla_total_size(size);
}

static int mqtt_event_put_peer(struct sk_buff *skb, enum mqtt_event_type type,
			       const struct mqtt_peer *peer)
{
	bool has_socket;

	if (nla_put_u32(skb, MQTT_A_EVENT_PEER_ID, peer->id) ||
	    nla_put_string(skb, MQTT_A_EVENT_CLIENT_ID, peer->client_id) ||
	    nla_put_u8(skb, MQTT_A_EVENT_PROTOCOL, peer->protocol))
		return -EMSGSIZE;
	/*
	 * A hosted peer's connection is the daemon's. When one has just been given
	 * back it is still there; a full queue, and a slow peer, is told of at any time.
	 */
	if (type == MQTT_EVENT_TYPE_PEER_QUEUE_FULL || type == MQTT_EVENT_TYPE_PEER_SLOW)
		/* pairs with smp_store_release() in mqtt_socket_take() */
		has_socket = smp_load_acquire(&peer->hooked);
	else
		has_socket = peer->sk;
	if (!has_socket)
		return 0;
	return mqtt_nl_put_addrs(skb, peer->sk, MQTT_A_EVENT_LOCAL, MQTT_A_EVENT_REMOTE);
}

static int mqtt_event_put(struct sk_buff *skb, enum mqtt_event_type type,
			  const struct mqtt_peer *peer)
{
	void *hdr = genlmsg_put(skb, 0, 0, &mqtt_genl_family, 0, MQTT_CMD_EVENT);
	struct nlattr *nest;

	if (!hdr)
		return -EMSGSIZE;
	nest = nla_nest_start(skb, MQTT_A_EVENT);
	if (!nest || nla_put_u8(skb, MQTT_A_EVENT_TYPE, type) ||
	    (peer && mqtt_event_put_peer(skb, type, peer)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	genlmsg_end(skb, hdr);
	return 0;
}

static void mqtt_event_send(struct net *net, enum mqtt_event_type type,
			    const struct mqtt_peer *peer)
{
	struct sk_buff *skb;

	if (!genl_has_listeners(&mqtt_genl_family, net, 0))
		return;
	skb = genlmsg_new(mqtt_event_size(peer), GFP_ATOMIC | __GFP_NOWARN);
	if (skb && !mqtt_event_put(skb, type, peer)) {
		genlmsg_multicast_netns(&mqtt_genl_family, net, skb, 0, 0,
					GFP_ATOMIC | __GFP_NOWARN);
		return;
	}
	nlmsg_free(skb);
	genl_set_err(&mqtt_genl_family, net, 0, 0, -ENOBUFS);
}

/**
 * mqtt_event_router() - tell what has happened to a router
 * @net: its namespace
 * @type: what
 *
 * Context: any but hard interrupt.
 */
void mqtt_event_router(struct net *net, enum mqtt_event_type type)
{
	mqtt_event_send(net, type, NULL);
}

/**
 * mqtt_event_peer() - tell what has happened to a peer
 * @peer: the caller has a reference, or the socket or the router has one that
 *	it cannot lose now
 * @type: what
 *
 * Context: any but hard interrupt; any lock.
 */
void mqtt_event_peer(const struct mqtt_peer *peer, enum mqtt_event_type type)
{
	if (type == MQTT_EVENT_TYPE_PEER_ATTACH)
		trace_mqtt_attach(peer);
	else if (type == MQTT_EVENT_TYPE_PEER_DETACH || type == MQTT_EVENT_TYPE_PEER_CLOSE)
		trace_mqtt_detach(peer, type);
	/* Listeners have been told, and its id may be that of another router's. */
	if (READ_ONCE(peer->router->ended))
		return;
	mqtt_event_send(peer->router->net, type, peer);
}
