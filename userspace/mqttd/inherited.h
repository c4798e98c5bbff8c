/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets that the service manager has opened, see sd_listen_fds(3). For
 * the start only, by the main thread.
 */
#ifndef MQTTD_INHERITED_H
#define MQTTD_INHERITED_H

#include <stdbool.h>
#include <sys/socket.h>

#define INHERITED_MAX 128

/* Takes them over, if there are any. */
void inherited_take(void);

/* Those on @address, into INHERITED_MAX places; they stay where they are. How many? */
unsigned int inherited_find(const struct sockaddr *address, int *fds);

/* One more descriptor for such a socket, the caller's, or -errno. */
int inherited_dup(int fd);

/* Is there one for IPv6 on all addresses that has the connections to @address, too? */
bool inherited_covers(const struct sockaddr *address);

/* Closes all of them. The log says which were of no use. */
void inherited_close(void);

#endif /* MQTTD_INHERITED_H */
