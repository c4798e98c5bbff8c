/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clients that have fallen silent.
 */
#ifndef _MQTT_KEEPALIVE_H
#define _MQTT_KEEPALIVE_H

#include <linux/timer.h>
#include <linux/types.h>

struct mqtt_peer;

/**
 * struct mqtt_keepalive - a peer's keep-alive
 * @timer: looks whether the client has been silent; holds a reference to the
 *	peer while pending
 * @seconds: what the client has promised, 0 for nothing
 * @held_up: at the last look it was not the client's turn
 * @since: silence counts from here on at the earliest, tcp_jiffies32
 *
 * All of it changes under the socket's lock.
 */
struct mqtt_keepalive {
	struct timer_list timer;
	u16 seconds;
	bool held_up;
	u32 since;
};

void mqtt_keepalive_init(struct mqtt_keepalive *ka, u16 seconds);
void mqtt_keepalive_start(struct mqtt_peer *peer);
void mqtt_keepalive_stop(struct mqtt_peer *peer);
void mqtt_keepalive_set(struct mqtt_peer *peer, u16 seconds);

void mqtt_keepalive_module_exit(void);

#endif /* _MQTT_KEEPALIVE_H */
