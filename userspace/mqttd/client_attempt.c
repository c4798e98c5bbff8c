// SPDX-License-Identifier: MIT
/*
 * Slowing down who guesses.
 *
 *   client_attempt_begin()   takes a place in time, or refuses
 *     the password is checked meanwhile
 *   client_attempt_result()  counts; the answer waits for its place, good or bad
 *
 * Who waits takes no more than a connection that has not sent CONNECT.
 */
#include <stdio.h>

#include "attempts.h"
#include "auth/chain.h"
#include "bans.h"
#include "broker.h"
#include "certificates.h"
#include "client.h"
#include "client_attempt.h"
#include "connack.h"
#include "handler.h"
#include "listener.h"
#include "prefix.h"
#include "reason.h"
#include "security.h"
#include "stored.h"
#include "worker.h"

#define FLAPPING_MS (60 * 1000)

/* All Unix sockets' clients are at one place. */
static void network_of(const struct client *client, struct prefix *network)
{
	if (!prefix_of(network, &client->address.sa))
		*network = (struct prefix){ .len = 128 };
	if (!prefix_is_v4(network))
		prefix_cut(network, BANS_LEN6);
}

static int64_t setting(const int64_t *option)
{
	return __atomic_load_n(option, __ATOMIC_RELAXED);
}

/* 0: nobody waits. */
static uint64_t longest_wait(const struct broker *broker)
{
	return setting(&broker->conf->auth_delay) * 1000;
}

static bool is_exempt(const struct client *client)
{
	return bans_exempt(client->worker->broker->bans, &client->address.sa);
}

static bool is_asked_about(const struct client *client, bool has_password)
{
	return !client->identified && (client->username || has_password) &&
	       auth_chain_method(client->endpoint->conf, 0);
}

static void note_delay(const struct client *client, const char *why)
{
	security_client_event(client, (struct security_event){
		.kind = SECURITY_AUTH_DELAYED, .why = why });
}

/* Whoever listens on the way has it then: that it does not work is to be seen at once. */
static bool is_protected(struct client *client)
{
	if (client->near || client->endpoint->tls || client->endpoint->conf->allow_unencrypted)
		return true;
	security_client_event(client, (struct security_event){
		.kind = SECURITY_UNPROTECTED, .why = "a password without TLS" });
	connack_refuse_detail(client, REASON_NOT_AUTHORIZED, "a password needs TLS here",
			      "a password without TLS, see allow_unencrypted_passwords");
	return false;
}

bool client_attempt_begin(struct client *client, bool has_password)
{
	struct broker *broker = client->worker->broker;
	uint64_t max = longest_wait(broker), wait;
	struct prefix network;

	client->attempt = is_asked_about(client, has_password);
	if (client->attempt && has_password && !is_protected(client))
		return false;
	if (!client->attempt || !max || is_exempt(client))
		return true;
	network_of(client, &network);
	wait = attempts_begin(broker->attempts, client->username, &network, max,
			      client->worker->now);
	if (wait == ATTEMPTS_REFUSED) {
		note_delay(client, "refused");
		connack_refuse(client, REASON_BUSY, "too many attempts have failed");
		return false;
	}
	if (wait)
		note_delay(client, "delayed");
	client->answer_at = wait ? client->worker->now + wait : 0;
	return true;
}

static void ban(struct client *client, const struct prefix *network, unsigned int failures)
{
	struct broker *broker = client->worker->broker;
	uint64_t until = stored_now() + setting(&broker->conf->ban_for) * 1000;
	char why[BAN_WHY_MAX];

	snprintf(why, sizeof(why), "%u failed attempts to authenticate", failures);
	if (!bans_add(broker->bans, network, until, why, true))
		broker_wake_workers(broker);
}

static void count_failure(struct client *client)
{
	struct broker *broker = client->worker->broker;
	unsigned int enough = setting(&broker->conf->ban_after);
	uint64_t within = setting(&broker->conf->ban_within) * 1000;
	struct prefix network;

	network_of(client, &network);
	if (longest_wait(broker))
		attempts_failed(broker->attempts, client->username, &network,
				longest_wait(broker), client->worker->now);
	if (enough && client->address.sa.sa_family != AF_UNIX &&
	    attempts_count(broker->attempts, &network, enough, within,
			   client->worker->now) >= enough)
		ban(client, &network, enough);
}

static void count_success(struct client *client)
{
	struct prefix network;

	network_of(client, &network);
	attempts_succeeded(client->worker->broker->attempts, client->username, &network,
			   client->worker->now);
}

bool client_attempt_result(struct client *client, enum auth_result result)
{
	struct worker *worker = client->worker;

	if (client->attempt && !is_exempt(client) && result == AUTH_DENIED)
		count_failure(client);
	else if (client->attempt && result == AUTH_OK)
		count_success(client);
	if (client->answer_at <= worker->now)
		return false;
	client->auth = result;
	client->answer_waits = true;
	timer_set(&worker->timers, &client->timer, client->answer_at);
	return true;
}

bool client_attempt_due(struct client *client)
{
	if (!client->answer_waits)
		return false;
	client->answer_waits = false;
	client->answer_at = 0;
	/* It was set before, so it can be again. */
	client_await_connect(client);
	handler_connect_auth(client, client->auth);
	client_release(client, HOLD_AUTH);
	return true;
}

void client_attempt_connected(struct client *client)
{
	struct broker *broker = client->worker->broker;
	unsigned int enough = setting(&broker->conf->flapping_connects);

	if (enough && attempts_connects(broker->attempts, client->id, enough, FLAPPING_MS,
					client->worker->now) >= enough)
		security_client_event(client, (struct security_event){
			.kind = SECURITY_FLAPPING, .why = "connections within a minute",
			.count = enough });
	certificates_note(client);
}
