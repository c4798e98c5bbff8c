/* SPDX-License-Identifier: MIT */
/*
 * What acknowledgements do to a session, and the QoS 2 handshakes (MQTT 5.0 4.3).
 * By the client's worker.
 */
#ifndef MQTTD_SESSION_SEND_H
#define MQTTD_SESSION_SEND_H

#include <linux/types.h>

struct client;

/* What an acknowledged message has left room for is sent at the end of the round. */
void session_puback(struct client *client, u16 packet_id);
void session_pubrec(struct client *client, u16 packet_id, u8 reason);
void session_pubcomp(struct client *client, u16 packet_id);
void session_pubrel(struct client *client, u16 packet_id);

#endif /* MQTTD_SESSION_SEND_H */
