// SPDX-License-Identifier: GPL-2.0-only
/*
 * Of each topic the newest message: an index of what waits in a queue, for a
 * receiver that is too slow to have all.
 *
 *   chunks, oldest first      [ t1 t2 t1 ] [ t3 t1 t4 ] [ t2 (t3) (t2) ]
 *                                                cursor ^
 *   not looked at yet ------------------------------|   nodes in the index
 *
 * The index begins empty when the queue has grown to its high-water mark. What
 * is there already is looked at from the newest to the oldest, one chunk for
 * each message that comes, so that no message pays for all: the first that is
 * met of a topic is its newest and gets a node, the others are dropped. A message
 * that comes takes the place of its topic's node; so it waits no longer than
 * the one before it would have, and a topic that changes often does not stay
 * behind the others for ever. Topics keep their order, and MQTT wants no more.
 *
 * At any time the node of a topic is the newest message of it in the queue and
 * all others stand in front of it. That is why it does no harm to be unable to
 * look at more, without memory or among what TCP is just being given.
 *
 * A node stays the entry of its message when the index ends: it is found no
 * more, as @gen tells, and is freed when the message leaves the queue.
 */
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <mqtt/wire.h>

#include "conflate.h"
#include "msg.h"
#include "peer.h"
#include "queue.h"
#include "trace.h"
#include "translate.h"

static siphash_aligned_key_t mqtt_conflate_key __read_mostly;
static struct kmem_cache *mqtt_conflate_cache __ro_after_init;

static bool mqtt_conflate_name(const struct mqtt_msg *msg, struct mqtt_topic *topic)
{
	struct mqtt_fixed_header fh;
	const u8 *body;

	if (mqtt_fixed_header_parse(msg->head, msg->head_len, &fh) ||
	    mqtt_packet_type(fh.byte1) != MQTT_PKT_PUBLISH || msg->head_len < fh.size + 2)
		return false;
	body = msg->head + fh.size;
	topic->name = body + 2;
	topic->len = body[0] << 8 | body[1];
	return topic->len <= msg->head_len - fh.size - 2;
}

/**
 * mqtt_conflate_topic() - what a message is found by
 * @msg: message that was routed, or a PINGRESP
 * @topic: result, valid as long as the message
 *
 * Return: false if it has no topic.
 */
bool mqtt_conflate_topic(const struct mqtt_msg *msg, struct mqtt_topic *topic)
{
	if (!mqtt_conflate_name(msg, topic))
		return false;
	topic->hash = siphash(topic->name, topic->len, &mqtt_conflate_key);
	return true;
}

static int mqtt_conflate_cmp(const struct mqtt_topic *topic, const struct mqtt_queue_node *node)
{
	struct mqtt_topic other;

	if (topic->hash != node->hash)
		return topic->hash < node->hash ? -1 : 1;
	mqtt_conflate_name(node->msg, &other);
	if (topic->len != other.len)
		return topic->len < other.len ? -1 : 1;
	return memcmp(topic->name, other.name, topic->len);
}

/* The node of a topic, or NULL and the @link and @parent that it is to have. */
static struct mqtt_queue_node *mqtt_conflate_lookup(struct rb_root *root,
						    const struct mqtt_topic *topic,
						    struct rb_node ***link,
						    struct rb_node **parent)
{
	*link = &root->rb_node;
	*parent = NULL;
	while (**link) {
		struct mqtt_queue_node *node = rb_entry(**link, struct mqtt_queue_node, rb);
		int cmp = mqtt_conflate_cmp(topic, node);

		if (!cmp)
			return node;
		*parent = **link;
		*link = cmp < 0 ? &(*parent)->rb_left : &(*parent)->rb_right;
	}
	return NULL;
}

/**
 * mqtt_conflate_begin() - from now on the newest messages are to be found
 * @queue: queue of one peer
 */
void mqtt_conflate_begin(struct mqtt_queue *queue)
{
	struct mqtt_queue_index *index = &queue->index;

	index->root = RB_ROOT;
	index->cursor = queue->last;
	index->gen++;
	index->active = true;
}

/**
 * mqtt_conflate_end() - none is to be found any more
 * @queue: queue; nothing happens if that is so
 */
void mqtt_conflate_end(struct mqtt_queue *queue)
{
	struct mqtt_queue_index *index = &queue->index;

	if (!index->active)
		return;
	index->root = RB_ROOT;
	index->cursor = NULL;
	index->gen++;
	index->active = false;
}

static struct mqtt_queue_node *mqtt_conflate_alloc(struct mqtt_queue *queue,
						   const struct mqtt_topic *topic)
{
	struct mqtt_queue_node *node;

	if (queue->index.nodes >= MQTT_CONFLATE_NODES_MAX)
		return NULL;
	node = kmem_cache_alloc(mqtt_conflate_cache, MQTT_MSG_GFP);
	if (!node)
		return NULL;
	node->hash = topic->hash;
	node->gen = queue->index.gen - 1;
	queue->index.nodes++;
	queue->bytes += sizeof(*node);
	return node;
}

/* Its topic's node is not to be found any more; that of another index is not anyway. */
static void mqtt_conflate_forget(struct mqtt_queue *queue, struct mqtt_queue_node *node)
{
	if (node->gen != queue->index.gen)
		return;
	rb_erase(&node->rb, &queue->index.root);
	node->gen--;
}

/**
 * mqtt_conflate_free() - free a node
 * @queue: the queue that it stood in
 * @node: node; its message is the caller's
 */
void mqtt_conflate_free(struct mqtt_queue *queue, struct mqtt_queue_node *node)
{
	if (queue->index.active)
		mqtt_conflate_forget(queue, node);
	queue->index.nodes--;
	queue->bytes -= sizeof(*node);
	kmem_cache_free(mqtt_conflate_cache, node);
}

static void mqtt_conflate_insert(struct mqtt_queue *queue, struct mqtt_queue_node *node,
				 struct rb_node **link, struct rb_node *parent)
{
	node->gen = queue->index.gen;
	rb_link_node(&node->rb, parent, link);
	rb_insert_color(&node->rb, &queue->index.root);
}

static u32 mqtt_conflate_lose(const struct mqtt_peer *peer, const struct mqtt_msg *msg,
			      u32 packets)
{
	mqtt_trace_drop(peer->router, peer, peer->id, msg, MQTT_A_STATS_DROP_CONFLATED, packets,
			false);
	return packets;
}

/*
 * One entry that nobody has looked at, the newest of those. Returns false if
 * there is no memory to remember it. @dropped grows by the packets that are
 * not to be kept, and @place is NULL if none is.
 */
static bool mqtt_conflate_look(struct mqtt_peer *peer, struct mqtt_msg **place, u32 *dropped)
{
	struct mqtt_queue *queue = &peer->tx.queue;
	struct mqtt_msg *msg = mqtt_queue_untag(*place);
	struct mqtt_queue_node *node = NULL;
	struct rb_node **link, *parent;
	struct mqtt_topic topic;
	struct mqtt_msg *last;

	if (mqtt_queue_is_node(*place))
		node = mqtt_queue_node(*place);
	if ((node && node->gen == queue->index.gen) || !mqtt_conflate_topic(msg, &topic))
		return true;
	if (mqtt_conflate_lookup(&queue->index.root, &topic, &link, &parent)) {
		*dropped += mqtt_conflate_lose(peer, msg, msg->packets);
		mqtt_queue_release(queue, *place, true);
		*place = NULL;
		return true;
	}
	if (!node) {
		node = mqtt_conflate_alloc(queue, &topic);
		if (!node)
			return false;
		node->msg = msg;
		*place = (struct mqtt_msg *)((unsigned long)node | MQTT_QUEUE_NODE);
	}
	mqtt_conflate_insert(queue, node, link, parent);
	last = msg->packets > 1 ? mqtt_train_slice(msg, msg->packets - 1, 1, MQTT_MSG_GFP) :
				  NULL;
	if (last) {
		*dropped += mqtt_conflate_lose(peer, msg, msg->packets - 1);
		mqtt_queue_exchange(queue, &node->msg, last);
		mqtt_msg_put(last);
	}
	return true;
}

/* Where in a chunk those end that must not be touched: the first @pinned of the queue */
static u32 mqtt_conflate_pinned_end(const struct mqtt_queue *queue,
				    const struct mqtt_queue_chunk *chunk, u32 pinned)
{
	const struct mqtt_queue_chunk *c;

	for (c = queue->first; c != chunk && pinned; c = c->next)
		pinned -= min(pinned, c->tail - c->head);
	return chunk->head + min(pinned, chunk->tail - chunk->head);
}

/* Close the gaps that have been made from @i on. */
static void mqtt_conflate_pack(struct mqtt_queue *queue, struct mqtt_queue_chunk *chunk, u32 i)
{
	u32 to = i;

	for (; i < chunk->tail; i++) {
		if (!chunk->msg[i])
			continue;
		chunk->msg[to] = chunk->msg[i];
		chunk->peer[to++] = chunk->peer[i];
	}
	queue->entries -= chunk->tail - to;
	chunk->tail = to;
	if (chunk->head == chunk->tail)
		mqtt_queue_unlink(queue, chunk);
}

/**
 * mqtt_conflate_step() - look at some of what was there before the index
 * @peer: receiver, the index of its queue active
 *
 * Context: any; tx->lock is held.
 * Return: packets dropped, of which a newer one waits.
 */
u32 mqtt_conflate_step(struct mqtt_peer *peer)
{
	struct mqtt_queue *queue = &peer->tx.queue;
	struct mqtt_queue_chunk *chunk = queue->index.cursor;
	u32 i, end, dropped = 0;

	if (!chunk)
		return 0;
	end = mqtt_conflate_pinned_end(queue, chunk, peer->tx.pinned);
	queue->index.cursor = end == chunk->head ? chunk->prev : NULL;
	for (i = chunk->tail; i > end; i--) {
		if (!mqtt_conflate_look(peer, &chunk->msg[i - 1], &dropped)) {
			queue->index.cursor = NULL;
			break;
		}
	}
	mqtt_conflate_pack(queue, chunk, end);
	mqtt_queue_trim(queue);
	return dropped;
}

static bool mqtt_conflate_is_pinned(const struct mqtt_queue *queue,
				    const struct mqtt_queue_node *node, u32 pinned)
{
	struct mqtt_queue_pos pos = mqtt_queue_begin(queue);

	while (pinned-- && mqtt_queue_at(&pos)) {
		const struct mqtt_msg *entry = pos.chunk->msg[pos.i++];

		if (mqtt_queue_is_node(entry) && mqtt_queue_node(entry) == node)
			return true;
	}
	return false;
}

/**
 * mqtt_conflate_find() - the newest message of a topic
 * @queue: queue of one peer, its index active
 * @topic: topic
 * @pinned: entries at its head that must stay what they are
 *
 * Return: its node, or NULL if there is none that may be replaced.
 */
struct mqtt_queue_node *mqtt_conflate_find(const struct mqtt_queue *queue,
					   const struct mqtt_topic *topic, u32 pinned)
{
	struct rb_root root = queue->index.root;
	struct rb_node **link, *parent;
	struct mqtt_queue_node *node = mqtt_conflate_lookup(&root, topic, &link, &parent);

	return node && !mqtt_conflate_is_pinned(queue, node, pinned) ? node : NULL;
}

/**
 * mqtt_conflate_replace() - put a message in the place of an older one
 * @queue: queue of one peer
 * @node: the older one
 * @msg: message of the same topic; the queue takes a reference of its own
 * @limit: bytes that the queue may hold
 *
 * Return: 0; -ENOBUFS, -EDQUOT as mqtt_queue_fits().
 */
int mqtt_conflate_replace(struct mqtt_queue *queue, struct mqtt_queue_node *node,
			  struct mqtt_msg *msg, u64 limit)
{
	if (msg->truesize > node->msg->truesize) {
		int err = mqtt_queue_fits(queue, msg->truesize - node->msg->truesize, limit);

		if (err)
			return err;
	}
	mqtt_queue_exchange(queue, &node->msg, msg);
	return 0;
}

/**
 * mqtt_conflate_push() - add a message that is to be found by its topic
 * @queue: queue of one peer, its index active
 * @msg: message; the queue takes a reference of its own
 * @topic: its topic
 * @peer: id that goes with it
 * @limit: bytes that the queue may hold
 *
 * Without memory for the index it is queued and cannot be found. Then no more is
 * looked at of what was there before the index.
 *
 * Return: as mqtt_queue_push().
 */
int mqtt_conflate_push(struct mqtt_queue *queue, struct mqtt_msg *msg,
		       const struct mqtt_topic *topic, u32 peer, u64 limit)
{
	struct mqtt_queue_node *old, *node = mqtt_conflate_alloc(queue, topic);
	struct rb_node **link, *parent;
	struct mqtt_msg *entry = msg;
	int err;

	if (node) {
		node->msg = msg;
		entry = (struct mqtt_msg *)((unsigned long)node | MQTT_QUEUE_NODE);
	}
	err = mqtt_queue_append(queue, entry, peer, msg->truesize, limit);
	if (err) {
		if (node)
			mqtt_conflate_free(queue, node);
		return err;
	}
	mqtt_msg_hold(msg);
	queue->packets += msg->packets;
	/* One that must not be replaced is not the newest any more. */
	old = mqtt_conflate_lookup(&queue->index.root, topic, &link, &parent);
	if (old)
		mqtt_conflate_forget(queue, old);
	if (!node) {
		/* An older one of its topic must not get a node behind its back. */
		queue->index.cursor = NULL;
		return 0;
	}
	if (old)
		mqtt_conflate_lookup(&queue->index.root, topic, &link, &parent);
	mqtt_conflate_insert(queue, node, link, parent);
	return 0;
}

int __init mqtt_conflate_module_init(void)
{
	get_random_bytes(&mqtt_conflate_key, sizeof(mqtt_conflate_key));
	mqtt_conflate_cache = KMEM_CACHE(mqtt_queue_node, 0);
	return mqtt_conflate_cache ? 0 : -ENOMEM;
}

void mqtt_conflate_module_exit(void)
{
	kmem_cache_destroy(mqtt_conflate_cache);
}
