/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets to listen on: the control socket, and listeners.
 */
#ifndef MQTTD_UNIX_SOCKET_H
#define MQTTD_UNIX_SOCKET_H

#define UNIX_SOCKET_PATH_MAX 107	/* struct sockaddr_un */

/**
 * unix_socket_bind() - a socket with a name
 * @path: of it; the directory is made if only that is missing
 *
 * Its owner and group may connect. One that was left behind is replaced. For the start,
 * by the main thread.
 *
 * Return: the socket; -EADDRINUSE if somebody listens there, -EEXIST if there is
 * something else, or another -errno.
 */
int unix_socket_bind(const char *path);

#endif /* MQTTD_UNIX_SOCKET_H */
