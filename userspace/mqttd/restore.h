/* SPDX-License-Identifier: MIT */
/*
 * From the store at the start: retained messages, and sessions with all they have.
 */
#ifndef MQTTD_RESTORE_H
#define MQTTD_RESTORE_H

struct broker;

/*
 * Before the workers run, with all parts of the broker there. What was to happen while
 * the daemon was down happens when they do. Returns 0, or -errno and the log says why.
 */
int broker_restore(struct broker *broker);

#endif /* MQTTD_RESTORE_H */
