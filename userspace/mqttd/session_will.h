/* SPDX-License-Identifier: MIT */
/*
 * Wills, MQTT 5.0 3.1.2.5: what CONNECT leaves to be published for the client.
 */
#ifndef MQTTD_SESSION_WILL_H
#define MQTTD_SESSION_WILL_H

#include <stdbool.h>
#include <linux/types.h>

struct client;
struct packet_connect;
struct session;
struct session_will;
struct store_session;
struct worker;

/*
 * The will in @connect, whose properties are changed by that. @client's id and
 * user name are known. NULL without memory.
 */
struct session_will *session_will_new(const struct client *client,
				      struct packet_connect *connect);
void session_will_free(struct session_will *will);	/* NULL is fine */

/* @client is somebody else now. 0 or -ENOMEM. */
int session_will_rename(struct session_will *will, const struct client *client);

/*
 * As in mosquitto a client has no will that it might not publish itself: asked when it is
 * let in, and when it ends, with its permissions then. If not the log says so.
 */
bool session_will_allowed(struct client *client, const struct session_will *will);

/*
 * Publishes it; it stays the caller's. @from: the session whose it is, or NULL if
 * that may be gone. Within store_begin() and store_end().
 */
void session_will_publish(struct worker *worker, const struct session_will *will,
			  const struct session *from);

/* Likewise, after its delay, if who has left it may publish it now. */
void session_will_publish_late(struct worker *worker, const struct session_will *will,
			       const struct session *from);

/*
 * What the store is told for "when": milliseconds of CLOCK_REALTIME, or while
 * there is a connection the delay. And back, from a row with a will, for a session whose
 * connection is gone; NULL without memory.
 */
u64 session_will_time(const struct session_will *will);
struct session_will *session_will_restore(const struct store_session *row);

#endif /* MQTTD_SESSION_WILL_H */
