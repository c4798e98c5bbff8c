// SPDX-License-Identifier: MIT
/*
 * What the operator can ask about sessions, and do to them.
 *
 * Others' threads change what is looked at. For a page of the list it is read as it
 * is: numbers that each make sense by themselves. For one session with all that there is
 * to say the workers stand still.
 */
#include <errno.h>
#include <stdio.h>

#include "broker.h"
#include "client.h"
#include "client_needs.h"
#include "client_slow.h"
#include "control.h"
#include "control_sessions.h"
#include "incidents.h"
#include "listener.h"
#include "packet_ids.h"
#include "rendezvous.h"
#include "session.h"
#include "session_queue.h"
#include "session_registry.h"
#include "session_will.h"
#include "stored.h"

/* Sessions in one answer, or a bucket of the table's more. */
#define PAGE		256
/* Filters that are listed of one session. */
#define FILTERS_LISTED	1000

/* NULL values are left out, as is everything that there is no memory for. */
static void put(json_t *object, const char *name, json_t *value)
{
	if (value && !json_is_null(value))
		json_object_set_new(object, name, value);
	else
		json_decref(value);
}

static void put_text(json_t *object, const char *name, const char *text)
{
	put(object, name, text ? json_string(text) : NULL);
}

static void put_count(json_t *object, const char *name, json_int_t count)
{
	put(object, name, json_integer(count));
}

static const char *protocol_name(u8 protocol)
{
	switch (protocol) {
	case MQTT_PROTOCOL_V31:
		return "3.1";
	case MQTT_PROTOCOL_V311:
		return "3.1.1";
	default:
		return "5.0";
	}
}

static const char *plane_name(const struct client *client)
{
	if (client->conn.transport == &transport_offloaded)
		return "offloaded";
	return client->conn.peer ? "hosted" : "user";
}

/* Of a connection, which stays as the registry is locked. */
static void describe_connection(json_t *object, const struct client *client)
{
	put_text(object, "remote", client_address(client));
	put_count(object, "port", client->endpoint->conf->port);
	put_text(object, "dataplane", plane_name(client));
}

static void describe_expiry(json_t *object, const struct session *session)
{
	u64 now = timer_now();
	char text[16];

	snprintf(text, sizeof(text), "%u", session->expiry);
	put_text(object, "expiry", session->expiry == SESSION_NEVER ? "never" : text);
	if (session->ends)
		put_count(object, "expires-in", session->ends > now ?
			  (session->ends - now) / 1000 : 0);
}

static void describe_queue(json_t *object, struct session *session)
{
	const struct session_queue *queue;

	pthread_mutex_lock(&session->lock);
	queue = session->queue;
	put_count(object, "queue-messages", queue ? queue->n_waiting : 0);
	put_count(object, "queue-bytes", queue ? queue->waiting_bytes : 0);
	put_count(object, "in-flight-out", queue ? queue->by_id.count : 0);
	put_count(object, "in-flight-in", packet_ids_count(session->incoming));
	pthread_mutex_unlock(&session->lock);
}

/* What the list has of each. */
static json_t *describe(struct session *session)
{
	json_t *object = json_object();
	bool online = session->owner && session->owner->state == CLIENT_CONNECTED;

	put_text(object, "client-id", session->id);
	put_text(object, "state", online ? "online" : session->owner ? "connecting" : "offline");
	if (session->owner)
		describe_connection(object, session->owner);
	put_text(object, "username", session->username);
	put_text(object, "protocol", protocol_name(session->protocol));
	put_count(object, "subscriptions", session->subs.count);
	describe_queue(object, session);
	describe_expiry(object, session);
	return object;
}

static json_int_t drops_sum(const struct session *session)
{
	const struct session_history *history = &session->history;
	json_int_t sum = (json_int_t)history->not_reading + history->old + history->conflated;
	int i;

	for (i = 0; i < DROP_COUNT; i++)
		sum += session->drops[i];
	return sum;
}

/* The list */

struct page {
	json_t *sessions;
	size_t n;
};

static void list_one(struct session *session, void *ctx)
{
	json_t *object = describe(session);
	struct page *page = ctx;

	put_count(object, "drops", drops_sum(session));
	json_array_append_new(page->sessions, object);
	page->n++;
}

void control_session_list(struct control_request *request)
{
	size_t cursor = json_integer_value(json_object_get(request->arguments, "cursor"));
	struct page page = { .sessions = json_array() };

	do {
		cursor = session_scan(&request->broker->sessions, cursor, list_one, &page);
	} while (cursor && page.n < PAGE);
	control_answer(request, json_pack("{s:o, s:I}", "sessions", page.sessions, "next",
					  (json_int_t)cursor));
}

/* One of them */

static json_t *describe_drops(const struct session *session)
{
	static const char *const names[DROP_COUNT] = {
		[DROP_MESSAGES]	= "max-queued-messages",
		[DROP_BYTES]	= "max-queued-bytes",
		[DROP_TOTAL]	= "total",
		[DROP_MEMORY]	= "no-memory",
		[DROP_EXPIRED]	= "expired",
		[DROP_TOO_LONG]	= "too-long",
		[DROP_DENIED]	= "denied",
	};
	json_t *object = json_object();
	int i;

	for (i = 0; i < DROP_COUNT; i++)
		put_count(object, names[i], session->drops[i]);
	put_count(object, "not-reading", session->history.not_reading);
	put_count(object, "old", session->history.old);
	put_count(object, "conflated", session->history.conflated);
	put_count(object, "above-rate", session->history.above_rate);
	return object;
}

static void put_words(json_t *object, const char *name, unsigned int bits, unsigned int count,
		      const char *(*word)(unsigned int bit))
{
	char text[256] = "";
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < count; i++)
		if (bits & 1u << i && len < sizeof(text))
			len += snprintf(text + len, sizeof(text) - len, "%s%s", len ? "," : "",
					word(i));
	put_text(object, name, len ? text : NULL);
}

static const char *need_word(unsigned int need)
{
	return client_need_name(need);
}

static const char *option_word(unsigned int bit)
{
	switch (1u << bit) {
	case FILTER_NO_LOCAL:
		return "no-local";
	case FILTER_RETAIN_AS_PUBLISHED:
		return "retain-as-published";
	case FILTER_RETAIN_IF_NEW:
		return "retain-if-new";
	default:
		return "retain-never";
	}
}

static int list_filter(void *ctx, const struct session_filter *filter)
{
	json_t *filters = ctx, *object = json_object();

	put(object, "filter", json_stringn((const char *)filter->filter, filter->len));
	put_count(object, "qos", filter->options & FILTER_QOS);
	if (filter->id)
		put_count(object, "id", filter->id);
	put_words(object, "options", filter->options & ~(FILTER_QOS | FILTER_RESERVED), 8,
		  option_word);
	json_array_append_new(filters, object);
	return json_array_size(filters) >= FILTERS_LISTED;
}

static void describe_tls(json_t *object, const struct client *client)
{
	char text[128];

	snprintf(text, sizeof(text), "%s %s%s", transport_tls_version(&client->conn),
		 transport_tls_cipher(&client->conn),
		 transport_tls_resumed(&client->conn) ? ", resumed" : "");
	put_text(object, "tls", text);
}

/* While the workers stand still: OpenSSL's part of a connection is theirs. */
static void describe_client(json_t *object, const struct client *client)
{
	u64 now = timer_now();

	put_text(object, "transport", client->conn.transport->name);
	if (client->conn.tls)
		describe_tls(object, client);

	put_count(object, "connected-for", (now - client->since) / 1000);
	put_count(object, "keep-alive", client->keepalive);
	if (client->terms.max_packet)
		put_count(object, "max-packet", client->terms.max_packet);
	put_count(object, "window", client->session->window);
	put_count(object, "output-bytes", client->out.bytes + client_slow_bytes(client));
	put_words(object, "needs", client_needs(client), NEED_COUNT, need_word);
}

static void describe_will(json_t *object, const struct session_will *will)
{
	u64 now = timer_now();

	put(object, "will", json_stringn((const char *)will->msg->topic, will->msg->topic_len));
	put_count(object, "will-delay", will->delay);
	if (will->at)
		put_count(object, "will-in", will->at > now ? (will->at - now) / 1000 : 0);
}

static void describe_history(json_t *object, const struct session *session)
{
	const struct session_history *history = &session->history;

	put_count(object, "connections", history->connections);
	put_count(object, "take-overs", history->takeovers);
	if (!history->ended_at)
		return;
	put_text(object, "last-end", client_close_text(history->last_end));
	put_count(object, "last-end-ago", (timer_now() - history->ended_at) / 1000);
}

static int show_one(void *ctx, struct session *session)
{
	json_t **result = ctx, *object = describe(session), *filters = json_array();
	struct client *owner = session->owner;

	if (owner && owner->session == session && owner->state == CLIENT_CONNECTED)
		describe_client(object, owner);
	put_text(object, "durable", session->key ? "yes" : "no");
	if (session->will)
		describe_will(object, session->will);
	describe_history(object, session);
	put(object, "drops", describe_drops(session));
	route_visit(&session->broker->routes, session, list_filter, filters);
	put(object, "filters", filters);
	*result = object;
	return 1;
}

/* The last ones first, of one client or all. */

static void list_incident(void *ctx, const struct incident *incident)
{
	json_t *incidents = ctx, *object = json_object();

	put_count(object, "ago", (stored_now() - incident->at) / 1000);
	put_text(object, "client-id", *incident->client_id ? incident->client_id : NULL);
	put_text(object, "remote", incident->address);
	put_text(object, "what", incident->what);
	put_text(object, "detail", *incident->detail ? incident->detail : NULL);
	put_count(object, "times", incident->count);
	json_array_append_new(incidents, object);
}

void control_session_incidents(struct control_request *request)
{
	const json_t *id = json_object_get(request->arguments, "client-id");
	json_t *incidents = json_array();

	incidents_visit(request->broker->incidents, json_string_value(id), list_incident,
			incidents);
	control_answer(request, incidents);
}

/* NULL: the request was refused. */
static const char *client_id(struct control_request *request)
{
	const char *id = json_string_value(json_object_get(request->arguments, "client-id"));

	if (!id)
		control_refuse(request, "\"client-id\" has to be a string");
	return id;
}

void control_session_show(struct control_request *request)
{
	struct broker *broker = request->broker;
	const char *id = client_id(request);
	json_t *result = NULL;

	if (!id)
		return;
	rendezvous_begin(broker);
	session_visit(&broker->sessions, id, show_one, &result);
	rendezvous_end(broker);
	if (result)
		control_answer(request, result);
	else
		control_refuse(request, "there is no session of this client id");
}

static void answer_done(struct control_request *request, int err)
{
	if (!err)
		control_answer(request, json_object());
	else
		control_refuse(request, err == -ENOTCONN ? "this client is not connected" :
			       "there is no session of this client id");
}

void control_session_kick(struct control_request *request)
{
	const char *id = client_id(request);

	if (id)
		answer_done(request, session_kick(&request->broker->sessions, id));
}

void control_session_delete(struct control_request *request)
{
	const char *id = client_id(request);

	if (id)
		answer_done(request, session_delete(&request->broker->sessions, id) ? 0 : -ENOENT);
}
