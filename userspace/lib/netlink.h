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

#include <stddef.h>
#include <stdint.h>
#include <netlink/attr.h>

struct mqtt_nl;

/* One topic filter: bytes, not terminated; owned by the caller. */
struct mqtt_nl_filter {
	const uint8_t *filter;
	size_t len;
	uint8_t options;		/* MQTT_SUB_OPTION_*, for sub_add() */
};

/* Zero in a member leaves the kernel's default (new) or present value (set). */
struct mqtt_nl_router {
	uint64_t queue_limit;
	uint32_t offload_max_packet;
};

/* Arguments of an attach; all pointers stay the caller's. */
struct mqtt_nl_attach {
	int fd;
	uint8_t protocol;		/* enum mqtt_protocol */
	const char *client_id;		/* cut to MQTT_CLIENT_ID_MAX bytes */
	const void *rx_residue;		/* bytes received but not handled, or NULL */
	size_t rx_residue_len;		/* at most MQTT_RX_RESIDUE_MAX */
	uint64_t queue_limit;		/* 0: the router's */
	uint16_t topic_alias_max;	/* at most MQTT_TOPIC_ALIAS_MAX, 0 but for 5.0 */
};

/*
 * -ENOENT: the family does not exist, that is, the module is not loaded. If it
 * fails, *nl is NULL and there is only the errno. The socket is close-on-exec.
 */
int mqtt_nl_open(struct mqtt_nl **nl);
void mqtt_nl_close(struct mqtt_nl *nl);		/* NULL is fine; ends a router it owns */
const char *mqtt_nl_error(const struct mqtt_nl *nl);

int mqtt_nl_router_new(struct mqtt_nl *nl, const struct mqtt_nl_router *router);
int mqtt_nl_router_set(struct mqtt_nl *nl, const struct mqtt_nl_router *router);
int mqtt_nl_router_del(struct mqtt_nl *nl);

int mqtt_nl_peer_attach(struct mqtt_nl *nl, const struct mqtt_nl_attach *attach,
			uint32_t *peer_id);
int mqtt_nl_peer_detach(struct mqtt_nl *nl, uint32_t peer_id);

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
 * Reading. @show is called per object with the attributes of its nest,
 * indexed by enum mqtt_{router,peer,sub,stats}_attr; they are gone when it
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
/* @peer_id: whose, 0 for everybody's. */
int mqtt_nl_sub_dump(struct mqtt_nl *nl, uint32_t peer_id, mqtt_nl_show show, void *arg);

/* For @show: takes MQTT_A_PEER_STATS apart; MQTT_A_PEER_STATS_MAX + 1 places in @attrs. */
int mqtt_nl_peer_stats(struct nlattr *nest, struct nlattr **attrs);

#endif /* MQTT_LIB_NETLINK_H */
