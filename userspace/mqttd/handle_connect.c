// SPDX-License-Identifier: MIT
/*
 * CONNECT, MQTT 3.1.
 *
 *   parse ──> checks ──> who is it? ──> the session ──> CONNACK
 *                        mqttd-auth     another         the store
 *                                       connection
 *
 * Each step may have to wait for what stands below it. The packet is gone by
 * then; what is needed of it is in the client.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/minmax.h>
#include <linux/random.h>
#include <mqtt/utf8.h>

#include "auth.h"
#include "auth/chain.h"
#include "auth/method.h"
#include "broker.h"
#include "client.h"
#include "client_acl.h"
#include "client_attempt.h"
#include "client_expiry.h"
#include "client_grant.h"
#include "client_plane.h"
#include "connack.h"
#include "handler.h"
#include "listener.h"
#include "log.h"
#include "security.h"
#include "session.h"
#include "session_will.h"
#include "stats.h"
#include "store.h"
#include "worker.h"

/* As mosquitto's: a prefix and a random UUID. */
static char *generated_id(const char *prefix)
{
	char *id;
	u8 r[16];

	get_random_bytes(r, sizeof(r));
	r[6] = (r[6] & 0x0f) | 0x40;
	r[8] = (r[8] & 0x3f) | 0x80;
	if (asprintf(&id, "%s%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X",
		     prefix, r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10],
		     r[11], r[12], r[13], r[14], r[15]) < 0)
		return NULL;
	return id;
}

static char *text_of(struct packet_string string)
{
	return strndup((const char *)string.data, string.len);
}

/* Who has shown a certificate or a key that is to say who it is need not say it again. */
static int keep_username(struct client *client, const struct packet_connect *connect)
{
	if (client->identified) {
		client->username = client->identity;
		client->identity = NULL;
		return 0;
	}
	if (!connect->has_username)
		return 0;
	client->username = text_of(connect->username);
	return client->username ? 0 : -ENOMEM;
}

static int keep_names(struct client *client, const struct packet_connect *connect)
{
	const struct listener_config *listener = client->endpoint->conf;
	int err = keep_username(client, connect);
	const char *name = client->username;

	if (err)
		return err;
	/* The setting can change at any time */
	if (!listener->use_username_as_clientid || (name && !*name))
		name = NULL;
	client->terms.id_assigned = !name && !connect->client_id.len;
	client->id = name ? strdup(name) : connect->client_id.len ? text_of(connect->client_id) :
		     generated_id(listener->auto_id_prefix);
	return client->id ? 0 : -ENOMEM;
}

static int keep_will(struct client *client, struct packet_connect *connect)
{
	if (!connect->will)
		return 0;
	client->will = session_will_new(client, connect);
	return client->will ? 0 : -ENOMEM;
}

/* MQTT 5.0 3.1.2.11.2; an older client's session ends with it or never. */
static void keep_expiry(struct client *client, const struct packet_connect *connect)
{
	struct terms *terms = &client->terms;
	u32 asked = connect->clean ? 0 : SESSION_NEVER;

	if (client->protocol == MQTT_PROTOCOL_V5)
		asked = mqtt_property_number(&connect->props, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 0);
	terms->session_expiry = session_expiry_limit(client->worker->broker->conf, asked);
	terms->expiry_limited = terms->session_expiry != asked;
}

static void keep_terms(struct client *client, const struct packet_connect *connect)
{
	const struct mqtt_properties *props = &connect->props;
	struct terms *terms = &client->terms;

	terms->clean = connect->clean;
	terms->receive_max = UINT16_MAX;
	client->keepalive = connect->keepalive;
	keep_expiry(client, connect);
	if (client->protocol != MQTT_PROTOCOL_V5)
		return;
	terms->no_problem_info =
		!mqtt_property_number(props, MQTT_PROP_REQUEST_PROBLEM_INFORMATION, 1);
	terms->receive_max = mqtt_property_number(props, MQTT_PROP_RECEIVE_MAXIMUM, UINT16_MAX);
	terms->max_packet = mqtt_property_number(props, MQTT_PROP_MAXIMUM_PACKET_SIZE, 0);
	client->aliases.max = min_t(u32, client->endpoint->conf->max_topic_alias,
				    MQTT_TOPIC_ALIAS_MAX);
	client->aliases_out.max =
		min_t(u32, mqtt_property_number(props, MQTT_PROP_TOPIC_ALIAS_MAXIMUM, 0),
		      ALIAS_OUT_MAX);
}

/* Each of the checks returns whether the client may go on. */

static bool refuse(struct client *client, u8 code, const char *why)
{
	connack_refuse(client, code, why);
	return false;
}

static bool check_id(struct client *client, const struct packet_connect *connect)
{
	const struct listener_config *listener = client->endpoint->conf;
	bool may_be_empty = listener->allow_zero_length_clientid;

	if (listener->use_username_as_clientid)
		return client->identity || (connect->has_username && connect->username.len) ||
		       refuse(client, REASON_NOT_AUTHORIZED,
			      "no user name, which is to be the client identifier");
	/* [MQTT-3.1.3-8]; there was no such thing in 3.1, in 5.0 it has no condition */
	if (connect->protocol == MQTT_PROTOCOL_V31 ||
	    (connect->protocol == MQTT_PROTOCOL_V311 && !connect->clean))
		may_be_empty = false;
	return connect->client_id.len || may_be_empty ||
	       refuse(client, REASON_CLIENT_ID, "empty client identifier");
}

static bool check_prefix(struct client *client)
{
	const char *prefix = client->worker->broker->conf->clientid_prefixes;

	return !prefix || !strncmp(client->id, prefix, strlen(prefix)) ||
	       refuse(client, REASON_NOT_AUTHORIZED, "client identifier without the prefix");
}

static bool check_will(struct client *client, const struct packet_connect *connect)
{
	const struct config *conf = client->worker->broker->conf;
	bool text = mqtt_property_number(&connect->will_props,
					 MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, 0);

	if (connect->will_qos > client->endpoint->conf->max_qos)
		return refuse(client, REASON_QOS, "QoS of the will");
	if (connect->will_retain && !conf->retain_available)
		return refuse(client, REASON_RETAIN, "the will is to be retained");
	if (text && conf->check_payload_format &&
	    !mqtt_utf8_valid(connect->will_message.data, connect->will_message.len))
		return refuse(client, REASON_PAYLOAD_FORMAT, "the will is not UTF-8");
	return true;
}

static bool check_server(struct client *client, const struct packet_connect *connect)
{
	if (client->worker->broker->conf->server_reference)
		return refuse(client, REASON_USE_ANOTHER, "server_reference");
	if (connect->protocol == MQTT_PROTOCOL_V5 &&
	    mqtt_property_present(&connect->props, MQTT_PROP_AUTHENTICATION_METHOD))
		return refuse(client, REASON_AUTH_METHOD, "no authentication method is supported");
	return true;
}

/* As mosquitto's max_keepalive: older clients cannot be told, and are refused. */
static bool check_keepalive(struct client *client)
{
	int64_t max = client->worker->broker->conf->max_keepalive;

	if (!max || (client->keepalive && client->keepalive <= max))
		return true;
	if (client->protocol != MQTT_PROTOCOL_V5)
		return refuse(client, REASON_CLIENT_ID, "keep-alive above max_keepalive");
	client->keepalive = max;
	client->terms.keepalive_limited = true;
	return true;
}

static bool check_identity(struct client *client)
{
	return !client->identified || client->identity ||
	       refuse(client, REASON_CREDENTIALS,
		      "no name in its certificate, or no key, that could be the user name");
}

static bool check(struct client *client, const struct packet_connect *connect)
{
	return check_identity(client) && check_server(client, connect) &&
	       check_id(client, connect) && check_will(client, connect) &&
	       check_keepalive(client);
}

/* MQTT 5.0 4.13: only its clients are told what is wrong with CONNECT. */
static void refuse_packet(struct client *client, int err, const char *why)
{
	if (err == -EPROTONOSUPPORT)
		connack_refuse(client, REASON_VERSION, why);
	else if (client->protocol != MQTT_PROTOCOL_V5)
		handler_refuse(client, err, why);
	else
		connack_refuse(client, err == -EPROTO ? REASON_PROTOCOL_ERROR : REASON_MALFORMED,
			       why);
}

static enum auth_result authenticate(struct client *client,
				     const struct packet_connect *connect)
{
	enum auth_result result;
	char *id;

	if (client->identified)
		return AUTH_OK;
	id = text_of(connect->client_id);
	if (!id)
		return AUTH_UNAVAILABLE;
	result = auth_check(client->worker->broker->auth, client, id, client->username,
			    connect->has_password ? connect->password.data : NULL,
			    connect->password.len);
	free(id);
	return result;
}

void handle_connect(struct client *client, struct packet *packet)
{
	struct packet_connect connect;
	enum auth_result result;
	const char *why;
	int err;

	err = packet_connect_parse(packet->body, packet->remaining, &connect, &why);
	client->protocol = connect.protocol;
	if (err) {
		refuse_packet(client, err, why);
		return;
	}
	client->serial = __atomic_add_fetch(&client->worker->broker->sessions.connects, 1,
					    __ATOMIC_RELAXED);
	keep_terms(client, &connect);
	if (!check(client, &connect))
		return;
	err = keep_names(client, &connect);
	if (!err)
		err = keep_will(client, &connect);
	if (err) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return;
	}
	if (!check_prefix(client))
		return;
	client->state = CLIENT_WAITING;
	if (!client_attempt_begin(client, connect.has_password)) {
		if (connect.has_password)
			explicit_bzero((void *)connect.password.data, connect.password.len);
		return;
	}
	result = authenticate(client, &connect);
	if (connect.has_password)
		explicit_bzero((void *)connect.password.data, connect.password.len);
	if (result == AUTH_PENDING || client_attempt_result(client, result))
		client_hold(client, HOLD_AUTH);
	else
		handler_connect_auth(client, result);
}

static void drop_will_if_denied(struct client *client)
{
	if (!client->will || session_will_allowed(client, client->will))
		return;
	session_will_free(client->will);
	client->will = NULL;
}

static void note_failure(struct client *client, const char *why)
{
	const struct listener_config *listener = client->endpoint->conf;
	const struct auth_method *method = auth_chain_method(listener, 0);

	/* Of several it is not known which one has said no. */
	if (method && auth_chain_method(listener, 1))
		method = NULL;
	security_client_event(client, (struct security_event){
		.kind = SECURITY_AUTH_FAILED, .why = why, .detail = client->auth_why,
		.method = method ? method->name : NULL });
}

/* The operator is told which user; clients know, or are not to. */
static void refuse_user(struct client *client, u8 code, const char *why, const char *who)
{
	const char *name = client->username ? client->username : "";
	const char *more = client->auth_why;
	char detail[512];

	snprintf(detail, sizeof(detail), "%s '%.200s'%s%s", who, name,
		 more && strcmp(more, why) ? ": " : "", more && strcmp(more, why) ? more : "");
	note_failure(client, why);
	connack_refuse_detail(client, code, why, detail);
}

/* As whom it is let in says which client ids it may have. */
static bool check_bound(struct client *client)
{
	const struct listener_config *listener = client->endpoint->conf;

	if (!listener->require_username_as_clientid ||
	    (client->username && !strcmp(client->username, client->id)))
		return true;
	security_client_event(client, (struct security_event){
		.kind = SECURITY_NOT_OWNER, .why = "the client identifier is not the user name" });
	return refuse(client, REASON_CLIENT_ID, "the client identifier is not the user name");
}

static void refuse_unknown(struct client *client)
{
	static const char why[] = "it cannot be found out who it is";
	const char *more = client->auth_why;
	char detail[256];

	snprintf(detail, sizeof(detail), "%s%s%s", why, more ? ": " : "", more ? more : "");
	connack_refuse_detail(client, REASON_UNAVAILABLE, why, detail);
}

void handler_connect_auth(struct client *client, enum auth_result result)
{
	switch (result) {
	case AUTH_OK:
		if (!client_grant_apply(client) || !check_prefix(client) ||
		    !check_bound(client) || client_acl_refresh(client))
			break;
		drop_will_if_denied(client);
		handler_connect_claim(client);
		break;
	case AUTH_DENIED:
		refuse_user(client, REASON_CREDENTIALS, "bad user name or password",
			    "bad user name or password, user");
		break;
	case AUTH_UNAVAILABLE:
		refuse_unknown(client);
		break;
	case AUTH_BUSY:
		connack_refuse(client, REASON_BUSY, "too many clients are being checked");
		break;
	default:
		if (client->username) {
			refuse_user(client, REASON_NOT_AUTHORIZED, "not authorized",
				    "the listener has no password_file for user");
			break;
		}
		note_failure(client, "no user name");
		connack_refuse(client, REASON_NOT_AUTHORIZED,
			       "no user name, and anonymous clients are not allowed");
		break;
	}
}

/*
 * Each connection that has a session that stays adds to what is to be written: while that
 * is too much it waits, for connect_timeout at most.
 */
static bool wait_for_store(struct client *client)
{
	const struct terms *terms = &client->terms;

	client->unclaimed = (terms->session_expiry || !terms->clean) &&
			    store_full(client->worker->broker->store);
	if (!client->unclaimed)
		return false;
	client_hold(client, HOLD_SESSION);
	client_wait_stored(client);
	return true;
}

/* Client ids are no secrets: who has the wrong name is told. */
static void refuse_others(struct client *client)
{
	security_client_event(client, (struct security_event){
		.kind = SECURITY_NOT_OWNER, .why = "the session is another user's" });
	connack_refuse(client, REASON_CLIENT_ID, "the session is another user's");
}

void handler_connect_claim(struct client *client)
{
	u64 ticket;
	int err;

	/* Told to go on by the store and by another connection */
	if (client->session || wait_for_store(client))
		return;
	err = session_claim(client, &ticket);
	if (err == -EPERM) {
		refuse_others(client);
		return;
	}
	if (err && err != -EINPROGRESS) {
		client_close(client, err == -ESTALE ? CLOSE_TAKEN_OVER : CLOSE_NO_MEMORY, NULL);
		return;
	}
	client->connect_ticket = err ? 0 : ticket;
	if (!err && ticket <= store_committed(client->worker->broker->store)) {
		handler_connect_finish(client);
		return;
	}
	client_hold(client, HOLD_SESSION);
	if (!err)
		client_wait_stored(client);
}

/* mosquitto's numbers for the versions */
static unsigned int log_version(u8 protocol)
{
	return protocol == MQTT_PROTOCOL_V5 ? 5 : protocol - 2;
}

static void log_connected(const struct client *client)
{
	const char *user = client->username;

	if (client->worker->broker->conf->connection_messages)
		log_limited(LOG_TYPE_NOTICE,
			    "New client connected from %s as %s (p%u, c%u, k%u%s%s%s).",
			    client_address(client), client->id, log_version(client->protocol),
			    client->terms.clean, client->keepalive, user ? ", u'" : "",
			    user ? user : "", user ? "'" : "");
}

void handler_connect_finish(struct client *client)
{
	client->connect_ticket = 0;
	if (!connack_accept(client))
		return;
	client->state = CLIENT_CONNECTED;
	log_connected(client);
	client_attempt_connected(client);
	client_keepalive_start(client);
	client_expiry_start(client);
	/* In this order: what comes for the session while it becomes a peer comes once. */
	session_online(client);
	client_plane_join(client);
	if (client->holds & HOLD_SESSION)
		client_release(client, HOLD_SESSION);
}
