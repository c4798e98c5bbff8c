// SPDX-License-Identifier: MIT
/*
 * Listening sockets: those that the service manager has opened for us, and our own.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker.h"
#include "inherited.h"
#include "listener.h"
#include "log.h"
#include "unix_socket.h"
#include "worker.h"

static int set_options(int fd, const struct listener_config *conf, int family, bool share)
{
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		return -errno;
	if (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)))
		return -errno;
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)))
		return -errno;
	if (conf->interface && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, conf->interface,
					  strlen(conf->interface)))
		return -errno;
	return 0;
}

/* Returns a bound descriptor or -errno. */
static int bind_socket(const struct listener_config *conf, const struct addrinfo *ai, bool share)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = set_options(fd, conf, ai->ai_family, share);
	if (!err && bind(fd, ai->ai_addr, ai->ai_addrlen))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/*
 * Sockets that share a port do so with any other process of the same user:
 * the first bind() is alone, to find out that the port is taken.
 */
static int open_address(struct broker *broker, struct listeners *listeners,
			struct endpoint *endpoint, const struct addrinfo *ai)
{
	unsigned int i;
	int fd, err;

	fd = bind_socket(endpoint->conf, ai, false);
	if (fd < 0)
		return fd;
	close(fd);
	for (i = 0; i < broker->n_workers; i++) {
		fd = bind_socket(endpoint->conf, ai, true);
		if (fd < 0)
			return fd;
		err = listener_add(listeners, &broker->workers[i], endpoint, fd, false);
		if (err)
			return err;
	}
	return 0;
}

/*
 * Each worker is to have a socket, and each socket a worker: if there are not as many
 * of them some have to be shared.
 */
static int inherit_address(struct broker *broker, struct listeners *listeners,
			   struct endpoint *endpoint, const struct addrinfo *ai)
{
	int fds[INHERITED_MAX], err = 0, fd;
	unsigned int n, i, steps;

	n = inherited_find(ai->ai_addr, fds);
	if (!n)
		return -ENOENT;
	steps = n > broker->n_workers ? n : broker->n_workers;
	for (i = 0; i < steps && !err; i++) {
		fd = inherited_dup(fds[i % n]);
		if (fd < 0)
			return fd;
		err = listener_add(listeners, &broker->workers[i % broker->n_workers], endpoint, fd,
				   n < broker->n_workers);
	}
	return err;
}

static int open_or_inherit(struct broker *broker, struct listeners *listeners,
			   struct endpoint *endpoint, const struct addrinfo *ai)
{
	const struct listener_config *conf = endpoint->conf;
	const char *family = ai->ai_family == AF_INET ? "ipv4" : "ipv6";
	bool everywhere = !conf->address && conf->family == AF_UNSPEC;
	int err = inherit_address(broker, listeners, endpoint, ai);

	if (err != -ENOENT) {
		log_printf(LOG_TYPE_INFORMATION,
			   "Using the %s listen socket of the service manager on port %u.", family,
			   (unsigned int)conf->port);
		return err;
	}
	if (everywhere && inherited_covers(ai->ai_addr))
		return 0;
	log_printf(LOG_TYPE_INFORMATION, "Opening %s listen socket on port %u.", family,
		   (unsigned int)conf->port);
	return open_address(broker, listeners, endpoint, ai);
}

/* One socket for all workers, on which they take turns. */
static int share_path(struct broker *broker, struct listeners *listeners,
		      struct endpoint *endpoint, int fd)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < broker->n_workers && !err; i++) {
		int copy = inherited_dup(fd);

		err = copy < 0 ? copy : listener_add(listeners, &broker->workers[i], endpoint,
						     copy, true);
	}
	close(fd);
	return err;
}

static int open_path(struct broker *broker, struct listeners *listeners,
		     struct endpoint *endpoint)
{
	const char *path = endpoint->conf->socket_path;
	int fd, err;

	log_printf(LOG_TYPE_INFORMATION, "Opening unix listen socket on path %s.", path);
	fd = unix_socket_bind(path);
	err = fd < 0 ? fd : share_path(broker, listeners, endpoint, fd);
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot listen on %s: %s.", path,
			   err == -EADDRINUSE ? "somebody listens there" :
			   err == -EEXIST ? "there is a file that is no socket" :
					    strerror(-err));
	return err;
}

static const char *open_error(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "the port is in use by another process";
	case -EACCES:
		return "no permission; ports below 1024 need root or CAP_NET_BIND_SERVICE";
	case -EADDRNOTAVAIL:
		return "this machine does not have the address";
	default:
		return strerror(-err);
	}
}

/* IPv6 may be switched off: then a listener on all addresses does without. */
static bool may_fail(const struct listener_config *conf, int family, int err)
{
	if (err != -EADDRNOTAVAIL && err != -EAFNOSUPPORT)
		return false;
	return conf->optional || (!conf->address && family == AF_INET6);
}

static int open_port(struct broker *broker, struct listeners *listeners,
		     struct endpoint *endpoint)
{
	const struct listener_config *conf = endpoint->conf;
	struct addrinfo hints = {
		.ai_family = conf->family,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	const char *where = conf->address ? conf->address : "*";
	struct addrinfo *list, *ai;
	unsigned int opened = 0;
	char port[8];
	int err;

	snprintf(port, sizeof(port), "%u", (uint16_t)conf->port);
	err = getaddrinfo(conf->address, port, &hints, &list);
	if (err) {
		log_printf(LOG_TYPE_ERROR, "Error: cannot listen on %s: %s.", where,
			   gai_strerror(err));
		return -EADDRNOTAVAIL;
	}
	for (ai = list; ai && !err; ai = ai->ai_next) {
		err = open_or_inherit(broker, listeners, endpoint, ai);
		if (!err)
			opened++;
		else if (may_fail(conf, ai->ai_family, err))
			err = 0;
	}
	freeaddrinfo(list);
	if (!err && !opened && !conf->optional)
		err = -EADDRNOTAVAIL;
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot listen on port %s of %s: %s.", port,
			   where, open_error(err));
	return err;
}

int listeners_open(struct broker *broker, struct listeners **listeners)
{
	unsigned int i;
	int err = 0;

	*listeners = listeners_new();
	if (!*listeners)
		return -ENOMEM;
	inherited_take();
	for (i = 0; i < broker->n_endpoints && !err; i++) {
		struct endpoint *endpoint = &broker->endpoints[i];

		if (endpoint->conf->socket_path)
			err = open_path(broker, *listeners, endpoint);
		else
			err = open_port(broker, *listeners, endpoint);
	}
	inherited_close();
	if (err) {
		listeners_close(*listeners);
		*listeners = NULL;
	}
	return err;
}
