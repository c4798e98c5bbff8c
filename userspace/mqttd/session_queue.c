// SPDX-License-Identifier: MIT
/*
 * Queues of sessions: lists, windows, packet identifiers. Knows the store, but
 * neither clients nor packets.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>

#include "broker.h"
#include "session.h"
#include "session_queue.h"
#include "store.h"
#include "stored.h"

/* So much may wait for the window when retained messages are added. */
#define ROOM_MESSAGES	64
#define ROOM_BYTES	(1u << 20)
/* So many that wait are looked at, whether they have expired, when there is no room. */
#define LOOK_EXPIRED	32
/* What is left of a larger table when nothing is in flight is freed. */
#define TABLE_MAX	1024

struct session_entry *queue_entry_new(struct stored *msg, const struct delivery *delivery)
{
	size_t ids = delivery->n_ids * sizeof(*delivery->ids);
	size_t share = delivery->share ? strlen(delivery->share) + 1 : 0;
	struct session_entry *entry = malloc(sizeof(*entry) + ids + share);
	u8 *tail = (u8 *)(entry + 1);

	if (!entry)
		return NULL;
	*entry = (struct session_entry){ .msg = stored_get(msg), .delivery = *delivery };
	if (ids)
		entry->delivery.ids = memcpy(tail, delivery->ids, ids);
	if (share)
		entry->delivery.share = memcpy(tail + ids, delivery->share, share);
	return entry;
}

void queue_entry_free(struct session_entry *entry)
{
	stored_put(entry->msg);
	free(entry);
}

static struct session_queue *queue_of(struct session *session)
{
	struct session_queue *queue = session->queue;

	if (queue)
		return queue;
	queue = calloc(1, sizeof(*queue));
	if (!queue)
		return NULL;
	TAILQ_INIT(&queue->waiting);
	TAILQ_INIT(&queue->chosen);
	TAILQ_INIT(&queue->inflight);
	session->queue = queue;
	return queue;
}

/* What all sessions have in their queues together. */
static void account(struct session *session, const struct session_entry *entry, int n)
{
	struct session_registry *registry = &session->broker->sessions;

	__atomic_fetch_add(&registry->queued_bytes, n * stored_size(entry->msg),
			   __ATOMIC_RELAXED);
	__atomic_fetch_add(&registry->queued_messages, n, __ATOMIC_RELAXED);
}

/* The lists */

static void waiting_add(struct session_queue *queue, struct session_entry *entry)
{
	TAILQ_INSERT_TAIL(&queue->waiting, entry, link);
	queue->n_waiting++;
	queue->waiting_bytes += stored_size(entry->msg);
}

static void waiting_del(struct session_queue *queue, struct session_entry *entry)
{
	TAILQ_REMOVE(&queue->waiting, entry, link);
	queue->n_waiting--;
	queue->waiting_bytes -= stored_size(entry->msg);
}

static int chosen_add(struct session_queue *queue, struct session_entry *entry)
{
	if (entry->packet_id) {
		int err = hash_add(&queue->by_id, &entry->by_id, entry->packet_id);

		if (err)
			return err;
		queue->window_bytes += stored_size(entry->msg);
	}
	TAILQ_INSERT_TAIL(&queue->chosen, entry, link);
	return 0;
}

/* From @chosen or @inflight. */
static void window_del(struct session_queue *queue, struct session_entry *entry)
{
	TAILQ_REMOVE(entry->inflight ? &queue->inflight : &queue->chosen, entry, link);
	queue->n_inflight -= entry->inflight;
	if (!entry->packet_id)
		return;
	hash_del(&queue->by_id, &entry->by_id);
	queue->window_bytes -= stored_size(entry->msg);
	if (!queue->by_id.count && queue->by_id.mask >= TABLE_MAX)
		hash_clear(&queue->by_id, NULL, NULL);
}

/* Packet identifiers */

static struct session_entry *find_id(const struct session_queue *queue, u16 packet_id)
{
	struct hash_node *node = hash_first(&queue->by_id, packet_id);

	return node ? container_of(node, struct session_entry, by_id) : NULL;
}

/* There is one: the window is smaller than there are identifiers. */
static u16 new_id(struct session_queue *queue)
{
	do
		queue->last_id++;
	while (!queue->last_id || find_id(queue, queue->last_id));
	return queue->last_id;
}

static bool window_open(const struct session *session, const struct session_entry *entry)
{
	const struct session_queue *queue = session->queue;
	size_t limit = session->broker->conf->max_inflight_bytes;

	if (!session->window)
		return false;
	if (!entry->delivery.qos)
		return true;
	if (queue->by_id.count >= session->window)
		return false;
	return !limit || !queue->by_id.count ||
	       queue->window_bytes + stored_size(entry->msg) <= limit;
}

static enum session_drop over_limit(const struct session *session, size_t size)
{
	const struct session_registry *registry = &session->broker->sessions;
	const struct session_queue *queue = session->queue;
	const struct config *conf = session->broker->conf;

	if (conf->max_queued_messages && queue->n_waiting >= conf->max_queued_messages)
		return DROP_MESSAGES;
	if (conf->max_queued_bytes && queue->n_waiting &&
	    queue->waiting_bytes + size > (size_t)conf->max_queued_bytes)
		return DROP_BYTES;
	if (conf->max_queued_messages_total &&
	    __atomic_load_n(&registry->queued_messages, __ATOMIC_RELAXED) >=
	    (size_t)conf->max_queued_messages_total)
		return DROP_TOTAL;
	if (conf->max_queued_bytes_total &&
	    __atomic_load_n(&registry->queued_bytes, __ATOMIC_RELAXED) + size >
	    (size_t)conf->max_queued_bytes_total)
		return DROP_TOTAL;
	return DROP_COUNT;
}

/* Returns the change, 1 if the session is not in the store, or 0 without memory. */
static u64 put_entry(struct session *session, struct session_entry *entry)
{
	struct store *store = session->broker->store;
	struct store_entry row = {
		.seq = entry->seq,
		.ids = entry->delivery.ids,
		.n_ids = entry->delivery.n_ids,
		.packet_id = entry->packet_id,
		.qos = entry->delivery.qos,
		.state = entry->state,
		.retain = entry->delivery.retain,
		.share = entry->delivery.share,
	};

	if (!session->key)
		return 1;
	if (!store_message_put(store, entry->msg))
		return 0;
	row.message = entry->msg->id;
	return store_entry_put(store, session->key, &row);
}

static void del_entry(struct session *session, const struct session_entry *entry)
{
	if (session->key)
		store_entry_del(session->broker->store, session->key, entry->seq);
}

/* A session that is in the store sends QoS 2 only when the choice is there too. */
static void set_ticket(const struct session *session, struct session_entry *entry, u64 change)
{
	entry->ticket = session->key && entry->delivery.qos == 2 ? change : 0;
}

static int add_now(struct session *session, struct session_entry *entry)
{
	struct session_queue *queue = session->queue;
	u64 change;

	if (entry->delivery.qos) {
		entry->packet_id = new_id(queue);
		entry->state = ENTRY_CHOSEN;
	}
	if (chosen_add(queue, entry))
		return -ENOMEM;
	change = put_entry(session, entry);
	if (!change) {
		window_del(queue, entry);
		return -ENOMEM;
	}
	set_ticket(session, entry, change);
	return 0;
}

static void drop_expired(struct session *session, struct session_entry *entry)
{
	session->drops[DROP_EXPIRED]++;
	waiting_del(session->queue, entry);
	account(session, entry, -1);
	del_entry(session, entry);
	queue_entry_free(entry);
}

/* Of the oldest ones, that there may be room for another one. */
static void drop_oldest_expired(struct session *session)
{
	struct session_entry *entry = TAILQ_FIRST(&session->queue->waiting), *next;
	int i;
	u32 left;

	for (i = 0; entry && i < LOOK_EXPIRED; i++, entry = next) {
		next = TAILQ_NEXT(entry, link);
		if (stored_expired(entry->msg, &left))
			drop_expired(session, entry);
	}
}

static int add_waiting(struct session *session, struct session_entry *entry)
{
	enum session_drop drop = over_limit(session, stored_size(entry->msg));

	if (drop != DROP_COUNT) {
		drop_oldest_expired(session);
		drop = over_limit(session, stored_size(entry->msg));
	}
	if (drop != DROP_COUNT) {
		session->drops[drop]++;
		return -ENOBUFS;
	}
	if (!put_entry(session, entry))
		return -ENOMEM;
	waiting_add(session->queue, entry);
	return 0;
}

int queue_add(struct session *session, struct session_entry *entry)
{
	struct session_queue *queue = queue_of(session);
	int err = -ENOMEM;

	if (queue) {
		entry->seq = ++queue->last_seq;
		err = !queue->n_waiting && window_open(session, entry) ?
			add_now(session, entry) : add_waiting(session, entry);
	}
	if (!err)
		account(session, entry, 1);
	else if (err == -ENOMEM)
		session->drops[DROP_MEMORY]++;
	return err;
}

int queue_restore(struct session *session, struct stored *msg, const struct store_entry *row)
{
	struct delivery delivery = {
		.ids = row->ids, .n_ids = row->n_ids, .qos = row->qos, .retain = row->retain,
		.share = row->share,
	};
	struct session_queue *queue = queue_of(session);
	struct session_entry *entry;

	entry = queue ? queue_entry_new(msg, &delivery) : NULL;
	if (!entry)
		return -ENOMEM;
	entry->seq = row->seq;
	entry->state = row->state;
	entry->packet_id = row->packet_id;
	entry->sent = row->packet_id;
	queue->last_seq = row->seq;
	if (!entry->packet_id) {
		waiting_add(queue, entry);
	} else if (chosen_add(queue, entry)) {
		queue_entry_free(entry);
		return -ENOMEM;
	}
	account(session, entry, 1);
	return 0;
}

static void waiting_back(struct session_queue *queue, struct session_entry *entry)
{
	TAILQ_INSERT_HEAD(&queue->waiting, entry, link);
	queue->n_waiting++;
	queue->waiting_bytes += stored_size(entry->msg);
	entry->packet_id = 0;
	entry->state = ENTRY_WAITING;
}

/* Returns false if there is no memory. */
static bool choose(struct session *session, struct session_entry *entry)
{
	struct session_queue *queue = session->queue;
	u64 change = 0;

	waiting_del(queue, entry);
	if (entry->delivery.qos) {
		entry->packet_id = new_id(queue);
		entry->state = ENTRY_CHOSEN;
	}
	if (chosen_add(queue, entry)) {
		waiting_back(queue, entry);
		return false;
	}
	/* Last: it cannot be taken back. */
	if (entry->packet_id && session->key) {
		change = store_entry_state(session->broker->store, session->key, entry->seq,
					   entry->packet_id, entry->state);
		if (!change) {
			window_del(queue, entry);
			waiting_back(queue, entry);
			return false;
		}
	}
	set_ticket(session, entry, change);
	return true;
}

/* Returns false if there is no memory. */
static bool fill_window(struct session *session)
{
	struct session_entry *entry;
	u32 left;

	while ((entry = TAILQ_FIRST(&session->queue->waiting)) && session->window) {
		if (stored_expired(entry->msg, &left))
			drop_expired(session, entry);
		else if (!window_open(session, entry))
			break;
		else if (!choose(session, entry))
			return false;
	}
	return true;
}

int queue_next(struct session *session, u64 committed, struct session_entry **next, u64 *ticket)
{
	struct session_queue *queue = session->queue;
	struct session_entry *entry;
	bool memory;

	*next = NULL;
	*ticket = 0;
	if (!queue)
		return 0;
	queue->notified = false;
	memory = fill_window(session);
	entry = TAILQ_FIRST(&queue->chosen);
	if (!entry)
		return memory ? 0 : -ENOMEM;
	if (entry->packet_id && queue->n_inflight >= session->window)
		return 0;
	if (entry->ticket > committed) {
		*ticket = entry->ticket;
		return 0;
	}
	TAILQ_REMOVE(&queue->chosen, entry, link);
	TAILQ_INSERT_TAIL(&queue->inflight, entry, link);
	entry->inflight = true;
	queue->n_inflight++;
	*next = entry;
	return 0;
}

void queue_drop(struct session *session, struct session_entry *entry)
{
	window_del(session->queue, entry);
	account(session, entry, -1);
	del_entry(session, entry);
	queue_entry_free(entry);
}

unsigned int queue_room(const struct session *session)
{
	const struct session_queue *queue = session->queue;
	const struct config *conf = session->broker->conf;
	unsigned int n = queue ? queue->n_waiting : 0, limit = ROOM_MESSAGES;

	if (conf->max_queued_messages && limit > (conf->max_queued_messages + 1) / 2)
		limit = (conf->max_queued_messages + 1) / 2;
	/* Of any size, one may wait. */
	if (conf->max_queued_bytes)
		limit = 1;
	return n >= limit || (n && queue->waiting_bytes >= ROOM_BYTES) ? 0 : limit - n;
}

struct session_entry *queue_find(const struct session *session, u16 packet_id)
{
	struct session_entry *entry = session->queue ? find_id(session->queue, packet_id) : NULL;

	return entry && entry->sent ? entry : NULL;
}

u64 queue_release(struct session *session, struct session_entry *entry)
{
	struct session_queue *queue = session->queue;

	entry->state = ENTRY_RELEASED;
	TAILQ_REMOVE(entry->inflight ? &queue->inflight : &queue->chosen, entry, link);
	TAILQ_INSERT_TAIL(&queue->inflight, entry, link);
	queue->n_inflight += !entry->inflight;
	entry->inflight = true;
	if (!session->key)
		return 0;
	return store_entry_state(session->broker->store, session->key, entry->seq,
				 entry->packet_id, entry->state);
}

/*
 * PUBRELs are in the order of their PUBRECs [MQTT-4.6.0-4], and come first, or the
 * PUBREC of a PUBLISH that is sent again could bring another one before them.
 */
void queue_rewind(struct session *session)
{
	struct session_list publishes = TAILQ_HEAD_INITIALIZER(publishes);
	struct session_queue *queue = session->queue;
	struct session_entry *entry;

	if (!queue)
		return;
	TAILQ_CONCAT(&queue->inflight, &queue->chosen, link);
	while ((entry = TAILQ_FIRST(&queue->inflight))) {
		TAILQ_REMOVE(&queue->inflight, entry, link);
		TAILQ_INSERT_TAIL(entry->state == ENTRY_RELEASED ? &queue->chosen : &publishes,
				  entry, link);
		entry->inflight = false;
	}
	TAILQ_CONCAT(&queue->chosen, &publishes, link);
	queue->n_inflight = 0;
	queue->notified = false;
}

static void leave_table(struct hash_node *node, void *ctx)
{
	(void)node;
	(void)ctx;
}

void queue_trim(struct session *session)
{
	struct session_queue *queue = session->queue;

	if (!queue || queue->n_waiting || !TAILQ_EMPTY(&queue->chosen) ||
	    !TAILQ_EMPTY(&queue->inflight) || session->key)
		return;
	hash_clear(&queue->by_id, NULL, NULL);
	free(queue);
	session->queue = NULL;
}

struct session_queue *queue_take(struct session *session)
{
	struct session_queue *queue = session->queue;
	struct session_entry *entry;

	session->queue = NULL;
	if (!queue)
		return NULL;
	hash_clear(&queue->by_id, leave_table, NULL);
	TAILQ_CONCAT(&queue->inflight, &queue->chosen, link);
	TAILQ_CONCAT(&queue->inflight, &queue->waiting, link);
	TAILQ_FOREACH(entry, &queue->inflight, link)
		account(session, entry, -1);
	return queue;
}

struct session_entry *queue_empty(struct session_queue *queue)
{
	struct session_entry *entry = TAILQ_FIRST(&queue->inflight);

	if (entry)
		TAILQ_REMOVE(&queue->inflight, entry, link);
	else
		free(queue);
	return entry;
}
