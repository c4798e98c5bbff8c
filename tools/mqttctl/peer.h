/* SPDX-License-Identifier: MIT */
/* mqttctl peer, in two files. */
#ifndef MQTTCTL_PEER_H
#define MQTTCTL_PEER_H

struct ctl;

/* Words by the kernel's numbers, ended by NULL. */
extern const char *const peer_queue_policies[];
extern const char *const peer_rate_policies[];

int peer_set(struct ctl *ctl, int argc, char **argv);
const char *peer_set_help(void);

#endif /* MQTTCTL_PEER_H */
