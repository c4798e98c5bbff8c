// SPDX-License-Identifier: MIT
/*
 * Between a session's queue and its client: sending what the window allows, and
 * what acknowledgements do.
 */
#include <errno.h>
#include <linux/mqtt.h>
#include <mqtt/wire.h>

#include "broker.h"
#include "client.h"
#include "log.h"
#include "packet.h"
#include "packet_ids.h"
#include "replay.h"
#include "session.h"
#include "session_queue.h"
#include "session_send.h"
#include "store.h"

/* With so much to be written to the socket the queue waits. */
#define SEND_MAX	(256u << 10)

static const char *const drop_texts[DROP_COUNT] = {
	[DROP_MESSAGES]	= "max_queued_messages",
	[DROP_BYTES]	= "max_queued_bytes",
	[DROP_TOTAL]	= "limits of all queues together",
	[DROP_MEMORY]	= "out of memory",
	[DROP_EXPIRED]	= "expired",
	[DROP_TOO_LONG]	= "longer than the client takes",
	[DROP_DENIED]	= "not allowed",
};

const char *session_drop_text(enum session_drop drop)
{
	return drop_texts[drop];
}

/* Under the lock, so that @client is there. */
static void notify(struct worker *worker, struct session *session)
{
	struct client *client = session->client;

	if (!client || session->queue->notified)
		return;
	session->queue->notified = true;
	if (client->worker == worker)
		client_pump_later(client);
	else
		outbox_notify(&worker->outboxes[client->worker->index], client, NOTICE_QUEUE);
}

static int enqueue_locked(struct worker *worker, struct session *session,
			  struct session_entry *entry)
{
	int err;

	if (session->dead)
		return -ESHUTDOWN;
	err = queue_add(session, entry);
	if (!err)
		notify(worker, session);
	return err;
}

int session_enqueue(struct worker *worker, struct session *session, struct stored *msg,
		    const struct delivery *delivery)
{
	struct session_entry *entry = queue_entry_new(msg, delivery);
	int err;

	pthread_mutex_lock(&session->lock);
	if (entry)
		err = enqueue_locked(worker, session, entry);
	else
		session->drops[DROP_MEMORY]++;
	pthread_mutex_unlock(&session->lock);
	if (!entry)
		return -ENOMEM;
	if (!err)
		return 0;
	queue_entry_free(entry);
	if (err != -ESHUTDOWN)
		log_limited(LOG_TYPE_NOTICE,
			    "Outgoing messages are being dropped for client %s: %s.", session->id,
			    err == -ENOMEM ? drop_texts[DROP_MEMORY] : "its queue is full");
	return err;
}

unsigned int session_room(struct session *session)
{
	unsigned int room;

	pthread_mutex_lock(&session->lock);
	room = queue_room(session);
	pthread_mutex_unlock(&session->lock);
	return room;
}

bool session_has_room(struct session *session)
{
	return session_room(session);
}

/* PUBREL, or PUBCOMP, with a reason code other than 0 only for MQTT 5.0. */
static void answer(struct client *client, u8 byte1, u16 packet_id, u8 reason, u64 ticket)
{
	u8 packet[PACKET_REPLY_MAX];

	if (client->protocol != MQTT_PROTOCOL_V5)
		reason = REASON_SUCCESS;
	client_answer(client, packet, packet_reply_write(packet, byte1, packet_id, reason), ticket);
}

static enum session_drop drop_reason(int err)
{
	switch (err) {
	case -ETIME:
		return DROP_EXPIRED;
	case -EACCES:
		return DROP_DENIED;
	default:
		return DROP_TOO_LONG;
	}
}

static void forget(struct session *session, struct session_entry *entry, int err)
{
	pthread_mutex_lock(&session->lock);
	if (err)
		session->drops[drop_reason(err)]++;
	queue_drop(session, entry);
	pthread_mutex_unlock(&session->lock);
}

/* The entry is in flight: only this thread takes it from there. */
static void send_entry(struct client *client, struct session_entry *entry)
{
	int err;

	if (entry->state == ENTRY_RELEASED) {
		answer(client, MQTT_PKT_PUBREL << 4 | 2, entry->packet_id, REASON_SUCCESS, 0);
		return;
	}
	err = client_publish(client, entry->msg, &entry->delivery, entry->packet_id, entry->sent);
	if (err == -ENOMEM)
		client_close(client, CLOSE_NO_MEMORY, NULL);
	else if (err || !entry->packet_id)
		forget(client->session, entry, err);
	else
		entry->sent = true;
}

void client_pump_later(struct client *client)
{
	struct worker *worker = client->worker;

	if (client->pumping || client->closing)
		return;
	client->pumping = true;
	client->next_pump = worker->pumps;
	worker->pumps = client;
}

void client_pump_cancel(struct client *client)
{
	struct client **link = &client->worker->pumps;

	if (!client->pumping)
		return;
	while (*link != client)
		link = &(*link)->next_pump;
	*link = client->next_pump;
	client->pumping = false;
}

void worker_pump(struct worker *worker)
{
	struct client *client;

	while ((client = worker->pumps)) {
		worker->pumps = client->next_pump;
		client->pumping = false;
		session_pump(client);
	}
}

void session_pump(struct client *client)
{
	struct session *session = client->session;
	struct session_entry *entry;
	u64 committed, ticket;
	int err;

	if (client->state != CLIENT_CONNECTED)
		return;
	while (!client->closing) {
		if (client->out.bytes > SEND_MAX) {
			client->congested = true;
			break;
		}
		committed = store_committed(session->broker->store);
		pthread_mutex_lock(&session->lock);
		err = queue_next(session, committed, &entry, &ticket);
		pthread_mutex_unlock(&session->lock);
		if (err)
			client_close(client, CLOSE_NO_MEMORY, NULL);
		if (!entry) {
			if (ticket)
				client_wait_stored(client);
			break;
		}
		send_entry(client, entry);
	}
	replay_resume(client);
}

/* Acknowledgements */

static void not_found(struct client *client, const char *type, u16 packet_id)
{
	log_limited(LOG_TYPE_DEBUG, "Client %s: %s for unknown packet identifier %u.",
		    client->id, type, packet_id);
}

/* Returns 0, -ENOENT, -EPROTO for the wrong kind of acknowledgement. */
static int finish(struct session *session, u16 packet_id, u8 qos, enum entry_state state)
{
	struct session_entry *entry = queue_find(session, packet_id);

	if (!entry)
		return -ENOENT;
	if (entry->delivery.qos != qos || entry->state != state)
		return -EPROTO;
	queue_drop(session, entry);
	return 0;
}

static void finished(struct client *client, int err, const char *type, u16 packet_id)
{
	if (!err)
		client_pump_later(client);
	else if (err == -ENOENT)
		not_found(client, type, packet_id);
	else
		client_close(client, CLOSE_PROTOCOL, type);
}

void session_puback(struct client *client, u16 packet_id)
{
	struct session *session = client->session;
	int err;

	pthread_mutex_lock(&session->lock);
	err = finish(session, packet_id, 1, ENTRY_CHOSEN);
	pthread_mutex_unlock(&session->lock);
	finished(client, err, "PUBACK", packet_id);
}

void session_pubcomp(struct client *client, u16 packet_id)
{
	struct session *session = client->session;
	int err;

	pthread_mutex_lock(&session->lock);
	err = finish(session, packet_id, 2, ENTRY_RELEASED);
	pthread_mutex_unlock(&session->lock);
	finished(client, err, "PUBCOMP", packet_id);
}

/* Returns as finish(), or -ENOMEM. */
static int release(struct session *session, u16 packet_id, u64 *ticket)
{
	struct session_entry *entry = queue_find(session, packet_id);

	*ticket = 0;
	if (!entry)
		return -ENOENT;
	if (entry->delivery.qos != 2)
		return -EPROTO;
	if (entry->state == ENTRY_RELEASED)
		return 0;
	*ticket = queue_release(session, entry);
	return session->key && !*ticket ? -ENOMEM : 0;
}

/* A PUBREC that says no is the end of it (MQTT 5.0 4.3.3). */
static void pubrec_refused(struct client *client, u16 packet_id)
{
	struct session *session = client->session;
	int err;

	pthread_mutex_lock(&session->lock);
	err = finish(session, packet_id, 2, ENTRY_CHOSEN);
	pthread_mutex_unlock(&session->lock);
	finished(client, err, "PUBREC", packet_id);
}

/*
 * PUBREL waits for the disk: the receiver forgets the packet identifier then, and
 * after a crash would take the same message for a new one.
 */
void session_pubrec(struct client *client, u16 packet_id, u8 reason)
{
	struct session *session = client->session;
	u64 ticket;
	int err;

	if (reason >= REASON_UNSPECIFIED) {
		pubrec_refused(client, packet_id);
		return;
	}
	pthread_mutex_lock(&session->lock);
	err = release(session, packet_id, &ticket);
	pthread_mutex_unlock(&session->lock);
	if (err == -EPROTO) {
		client_close(client, CLOSE_PROTOCOL, "PUBREC");
	} else if (err == -ENOMEM) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
	} else {
		/* 3.x cannot be told that it is unknown, but is not to wait for ever */
		if (err)
			not_found(client, "PUBREC", packet_id);
		answer(client, MQTT_PKT_PUBREL << 4 | 2, packet_id,
		       err ? REASON_PACKET_ID : REASON_SUCCESS, ticket);
	}
}

/* Packet identifiers of messages from the client */

bool session_incoming_known(struct session *session, u16 packet_id)
{
	bool known;

	pthread_mutex_lock(&session->lock);
	known = packet_ids_has(session->incoming, packet_id);
	pthread_mutex_unlock(&session->lock);
	return known;
}

int session_incoming_add(struct session *session, u16 packet_id)
{
	int ret = -ENOMEM;

	pthread_mutex_lock(&session->lock);
	if (!session->incoming)
		session->incoming = packet_ids_new();
	if (session->incoming)
		ret = packet_ids_add(session->incoming, packet_id);
	if (ret == 1 && session->key &&
	    !store_incoming_put(session->broker->store, session->key, packet_id)) {
		packet_ids_del(session->incoming, packet_id);
		ret = -ENOMEM;
	}
	pthread_mutex_unlock(&session->lock);
	return ret;
}

/* Without memory the store keeps it: sets @ticket to 0 where it should not be. */
static bool incoming_del(struct session *session, u16 packet_id, u64 *ticket)
{
	bool there;

	*ticket = 0;
	pthread_mutex_lock(&session->lock);
	there = session->incoming && packet_ids_del(session->incoming, packet_id);
	if (there && session->key)
		*ticket = store_incoming_del(session->broker->store, session->key, packet_id);
	pthread_mutex_unlock(&session->lock);
	return there;
}

bool session_incoming_del(struct session *session, u16 packet_id)
{
	u64 ticket;

	return incoming_del(session, packet_id, &ticket);
}

/* PUBCOMP waits for the disk: the client may use the packet identifier again then. */
void session_pubrel(struct client *client, u16 packet_id)
{
	u64 ticket;
	bool there = incoming_del(client->session, packet_id, &ticket);

	if (!there)
		not_found(client, "PUBREL", packet_id);
	if (there && client->session->key && !ticket)
		client_close(client, CLOSE_NO_MEMORY, NULL);
	else
		answer(client, MQTT_PKT_PUBCOMP << 4, packet_id,
		       there ? REASON_SUCCESS : REASON_PACKET_ID, ticket);
}
