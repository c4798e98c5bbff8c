// SPDX-License-Identifier: MIT
/*
 * A client's life: begin, references, timeouts, end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/container_of.h>

#include "address.h"
#include "auth.h"
#include "broker.h"
#include "client.h"
#include "client_acl.h"
#include "client_attempt.h"
#include "client_expiry.h"
#include "client_pause.h"
#include "client_plane.h"
#include "client_rate.h"
#include "client_slow.h"
#include "farewell.h"
#include "handler.h"
#include "incidents.h"
#include "listener.h"
#include "log.h"
#include "packet.h"
#include "replay.h"
#include "security.h"
#include "session.h"
#include "session_will.h"
#include "websocket.h"

struct close_text {
	enum log_type type;
	bool routine;		/* silenced by connection_messages false */
	uint8_t code;		/* to tell a client with MQTT 5.0 in DISCONNECT; 0: nothing */
	const char *text;
};

static const struct close_text close_texts[CLOSE_COUNT] = {
	[CLOSE_DISCONNECT]	= { LOG_TYPE_NOTICE, true, 0, "disconnected" },
	[CLOSE_WITH_WILL]	= { LOG_TYPE_NOTICE, true, 0, "disconnected" },
	[CLOSE_EOF]		= { LOG_TYPE_NOTICE, true, 0, "closed its connection" },
	[CLOSE_SOCKET]		= { LOG_TYPE_NOTICE, true, 0, "disconnected: socket error" },
	[CLOSE_DENIED]		= { LOG_TYPE_NOTICE, false, 0, "denied" },
	[CLOSE_PROXY]		= { LOG_TYPE_NOTICE, false, 0, "refused: PROXY protocol" },
	[CLOSE_HANDSHAKE]	= { LOG_TYPE_NOTICE, false, 0, "refused: TLS handshake failed" },
	[CLOSE_TLS]		= { LOG_TYPE_NOTICE, false, 0, "disconnected: TLS error" },
	[CLOSE_UPGRADE]		= { LOG_TYPE_NOTICE, false, 0, "refused: no WebSocket" },
	[CLOSE_WEBSOCKET]	= { LOG_TYPE_NOTICE, false, 0, "disconnected: WebSocket error" },
	[CLOSE_MALFORMED]	= { LOG_TYPE_NOTICE, false, REASON_MALFORMED,
				    "disconnected due to malformed packet" },
	[CLOSE_PROTOCOL]	= { LOG_TYPE_NOTICE, false, REASON_PROTOCOL_ERROR,
				    "disconnected due to protocol error" },
	[CLOSE_TOPIC_NAME]	= { LOG_TYPE_NOTICE, false, REASON_TOPIC_NAME,
				    "disconnected due to invalid topic name" },
	[CLOSE_TOPIC_ALIAS]	= { LOG_TYPE_NOTICE, false, REASON_TOPIC_ALIAS,
				    "disconnected due to invalid topic alias" },
	[CLOSE_RECEIVE_MAXIMUM]	= { LOG_TYPE_NOTICE, false, REASON_RECEIVE_MAXIMUM,
				    "disconnected: more messages in flight than was granted" },
	[CLOSE_ADMINISTRATIVE]	= { LOG_TYPE_NOTICE, false, REASON_ADMINISTRATIVE,
				    "disconnected by the operator" },
	[CLOSE_QOS]		= { LOG_TYPE_ERROR, false, REASON_QOS,
				    "disconnected: QoS above max_qos" },
	[CLOSE_RETAIN]		= { LOG_TYPE_ERROR, false, REASON_RETAIN,
				    "disconnected: retain_available is false" },
	[CLOSE_SUBSCRIPTION_ID]	= { LOG_TYPE_ERROR, false, REASON_SUBSCRIPTION_ID,
				    "disconnected: no subscription identifiers yet" },
	[CLOSE_TOO_LARGE]	= { LOG_TYPE_NOTICE, false, REASON_TOO_LARGE,
				    "disconnected due to oversize packet" },
	[CLOSE_REFUSED]		= { LOG_TYPE_NOTICE, false, 0, "refused" },
	[CLOSE_CONNECT_TIMEOUT]	= { LOG_TYPE_NOTICE, true, 0, "disconnected: no CONNECT in time" },
	[CLOSE_KEEPALIVE]	= { LOG_TYPE_NOTICE, true, REASON_KEEP_ALIVE,
				    "has exceeded timeout, disconnecting" },
	[CLOSE_EXPIRED]		= { LOG_TYPE_NOTICE, true, REASON_MAX_CONNECT_TIME,
				    "disconnected: what it was let in with has expired" },
	[CLOSE_TAKEN_OVER]	= { LOG_TYPE_NOTICE, true, REASON_TAKEN_OVER,
				    "already connected, closing old connection" },
	[CLOSE_NOT_READING]	= { LOG_TYPE_NOTICE, false, REASON_QUOTA,
				    "disconnected: does not read its answers" },
	[CLOSE_SLOW]		= { LOG_TYPE_NOTICE, false, REASON_QUOTA,
				    "disconnected: does not read its messages" },
	[CLOSE_NO_MEMORY]	= { LOG_TYPE_ERROR, false, REASON_IMPLEMENTATION,
				    "disconnected: out of memory" },
	[CLOSE_NOT_ATTACHED]	= { LOG_TYPE_ERROR, false, REASON_IMPLEMENTATION,
				    "disconnected: would miss messages of the kernel data plane" },
	[CLOSE_SHUTDOWN]	= { LOG_TYPE_DEBUG, true, REASON_SHUTTING_DOWN,
				    "disconnected: shutdown" },
};

bool client_get_live(struct client *client)
{
	uint32_t refs = __atomic_load_n(&client->refs, __ATOMIC_RELAXED);

	while (refs)
		if (__atomic_compare_exchange_n(&client->refs, &refs, refs + 1, true,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	return false;
}

void client_get(struct client *client)
{
	__atomic_fetch_add(&client->refs, 1, __ATOMIC_RELAXED);
}

static void client_free_rcu(struct rcu_head *rcu)
{
	struct client *client = container_of(rcu, struct client, rcu);

	free(client->id);
	free(client->username);
	free(client->identity);
	auth_forget(client);
	free(client);
}

void client_put(struct client *client)
{
	if (!__atomic_sub_fetch(&client->refs, 1, __ATOMIC_ACQ_REL))
		call_rcu(&client->rcu, client_free_rcu);
}

const char *client_address(const struct client *client)
{
	static __thread char text[CLIENT_ADDRESS_MAX];

	address_format(text, &client->address.sa);
	return text;
}

const char *client_name(const struct client *client)
{
	static __thread char text[256 + CLIENT_ADDRESS_MAX];

	snprintf(text, sizeof(text), "%.240s [%s]", client->id ? client->id : "<unknown>",
		 client_address(client));
	return text;
}

/* Before CONNECT it is for CONNECT, afterwards for the keep-alive. MQTT 3.1.2.10 */
static void client_timeout(struct timer *timer)
{
	struct client *client = container_of(timer, struct client, timer);
	int64_t limit = client->keepalive * 1500ll, idle;

	if (client_attempt_due(client))
		return;
	if (client->state != CLIENT_CONNECTED) {
		client_close(client, CLOSE_CONNECT_TIMEOUT, client->state == CLIENT_WAITING ?
			     "its CONNECT could not be answered" : NULL);
		return;
	}
	idle = client->conn.transport->idle(&client->conn);
	if (idle >= limit)
		client_close(client, CLOSE_KEEPALIVE, NULL);
	else if (timer_set(&client->worker->timers, timer, client->worker->now + limit - idle))
		client_close(client, CLOSE_NO_MEMORY, NULL);
}

void client_keepalive_start(struct client *client)
{
	struct worker *worker = client->worker;

	if (!client->keepalive)
		timer_cancel(&worker->timers, &client->timer);
	else if (timer_set(&worker->timers, &client->timer,
			   worker->now + client->keepalive * 1500ll))
		client_close(client, CLOSE_NO_MEMORY, NULL);
}

static void client_link(struct client *client)
{
	struct worker *worker = client->worker;

	client->next = worker->clients;
	client->link = &worker->clients;
	if (client->next)
		client->next->link = &client->next;
	worker->clients = client;
}

int client_new(struct worker *worker, struct endpoint *endpoint, int fd,
	       const struct sockaddr *address, socklen_t len)
{
	struct client *client = calloc(1, sizeof(*client));
	int err;

	if (!client)
		return -ENOMEM;
	client->conn.transport = address->sa_family == AF_UNIX ? &transport_unix :
								 &transport_plain;
	client->conn.fd = fd;
	client->worker = worker;
	client->endpoint = endpoint;
	client->refs = 1;
	client->since = worker->now;
	client->timer.fire = client_timeout;
	if (len > sizeof(client->address))
		len = sizeof(client->address);
	memcpy(&client->address, address, len);
	client->near = address->sa_family == AF_UNIX || address_is_loopback(address);
	err = client_begin(client);
	if (err) {
		client_put(client);
		return err;
	}
	client_link(client);
	__atomic_fetch_add(&endpoint->connections, 1, __ATOMIC_RELAXED);
	stats_add(&worker->stats, STAT_CLIENTS, 1);
	stats_add(&worker->stats, STAT_CONNECTIONS_ACCEPTED, 1);
	log_limited(LOG_TYPE_DEBUG, "New connection from %s on port %u.", client_address(client),
		    (unsigned int)endpoint->conf->port);
	return 0;
}

const char *client_close_text(enum close_reason reason)
{
	return close_texts[reason].text;
}

/* Whoever has done nothing wrong and was done no wrong is of no interest later. */
static void note_close(const struct client *client, const char *detail)
{
	struct incidents *incidents = client->worker->broker->incidents;

	if (client->closing == CLOSE_DISCONNECT || client->closing == CLOSE_WITH_WILL ||
	    client->closing == CLOSE_SHUTDOWN)
		return;
	incidents_note(incidents, client->id, client_address(client),
		       close_texts[client->closing].text, detail);
}

static void log_close(const struct client *client, const char *detail)
{
	static struct log_limit limits[CLOSE_COUNT];
	const struct close_text *reason = &close_texts[client->closing];

	note_close(client, detail);
	if (reason->routine && !client->worker->broker->conf->connection_messages)
		return;
	__atomic_store_n(&limits[client->closing].what, reason->text, __ATOMIC_RELAXED);
	if (log_allowed(&limits[client->closing], reason->type))
		log_printf(reason->type, "Client %s %s%s%s%s.", client_name(client), reason->text,
			   detail ? " (" : "", detail ? detail : "", detail ? ")" : "");
}

void client_close(struct client *client, enum close_reason reason, const char *detail)
{
	if (client->closing)
		return;
	__atomic_store_n(&client->closing, reason, __ATOMIC_RELAXED);	/* see is_leaving() */
	client->close_detail = detail;
	client->next_closing = client->worker->closing;
	client->worker->closing = client;
	log_close(client, detail);
}

/* Tells why, if the client's protocol can (MQTT 5.0 4.13) and CONNACK said welcome. */
static bool say_goodbye(struct client *client)
{
	uint8_t code = close_texts[client->closing].code;
	uint32_t limit = client->terms.max_packet;
	u8 packet[PACKET_DISCONNECT_MAX];
	size_t len;

	if (!code || client->protocol != MQTT_PROTOCOL_V5 || client->state != CLIENT_CONNECTED)
		return false;
	len = packet_disconnect_write(packet, code, client->terms.no_problem_info ? NULL :
						    client->close_detail);
	if (limit && len > limit)
		len = packet_disconnect_write(packet, code, NULL);
	if (client->closing == CLOSE_SLOW)
		outq_cut(&client->out);
	if ((limit && len > limit) || outq_copy(&client->out, packet, len))
		return false;
	client_flush(client);
	return true;
}

static enum websocket_status websocket_status(const struct client *client)
{
	switch (client->closing) {
	case CLOSE_DISCONNECT:
	case CLOSE_WITH_WILL:
	case CLOSE_EOF:
		return WEBSOCKET_NORMAL;
	case CLOSE_SHUTDOWN:
		return WEBSOCKET_GOING_AWAY;
	case CLOSE_TOO_LARGE:
		return WEBSOCKET_TOO_BIG;
	case CLOSE_NO_MEMORY:
	case CLOSE_NOT_ATTACHED:
		return WEBSOCKET_INTERNAL;
	default:
		return WEBSOCKET_POLICY;
	}
}

/* Is what came last something that was answered, and that there may be more of? */
static bool is_answered(const struct client *client)
{
	switch (client->closing) {
	case CLOSE_REFUSED:
	case CLOSE_HANDSHAKE:
	case CLOSE_TLS:
	case CLOSE_UPGRADE:
	case CLOSE_WEBSOCKET:
		return true;
	default:
		return false;
	}
}

/* Who was too slow is told when it has come so far. */
static bool linger(struct client *client)
{
	return client->closing == CLOSE_SLOW &&
	       (!outq_empty(&client->out) || client->conn.unsent) &&
	       farewell_begin(client->worker, &client->conn, &client->out);
}

/*
 * With unread bytes close() would send a reset, which can overtake the packet
 * that says why. On an offloaded connection recv() would let the kernel go on.
 */
static void drain(struct client *client)
{
	if (!client->conn.transport->barriers)
		client->conn.transport->recv(&client->conn, client->worker->scratch,
					     WORKER_SCRATCH_SIZE);
}

void client_destroy(struct client *client)
{
	struct worker *worker = client->worker;
	bool told;

	session_offline(client);
	client_pump_cancel(client);
	alias_clear(&client->aliases);
	alias_out_clear(&client->aliases_out);
	replay_end(client);
	client_plane_leave(client);
	worker_forget(worker, client);

	timer_cancel(&worker->timers, &client->timer);
	client_expiry_free(client);
	client_begin_end(client);
	client_rate_free(client);
	client_pause_free(client);
	client_slow_free(client);
	told = say_goodbye(client);
	if (told || is_answered(client))
		drain(client);
	websocket_set_status(&client->conn, websocket_status(client));
	if (client->events)
		worker_unwatch(worker, client->conn.fd);
	if (!told || !linger(client))
		conn_close(&client->conn);
	session_leave(client);

	*client->link = client->next;
	if (client->next)
		client->next->link = client->link;
	stats_add(&worker->stats, STAT_CLIENTS, -1);
	__atomic_fetch_sub(&client->endpoint->connections, 1, __ATOMIC_RELAXED);
	session_will_free(client->will);
	client_acl_drop(client);
	outq_clear(&client->out);
	buffer_free(&client->answers);
	buffer_free(&client->in);
	client_put(client);
}

static void end_taken_over(struct client *client)
{
	if (!client->closing)
		security_client_event(client, (struct security_event){
			.kind = SECURITY_TAKEN_OVER, .why = "another connection of this client" });
	client_close(client, CLOSE_TAKEN_OVER, NULL);
}

void client_notified(struct client *client, unsigned int notices)
{
	if (notices & NOTICE_KICK)
		end_taken_over(client);
	if (notices & NOTICE_END)
		client_close(client, CLOSE_ADMINISTRATIVE, NULL);
	if (client->closing)
		return;
	if (notices & NOTICE_TLS)
		client_secured(client);
	if (notices & NOTICE_READY)
		handler_connect_claim(client);
	if (notices & NOTICE_AUTH && !client_attempt_result(client, client->auth)) {
		handler_connect_auth(client, client->auth);
		client_release(client, HOLD_AUTH);
	}
	if (notices & NOTICE_QUEUE)
		client_pump_later(client);
	if (notices & NOTICE_PASS)
		client_release(client, HOLD_FENCE);
}

void client_hold(struct client *client, enum client_hold hold)
{
	client->holds |= hold;
	client_watch(client);
}

void client_release(struct client *client, enum client_hold hold)
{
	client->holds &= ~hold;
	if (client->holds || client->closing)
		return;
	client_parse_held(client);
	client_watch(client);
}
