/* SPDX-License-Identifier: MIT */
/*
 * The whole way of an application message through the broker. All within
 * store_begin() and store_end() of the caller's, by a worker's thread.
 */
#ifndef MQTTD_PUBLISH_H
#define MQTTD_PUBLISH_H

#include <stdbool.h>

struct message;
struct session;
struct stored;
struct worker;

/*
 * Retains the message if its publisher wants that, and has it delivered to all who have
 * subscribed. Returns how many these are, see route_publish(); -ENOMEM: not all of
 * that was done, and it may not be acknowledged.
 */
int publish_message(struct worker *worker, struct message *msg);

/*
 * Wills and the broker's own: publish_message() of one that is there already. @retain:
 * whether it is to be retained. @from: its publisher, who may not want to hear
 * itself, or NULL. What there is no memory for is said in the log.
 */
void publish_stored(struct worker *worker, struct stored *stored, bool retain,
		    const struct session *from);

/*
 * A session has ended that a message at QoS 1 had come to by a shared subscription,
 * and not been acknowledged: it goes to another member, if there is one [MQTT-4.8.2-4].
 * @share: "$share/NAME/FILTER"; @except: the session, or NULL.
 */
void share_redeliver(struct worker *worker, struct stored *stored, const char *share,
		     const struct session *except);

#endif /* MQTTD_PUBLISH_H */
