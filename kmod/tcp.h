/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations of an attached socket.
 */
#ifndef _MQTT_TCP_H
#define _MQTT_TCP_H

#include <net/sock.h>

struct mqtt_proto;

void mqtt_tcp_override(struct mqtt_proto *proto);
void mqtt_tcp_data_ready(struct sock *sk);
void mqtt_tcp_write_space(struct sock *sk);

void mqtt_tcp_module_exit(void);

#endif /* _MQTT_TCP_H */
