// SPDX-License-Identifier: MIT
/*
 * A client's bytes: reading, cutting into packets, queueing, writing.
 *
 * Receiving goes into a buffer of the worker. What is left there without its
 * end moves to the client's own buffer, and back in front of the next bytes
 * if it is little. A long packet is received into the client's buffer, which
 * grows as bytes arrive, whatever the length field says, and ends exactly
 * with the packet, so that its storage can be passed on.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "broker.h"
#include "client.h"
#include "client_plane.h"
#include "client_slow.h"
#include "handler.h"
#include "packet.h"
#include "replay.h"
#include "stats.h"
#include "websocket.h"

/* Before the CONNECT is done: what is behind it has to fit into an attach. */
#define CONNECT_CHUNK	(16 << 10)
/* So little is moved to the front of the worker's buffer. */
#define MOVE_MAX	(4 << 10)
/* A client's own buffer grows by at least this. */
#define GROW_MIN	(16 << 10)
/* Calls of recv() before other clients have their turn. */
#define READ_ROUNDS	16
/* Entries of one writev(). */
#define IOV_COUNT	128
/* Bytes of answers that may be queued, see client_send(). */
#define ANSWERS_MAX	(1 << 20)

/*
 * While nothing is read the end of the connection is to be seen all the same: once,
 * as there may be something before it. An offloaded connection is the kernel's to watch.
 */
static uint32_t wanted_events(const struct client *client)
{
	uint32_t events = (client->holds ? 0 : EPOLLIN) | (client->blocked ? EPOLLOUT : 0);

	return events || client->conn.transport->barriers ? events : EPOLLRDHUP | EPOLLET;
}

static bool conn_has_more(const struct client *client)
{
	return client->conn.more && !client->holds && !client->closing;
}

/* In the next round: the descriptor may never be readable again for what is there. */
static void read_later(struct client *client)
{
	struct worker *worker = client->worker;

	if (client->again)
		return;
	client_get(client);
	client->again = true;
	client->next_again = worker->again;
	worker->again = client;
}

/* What epoll is to report follows from @holds and @blocked. */
void client_watch(struct client *client)
{
	uint32_t events = wanted_events(client);
	struct worker *worker = client->worker;
	int fd = client->conn.fd, err = 0;

	if (conn_has_more(client))
		read_later(client);
	if (events == client->events)
		return;
	/* A descriptor in the set reports errors even if nothing is wanted. */
	if (!events)
		worker_unwatch(worker, fd);
	else if (!client->events)
		err = worker_watch(worker, fd, events, &client->source);
	else
		err = worker_rewatch(worker, fd, events, &client->source);
	client->events = err ? 0 : events;
	if (err)
		client_close(client, CLOSE_NO_MEMORY, NULL);
}

/* Handles the complete packets in @len bytes at @data. Returns bytes handled. */
static size_t parse(struct client *client, uint8_t *data, size_t len, struct blob *storage)
{
	struct mqtt_fixed_header fh;
	size_t done = 0, size;
	struct packet packet;
	int err;

	client->need = 0;
	client->parsing = true;
	while (done < len && !client->holds && !client->closing) {
		err = mqtt_fixed_header_parse(data + done, len - done, &fh);
		if (err == -EBADMSG) {
			client_close(client, CLOSE_MALFORMED, "malformed remaining length");
			break;
		}
		size = err ? 0 : fh.size + (size_t)fh.remaining;
		if (!handler_admit(client, data[done], size))
			break;
		if (!size || size > len - done) {
			client->need = size;
			break;
		}
		packet = (struct packet){
			.body = data + done + fh.size,
			.remaining = fh.remaining,
			.byte1 = fh.byte1,
			.storage = storage,
		};
		handler_run(client, &packet);
		done += size;
	}
	client->parsing = false;
	return done;
}

/**
 * struct place - where the next bytes go
 * @start: first byte of what is not handled
 * @have: bytes that are there already
 * @room: bytes that may be received behind them
 * @own: it is the client's buffer, not the worker's
 */
struct place {
	uint8_t *start;
	size_t have;
	size_t room;
	bool own;
};

static int place_own(struct client *client, struct place *place)
{
	struct buffer *in = &client->in;
	size_t missing = client->need - in->len;
	size_t step = in->len > GROW_MIN ? in->len : GROW_MIN;
	int err;

	err = buffer_reserve(in, step < missing ? step : missing, client->need);
	if (err)
		return err;
	place->own = true;
	place->start = buffer_head(in);
	place->have = in->len;
	place->room = buffer_room(in) < missing ? buffer_room(in) : missing;
	return 0;
}

static int place_find(struct client *client, struct place *place)
{
	size_t chunk = client->state == CLIENT_NEW ? CONNECT_CHUNK : WORKER_SCRATCH_SIZE;
	struct buffer *in = &client->in;

	if (client->need > in->len && (in->len > MOVE_MAX || client->need > chunk))
		return place_own(client, place);
	place->own = false;
	place->start = client->worker->scratch;
	place->have = in->len;
	place->room = chunk - in->len;
	if (in->len)
		memcpy(place->start, buffer_head(in), in->len);
	buffer_consume(in, in->len);
	return 0;
}

static void keep_rest(struct client *client, const uint8_t *rest, size_t len)
{
	if (!len)
		buffer_free(&client->in);
	else if (buffer_append(&client->in, rest, len))
		client_close(client, CLOSE_NO_MEMORY, NULL);
}

static void handle_received(struct client *client, struct place *place, size_t n)
{
	size_t len = place->have + n, done;

	if (!place->own) {
		done = parse(client, place->start, len, NULL);
		keep_rest(client, place->start + done, len - done);
		return;
	}
	client->in.len = len;
	if (len < client->need)
		return;
	/* The buffer ends with the packet, and a receiver may share it now. */
	parse(client, place->start, len, client->in.blob);
	buffer_free(&client->in);
}

/* On an offloaded connection the kernel tells so what it has found. */
void client_failed(struct client *client, int err)
{
	bool kernel = client->conn.transport->barriers;

	if (client->conn.tls && err == EPROTO)
		client_close(client, CLOSE_TLS, transport_tls_why(&client->conn));
	else if (client->conn.websocket && err == EBADMSG)
		client_close(client, CLOSE_WEBSOCKET, websocket_why(&client->conn));
	else if (kernel && err == ETIMEDOUT)
		client_close(client, CLOSE_KEEPALIVE, NULL);
	else if (kernel && err == ENOBUFS)
		client_close(client, CLOSE_SLOW, NULL);
	else
		client_close(client, CLOSE_SOCKET, strerror(err));
}

/* Returns whether there may be more to read. */
static bool read_once(struct client *client)
{
	struct conn *conn = &client->conn;
	struct place place;
	ssize_t n;

	if (place_find(client, &place)) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return false;
	}
	n = conn->transport->recv(conn, place.start + place.have, place.room);
	if (n <= 0) {
		if (!place.own)
			keep_rest(client, place.start, place.have);
		if (!n)
			client_close(client, CLOSE_EOF, NULL);
		else if (n != -EAGAIN && n != -EINTR)
			client_failed(client, -n);
		return false;
	}
	stats_add(&client->worker->stats, STAT_BYTES_RECEIVED, n);
	handle_received(client, &place, n);
	return conn->transport->barriers || conn->more || (size_t)n == place.room;
}

/*
 * Behind a barrier the kernel delivers the client's next messages itself: the
 * ones before have to be in its hands by then, and the answer to a SUBSCRIBE on
 * its way.
 */
static bool read_behind_barrier(struct client *client)
{
	port_flush(client->worker);
	if (!outq_empty(&client->out) && !client->blocked)
		client_flush(client);
	/*
	 * What was begun for the client at the end of rounds is answered before what it
	 * sends next: the rest of it is read in the next round.
	 */
	if (client->replaying || client->pumping)
		return false;
	return !client->closing && read_once(client);
}

static void client_read(struct client *client)
{
	bool more = true;
	int i;

	for (i = 0; i < READ_ROUNDS && more && !client->holds && !client->closing; i++)
		more = client->conn.transport->barriers ? read_behind_barrier(client) :
			read_once(client);
	if (conn_has_more(client))
		read_later(client);
	/* Answers of TLS itself */
	if (client->conn.unsent && !client->blocked)
		client_make_dirty(client);
}

void client_read_again(struct worker *worker)
{
	struct client *client, *next;

	client = worker->again;
	worker->again = NULL;
	for (; client; client = next) {
		next = client->next_again;
		client->again = false;
		if (conn_has_more(client))
			client_read(client);
		client_put(client);
	}
}

/*
 * What was received before a hold and is not handled yet. A handler that ends
 * its own hold is in the middle of it: parse() goes on.
 */
void client_parse_held(struct client *client)
{
	size_t done;

	if (!client->in.len || client->parsing)
		return;
	done = parse(client, buffer_head(&client->in), client->in.len, NULL);
	buffer_consume(&client->in, done);
	if (!client->in.len)
		buffer_free(&client->in);
}

static void note_sent(struct client *client, size_t n)
{
	outq_sent(&client->out, n);
	stats_add(&client->worker->stats, STAT_BYTES_SENT, n);
	if (n < client->answers_behind) {
		client->answers_behind -= n;
	} else {
		client->answers_behind = 0;
		client->answers_out = 0;
	}
}

/* Handles nothing of what the client has sent: it is called from the middle of sending. */
void client_flush(struct client *client)
{
	struct conn *conn = &client->conn;
	struct iovec iov[IOV_COUNT];
	ssize_t n;
	int count;

	if (client->holds & HOLD_PLANE)
		return;
	/* Answers promise something about what was published before. */
	port_flush(client->worker);
	client->blocked = false;
	while (!client->blocked && (conn->unsent || !outq_empty(&client->out) ||
				    (!client->closing && client_slow_send(client)))) {
		count = outq_iov(&client->out, iov, IOV_COUNT);
		n = conn->transport->sendv(conn, iov, count);
		if (n < 0 && n != -EAGAIN && n != -EINTR) {
			outq_clear(&client->out);
			conn->unsent = false;
			client_failed(client, -n);
			break;
		}
		client->blocked = n < 0 || conn->unsent;
		if (n > 0)
			note_sent(client, n);
	}
	client_watch(client);
	if (client->slow)
		client_slow_sent(client);
	if (!outq_empty(&client->out) || client->closing)
		return;
	if (client->congested) {
		client->congested = false;
		client_pump_later(client);
	}
	replay_resume(client);
	client_plane_sent(client);
}

void client_add_dirty(struct client *client)
{
	client->dirty = true;
	client->next_dirty = client->worker->dirty;
	client->worker->dirty = client;
}

/*
 * Messages that the client is still to read say nothing about how it reads. Answers
 * are counted until all is sent that was there before the first of them; the next
 * ones are counted anew then. So there are never more than twice as many.
 */
static bool count_answer(struct client *client, size_t len)
{
	if (!client->answers_out)
		client->answers_behind = client->out.bytes;
	else if (client->answers_out + len > ANSWERS_MAX)
		return false;
	client->answers_out += len;
	return true;
}

void client_send(struct client *client, const void *packet, size_t len)
{
	if (client->closing)
		return;
	if (client_too_long(client, len))
		client_close(client, CLOSE_TOO_LARGE, "the answer");
	else if (!count_answer(client, len))
		client_close(client, CLOSE_NOT_READING, NULL);
	else if (outq_copy(&client->out, packet, len))
		client_close(client, CLOSE_NO_MEMORY, NULL);
	else
		client_make_dirty(client);
	stats_add(&client->worker->stats, STAT_ANSWERS_SENT, 1);
}

/* What has come before the end is handled when the hold ends. */
static void see_end(struct client *client)
{
	u8 byte;
	ssize_t n = recv(client->conn.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n > 0 || client->in.len || client->conn.more ||
	    (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	client_close(client, n ? CLOSE_SOCKET : CLOSE_EOF, n ? strerror(errno) : NULL);
}

void client_handle(struct event_source *source, uint32_t events)
{
	struct client *client = container_of(source, struct client, source);

	if (client->closing)
		return;
	if (client->events & EPOLLRDHUP && !client->conn.transport->barriers) {
		see_end(client);
		return;
	}
	if (events & EPOLLOUT || client->holds)
		client_flush(client);
	if (events & ~(uint32_t)EPOLLOUT && !client->closing)
		client_read(client);
}
