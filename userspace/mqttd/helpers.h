/* SPDX-License-Identifier: MIT */
/*
 * Other processes of the daemon, for what it is not trusted with itself:
 *
 *   mqttd-keeper, mqttd-auth	what is secret about clients; see auth/helper.h
 *   mqttd-router		CAP_NET_ADMIN, to make the kernel's router; see router_helper.h
 *
 * They are forked before there are threads, connections, and anything that they should not
 * know. Each has one socket, to the daemon, and ends when the daemon does.
 */
#ifndef MQTTD_HELPERS_H
#define MQTTD_HELPERS_H

#include <stdbool.h>

struct config;

/**
 * struct helpers - the daemon's ends of the sockets, -1: there is no such process
 * @auth_fd: to mqttd-auth
 * @router_fd: to mqttd-router
 */
struct helpers {
	int auth_fd;
	int router_fd;
};

/**
 * struct helper - a process
 * @name: of it
 * @user: whom it becomes, see privileges_find()
 * @net_admin: it keeps CAP_NET_ADMIN
 * @run: what it does with its end of the socket; returns its exit status
 */
struct helper {
	const char *name;
	const char *user;
	bool net_admin;
	int (*run)(const struct config *conf, int fd);
};

/**
 * helpers_fork() - make those that are needed
 * @helpers: result
 * @conf: finished
 * @background: nobody is going to read standard error
 *
 * Before there are threads, and after signals were blocked that are the daemon's.
 *
 * Return: 0, or -errno and the log says what is wrong.
 */
int helpers_fork(struct helpers *helpers, const struct config *conf, bool background);

/* For who forks once more: the process has this name, and the end of its parent is its own. */
void helper_settle(const char *name);

#endif /* MQTTD_HELPERS_H */
