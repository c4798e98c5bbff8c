// SPDX-License-Identifier: MIT
/*
 * Connections without a client.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <linux/container_of.h>

#include "farewell.h"
#include "outq.h"
#include "transport.h"
#include "worker.h"

/* So many of a worker's wait at a time, and so long. */
#define FAREWELLS_MAX	64
#define FAREWELL_MS	20000
#define IOV_COUNT	16

/**
 * struct farewell - a connection to be closed
 * @source: its readiness
 * @timer: end of patience
 * @worker: whose
 * @conn: it
 * @out: what is to be sent yet
 * @next: in the worker's list
 * @link: what points to it there
 */
struct farewell {
	struct event_source source;
	struct timer timer;
	struct worker *worker;
	struct conn conn;
	struct outq out;
	struct farewell *next;
	struct farewell **link;
};

/* What came in is read, or close() would send a reset, which can be faster. */
static void end(struct farewell *farewell)
{
	struct worker *worker = farewell->worker;
	struct conn *conn = &farewell->conn;

	conn->transport->recv(conn, worker->scratch, WORKER_SCRATCH_SIZE);
	timer_cancel(&worker->timers, &farewell->timer);
	worker_unwatch(worker, conn->fd);
	conn_close(conn);
	outq_clear(&farewell->out);
	*farewell->link = farewell->next;
	if (farewell->next)
		farewell->next->link = farewell->link;
	worker->n_farewells--;
	free(farewell);
}

static void expired(struct timer *timer)
{
	end(container_of(timer, struct farewell, timer));
}

static bool is_left(const struct farewell *farewell)
{
	return farewell->conn.unsent || !outq_empty(&farewell->out);
}

static void writable(struct event_source *source, uint32_t events)
{
	struct farewell *farewell = container_of(source, struct farewell, source);
	struct conn *conn = &farewell->conn;
	struct iovec iov[IOV_COUNT];
	ssize_t n = 0;

	while (is_left(farewell) && n >= 0) {
		n = conn->transport->sendv(conn, iov, outq_iov(&farewell->out, iov, IOV_COUNT));
		if (n > 0)
			outq_sent(&farewell->out, n);
	}
	if (!is_left(farewell) || (n != -EAGAIN && n != -EINTR) || events & EPOLLERR)
		end(farewell);
}

bool farewell_begin(struct worker *worker, const struct conn *conn, struct outq *out)
{
	struct farewell *farewell;

	if (worker->n_farewells >= FAREWELLS_MAX)
		return false;
	farewell = calloc(1, sizeof(*farewell));
	if (!farewell)
		return false;
	farewell->source.handle = writable;
	farewell->timer.fire = expired;
	farewell->worker = worker;
	farewell->conn = *conn;
	if (timer_set(&worker->timers, &farewell->timer, worker->now + FAREWELL_MS))
		goto fail_timer;
	if (worker_watch(worker, conn->fd, EPOLLOUT, &farewell->source))
		goto fail_watch;
	outq_join(&farewell->out, out);
	farewell->next = worker->farewells;
	farewell->link = &worker->farewells;
	if (farewell->next)
		farewell->next->link = &farewell->next;
	worker->farewells = farewell;
	worker->n_farewells++;
	return true;

fail_watch:
	timer_cancel(&worker->timers, &farewell->timer);
fail_timer:
	free(farewell);
	return false;
}

void farewell_end_all(struct worker *worker)
{
	while (worker->farewells)
		end(worker->farewells);
}
