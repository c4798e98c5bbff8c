// SPDX-License-Identifier: MIT
/*
 * What comes before MQTT on a connection, as its listener has it, one after the other:
 *
 *   PROXY header ──> TLS handshake ──> request for a WebSocket ──> CONNECT
 *
 * Until then it has HOLD_HANDSHAKE, and its events are handled here, or, for TLS, by
 * handshake.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <linux/container_of.h>

#include <mqtt/utf8.h>

#include "broker.h"
#include "client.h"
#include "client_ban.h"
#include "handshake.h"
#include "listener.h"
#include "log.h"
#include "proxy_header.h"
#include "security.h"
#include "stats.h"
#include "websocket.h"
#include "websocket_upgrade.h"
#include "worker.h"

static struct client *client_of(struct event_source *source)
{
	return container_of(source, struct client, source);
}

static void refuse(struct client *client, enum stat stat, enum close_reason reason,
		   const char *why)
{
	stats_add(&client->worker->stats, STAT_CONNECTIONS_REFUSED, 1);
	stats_add(&client->worker->stats, stat, 1);
	if (reason != CLOSE_HANDSHAKE)
		security_client_event(client, (struct security_event){
			.kind = SECURITY_PEER, .why = why });
	client_close(client, reason, why);
}

/* Now it is known who the client is. False: it was closed. */
static bool admit(struct client *client)
{
	const char *why = listener_refuses(client->worker, &client->address.sa);

	if (why)
		client_close(client, CLOSE_DENIED, why);
	return !why;
}

int client_await_connect(struct client *client)
{
	struct worker *worker = client->worker;

	return timer_set(&worker->timers, &client->timer,
			 worker->now + worker->broker->conf->connect_timeout * 1000);
}

/*
 * What is there to be read is what comes next. Those who are not so far are not asked about
 * when somebody is banned.
 */
static void begin_mqtt(struct client *client)
{
	if (client_ban_ends(client))
		return;
	client->source.handle = client_handle;
	client_release(client, HOLD_HANDSHAKE);
	if (client->conn.unsent)
		client_make_dirty(client);
}

/* --- WebSockets --------------------------------------------------------------------- */

/* As an address that the proxy has told: it has no port. */
static void set_forwarded(struct client *client, const struct upgrade *upgrade)
{
	char proxy[CLIENT_ADDRESS_MAX];

	strcpy(proxy, client_address(client));
	if (upgrade->from.sa.sa_family == AF_INET)
		client->address.in = upgrade->from.in;
	else
		client->address.in6 = upgrade->from.in6;
	log_limited(LOG_TYPE_DEBUG, "Connection from %s comes from %s.", proxy,
		    client_address(client));
}

static void answer(struct client *client, const struct upgrade *upgrade)
{
	bool forwards = endpoint_forwards(client->endpoint, &client->address.sa);

	if (upgrade->forwarded)
		set_forwarded(client, upgrade);
	if (forwards && !admit(client))
		return;
	if (websocket_answer(&client->conn, upgrade)) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
	} else if (upgrade->status != 101) {
		refuse(client, STAT_REFUSED_UPGRADE, CLOSE_UPGRADE, upgrade->why);
	} else {
		log_limited(LOG_TYPE_DEBUG, "Connection from %s is a WebSocket of %s.",
			    client_address(client), upgrade->protocol);
		begin_mqtt(client);
	}
}

static void read_request(struct event_source *source, uint32_t events)
{
	struct client *client = client_of(source);
	const struct listener_config *conf = client->endpoint->conf;
	const struct upgrade_rules rules = {
		.path = conf->websockets_path,
		.origins = conf->websockets_origin,
		.trusted = client->endpoint->trusted,
	};
	struct upgrade upgrade;
	int err;

	(void)events;
	if (client->closing)
		return;
	err = websocket_upgrade(&client->conn, &rules,
				client->worker->broker->conf->websockets_headers_size,
				&client->address.sa, &upgrade);
	if (!err)
		answer(client, &upgrade);
	else if (err == -ENODATA)
		client_close(client, CLOSE_EOF, NULL);
	else if (err != -EAGAIN && err != -EINTR)
		client_failed(client, -err);
}

/* TLS may have something that the descriptor does not tell of. */
static void begin_websocket(struct client *client)
{
	if (websocket_begin(&client->conn)) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return;
	}
	client->source.handle = read_request;
	read_request(&client->source, 0);
}

static bool wants_websocket(const struct client *client)
{
	return client->endpoint->conf->protocol == PROTOCOL_WEBSOCKETS;
}

/* --- TLS ------------------------------------------------------------------------------ */

static int begin_handshake(struct client *client)
{
	client->holds = HOLD_HANDSHAKE;
	client->conn.transport = &transport_tls;
	return handshake_begin(client->worker->broker->handshakes, client);
}

static void log_secured(struct client *client)
{
	const struct conn *conn = &client->conn;

	log_limited(LOG_TYPE_DEBUG, "Connection from %s has %s, %s%s.", client_address(client),
		    transport_tls_version(conn), transport_tls_cipher(conn),
		    transport_tls_resumed(conn) ? ", resumed" : "");
}

void client_secured(struct client *client)
{
	struct stats *stats = &client->worker->stats;
	int err;

	if (client->tls_why) {
		security_client_event(client, (struct security_event){
			.kind = SECURITY_TLS_FAILED, .why = client->tls_why });
		refuse(client, STAT_REFUSED_TLS, CLOSE_HANDSHAKE, client->tls_why);
		return;
	}
	stats_add(stats, STAT_TLS_HANDSHAKES, 1);
	if (transport_tls_resumed(&client->conn))
		stats_add(stats, STAT_TLS_RESUMED, 1);
	log_secured(client);
	err = client_await_connect(client);
	if (!err && wants_websocket(client)) {
		err = worker_watch(client->worker, client->conn.fd, EPOLLIN, &client->source);
		client->events = err ? 0 : EPOLLIN;
	}
	if (err)
		client_close(client, CLOSE_NO_MEMORY, NULL);
	else if (wants_websocket(client))
		begin_websocket(client);
	else
		begin_mqtt(client);
}

/* --- the PROXY protocol ----------------------------------------------------------------- */

/* Who waits for its header is to have a handshake, and counts as one that has. */
static void count_waiting(struct client *client, int n)
{
	if (client->endpoint->tls)
		__atomic_fetch_add(&client->endpoint->handshakes, n, __ATOMIC_RELAXED);
}

/* The common name of the certificate that the proxy has seen. */
static int set_identity(struct client *client, const struct proxy_header *header)
{
	client->identified = true;
	if (!header->name_len || !mqtt_utf8_valid(header->name, header->name_len))
		return 0;
	client->identity = strndup((const char *)header->name, header->name_len);
	return client->identity ? 0 : -ENOMEM;
}

/* With TLS of the listener's own its options are about that. */
static const char *check_proxied_tls(struct client *client, const struct proxy_header *header)
{
	const struct listener_config *conf = client->endpoint->conf;
	const struct tls_config *tls = &conf->tls;

	if (conf->proxy_require_tls && !header->tls)
		return "the client has no TLS to the proxy";
	if (client->endpoint->tls || !tls->require_certificate)
		return NULL;
	if (!header->certified)
		return "the client has shown the proxy no certificate";
	return tls->use_identity && set_identity(client, header) ? "no memory" : NULL;
}

static void set_proxied(struct client *client, const struct proxy_header *header)
{
	char proxy[CLIENT_ADDRESS_MAX];

	if (!header->known)
		return;
	strcpy(proxy, client_address(client));
	switch (header->from.sa.sa_family) {
	case AF_INET:
		client->address.in = header->from.in;
		break;
	case AF_INET6:
		client->address.in6 = header->from.in6;
		break;
	default:
		client->address.sa = header->from.sa;
	}
	log_limited(LOG_TYPE_DEBUG, "Connection from %s comes from %s.", proxy,
		    client_address(client));
}

/* The header is through. What it does not say anything of is the proxy's own. */
static void go_on(struct client *client)
{
	int err;

	if (!endpoint_forwards(client->endpoint, &client->address.sa) && !admit(client))
		return;
	if (client->endpoint->tls) {
		timer_cancel(&client->worker->timers, &client->timer);
		worker_unwatch(client->worker, client->conn.fd);
		client->events = 0;
		client->source.handle = client_handle;
		err = begin_handshake(client);
		if (err)
			client_close(client, err == -ESHUTDOWN ? CLOSE_SHUTDOWN : CLOSE_NO_MEMORY,
				     NULL);
	} else if (wants_websocket(client)) {
		begin_websocket(client);
	} else {
		begin_mqtt(client);
	}
}

static void header_complete(struct client *client, const struct proxy_header *header)
{
	const char *why;

	set_proxied(client, header);
	why = check_proxied_tls(client, header);
	buffer_free(&client->in);
	client_begin_end(client);
	client->source.handle = client_handle;
	if (why)
		refuse(client, STAT_REFUSED_PROXY, CLOSE_PROXY, why);
	else
		go_on(client);
}

/*
 * Takes what belongs to the header off the socket, and nothing that is behind it. Returns
 * bytes that were taken, 0 at the end of the stream, or -errno.
 */
static ssize_t take_header(struct client *client, struct proxy_header *header, int *verdict,
			   const char **why)
{
	const unsigned int versions = client->endpoint->conf->proxy_protocol;
	struct buffer *in = &client->in;
	size_t before = in->len, size;
	ssize_t n;

	if (buffer_reserve(in, PROXY_HEADER_MAX - before, PROXY_HEADER_MAX))
		return -ENOMEM;
	n = recv(client->conn.fd, buffer_tail(in), PROXY_HEADER_MAX - before,
		 MSG_DONTWAIT | MSG_PEEK);
	if (n <= 0)
		return n ? -errno : 0;
	*verdict = proxy_header_parse(buffer_head(in), before + n, versions, header, why);
	size = *verdict ? before + n : header->size;
	n = recv(client->conn.fd, buffer_tail(in), size - before, MSG_DONTWAIT);
	if (n > 0)
		in->len += n;
	return n < 0 ? -errno : n;
}

static void read_header(struct event_source *source, uint32_t events)
{
	struct client *client = client_of(source);
	struct proxy_header header;
	const char *why = NULL;
	int verdict = 0;
	ssize_t n;

	(void)events;
	if (client->closing)
		return;
	n = take_header(client, &header, &verdict, &why);
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n == -ENOMEM)
		client_close(client, CLOSE_NO_MEMORY, NULL);
	else if (n < 0)
		client_failed(client, -n);
	else if (!n)
		client_close(client, CLOSE_EOF, NULL);
	else if (!verdict)
		header_complete(client, &header);
	else if (verdict != -EAGAIN)
		refuse(client, STAT_REFUSED_PROXY, CLOSE_PROXY, why);
}

void client_begin_end(struct client *client)
{
	if (client->source.handle == read_header)
		count_waiting(client, -1);
}

/* --- the beginning ------------------------------------------------------------------------ */

/* The worker waits for the connection to be readable. */
static int begin_reading(struct client *client, void (*handle)(struct event_source *, uint32_t))
{
	struct worker *worker = client->worker;
	int err = client_await_connect(client);

	client->source.handle = handle;
	if (!err)
		err = worker_watch(worker, client->conn.fd, EPOLLIN, &client->source);
	if (err)
		timer_cancel(&worker->timers, &client->timer);
	return err;
}

int client_begin(struct client *client)
{
	const struct endpoint *endpoint = client->endpoint;
	int err;

	client->source.handle = client_handle;
	client->events = EPOLLIN;
	if (endpoint->conf->proxy_protocol) {
		client->holds = HOLD_HANDSHAKE;
		err = begin_reading(client, read_header);
		if (!err)
			count_waiting(client, 1);
		return err;
	}
	if (endpoint->tls) {
		client->events = 0;
		return begin_handshake(client);
	}
	if (!wants_websocket(client))
		return begin_reading(client, client_handle);
	client->holds = HOLD_HANDSHAKE;
	err = begin_reading(client, read_request);
	if (err)
		return err;
	err = websocket_begin(&client->conn);
	if (err) {
		timer_cancel(&client->worker->timers, &client->timer);
		worker_unwatch(client->worker, client->conn.fd);
	}
	return err;
}
