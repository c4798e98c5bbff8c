/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions of sessions without a connection at QoS 0, for queue_qos0_messages
 * and upgrade_outgoing_qos: with a router the agent has them, see agent.h.
 *
 * By the owner's worker, or by whoever has a session without owner for itself.
 */
#ifndef MQTTD_SESSION_KEPT_H
#define MQTTD_SESSION_KEPT_H

struct broker;
struct session;

/*
 * The session has lost its connection and goes on; it has one again, or ends. Without
 * these options, or if it was said already, nothing happens. What fails is in the log.
 */
void session_keep(struct session *session);
void session_unkeep(struct session *session);

/* At the start: all sessions. */
void session_keep_all(struct broker *broker);

#endif /* MQTTD_SESSION_KEPT_H */
