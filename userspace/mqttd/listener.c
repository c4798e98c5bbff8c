// SPDX-License-Identifier: MIT
/*
 * Accepting connections, or not: what is refused here costs next to nothing.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/container_of.h>

#include "address.h"
#include "bans.h"
#include "broker.h"
#include "client.h"
#include "connection_rate.h"
#include "incidents.h"
#include "listener.h"
#include "log.h"
#include "networks.h"
#include "security.h"
#include "timer.h"
#include "worker.h"

#define BACKLOG		1024
/* Connections that are accepted before others have their turn. */
#define ACCEPT_ROUND	64
/* Likewise, of a socket that others accept from: they are to have theirs. */
#define ACCEPT_SHARED	1
/* With too many handshakes: how long until there may be fewer. */
#define HANDSHAKES_MS	10
/* Without descriptors or memory for another connection: how long to wait. */
#define PAUSE_MS	500

/**
 * struct listener - one listening socket of one worker
 * @source: readiness
 * @timer: end of a pause
 * @worker: who accepts
 * @endpoint: settings
 * @all: what it belongs to
 * @next: in the list of all
 * @fd: socket
 * @shared: other workers accept from it, too
 */
struct listener {
	struct event_source source;
	struct timer timer;
	struct worker *worker;
	struct endpoint *endpoint;
	struct listeners *all;
	struct listener *next;
	int fd;
	bool shared;
};

/**
 * struct listeners - all of them
 * @first: in a list
 * @rate: how often addresses connect
 * @short_of: there are no descriptors, or there is no memory; any thread
 */
struct listeners {
	struct listener *first;
	struct connection_rate *rate;
	bool short_of;
};

/* Of those who share a socket one is woken, or all of them would be for each connection. */
static int watch(struct listener *listener)
{
	return worker_watch(listener->worker, listener->fd,
			    EPOLLIN | (listener->shared ? EPOLLEXCLUSIVE : 0), &listener->source);
}

static void resume(struct timer *timer)
{
	struct listener *listener = container_of(timer, struct listener, timer);

	if (watch(listener))
		timer_set(&listener->worker->timers, timer, listener->worker->now + PAUSE_MS);
}

/*
 * The connection stays in the backlog: looking again at once would be a busy loop. It is
 * said once, and when it is over.
 */
static void pause_accepting(struct listener *listener, int err)
{
	struct worker *worker = listener->worker;

	if (!__atomic_exchange_n(&listener->all->short_of, true, __ATOMIC_RELAXED))
		log_limited(LOG_TYPE_ERROR, "Error: cannot accept connections for now: %s.",
			    strerror(err));
	if (!timer_set(&worker->timers, &listener->timer, worker->now + PAUSE_MS))
		worker_unwatch(worker, listener->fd);
}

bool endpoint_forwards(const struct endpoint *endpoint, const struct sockaddr *address)
{
	return endpoint->conf->protocol == PROTOCOL_WEBSOCKETS &&
	       networks_have(endpoint->trusted, address);
}

/*
 * With as many as may be, those who have said nothing make room: one goes for each who
 * comes, a little later.
 */
static bool is_busy(const struct endpoint *endpoint)
{
	int64_t max = __atomic_load_n(&endpoint->conf->max_handshakes, __ATOMIC_RELAXED);
	int64_t now = __atomic_load_n(&endpoint->handshakes, __ATOMIC_RELAXED);

	if (__atomic_load_n(&endpoint->silent, __ATOMIC_RELAXED))
		max += ACCEPT_ROUND;
	return now >= max;
}

/* Who comes waits in the backlog until others are through. */
static bool wait_for_handshakes(struct listener *listener)
{
	const struct endpoint *endpoint = listener->endpoint;
	struct worker *worker = listener->worker;

	if (!endpoint->tls || !is_busy(endpoint))
		return false;
	stats_add(&worker->stats, STAT_TLS_WAITS, 1);
	if (!timer_set(&worker->timers, &listener->timer, worker->now + HANDSHAKES_MS))
		worker_unwatch(worker, listener->fd);
	return true;
}

static void accepted(struct listener *listener)
{
	bool *short_of = &listener->all->short_of;

	if (__atomic_load_n(short_of, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(short_of, false, __ATOMIC_RELAXED))
		log_limited(LOG_TYPE_NOTICE, "Accepting connections again.");
}

static int64_t count_connections(const struct broker *broker)
{
	int64_t sum = 0;
	unsigned int i;

	for (i = 0; i < broker->n_endpoints; i++)
		sum += __atomic_load_n(&broker->endpoints[i].connections, __ATOMIC_RELAXED);
	return sum;
}

/**
 * struct refusal - why somebody is not let in
 * @stat: what counts it
 * @type: of the log line
 * @what: its end
 */
struct refusal {
	enum stat stat;
	enum log_type type;
	const char *what;
};

enum {
	REFUSED_LISTENER,
	REFUSED_TOTAL,
	REFUSED_RATE,
	REFUSED_BANNED,
	REFUSED_PROXY,
	REFUSED_MEMORY,
};

static const struct refusal refusals[] = {
	[REFUSED_LISTENER] = { STAT_REFUSED_LISTENER, LOG_TYPE_NOTICE, "max_connections exceeded" },
	[REFUSED_TOTAL] = { STAT_REFUSED_TOTAL, LOG_TYPE_NOTICE,
			    "max_connections_total exceeded" },
	[REFUSED_RATE] = { STAT_REFUSED_RATE, LOG_TYPE_NOTICE, "connection_rate exceeded" },
	[REFUSED_BANNED] = { STAT_REFUSED_BANNED, LOG_TYPE_NOTICE, "the address is banned" },
	[REFUSED_PROXY] = { STAT_REFUSED_PROXY, LOG_TYPE_NOTICE,
			    "it is no proxy in proxy_trusted" },
	[REFUSED_MEMORY] = { STAT_REFUSED_MEMORY, LOG_TYPE_ERROR, "no memory" },
};

static const struct refusal *refusal_of_rate(const struct worker *worker,
					     const struct sockaddr *address)
{
	const struct broker *broker = worker->broker;
	uint64_t rate = broker->conf->connection_rate;

	if (rate && address->sa_family != AF_UNIX &&
	    !connection_rate_allows(broker->listeners->rate, address, rate, worker->now))
		return &refusals[REFUSED_RATE];
	return NULL;
}

static const struct refusal *find_refusal(const struct listener *listener,
					  const struct sockaddr *address)
{
	const struct endpoint *endpoint = listener->endpoint;
	const struct worker *worker = listener->worker;
	const struct config *conf = worker->broker->conf;
	int64_t max = endpoint->conf->max_connections;

	if (bans_refuse(worker->broker->bans, address))
		return &refusals[REFUSED_BANNED];
	if (max >= 0 && __atomic_load_n(&endpoint->connections, __ATOMIC_RELAXED) >= max)
		return &refusals[REFUSED_LISTENER];
	max = conf->max_connections_total;
	if (max >= 0 && count_connections(worker->broker) >= max)
		return &refusals[REFUSED_TOTAL];
	/* These tell later who they are from. */
	if (endpoint->conf->proxy_protocol)
		return networks_have(endpoint->trusted, address) ? NULL : &refusals[REFUSED_PROXY];
	return endpoint_forwards(endpoint, address) ? NULL : refusal_of_rate(worker, address);
}

static void count_refusal(struct worker *worker, const struct refusal *refusal,
			  const char *address)
{
	stats_add(&worker->stats, STAT_CONNECTIONS_REFUSED, 1);
	stats_add(&worker->stats, refusal->stat, 1);
	if (refusal->stat == STAT_REFUSED_BANNED)
		security_event(worker->broker->security, &(struct security_event){
			.kind = SECURITY_BANNED, .why = "refused", .address = address });
}

const char *listener_refuses(struct worker *worker, const struct sockaddr *address)
{
	const struct refusal *refusal = refusal_of_rate(worker, address);
	char text[ADDRESS_MAX];

	if (bans_refuse(worker->broker->bans, address))
		refusal = &refusals[REFUSED_BANNED];
	if (!refusal)
		return NULL;
	address_format(text, address);
	count_refusal(worker, refusal, text);
	return refusal->what;
}

static void refuse(struct worker *worker, const struct refusal *refusal,
		   const struct sockaddr *address)
{
	static struct log_limit limits[sizeof(refusals) / sizeof(refusals[0])];
	struct log_limit *limit = &limits[refusal - refusals];
	char text[ADDRESS_MAX];

	address_format(text, address);
	count_refusal(worker, refusal, text);
	__atomic_store_n(&limit->what, refusal->what, __ATOMIC_RELAXED);
	incidents_note(worker->broker->incidents, NULL, text, refusal->what, NULL);
	if (log_allowed(limit, refusal->type))
		log_printf(refusal->type, "Client connection from %s denied: %s.", text,
			   refusal->what);
}

static void admit(struct listener *listener, int fd, const struct sockaddr *address,
		  socklen_t len)
{
	const struct refusal *refusal = find_refusal(listener, address);
	struct worker *worker = listener->worker;
	int one = 1, err = 0;

	if (!refusal) {
		if (worker->broker->conf->set_tcp_nodelay)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		err = client_new(worker, listener->endpoint, fd, address, len);
		if (!err)
			return;
		refusal = &refusals[REFUSED_MEMORY];
	}
	/* At the end of the broker nobody makes handshakes any more. */
	if (err != -ESHUTDOWN)
		refuse(worker, refusal, address);
	close(fd);
}

static void accept_some(struct event_source *source, uint32_t events)
{
	struct listener *listener = container_of(source, struct listener, source);
	int i, fd, round = listener->shared ? ACCEPT_SHARED : ACCEPT_ROUND;
	struct sockaddr_storage address;
	socklen_t len;

	(void)events;
	for (i = 0; i < round; i++) {
		if (wait_for_handshakes(listener))
			return;
		len = sizeof(address);
		fd = accept4(listener->fd, (struct sockaddr *)&address, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			accepted(listener);
			admit(listener, fd, (struct sockaddr *)&address, len);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(listener, errno);
		/* Else nobody is there any more, or who was there is gone. */
		return;
	}
}

int listener_add(struct listeners *listeners, struct worker *worker, struct endpoint *endpoint,
		 int fd, bool shared)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int err = -ENOMEM;

	if (!listener)
		goto fail_alloc;
	listener->source.handle = accept_some;
	listener->timer.fire = resume;
	listener->worker = worker;
	listener->endpoint = endpoint;
	listener->all = listeners;
	listener->fd = fd;
	listener->shared = shared;
	err = listen(fd, BACKLOG) ? -errno : 0;
	if (!err)
		err = watch(listener);
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

struct listeners *listeners_new(void)
{
	struct listeners *listeners = calloc(1, sizeof(*listeners));

	if (!listeners)
		return NULL;
	listeners->rate = connection_rate_new();
	if (!listeners->rate) {
		free(listeners);
		return NULL;
	}
	return listeners;
}

void listeners_close(struct listeners *listeners)
{
	struct listener *listener;

	if (!listeners)
		return;
	while ((listener = listeners->first)) {
		listeners->first = listener->next;
		timer_cancel(&listener->worker->timers, &listener->timer);
		if (listener->endpoint->conf->socket_path)
			unlink(listener->endpoint->conf->socket_path);
		close(listener->fd);
		free(listener);
	}
	connection_rate_free(listeners->rate);
	free(listeners);
}
