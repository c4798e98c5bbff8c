/* SPDX-License-Identifier: MIT */
/*
 * A daemon with both data planes: the kernel has the connections of one listener, and
 * reaches those of the other through a port.
 */
#ifndef SELFTESTS_PLANES_H
#define SELFTESTS_PLANES_H

#include "daemon.h"

#define HOSTED_PORT 1884	/* "dataplane user": never offloaded; the other is DAEMON_PORT */

void planes_start(void);

/* Sends a line to the control socket; @part has to be in the answer. */
void planes_ask(const char *request, const char *part);

/* Moves all clients of DAEMON_PORT to "user" or "kernel": not one may fail. */
void planes_move(const char *plane);

#endif /* SELFTESTS_PLANES_H */
