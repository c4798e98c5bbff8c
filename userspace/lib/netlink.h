/* SPDX-License-Identifier: MIT */
/*
 * The daemon's and the tools' only way to the kernel's router: generic
 * netlink family "mqtt" (include/uapi/linux/mqtt.h) over libnl-genl-3.
 *
 * Every function that can fail returns 0 or a negative errno. When it fails, it
 * leaves a sentence for people, the kernel's extack message if it sent one, in
 * mqtt_nl_error(). A handle is not thread-safe: callers serialise.
 *
 * Calls block until the kernel has answered, or fail with -ETIMEDOUT after 30
 * seconds of silence; what the kernel made of the request is then unknown, and
 * the handle stays usable. The kernel's errors are listed per command in
 * Documentation/netlink/specs/mqtt.yaml. Ours are -ENOMEM, -EMSGSIZE (an
 * argument is too long to be sent, nothing was), -EBADMSG and -EIO (the answer
 * makes no sense, or netlink failed).
 */
#ifndef MQTT_LIB_NETLINK_H
#define MQTT_LIB_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netlink/attr.h>
#include <linux/mqtt.h>

struct mqtt_nl;

/* One topic filter: bytes, not terminated; owned by the caller. */
struct mqtt_nl_filter {
	const uint8_t *filter;
	size_t len;
	uint8_t options;		/* MQTT_SUB_OPTION_*, for sub_add() */
	uint32_t id;			/* Subscription Identifier, 0: none; for sub_add() */
	const uint8_t *group;		/* ShareName of a shared subscription, or NULL */
	size_t group_len;		/* 1 to MQTT_GROUP_MAX with @group */
};

/* Zero in a member leaves the kernel's default (new) or present value (set). */
struct mqtt_nl_router {
	uint64_t queue_limit;
	uint32_t offload_max_packet;
	uint64_t memory_limit;
};

/* What one client may take; all zero is the kernel's default. */
struct mqtt_nl_limits {
	uint64_t queue_bytes;		/* of its queue; 0: the router's queue_limit */
	uint32_t queue_packets;		/* in its queue, 0: any number */
	uint8_t queue_policy;		/* enum mqtt_queue_policy */
	uint8_t rate_policy;		/* enum mqtt_rate_policy */
	uint16_t pause;			/* ms that publishers wait for its queue, 0: none */
	uint32_t rate_packets;		/* per second that it may publish, 0: any number */
	uint64_t rate_bytes;		/* likewise */
};

/*
 * Arguments of an attach; all pointers stay the caller's. With @port the peer is
 * hosted, without it @fd is attached; with @id a hosted peer becomes offloaded
 * and only what is of the connection is looked at: @rx_* and @tx_hold.
 */
struct mqtt_nl_attach {
	uint32_t id;
	uint32_t port;
	int fd;
	uint8_t protocol;		/* enum mqtt_protocol */
	const char *client_id;		/* cut to MQTT_CLIENT_ID_MAX bytes */
	const void *rx_residue;		/* bytes received but not handled, or NULL */
	size_t rx_residue_len;		/* at most MQTT_RX_RESIDUE_MAX */
	uint32_t rx_skip;		/* bytes to come that are still the caller's */
	bool tx_hold;			/* queue, but do not send yet */
	struct mqtt_nl_limits limits;
	uint32_t max_packet;		/* bytes, 0: any */
	uint16_t keep_alive;		/* seconds, 0: none */
	uint16_t topic_alias_max;	/* 0: none */
	uint32_t acls[MQTT_PEER_ACLS_MAX]; /* sets of rules, in their order; 0 ends them */
};

/* What to change of a peer; NULL in a member leaves it as it is. */
struct mqtt_nl_peer_set {
	const uint64_t *queue_limit;
	const uint16_t *keep_alive;
	const uint8_t *tx_hold;		/* 0 or 1 */
	const uint32_t *queue_packets;
	const uint8_t *queue_policy;
	const uint16_t *pause;
	const uint32_t *rate_packets;
	const uint64_t *rate_bytes;
	const uint8_t *rate_policy;
	const uint32_t *acls;		/* MQTT_PEER_ACLS_MAX, as in struct mqtt_nl_attach */
};

/* A rule of a set: bytes, not terminated; owned by the caller. */
struct mqtt_nl_acl_rule {
	const uint8_t *filter;
	size_t len;
	uint8_t action;			/* MQTT_ACL_ACTION_DENY or _ALLOW */
	uint8_t access;			/* MQTT_ACL_ACCESS_* */
};

/*
 * -ENOENT: the family does not exist, that is, the module is not loaded. If it
 * fails, *nl is NULL and there is only the errno. The socket is close-on-exec.
 */
int mqtt_nl_open(struct mqtt_nl **nl);
void mqtt_nl_close(struct mqtt_nl *nl);		/* NULL is fine; ends a router it owns */

/*
 * Below: netlink_hand.c. The descriptor, to be given to another process; and a handle with
 * one that came from there, which it closes from now on unless this fails.
 */
int mqtt_nl_fd(const struct mqtt_nl *nl);
int mqtt_nl_adopt(struct mqtt_nl **nl, int fd);

const char *mqtt_nl_error(const struct mqtt_nl *nl);

int mqtt_nl_router_new(struct mqtt_nl *nl, const struct mqtt_nl_router *router);
int mqtt_nl_router_set(struct mqtt_nl *nl, const struct mqtt_nl_router *router);
int mqtt_nl_router_del(struct mqtt_nl *nl);

int mqtt_nl_peer_attach(struct mqtt_nl *nl, const struct mqtt_nl_attach *attach,
			uint32_t *peer_id);
int mqtt_nl_peer_detach(struct mqtt_nl *nl, uint32_t peer_id);
/* An offloaded peer becomes hosted on the port. */
int mqtt_nl_peer_host(struct mqtt_nl *nl, uint32_t peer_id, uint32_t port_id);
int mqtt_nl_peer_set(struct mqtt_nl *nl, uint32_t peer_id, const struct mqtt_nl_peer_set *set);

/*
 * @queue_limit: bytes, 0: the kernel's default. @fd: the port's descriptor, the
 * caller's, close-on-exec and nonblocking; the port ends when it is closed.
 */
int mqtt_nl_port_add(struct mqtt_nl *nl, uint64_t queue_limit, uint32_t *port_id, int *fd);

/*
 * Any number of filters, split over several messages as needed. sub_add() adds
 * all of them or none: when a message is refused, the filters of the earlier
 * ones are deleted again, also those that the peer had before the call.
 * sub_del() stops at the first message that is refused; the kernel refuses one
 * with a filter that the peer does not have.
 */
int mqtt_nl_sub_add(struct mqtt_nl *nl, uint32_t peer_id,
		    const struct mqtt_nl_filter *filters, size_t n);
int mqtt_nl_sub_del(struct mqtt_nl *nl, uint32_t peer_id,
		    const struct mqtt_nl_filter *filters, size_t n);

/*
 * A set of rules as a whole, which is in force when this returns; split over several
 * messages as needed. If it fails what was there before stays. @fallback: enum
 * mqtt_acl_action.
 */
int mqtt_nl_acl_set(struct mqtt_nl *nl, uint32_t id, uint8_t fallback,
		    const struct mqtt_nl_acl_rule *rules, size_t n);
int mqtt_nl_acl_del(struct mqtt_nl *nl, uint32_t id);

/*
 * Reading. @show is called per object with the attributes of its nest,
 * indexed by enum mqtt_{router,peer,port,sub,stats}_attr; they are gone when it
 * returns. A non-zero return ends the walk and is passed on.
 *
 * A dump that finds the kernel's table changed under it shows everything once,
 * as every dump does, and then returns -EINTR: objects that came or went in the
 * meantime may or may not have been shown. A caller that needs more repeats it
 * and begins anew in @show.
 */
typedef int (*mqtt_nl_show)(struct nlattr **attrs, void *arg);

int mqtt_nl_router_get(struct mqtt_nl *nl, mqtt_nl_show show, void *arg);
int mqtt_nl_stats_get(struct mqtt_nl *nl, mqtt_nl_show show, void *arg);
int mqtt_nl_peer_get(struct mqtt_nl *nl, uint32_t peer_id, mqtt_nl_show show, void *arg);
int mqtt_nl_peer_dump(struct mqtt_nl *nl, mqtt_nl_show show, void *arg);
int mqtt_nl_port_get(struct mqtt_nl *nl, uint32_t port_id, mqtt_nl_show show, void *arg);
int mqtt_nl_port_dump(struct mqtt_nl *nl, mqtt_nl_show show, void *arg);
/* @peer_id: whose, 0 for everybody's. */
int mqtt_nl_sub_dump(struct mqtt_nl *nl, uint32_t peer_id, mqtt_nl_show show, void *arg);

/*
 * @id: of one set, or 0 for all. @show is called for each set, with enum mqtt_acl_attr,
 * and again where it goes on; @show_rule behind that for its rules, with enum
 * mqtt_acl_rule_attr.
 */
int mqtt_nl_acl_dump(struct mqtt_nl *nl, uint32_t id, mqtt_nl_show show, mqtt_nl_show show_rule,
		     void *arg);

/* For @show: takes MQTT_A_PEER_STATS apart; MQTT_A_PEER_STATS_MAX + 1 places in @attrs. */
int mqtt_nl_peer_stats(struct nlattr *nest, struct nlattr **attrs);

#endif /* MQTT_LIB_NETLINK_H */
