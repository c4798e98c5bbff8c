/* SPDX-License-Identifier: MIT */
/*
 * What many tests begin with: a publisher, a subscriber of "t/u", and packets that
 * the publisher may send.
 */
#ifndef SELFTESTS_SCENE_H
#define SELFTESTS_SCENE_H

#include "rig.h"

extern struct rig_peer pub, sub;
extern struct bytes fast;	/* a QoS 0 PUBLISH to "t/u": the subscriber's */
extern struct bytes slow;	/* a PUBACK: the daemon's */
extern struct bytes barrier;	/* a SUBSCRIBE: the daemon's, and recv() ends with it */

void scene_start(void);

#endif /* SELFTESTS_SCENE_H */
