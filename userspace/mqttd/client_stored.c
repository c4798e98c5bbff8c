// SPDX-License-Identifier: MIT
/*
 * What a client waits for until the store has written it: answers to its packets,
 * its CONNACK, messages at QoS 2, and being read from again.
 *
 * A worker has a list of clients that wait for something. The store's thread wakes
 * workers whose list is not empty; which client goes on is for the worker to see.
 */
#include <errno.h>
#include <string.h>
#include <mqtt/wire.h>

#include "broker.h"
#include "client.h"
#include "control_edits.h"
#include "handler.h"
#include "reason.h"
#include "store.h"
#include "worker.h"

/* Answers that wait before the client is not read from. */
#define ANSWERS_MAX	(64u << 10)

/**
 * struct waiting_answer - in client->answers, 8 byte aligned
 * @ticket: change that has to be durable
 * @len: bytes of the packet, which follows
 */
struct waiting_answer {
	u64 ticket;
	u64 len;
};

static struct store *store_of(const struct client *client)
{
	return client->worker->broker->store;
}

void client_wait_stored(struct client *client)
{
	struct worker *worker = client->worker;

	if (client->storing)
		return;
	client->storing = true;
	client_get(client);
	client->next_storing = worker->storing;
	worker->storing = client;
}

bool client_take_quota(struct client *client)
{
	if (client->receiving < client->worker->broker->conf->receive_maximum ||
	    client->protocol != MQTT_PROTOCOL_V5) {
		client->receiving++;
		return true;
	}
	client_close(client, CLOSE_RECEIVE_MAXIMUM, NULL);
	return false;
}

/* PUBREC is the end of a message only if it says no (MQTT 5.0 4.9). */
static bool ends_message(const u8 *packet, size_t len)
{
	switch (mqtt_packet_type(packet[0])) {
	case MQTT_PKT_PUBACK:
	case MQTT_PKT_PUBCOMP:
		return true;
	case MQTT_PKT_PUBREC:
		return len > 4 && packet[4] >= REASON_UNSPECIFIED;
	default:
		return false;
	}
}

static void send_answer(struct client *client, const u8 *packet, size_t len)
{
	if (ends_message(packet, len) && client->receiving)
		client->receiving--;
	client_send(client, packet, len);
}

static int keep_answer(struct client *client, const void *packet, size_t len, u64 ticket)
{
	struct waiting_answer answer = { .ticket = ticket, .len = len };
	static const u8 padding[8];
	struct buffer *answers = &client->answers;
	int err;

	err = buffer_reserve(answers, sizeof(answer) + len + (-len & 7), SIZE_MAX);
	if (err)
		return err;
	buffer_append(answers, &answer, sizeof(answer));
	buffer_append(answers, packet, len);
	return buffer_append(answers, padding, -len & 7);
}

void client_answer(struct client *client, const void *packet, size_t len, u64 ticket)
{
	struct store *store = store_of(client);
	bool wait = client->answers.len || ticket > store_committed(store);

	if (client->closing)
		return;
	if (packet && !wait)
		send_answer(client, packet, len);
	else if (packet && keep_answer(client, packet, len, ticket))
		client_close(client, CLOSE_NO_MEMORY, NULL);
	if (client->answers.len)
		client_wait_stored(client);
	if ((ticket && store_full(store)) || client->answers.len > ANSWERS_MAX) {
		client_wait_stored(client);
		client_hold(client, HOLD_STORE);
	}
}

/* The answers whose time has come. */
static void send_answers(struct client *client, u64 committed)
{
	struct buffer *answers = &client->answers;
	const struct waiting_answer *answer;
	size_t size;

	while (answers->len && !client->closing) {
		answer = (const void *)buffer_head(answers);
		if (answer->ticket > committed)
			return;
		size = sizeof(*answer) + answer->len + (-answer->len & 7);
		send_answer(client, (const u8 *)(answer + 1), answer->len);
		buffer_consume(answers, size);
	}
	buffer_free(answers);
}

/* Looks what the client waits for, and makes it wait again if that is not there. */
static void go_on(struct client *client)
{
	struct store *store = store_of(client);
	u64 committed = store_committed(store);

	if (client->unclaimed && !store_full(store))
		handler_connect_claim(client);
	if (client->connect_ticket && client->connect_ticket <= committed) {
		client->connect_ticket = 0;
		handler_connect_finish(client);
	}
	send_answers(client, committed);
	session_pump(client);
	if (client->holds & HOLD_STORE && !store_full(store) &&
	    client->answers.len <= ANSWERS_MAX)
		client_release(client, HOLD_STORE);
	if (client->connect_ticket || client->unclaimed || client->answers.len ||
	    client->holds & HOLD_STORE)
		client_wait_stored(client);
}

/*
 * The flag is set before the store is asked how far it is, and the store's
 * thread looks at it afterwards: one of the two sees the other.
 */
static bool has_written(struct worker *worker)
{
	struct store *store = worker->broker->store;
	u64 seen = worker->store_seen;
	bool full = worker->store_full;

	__atomic_store_n(&worker->store_waits, !!worker->storing, __ATOMIC_SEQ_CST);
	if (!worker->storing)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	worker->store_seen = store_committed(store);
	worker->store_full = store_full(store);
	return worker->store_seen != seen || worker->store_full != full;
}

static struct client *take_storing(struct client **list)
{
	struct client *client = *list;

	if (client) {
		*list = client->next_storing;
		client->storing = false;
	}
	return client;
}

bool worker_stored(struct worker *worker)
{
	struct client *list = worker->storing, *client;

	if (!has_written(worker))
		return false;
	worker->storing = NULL;
	while ((client = take_storing(&list))) {
		if (!client->closing)
			go_on(client);
		client_put(client);
	}
	return true;
}

void worker_drop_storing(struct worker *worker)
{
	struct client *client;

	while ((client = take_storing(&worker->storing)))
		client_put(client);
}

void broker_committed(void *arg)
{
	struct broker *broker = arg;
	unsigned int i;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (i = 0; i < broker->n_workers; i++)
		if (__atomic_load_n(&broker->workers[i].store_waits, __ATOMIC_SEQ_CST))
			mailbox_wake(&broker->workers[i].mailbox);
	control_edits_committed(broker);
}
