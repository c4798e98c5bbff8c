/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Publishers that are held up for a subscriber.
 */
#ifndef _MQTT_PAUSE_H
#define _MQTT_PAUSE_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct mqtt_peer;

/**
 * struct mqtt_pause - what holds a publisher up
 * @by: subscriber, in whose list of publishers it is, or NULL; under the
 *	subscriber's tx->lock, read under RCU
 * @link: in that list; likewise
 * @until: when it is over in any case, jiffies; under the publisher's socket's lock
 * @times: how often the publisher was held up; likewise
 */
struct mqtt_pause {
	struct mqtt_peer *by;
	struct list_head link;
	unsigned long until;
	u64 times;
};

/**
 * struct mqtt_pauses - the publishers that a subscriber holds up
 * @publishers: them; under tx->lock
 * @lifted: those that are to go on, and have not been told yet; likewise
 * @work: tells them, if they are many; holds a reference to the subscriber while
 *	pending
 * @until: when it stops doing so, jiffies; of @on
 * @on: its queue has been above its high-water mark, and not below its low-water
 *	mark since
 */
struct mqtt_pauses {
	struct list_head publishers;
	struct list_head lifted;
	struct work_struct work;
	unsigned long until;
	bool on;
};

void mqtt_pauses_init(struct mqtt_pauses *pauses);
void mqtt_pauses_look(struct mqtt_peer *sub);
void mqtt_pauses_lift(struct mqtt_peer *sub);

void mqtt_pause_begin(struct mqtt_peer *pub, struct mqtt_peer *sub);
unsigned long mqtt_pause_left(struct mqtt_peer *pub);
void mqtt_pause_end(struct mqtt_peer *pub);

#endif /* _MQTT_PAUSE_H */
