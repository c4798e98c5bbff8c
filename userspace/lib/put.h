/* SPDX-License-Identifier: MIT */
/*
 * Writing the attributes of requests. Each function returns 0 or the library's negative
 * error; -NLE_NOMEM, the message has no room, is all there is.
 */
#ifndef MQTT_LIB_PUT_H
#define MQTT_LIB_PUT_H

#include "netlink.h"

struct nl_msg;

int put_router(struct nl_msg *msg, const struct mqtt_nl_router *router);
int put_peer_id(struct nl_msg *msg, uint32_t peer_id);
int put_attach(struct nl_msg *msg, const struct mqtt_nl_attach *attach);
int put_peer_set(struct nl_msg *msg, uint32_t peer_id, const struct mqtt_nl_peer_set *set);
/* An offloaded peer becomes hosted on the port. */
int put_host(struct nl_msg *msg, uint32_t peer_id, uint32_t port_id);
/* 0 in @port_id or @queue_limit: it is left out. */
int put_port(struct nl_msg *msg, uint32_t port_id, uint64_t queue_limit);
/* @options: with what the kernel wants to know of a new subscription. */
int put_filter(struct nl_msg *msg, const struct mqtt_nl_filter *filter, bool options);

int put_acl_id(struct nl_msg *msg, uint32_t id);
/* The end of a set that has @total rules in all, or what is not its end. */
int put_acl(struct nl_msg *msg, uint32_t id, uint8_t fallback, uint32_t total, bool more);
int put_acl_rule(struct nl_msg *msg, const struct mqtt_nl_acl_rule *rule);

#endif /* MQTT_LIB_PUT_H */
