/* SPDX-License-Identifier: MIT */
/* Asking the daemon to change something that it keeps. */
#ifndef MQTTCTL_CHANGE_H
#define MQTTCTL_CHANGE_H

#include <jansson.h>
#include <stdint.h>

struct ctl;

/*
 * @request is taken over; NULL: words that are not UTF-8. Exit status; a warning if what has
 * changed is lost when mqttd ends.
 */
int ctl_change(struct ctl *ctl, json_t *request);

/* A request's answer that is to be shown. NULL after a sentence on stderr. */
json_t *ctl_ask_utf8(struct ctl *ctl, json_t *request);

/* "priority N". 0, or USAGE after a sentence; what is no such thing is none of a change's. */
int ctl_priority(int argc, char **argv, json_int_t *priority);

#endif /* MQTTCTL_CHANGE_H */
