// SPDX-License-Identifier: MIT
/*
 * Listening sockets and accepting connections.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/container_of.h>

#include "broker.h"
#include "client.h"
#include "listener.h"
#include "log.h"
#include "timer.h"
#include "worker.h"

#define BACKLOG		1024
/* Connections that are accepted before others have their turn. */
#define ACCEPT_ROUND	64
/* Without descriptors or memory for another connection: how long to wait. */
#define PAUSE_MS	500

/**
 * struct listener - one listening socket of one worker
 * @source: readiness
 * @timer: end of a pause
 * @worker: who accepts
 * @endpoint: settings
 * @next: in the list of all
 * @fd: socket
 */
struct listener {
	struct event_source source;
	struct timer timer;
	struct worker *worker;
	struct endpoint *endpoint;
	struct listener *next;
	int fd;
};

struct listeners {
	struct listener *first;
};

static void resume(struct timer *timer)
{
	struct listener *listener = container_of(timer, struct listener, timer);

	worker_watch(listener->worker, listener->fd, EPOLLIN, &listener->source);
}

/* The connection stays in the backlog: looking again at once would be a busy loop. */
static void pause_accepting(struct listener *listener, int err)
{
	struct worker *worker = listener->worker;

	log_limited(LOG_TYPE_ERROR, "Error: cannot accept connections: %s.", strerror(err));
	if (!timer_set(&worker->timers, &listener->timer, worker->now + PAUSE_MS))
		worker_unwatch(worker, listener->fd);
}

static void admit(struct listener *listener, int fd, const struct sockaddr *address,
		  socklen_t len)
{
	struct endpoint *endpoint = listener->endpoint;
	struct worker *worker = listener->worker;
	int64_t max = endpoint->conf->max_connections;
	int one = 1;

	if (max >= 0 && __atomic_load_n(&endpoint->connections, __ATOMIC_RELAXED) >= max) {
		log_limited(LOG_TYPE_NOTICE, "Client connection denied: max_connections exceeded.");
	} else {
		if (worker->broker->conf->set_tcp_nodelay)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (!client_new(worker, endpoint, fd, address, len))
			return;
		log_limited(LOG_TYPE_ERROR, "Error: no memory for another connection.");
	}
	stats_add(&worker->stats, STAT_CONNECTIONS_REFUSED, 1);
	close(fd);
}

static void accept_some(struct event_source *source, uint32_t events)
{
	struct listener *listener = container_of(source, struct listener, source);
	struct sockaddr_storage address;
	socklen_t len;
	int i, fd;

	(void)events;
	for (i = 0; i < ACCEPT_ROUND; i++) {
		len = sizeof(address);
		fd = accept4(listener->fd, (struct sockaddr *)&address, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			admit(listener, fd, (struct sockaddr *)&address, len);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(listener, errno);
		/* Else nobody is there any more, or who was there is gone. */
		return;
	}
}

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

/* Takes @fd over, also when it fails. */
static int add(struct listeners *listeners, struct worker *worker, struct endpoint *endpoint,
	       int fd)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int err = -ENOMEM;

	if (!listener)
		goto fail_alloc;
	listener->source.handle = accept_some;
	listener->timer.fire = resume;
	listener->worker = worker;
	listener->endpoint = endpoint;
	listener->fd = fd;
	err = listen(fd, BACKLOG) ? -errno : 0;
	if (!err)
		err = worker_watch(worker, fd, EPOLLIN, &listener->source);
	if (err)
		goto fail_listen;
	listener->next = listeners->first;
	listeners->first = listener;
	return 0;

fail_listen:
	free(listener);
fail_alloc:
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
		err = add(listeners, &broker->workers[i], endpoint, fd);
		if (err)
			return err;
	}
	return 0;
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

static int open_endpoint(struct broker *broker, struct listeners *listeners,
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
		log_printf(LOG_TYPE_INFORMATION, "Opening %s listen socket on port %s.",
			   ai->ai_family == AF_INET ? "ipv4" : "ipv6", port);
		err = open_address(broker, listeners, endpoint, ai);
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

	*listeners = calloc(1, sizeof(**listeners));
	if (!*listeners)
		return -ENOMEM;
	for (i = 0; i < broker->n_endpoints && !err; i++)
		err = open_endpoint(broker, *listeners, &broker->endpoints[i]);
	if (err) {
		listeners_close(*listeners);
		*listeners = NULL;
	}
	return err;
}

void listeners_close(struct listeners *listeners)
{
	struct listener *listener;

	if (!listeners)
		return;
	while ((listener = listeners->first)) {
		listeners->first = listener->next;
		timer_cancel(&listener->worker->timers, &listener->timer);
		close(listener->fd);
		free(listener);
	}
	free(listeners);
}
