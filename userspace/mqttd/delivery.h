/* SPDX-License-Identifier: MIT */
#ifndef MQTTD_DELIVERY_H
#define MQTTD_DELIVERY_H

#include <stdbool.h>
#include <linux/types.h>

/**
 * struct delivery - how one session gets a message
 * @ids: subscription identifiers of all its subscriptions that matched; the caller's
 * @n_ids: how many
 * @qos: the lower of the message's and the subscription's; the highest of them
 * @retain: RETAIN flag: a retained message, or retain-as-published
 * @share: name of the shared subscription it comes by, terminated, or NULL
 *
 * All zero is the plain one, which most messages at QoS 0 have.
 */
struct delivery {
	const u32 *ids;
	u32 n_ids;
	u8 qos;
	bool retain;
	const char *share;
};

static inline bool delivery_plain(const struct delivery *d)
{
	return !d->qos && !d->retain && !d->n_ids;
}

#endif /* MQTTD_DELIVERY_H */
