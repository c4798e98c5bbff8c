// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues of which nothing is wanted any more.
 *
 * A queue may have millions of entries, and that its connection is gone, or its reader
 * too slow, is found out in softirq, with a socket locked. So a queue of more than one
 * chunk is emptied by a worker. Its first chunk is emptied at once, and is then the
 * memory in which the worker is told of the others: nothing is allocated, and so
 * nothing can fail. Until it is freed the router's memory-limit counts it; who has its
 * queue discarded again and again gets no more memory by that.
 *
 * The order in which queues are freed does not matter. Each router has a list of its own,
 * so that none waits for another one's queues. Nothing in the list has a reference to the
 * router: who finds it empty has one, and gives the work another.
 */
#include <linux/build_bug.h>
#include <linux/llist.h>
#include <linux/slab.h>

#include "conflate.h"
#include "discard.h"
#include "queue.h"
#include "router.h"

/* In the place of a chunk */
struct mqtt_discarded {
	struct llist_node list;
	struct mqtt_queue queue;
};

static_assert(sizeof(struct mqtt_discarded) <= sizeof(struct mqtt_queue_chunk));

static void mqtt_discard_free(struct mqtt_discarded *discarded)
{
	struct mqtt_queue_chunk *chunk;

	while ((chunk = mqtt_queue_behead(&discarded->queue))) {
		kfree(chunk);
		cond_resched();
	}
	mqtt_queue_purge(&discarded->queue);
	kfree(discarded);
}

static void mqtt_discard_work(struct work_struct *work)
{
	struct mqtt_router *router = container_of(work, struct mqtt_router, discard_work);
	struct llist_node *list = llist_del_all(&router->discarded);
	struct mqtt_discarded *discarded, *next;

	llist_for_each_entry_safe(discarded, next, list, list)
		mqtt_discard_free(discarded);
	mqtt_router_put(router);
}

/**
 * mqtt_discard_init() - a new router has discarded nothing
 * @router: router
 */
void mqtt_discard_init(struct mqtt_router *router)
{
	init_llist_head(&router->discarded);
	INIT_WORK(&router->discard_work, mqtt_discard_work);
}

/**
 * mqtt_discard() - empty a queue, most of it later
 * @router: whose it is; the caller has a reference
 * @queue: queue, which is empty and can be used again when this returns
 *
 * Context: any but hard interrupt. Its work does not depend on how long the queue is.
 * Return: how many packets the queue had.
 */
u32 mqtt_discard(struct mqtt_router *router, struct mqtt_queue *queue)
{
	struct mqtt_discarded *discarded;
	u32 packets = queue->packets;

	mqtt_conflate_end(queue);
	discarded = (struct mqtt_discarded *)mqtt_queue_behead(queue);
	if (!discarded) {
		mqtt_queue_purge(queue);
		return packets;
	}
	mqtt_queue_take(&discarded->queue, queue);
	if (llist_add(&discarded->list, &router->discarded)) {
		refcount_inc(&router->refs);
		if (!queue_work(mqtt_free_wq, &router->discard_work))
			mqtt_router_put(router);
	}
	return packets;
}
