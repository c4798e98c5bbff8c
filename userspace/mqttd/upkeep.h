/* SPDX-License-Identifier: MIT */
/*
 * What has to be done now and then, and nobody waits for.
 */
#ifndef MQTTD_UPKEEP_H
#define MQTTD_UPKEEP_H

#include "timer.h"

struct broker;

struct upkeep {
	struct timer timer;
	struct broker *broker;
};

/* By the first worker, from its start on; 0 or -ENOMEM. */
int upkeep_start(struct broker *broker);
void upkeep_stop(struct broker *broker);

#endif /* MQTTD_UPKEEP_H */
