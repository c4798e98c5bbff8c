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

#define MQTT_GENL_NAME		"mqtt"
#define MQTT_GENL_VERSION	1

#define MQTT_CLIENT_ID_MAX	256
#define MQTT_FILTER_MAX		32768
#define MQTT_FILTER_LEVELS_MAX	1024
#define MQTT_RX_RESIDUE_MAX	32768

enum mqtt_protocol {
	MQTT_PROTOCOL_V311 = 4,
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

	/* private: */
	__MQTT_A_PEER_MAX
};
#define MQTT_A_PEER_MAX (__MQTT_A_PEER_MAX - 1)

enum mqtt_sub_attr {
	MQTT_A_SUB_UNSPEC,
	MQTT_A_SUB_FILTER,	/* binary */
	MQTT_A_SUB_PEER_ID,	/* u32, dumps */
	MQTT_A_SUB_SEQ,		/* u32, dumps */

	/* private: */
	__MQTT_A_SUB_MAX
};
#define MQTT_A_SUB_MAX (__MQTT_A_SUB_MAX - 1)

enum mqtt_stats_attr {			/* all u64 */
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

	/* private: */
	__MQTT_A_PEER_STATS_MAX
};
#define MQTT_A_PEER_STATS_MAX (__MQTT_A_PEER_STATS_MAX - 1)

#endif /* _UAPI_LINUX_MQTT_H */
