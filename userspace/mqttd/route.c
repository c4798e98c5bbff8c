// SPDX-License-Identifier: MIT
/*
 * Delivering to subscribers in the user data plane.
 *
 * Workers route at the same time. If one filter matches, as for most messages,
 * its subscribers get the message as they are found. If several do, a session gets
 * it once, in the highest QoS and with all identifiers [MQTT-3.3.4-2..4]: then each
 * worker first writes down who gets it, and leaves in each session, in a place of its
 * own, where that is written.
 */
#include <errno.h>
#include <stdlib.h>
#include <linux/compiler.h>
#include <linux/rculist.h>
#include <mqtt/word.h>

#include "broker.h"
#include "client.h"
#include "client_pause.h"
#include "dataplane.h"
#include "log.h"
#include "route.h"
#include "session.h"
#include "subscription.h"
#include "worker.h"

/* Nodes of the trie that one message may visit. */
#define MATCH_BUDGET	65536
/* Mail that is handed over before the round of events ends. */
#define POST_EARLY	(256u << 10)
#define MEMORY_MIN	64
/* A worker does not keep more than so many of anything for the next message. */
#define MEMORY_KEPT	65536

/**
 * struct route_target - a session that gets the message
 * @session: which
 * @ids: the last of its identifiers, 1 more than the index; 0: none
 * @n_ids: how many
 * @qos: highest of its subscriptions
 * @rap: one of them is retain-as-published
 */
struct route_target {
	struct session *session;
	u32 ids;
	u32 n_ids;
	u8 qos;
	bool rap;
};

struct route_id {
	u32 id;
	u32 before;		/* 1 more than the index, 0: none */
};

/**
 * struct fanout - one message on its way
 * @worker: where
 * @msg: what
 * @first: list of the first filter that matched
 * @lists: filters that matched
 * @reached: sessions that get it
 * @dropped: connections that do not
 * @kept: only groups that are the agent's, and sessions without a connection
 * @upgrade: in the subscription's QoS, even if the message's is lower
 * @special: bits of struct subscription's @how that make a delivery of this message
 *	another one than the plain one
 * @no_memory: somebody does not get it for that
 */
struct fanout {
	struct worker *worker;
	struct message *msg;
	const struct hlist_head *first;
	unsigned int lists;
	unsigned int reached;
	unsigned int dropped;
	u64 special;
	bool kept;
	bool upgrade;
	bool no_memory;
};

/* Room for one more in an array of the worker's. */
static bool ensure(void *array, u32 *room, u32 n, size_t size)
{
	void **at = array, *bigger;
	u32 want;

	if (likely(n < *room))
		return true;
	want = *room ? 2 * *room : MEMORY_MIN;
	if (want <= n)
		want = n + 1;
	bigger = realloc(*at, want * size);
	if (!bigger)
		return false;
	*at = bigger;
	*room = want;
	return true;
}

void route_memory_free(struct route_memory *memory)
{
	free(memory->targets);
	free(memory->ids);
	free(memory->flat);
	*memory = (struct route_memory){};
}

static void trim(struct route_memory *memory)
{
	if (unlikely(memory->targets_room > MEMORY_KEPT || memory->ids_room > MEMORY_KEPT))
		route_memory_free(memory);
}

/* To one session */

/*
 * In its queue, if it is to be kept: QoS 0 is not, unless mosquitto's option says so.
 * Returns false if the session has ended.
 */
static bool keep(struct fanout *fanout, struct session *session, const struct delivery *delivery)
{
	static const struct delivery plain;
	struct stored *stored;
	int err = -ENOMEM;

	if (!delivery)
		delivery = &plain;
	if (!delivery->qos && !fanout->worker->broker->conf->queue_qos0_messages)
		return true;
	stored = message_stored(fanout->msg);
	if (stored)
		err = session_enqueue(fanout->worker, session, stored, delivery);
	if (err == -ENOMEM)
		fanout->no_memory = true;
	return err != -ESHUTDOWN;
}

static void mail(struct fanout *fanout, struct client *client, const struct delivery *delivery)
{
	uint64_t until;

	if (!client_get_live(client))
		return;
	if (outbox_address(&fanout->worker->outboxes[client->worker->index], client, delivery))
		fanout->dropped++;
	until = __atomic_load_n(&client->pause_until, __ATOMIC_RELAXED);
	if (unlikely(until) && fanout->msg->client)
		client_pause(fanout->msg->client, until);
	client_put(client);
}

/*
 * @delivery: NULL for the plain one. The client is there at least until RCU lets it go.
 * Returns false if the session has ended: it takes no more messages.
 */
static inline bool deliver(struct fanout *fanout, struct session *session,
			   const struct delivery *delivery)
{
	struct client *client = rcu_dereference(session->client);
	bool taken = true;

	if (unlikely(!client || (delivery && delivery->qos)))
		taken = keep(fanout, session, delivery);
	else if (likely(client->worker == fanout->worker))
		client_deliver(client, fanout->msg, delivery);
	else
		mail(fanout, client, delivery);
	fanout->reached += taken;
	return taken;
}

static inline u8 effective_qos(const struct fanout *fanout, u8 qos)
{
	return qos < fanout->msg->qos || fanout->upgrade ? qos : fanout->msg->qos;
}

static bool deliver_by(struct fanout *fanout, struct session *session, u64 how,
		       const char *share)
{
	u32 id = how_id(how);
	struct delivery delivery = {
		.ids = &id,
		.n_ids = id ? 1 : 0,
		.qos = effective_qos(fanout, how_qos(how)),
		.retain = fanout->msg->retain && how & FILTER_RETAIN_AS_PUBLISHED,
		.share = share,
	};

	return deliver(fanout, session, &delivery);
}

/*
 * A copy of its own: besides what the member gets otherwise, MQTT 5.0 4.8.2. A session
 * that ends meanwhile has handed on what it had, and is not picked again.
 */
static void deliver_shared(struct fanout *fanout, struct share *share,
			   const struct session *except)
{
	struct subscription *sub;

	do
		sub = share_pick(share, except);
	while (sub && !deliver_by(fanout, sub->session, subscription_get_how(sub), share->name));
}

static void deliver_group(struct fanout *fanout, struct share *share)
{
	if (!fanout->kept || share->by_agent)
		deliver_shared(fanout, share, NULL);
}

/* MQTT 5.0 3.8.3.1, and who is not for us now. */
static inline bool skipped(const struct fanout *fanout, const struct subscription *sub, u64 how)
{
	if (sub->session == fanout->msg->from && how & FILTER_NO_LOCAL)
		return true;
	return fanout->kept && rcu_dereference(sub->session->client);
}

/* One filter matches: nobody can be in its list twice. */
static void deliver_list(struct fanout *fanout, const struct hlist_head *subs)
{
	struct subscription *sub;
	u64 how;

	hlist_for_each_entry_rcu(sub, subs, sub.link) {
		how = subscription_get_how(sub);
		if (unlikely(!sub->session))
			deliver_group(fanout, sub->share);
		else if (skipped(fanout, sub, how))
			continue;
		else if (how & fanout->special)
			deliver_by(fanout, sub->session, how, NULL);
		else
			deliver(fanout, sub->session, NULL);
	}
}

/* Several filters match */

static struct route_target *find_target(struct fanout *fanout, struct session *session)
{
	struct route_memory *memory = &fanout->worker->route;
	u64 *stamp = &session->stamps[fanout->worker->index];
	struct route_target *target;

	if (*stamp < memory->n_targets && memory->targets[*stamp].session == session)
		return &memory->targets[*stamp];
	if (!ensure(&memory->targets, &memory->targets_room, memory->n_targets, sizeof(*target))) {
		fanout->no_memory = true;
		return NULL;
	}
	*stamp = memory->n_targets++;
	target = &memory->targets[*stamp];
	*target = (struct route_target){ .session = session };
	return target;
}

static void add_id(struct fanout *fanout, struct route_target *target, u32 id)
{
	struct route_memory *memory = &fanout->worker->route;

	if (!ensure(&memory->ids, &memory->ids_room, memory->n_ids, sizeof(*memory->ids))) {
		fanout->no_memory = true;
		return;
	}
	memory->ids[memory->n_ids++] = (struct route_id){ id, target->ids };
	target->ids = memory->n_ids;
	target->n_ids++;
}

static void add_target(struct fanout *fanout, struct session *session, u64 how)
{
	struct route_target *target = find_target(fanout, session);

	if (!target)
		return;
	if (how_qos(how) > target->qos)
		target->qos = how_qos(how);
	if (how & FILTER_RETAIN_AS_PUBLISHED)
		target->rap = true;
	if (how_id(how))
		add_id(fanout, target, how_id(how));
}

static void gather(struct fanout *fanout, const struct hlist_head *subs)
{
	struct subscription *sub;
	u64 how;

	hlist_for_each_entry_rcu(sub, subs, sub.link) {
		how = subscription_get_how(sub);
		if (unlikely(!sub->session))
			deliver_group(fanout, sub->share);
		else if (!skipped(fanout, sub, how))
			add_target(fanout, sub->session, how);
	}
}

/* In the order in which they were found; without memory, some of them. */
static u32 flatten(struct fanout *fanout, const struct route_target *target)
{
	struct route_memory *memory = &fanout->worker->route;
	u32 n = target->n_ids, at;

	if (n && !ensure(&memory->flat, &memory->flat_room, n - 1, sizeof(*memory->flat))) {
		fanout->no_memory = true;
		return 0;
	}
	for (at = target->ids; at; at = memory->ids[at - 1].before)
		memory->flat[--n] = memory->ids[at - 1].id;
	return target->n_ids;
}

static void deliver_targets(struct fanout *fanout)
{
	struct route_memory *memory = &fanout->worker->route;
	const struct route_target *target;
	struct delivery delivery;
	u32 i, n_ids;

	for (i = 0; i < memory->n_targets; i++) {
		target = &memory->targets[i];
		n_ids = flatten(fanout, target);	/* may move @memory->flat */
		delivery = (struct delivery){
			.n_ids = n_ids,
			.ids = memory->flat,
			.qos = effective_qos(fanout, target->qos),
			.retain = fanout->msg->retain && target->rap,
		};
		deliver(fanout, target->session, &delivery);
	}
	memory->n_targets = 0;
	memory->n_ids = 0;
	trim(memory);
}

/* A message */

static void found(void *ctx, const struct hlist_head *subs)
{
	struct fanout *fanout = ctx;

	fanout->lists++;
	if (fanout->lists == 1) {
		fanout->first = subs;
		return;
	}
	if (fanout->lists == 2)
		gather(fanout, fanout->first);
	gather(fanout, subs);
}

static void post_message(struct worker *worker, struct fanout *fanout)
{
	unsigned int i;

	for (i = 0; i < worker->broker->n_workers; i++) {
		struct outbox *box = &worker->outboxes[i];

		if (!box->addressing)
			continue;
		fanout->dropped += outbox_enclose(box, fanout->msg);
		if (box->mail.len > POST_EARLY || box->pinned > POST_EARLY)
			worker_post(worker, i);
	}
}

/* The ends of topics differ more than their beginnings. */
static struct mqtt_match *last_match(struct worker *worker, const u8 *topic, size_t len)
{
	u64 end = len < 8 ? mqtt_word_load_part(topic, len) : mqtt_word_load(topic + len - 8);

	return &worker->matches[(end * 0x9e3779b97f4a7c15ull >> 32) % WORKER_MATCHES];
}

static void match(struct fanout *fanout, void (*each)(void *ctx, const struct hlist_head *subs),
		  void *ctx)
{
	struct worker *worker = fanout->worker;
	const struct message *msg = fanout->msg;

	if (mqtt_match(&worker->broker->routes.trie,
		       last_match(worker, msg->topic, msg->topic_len), msg->topic,
		       msg->topic_len, MATCH_BUDGET, each, ctx))
		log_limited(LOG_TYPE_WARNING,
			    "Warning: a message matches too many filters, some subscribers miss it.");
}

static u64 special_bits(const struct message *msg, bool upgrade)
{
	u64 special = subscription_how(0, UINT32_MAX);

	if (msg->qos || upgrade)
		special |= FILTER_QOS;
	if (msg->retain)
		special |= FILTER_RETAIN_AS_PUBLISHED;
	return special;
}

static struct fanout begin(struct worker *worker, struct message *msg)
{
	bool upgrade = worker->broker->conf->upgrade_outgoing_qos;

	/*
	 * What is gathered for the kernel goes first. It is also written before an
	 * answer is, and what it refuses is routed: not while this message is.
	 */
	port_flush(worker);
	return (struct fanout){
		.worker = worker,
		.msg = msg,
		.upgrade = upgrade,
		.special = special_bits(msg, upgrade),
	};
}

static int finish(struct fanout *fanout)
{
	struct worker *worker = fanout->worker;

	post_message(worker, fanout);
	if (fanout->dropped)
		stats_add(&worker->stats, STAT_PUBLISH_DROPPED, fanout->dropped);
	return fanout->no_memory ? -ENOMEM : (int)fanout->reached;
}

static int deliver_message(struct fanout *fanout)
{
	rcu_read_lock();
	match(fanout, found, fanout);
	if (fanout->lists == 1)
		deliver_list(fanout, fanout->first);
	else if (fanout->lists)
		deliver_targets(fanout);
	rcu_read_unlock();
	return finish(fanout);
}

int route_deliver(struct worker *worker, struct message *msg)
{
	struct fanout fanout = begin(worker, msg);

	return deliver_message(&fanout);
}

int route_deliver_kept(struct worker *worker, struct message *msg)
{
	struct fanout fanout = begin(worker, msg);

	fanout.kept = true;
	return deliver_message(&fanout);
}

/**
 * struct some - a message for some clients only
 * @fanout: the message
 * @clients: whom it is for
 * @n: how many
 */
struct some {
	struct fanout fanout;
	struct client **clients;
	unsigned int n;
};

/* Not all of a list is looked at, but what these clients have there. */
static void gather_some(void *ctx, const struct hlist_head *subs)
{
	const struct subscription *first, *sub;
	struct some *some = ctx;
	struct session *session;
	unsigned int i;
	u64 how;

	first = hlist_entry_safe(rcu_dereference(subs->first), struct subscription, sub.link);
	for (i = 0; first && i < some->n; i++) {
		session = some->clients[i]->session;
		sub = session ? route_find_place(session, first->sub.node, first->sub.hash) : NULL;
		if (!sub)
			continue;
		how = subscription_get_how(sub);
		if (!skipped(&some->fanout, sub, how))
			add_target(&some->fanout, session, how);
	}
}

int route_deliver_to(struct worker *worker, struct message *msg, struct client **clients,
		     unsigned int n)
{
	struct some some = { begin(worker, msg), clients, n };

	rcu_read_lock();
	match(&some.fanout, gather_some, &some);
	deliver_targets(&some.fanout);
	rcu_read_unlock();
	return finish(&some.fanout);
}

/*
 * The kernel does not take a message so long, or of that topic. What came before it from the same
 * publisher goes first as far as the daemon has it, and what comes after it waits
 * until it is on the sockets.
 */
static int deliver_beside(struct worker *worker, struct message *msg, struct client *from)
{
	int ret;

	port_drain(worker);
	worker_fence_begin(worker);
	ret = route_deliver(worker, msg);
	if (from && !from->closing && worker_fence_end(worker, from))
		client_hold(from, HOLD_FENCE);
	return ret;
}

/*
 * At QoS 1 and 2 nothing is the kernel's, which has no sessions. Nor are some topics,
 * of which it leaves all to the daemon.
 */
int route_publish(struct worker *worker, struct message *msg)
{
	struct client *from = msg->client;

	if (!port_is_open(&worker->port) || msg->qos)
		return route_deliver(worker, msg);
	if (!dataplane_routes(msg->topic, msg->topic_len) ||
	    port_publish(worker, msg, from ? from->conn.peer : 0))
		return deliver_beside(worker, msg, from);
	return 1;
}

/* QoS 1 that was for a member whose session has ended, [MQTT-4.8.2-4]. */
void share_redeliver(struct worker *worker, struct stored *stored, const char *share,
		     const struct session *except)
{
	struct route_table *table = &worker->broker->routes;
	struct message msg;
	struct fanout fanout;
	struct share *group;

	message_init_stored(&msg, stored);
	fanout = begin(worker, &msg);
	rcu_read_lock();
	pthread_mutex_lock(&table->lock);
	group = share_find(&table->shares, (const u8 *)share, strlen(share));
	pthread_mutex_unlock(&table->lock);
	if (group)
		deliver_shared(&fanout, group, except);
	rcu_read_unlock();
	finish(&fanout);
	message_done(&msg);
}
