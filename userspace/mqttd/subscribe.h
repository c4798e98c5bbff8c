/* SPDX-License-Identifier: MIT */
/*
 * Subscribing in all data planes at once, and in the store.
 */
#ifndef MQTTD_SUBSCRIBE_H
#define MQTTD_SUBSCRIBE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct client;
struct config;
struct session;

/**
 * struct session_filter - one of those in a SUBSCRIBE or UNSUBSCRIBE
 * @filter: topic filter, with the client's mount point, and "$share/NAME/" in front
 *	of that if it is a shared subscription's
 * @len: bytes at @filter
 * @id: subscription identifier, 0: none
 * @options: FILTER_* bits
 * @code: result: what SUBACK or UNSUBACK of MQTT 5.0 says about it; what is refused
 *	beforehand is left alone
 * @changed: result: the kernel has to be told: the subscription is new, or has
 *	other options than before; or it is gone
 * @is_new: result: there was none
 * @was: result: what route_restore() needs
 */
struct session_filter {
	const u8 *filter;
	size_t len;
	u32 id;
	u8 options;
	u8 code;
	bool changed;
	bool is_new;
	u64 was;
};

/* Any reason not to subscribe, for SUBACK of MQTT 3.1.1. */
#define SESSION_SUB_FAILURE 0x80

/*
 * The filter that a shared subscription's topics have to match, behind
 * "$share/NAME/"; of another one all of it (MQTT 5.0 4.8.2). Returns whether it is
 * a shared one. @filter is valid, of a shared one what is behind "$share/" too.
 */
bool subscribe_split(const u8 *filter, size_t len, const u8 **topic, size_t *topic_len);

/* The NAME of a filter that subscribe_split() says is shared. */
const u8 *subscribe_share_name(const u8 *filter, size_t len, size_t *name_len);

/*
 * Does the router, if there is one, give messages at QoS 0 to that group? Then its members
 * are those that are connected; otherwise the agent has it. That does not change.
 */
bool subscribe_kernel_shares(const struct config *conf, const u8 *filter, size_t len);

/* Is it "$share/...", but not as [MQTT-4.8.2-1] and [MQTT-4.8.2-2] want it? */
bool subscribe_bad_share(const u8 *filter, size_t len);

/*
 * Subscribe to each of @filters, valid by the standard and with the granted QoS in
 * @options, in all data planes: when it returns later messages are delivered. Sets the
 * codes. Returns the change that has to be durable before the client is told, or 0; not
 * within store_begin() and store_end(). By the client's worker.
 */
u64 session_subscribe(struct client *client, struct session_filter *filters, size_t n);
u64 session_unsubscribe(struct client *client, struct session_filter *filters, size_t n);

/*
 * Of a session that has no connection: at the start, one subscription that is in the
 * store already, 0 or -errno; and at its end all of them, which the store forgets
 * with the session.
 */
int session_resubscribe(struct session *session, struct session_filter *filter);
void session_unsubscribe_all(struct session *session);

/*
 * The client is a new peer of the kernel's router: gives it all subscriptions of
 * the session. Returns 0 or -errno.
 */
int session_load(struct client *client);

#endif /* MQTTD_SUBSCRIBE_H */
