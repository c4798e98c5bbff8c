/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * Generic netlink interface of the MQTT router.
 *
 * The text of the contract, with units, ranges and errors, is
 * Documentation/netlink/specs/mqtt.yaml; this header follows it.
 * The interface only grows: values are appended, never reused.
 */
#ifndef _UAPI_LINUX_MQTT_H
#define _UAPI_LINUX_MQTT_H

#include <linux/types.h>

#define MQTT_GENL_NAME		"mqtt"
#define MQTT_GENL_VERSION	1

#define MQTT_CLIENT_ID_MAX	256
#define MQTT_FILTER_MAX		32768
#define MQTT_FILTER_LEVELS_MAX	1024
#define MQTT_TOPIC_MAX		4096
#define MQTT_TOPIC_LEVELS_MAX	1023
#define MQTT_RX_RESIDUE_MAX	32768
#define MQTT_TOPIC_ALIAS_MAX	64
#define MQTT_GROUP_MAX		256
#define MQTT_PEER_ACLS_MAX	8
#define MQTT_ACL_RULES_MAX	65536
#define MQTT_DELAYS		32

#define MQTT_GENL_MCGRP_EVENTS	"events"

enum mqtt_protocol {
	MQTT_PROTOCOL_V31 = 3,
	MQTT_PROTOCOL_V311,
	MQTT_PROTOCOL_V5,
};

/**
 * enum mqtt_peer_state - what the receive side of a peer does with the stream
 * @MQTT_PEER_STATE_FAST: the kernel frames it
 * @MQTT_PEER_STATE_BARRIER: it waits until the daemon has read a packet that
 *	changes what later ones mean, and calls recv() again
 * @MQTT_PEER_STATE_RAW: everything goes to the daemon (malformed packet,
 *	urgent data, or end of stream in the middle of a packet)
 */
enum mqtt_peer_state {
	MQTT_PEER_STATE_FAST,
	MQTT_PEER_STATE_BARRIER,
	MQTT_PEER_STATE_RAW,
	MQTT_PEER_STATE_HOSTED,
};

/* Bits of MQTT_A_SUB_OPTIONS, those of MQTT 5.0 3.8.3.1 */
#define MQTT_SUB_OPTION_NO_LOCAL		0x04
#define MQTT_SUB_OPTION_RETAIN_AS_PUBLISHED	0x08

/**
 * enum mqtt_queue_policy - what happens when a peer's queue is at a limit
 * @MQTT_QUEUE_POLICY_DROP_NEW: the new message is dropped
 * @MQTT_QUEUE_POLICY_DROP_OLD: the oldest ones are, as far as there has to be room
 * @MQTT_QUEUE_POLICY_CONFLATE: of each topic only the newest message is kept, from
 *	the high-water mark on; then the oldest ones are dropped
 * @MQTT_QUEUE_POLICY_DISCONNECT: the peer's socket gets the error ENOBUFS
 */
enum mqtt_queue_policy {
	MQTT_QUEUE_POLICY_DROP_NEW,
	MQTT_QUEUE_POLICY_DROP_OLD,
	MQTT_QUEUE_POLICY_CONFLATE,
	MQTT_QUEUE_POLICY_DISCONNECT,
};

/**
 * enum mqtt_rate_policy - what happens to what a peer publishes above its rate
 * @MQTT_RATE_POLICY_WAIT: it is left in the receive queue until its time has come
 * @MQTT_RATE_POLICY_DROP: it is dropped
 */
enum mqtt_rate_policy {
	MQTT_RATE_POLICY_WAIT,
	MQTT_RATE_POLICY_DROP,
};

/**
 * enum mqtt_acl_action - what a rule says, or a set of rules none of which applies
 * @MQTT_ACL_ACTION_DENY: no
 * @MQTT_ACL_ACTION_ALLOW: yes
 * @MQTT_ACL_ACTION_PASS: the peer's next set decides; behind the last one: no
 */
enum mqtt_acl_action {
	MQTT_ACL_ACTION_DENY,
	MQTT_ACL_ACTION_ALLOW,
	MQTT_ACL_ACTION_PASS,
};

/* Bits of MQTT_A_ACL_RULE_ACCESS */
#define MQTT_ACL_ACCESS_PUBLISH	0x01
#define MQTT_ACL_ACCESS_RECEIVE	0x02

/**
 * enum mqtt_event_type - what an event tells
 * @MQTT_EVENT_TYPE_ROUTER_NEW: a router was created
 * @MQTT_EVENT_TYPE_ROUTER_END: it has ended, with all its peers, of which no more is told
 * @MQTT_EVENT_TYPE_PEER_ATTACH: a peer was attached, or became offloaded
 * @MQTT_EVENT_TYPE_PEER_DETACH: a peer was detached on request, or became hosted
 * @MQTT_EVENT_TYPE_PEER_CLOSE: a peer ended because its socket was closed
 * @MQTT_EVENT_TYPE_PEER_QUEUE_FULL: a message was dropped because the peer's queue
 *	was at its limit; told once until the queue has been empty
 * @MQTT_EVENT_TYPE_PEER_MALFORMED: the stream was given to the daemon because of a
 *	malformed packet
 * @MQTT_EVENT_TYPE_PEER_URGENT: likewise because of urgent data
 * @MQTT_EVENT_TYPE_PEER_KEEP_ALIVE: the keep-alive time is over
 * @MQTT_EVENT_TYPE_PEER_SLOW: the peer's queue was at its limit, and its socket got
 *	the error ENOBUFS (policy disconnect)
 * @MQTT_EVENT_TYPE_PEER_RATE: the peer publishes faster than it may; told once until
 *	it has not for a second
 * @MQTT_EVENT_TYPE_PEER_DENIED: it has published to a topic that it may not publish
 *	to; told at most once a second
 * @MQTT_EVENT_TYPE_ROUTER_FULL: the router's queues are at its memory-limit; told at
 *	most once a second
 */
enum mqtt_event_type {
	MQTT_EVENT_TYPE_ROUTER_NEW,
	MQTT_EVENT_TYPE_ROUTER_END,
	MQTT_EVENT_TYPE_PEER_ATTACH,
	MQTT_EVENT_TYPE_PEER_DETACH,
	MQTT_EVENT_TYPE_PEER_CLOSE,
	MQTT_EVENT_TYPE_PEER_QUEUE_FULL,
	MQTT_EVENT_TYPE_PEER_MALFORMED,
	MQTT_EVENT_TYPE_PEER_URGENT,
	MQTT_EVENT_TYPE_PEER_KEEP_ALIVE,
	MQTT_EVENT_TYPE_PEER_SLOW,
	MQTT_EVENT_TYPE_PEER_RATE,
	MQTT_EVENT_TYPE_PEER_DENIED,
	MQTT_EVENT_TYPE_ROUTER_FULL,
};

/*
 * What read() and write() on a port's descriptor carry: records, each a whole
 * packet. A read() returns as many as fit, a write() may bring any number.
 */
#define MQTT_PORT_RECORD_OFFLOADED	0x01	/* see struct mqtt_port_record */
#define MQTT_PORT_RECORD_SOURCE		0x02	/* likewise */
#define MQTT_PORT_RECORD_RETAIN		0x04	/* likewise */

/**
 * struct mqtt_port_record - head of a record
 * @len: bytes of the record, this structure included; a multiple of 8
 * @packet_len: bytes of the packet
 * @nr_peers: down: hosted peers that the packet is for. Up: 1 if the publisher
 *	is a peer, else 0
 * @protocol: enum mqtt_protocol, as the packet is framed: 3.1.1 or 5.0
 * @flags: down: MQTT_PORT_RECORD_OFFLOADED says that the one peer named is not
 *	hosted here any more and nothing for it will follow; there is no packet.
 *	MQTT_PORT_RECORD_SOURCE says that the publisher is a peer, and the first
 *	of @peers is it, and no receiver. MQTT_PORT_RECORD_RETAIN says that the packet
 *	was written to a port with RETAIN, whatever it has now
 * @reserved: 0
 * @peers: their ids, @nr_peers of them; the packet stands directly behind, a
 *	PUBLISH with its fixed header, at QoS 0 and without a topic alias. Up it
 *	may have RETAIN. Down it is as the peer is to get it: with Subscription
 *	Identifiers, and with RETAIN if that was there and the peer's subscriptions
 *	are retain-as-published; or it is a PINGRESP that the kernel owed a peer when
 *	it became hosted
 */
struct mqtt_port_record {
	__u32 len;
	__u32 packet_len;
	__u32 nr_peers;
	__u8 protocol;
	__u8 flags;
	__u16 reserved;
	__u32 peers[];
};

enum mqtt_cmd {
	MQTT_CMD_UNSPEC,
	MQTT_CMD_ROUTER_NEW,	/* A_ROUTER */
	MQTT_CMD_ROUTER_GET,	/* reply: A_ROUTER */
	MQTT_CMD_ROUTER_SET,	/* A_ROUTER */
	MQTT_CMD_ROUTER_DEL,
	MQTT_CMD_PEER_ATTACH,	/* A_PEER {fd, ...}; reply: A_PEER {id} */
	MQTT_CMD_PEER_DETACH,	/* A_PEER {id} */
	MQTT_CMD_PEER_GET,	/* A_PEER {id}, or dump; reply: A_PEER */
	MQTT_CMD_SUB_ADD,	/* A_PEER {id}, A_SUB {filter} ... */
	MQTT_CMD_SUB_DEL,	/* A_PEER {id}, A_SUB {filter} ... */
	MQTT_CMD_SUB_GET,	/* dump [A_PEER {id}]; reply: A_SUB */
	MQTT_CMD_STATS_GET,	/* reply: A_STATS */
	MQTT_CMD_PEER_SET,	/* A_PEER {id, ...} */
	MQTT_CMD_PORT_ADD,	/* A_PORT; reply: A_PORT {id, fd} */
	MQTT_CMD_PORT_GET,	/* A_PORT {id}, or dump; reply: A_PORT */
	MQTT_CMD_EVENT,		/* group "events": A_EVENT */
	MQTT_CMD_ACL_SET,	/* A_ACL, A_ACL_RULE ... */
	MQTT_CMD_ACL_DEL,	/* A_ACL {id} */
	MQTT_CMD_ACL_GET,	/* dump [A_ACL {id}]; reply: A_ACL, A_ACL_RULE ... */

	/* private: */
	__MQTT_CMD_MAX
};
#define MQTT_CMD_MAX (__MQTT_CMD_MAX - 1)

/* Top level: each command's arguments in the nests of the objects they name. */
enum mqtt_attr {
	MQTT_A_UNSPEC,
	MQTT_A_ROUTER,		/* nest, enum mqtt_router_attr */
	MQTT_A_PEER,		/* nest, enum mqtt_peer_attr */
	MQTT_A_SUB,		/* nest, enum mqtt_sub_attr; may repeat */
	MQTT_A_STATS,		/* nest, enum mqtt_stats_attr */
	MQTT_A_PORT,		/* nest, enum mqtt_port_attr */
	MQTT_A_EVENT,		/* nest, enum mqtt_event_attr */
	MQTT_A_ACL,		/* nest, enum mqtt_acl_attr */
	MQTT_A_ACL_RULE,	/* nest, enum mqtt_acl_rule_attr; may repeat */

	/* private: */
	__MQTT_A_MAX
};
#define MQTT_A_MAX (__MQTT_A_MAX - 1)

enum mqtt_router_attr {
	MQTT_A_ROUTER_UNSPEC,
	MQTT_A_ROUTER_QUEUE_LIMIT,		/* u64 */
	MQTT_A_ROUTER_OFFLOAD_MAX_PACKET,	/* u32 */
	MQTT_A_ROUTER_PEERS,			/* u32, read only */
	MQTT_A_ROUTER_SUBSCRIPTIONS,		/* u32, read only */
	MQTT_A_ROUTER_OWNER_PORTID,		/* u32, read only */
	MQTT_A_ROUTER_NODES,			/* u32, read only */
	MQTT_A_ROUTER_PAD,
	MQTT_A_ROUTER_PORTS,			/* u32, read only */
	MQTT_A_ROUTER_MEMORY_LIMIT,		/* u64 */
	MQTT_A_ROUTER_MEMORY_BYTES,		/* u64, read only */
	MQTT_A_ROUTER_ACLS,			/* u32, read only */

	/* private: */
	__MQTT_A_ROUTER_MAX
};
#define MQTT_A_ROUTER_MAX (__MQTT_A_ROUTER_MAX - 1)

enum mqtt_peer_attr {
	MQTT_A_PEER_UNSPEC,
	MQTT_A_PEER_ID,			/* u32 */
	MQTT_A_PEER_FD,			/* u32 */
	MQTT_A_PEER_CLIENT_ID,		/* string, not NUL-terminated on the wire is fine */
	MQTT_A_PEER_PROTOCOL,		/* u8, enum mqtt_protocol */
	MQTT_A_PEER_RX_RESIDUE,		/* binary */
	MQTT_A_PEER_QUEUE_LIMIT,	/* u64 */
	MQTT_A_PEER_QUEUE_BYTES,	/* u64, read only */
	MQTT_A_PEER_QUEUE_PACKETS,	/* u32, read only */
	MQTT_A_PEER_SUBSCRIPTIONS,	/* u32, read only */
	MQTT_A_PEER_STATE,		/* u32, enum mqtt_peer_state, read only */
	MQTT_A_PEER_LOCAL,		/* binary, sockaddr_in or sockaddr_in6, read only */
	MQTT_A_PEER_REMOTE,		/* binary, read only */
	MQTT_A_PEER_STATS,		/* nest, enum mqtt_peer_stats_attr, read only */
	MQTT_A_PEER_PAD,
	MQTT_A_PEER_PORT,		/* u32, a port's id */
	MQTT_A_PEER_KEEP_ALIVE,		/* u16, seconds */
	MQTT_A_PEER_TOPIC_ALIAS_MAX,	/* u16 */
	MQTT_A_PEER_MAX_PACKET,		/* u32 */
	MQTT_A_PEER_RX_SKIP,		/* u32 */
	MQTT_A_PEER_TX_HOLD,		/* u8 */
	MQTT_A_PEER_QUEUE_PACKETS_LIMIT, /* u32 */
	MQTT_A_PEER_QUEUE_POLICY,	/* u8, enum mqtt_queue_policy */
	MQTT_A_PEER_PAUSE,		/* u16, milliseconds */
	MQTT_A_PEER_RATE_PACKETS,	/* u32, packets per second */
	MQTT_A_PEER_RATE_BYTES,		/* u64, bytes per second */
	MQTT_A_PEER_RATE_POLICY,	/* u8, enum mqtt_rate_policy */
	MQTT_A_PEER_ACLS,		/* binary, u32 each */

	/* private: */
	__MQTT_A_PEER_MAX
};
#define MQTT_A_PEER_MAX (__MQTT_A_PEER_MAX - 1)

enum mqtt_sub_attr {
	MQTT_A_SUB_UNSPEC,
	MQTT_A_SUB_FILTER,	/* binary */
	MQTT_A_SUB_PEER_ID,	/* u32, dumps */
	MQTT_A_SUB_SEQ,		/* u32, dumps */
	MQTT_A_SUB_OPTIONS,	/* u8, MQTT_SUB_OPTION_* */
	MQTT_A_SUB_ID,		/* u32, Subscription Identifier */
	MQTT_A_SUB_GROUP,	/* binary, ShareName */

	/* private: */
	__MQTT_A_SUB_MAX
};
#define MQTT_A_SUB_MAX (__MQTT_A_SUB_MAX - 1)

enum mqtt_stats_attr {			/* u64, but for those that say otherwise */
	MQTT_A_STATS_UNSPEC,
	MQTT_A_STATS_RX_PACKETS,
	MQTT_A_STATS_RX_BYTES,
	MQTT_A_STATS_RX_SLOW_PACKETS,
	MQTT_A_STATS_RX_BARRIERS,
	MQTT_A_STATS_RX_MALFORMED,
	MQTT_A_STATS_RX_URGENT,
	MQTT_A_STATS_RX_NO_BUFFER,
	MQTT_A_STATS_MATCHED,
	MQTT_A_STATS_UNMATCHED,
	MQTT_A_STATS_ENQUEUED,
	MQTT_A_STATS_TX_PACKETS,
	MQTT_A_STATS_TX_BYTES,
	MQTT_A_STATS_DROP_QUEUE_FULL,
	MQTT_A_STATS_DROP_NO_MEMORY,
	MQTT_A_STATS_DROP_PEER_GONE,
	MQTT_A_STATS_DROP_BUDGET,
	MQTT_A_STATS_TX_RETRIES,
	MQTT_A_STATS_PAD,
	MQTT_A_STATS_RX_PINGS,
	MQTT_A_STATS_TX_PINGS,
	MQTT_A_STATS_KEEP_ALIVE_EXPIRED,
	MQTT_A_STATS_DROP_TOO_LARGE,
	MQTT_A_STATS_DROP_PORT_FULL,
	MQTT_A_STATS_PORT_RX_PACKETS,
	MQTT_A_STATS_PORT_TX_PACKETS,
	MQTT_A_STATS_TRANSLATED,
	MQTT_A_STATS_DROP_OLD,
	MQTT_A_STATS_DROP_CONFLATED,
	MQTT_A_STATS_DROP_SLOW,
	MQTT_A_STATS_DROP_ROUTER_FULL,
	MQTT_A_STATS_DROP_RATE,
	MQTT_A_STATS_DROP_DENIED_PUBLISH,
	MQTT_A_STATS_DROP_DENIED_RECEIVE,
	MQTT_A_STATS_RX_RATE_WAITS,
	MQTT_A_STATS_RX_PAUSES,
	MQTT_A_STATS_RX_SHARED_BYTES,
	MQTT_A_STATS_GROUP_DELIVERIES,
	MQTT_A_STATS_TX_DELAY,		/* binary, MQTT_DELAYS times u64 */

	/* private: */
	__MQTT_A_STATS_MAX
};
#define MQTT_A_STATS_MAX (__MQTT_A_STATS_MAX - 1)

enum mqtt_peer_stats_attr {		/* all u64 */
	MQTT_A_PEER_STATS_UNSPEC,
	MQTT_A_PEER_STATS_RX_PACKETS,
	MQTT_A_PEER_STATS_RX_BYTES,
	MQTT_A_PEER_STATS_RX_SLOW_PACKETS,
	MQTT_A_PEER_STATS_TX_PACKETS,
	MQTT_A_PEER_STATS_TX_BYTES,
	MQTT_A_PEER_STATS_DROP_QUEUE_FULL,
	MQTT_A_PEER_STATS_DROP_NO_MEMORY,
	MQTT_A_PEER_STATS_PAD,
	MQTT_A_PEER_STATS_DROP_TOO_LARGE,
	MQTT_A_PEER_STATS_RX_PINGS,
	MQTT_A_PEER_STATS_DROP_OLD,
	MQTT_A_PEER_STATS_DROP_CONFLATED,
	MQTT_A_PEER_STATS_DROP_ROUTER_FULL,
	MQTT_A_PEER_STATS_DROP_RATE,
	MQTT_A_PEER_STATS_DROP_DENIED_PUBLISH,
	MQTT_A_PEER_STATS_DROP_DENIED_RECEIVE,
	MQTT_A_PEER_STATS_RX_RATE_WAITS,
	MQTT_A_PEER_STATS_RX_PAUSES,
	MQTT_A_PEER_STATS_DROP_SLOW,

	/* private: */
	__MQTT_A_PEER_STATS_MAX
};
#define MQTT_A_PEER_STATS_MAX (__MQTT_A_PEER_STATS_MAX - 1)

enum mqtt_port_attr {
	MQTT_A_PORT_UNSPEC,
	MQTT_A_PORT_ID,			/* u32 */
	MQTT_A_PORT_FD,			/* u32, reply to add only */
	MQTT_A_PORT_QUEUE_LIMIT,	/* u64 */
	MQTT_A_PORT_QUEUE_BYTES,	/* u64, read only */
	MQTT_A_PORT_QUEUE_PACKETS,	/* u32, read only */
	MQTT_A_PORT_PEERS,		/* u32, read only */
	MQTT_A_PORT_RX_PACKETS,		/* u64, read only */
	MQTT_A_PORT_TX_PACKETS,		/* u64, read only */
	MQTT_A_PORT_DROP_QUEUE_FULL,	/* u64, read only */
	MQTT_A_PORT_PAD,

	/* private: */
	__MQTT_A_PORT_MAX
};
#define MQTT_A_PORT_MAX (__MQTT_A_PORT_MAX - 1)

enum mqtt_event_attr {
	MQTT_A_EVENT_UNSPEC,
	MQTT_A_EVENT_TYPE,		/* u8, enum mqtt_event_type */
	MQTT_A_EVENT_PEER_ID,		/* u32 */
	MQTT_A_EVENT_CLIENT_ID,		/* string */
	MQTT_A_EVENT_PROTOCOL,		/* u8, enum mqtt_protocol */
	MQTT_A_EVENT_LOCAL,		/* binary, sockaddr_in or sockaddr_in6 */
	MQTT_A_EVENT_REMOTE,		/* binary */

	/* private: */
	__MQTT_A_EVENT_MAX
};
#define MQTT_A_EVENT_MAX (__MQTT_A_EVENT_MAX - 1)

enum mqtt_acl_attr {
	MQTT_A_ACL_UNSPEC,
	MQTT_A_ACL_ID,		/* u32 */
	MQTT_A_ACL_FALLBACK,	/* u8, enum mqtt_acl_action */
	MQTT_A_ACL_MORE,	/* flag */
	MQTT_A_ACL_PEERS,	/* u32, dumps */
	MQTT_A_ACL_RULES,	/* u32, dumps */

	/* private: */
	__MQTT_A_ACL_MAX
};
#define MQTT_A_ACL_MAX (__MQTT_A_ACL_MAX - 1)

enum mqtt_acl_rule_attr {
	MQTT_A_ACL_RULE_UNSPEC,
	MQTT_A_ACL_RULE_FILTER,	/* binary */
	MQTT_A_ACL_RULE_ACTION,	/* u8, enum mqtt_acl_action */
	MQTT_A_ACL_RULE_ACCESS,	/* u8, MQTT_ACL_ACCESS_* */

	/* private: */
	__MQTT_A_ACL_RULE_MAX
};
#define MQTT_A_ACL_RULE_MAX (__MQTT_A_ACL_RULE_MAX - 1)

#endif /* _UAPI_LINUX_MQTT_H */
