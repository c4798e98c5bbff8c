/* SPDX-License-Identifier: MIT */
/*
 * Changes that were asked for by the control socket, and are answered when they are
 * durable.
 */
#ifndef MQTTD_CONTROL_EDITS_H
#define MQTTD_CONTROL_EDITS_H

#include <jansson.h>
#include <linux/types.h>

struct broker;
struct control_request;
struct mainloop;

/* Of the broker: 0 or -errno. NULL is fine in the others. */
int control_edits_open(struct broker *broker);
void control_edits_close(struct broker *broker);
int control_edits_watch(struct broker *broker, struct mainloop *loop);

/* By the store's thread: something more is durable. */
void control_edits_committed(struct broker *broker);

/*
 * Answers with @result, an object that is taken over, when change number @ticket is
 * durable, or at once if nothing survives the process: then "kept" is false in it.
 */
void control_edits_answer(struct control_request *request, u64 ticket, json_t *result);

#endif /* MQTTD_CONTROL_EDITS_H */
