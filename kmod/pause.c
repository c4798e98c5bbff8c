// SPDX-License-Identifier: GPL-2.0-only
/*
 * Publishers that are held up for a subscriber.
 *
 * A queue that gets above its high-water mark holds up who adds to it, for a time
 * that the subscriber's attributes say. That time is the queue's: it begins with the
 * first publisher, is over for all of them at once, and does not begin again before
 * the queue has been below its low-water mark. So a subscriber that does not read
 * at all costs everybody that time once, however many publishers there are and
 * however they depend on each other.
 *
 *   publisher's socket locked          subscriber's socket locked
 *   -------------------------          --------------------------
 *   enqueue, above high water:         sent, below low water:
 *     into the subscriber's list         out of the list, have them looked at
 *   time over, or given back:
 *     out of the list
 *
 * The list is under the subscriber's tx->lock, which is taken under either
 * socket's lock, so no two sockets are ever locked. Nobody holds a reference for
 * it: a publisher takes itself out of the list before its socket is given back, and
 * a subscriber empties it when its queue is closed; and whoever has seen it under
 * RCU may still take its lock. Since there may be many in it, those beyond the first
 * few are told by a worker, which holds the subscriber until they are.
 */
#include <linux/jiffies.h>
#include <linux/rcupdate.h>

#include "pause.h"
#include "peer.h"
#include "policy.h"
#include "router.h"

/* Publishers that are told at once that they may go on. */
#define MQTT_PAUSES_BATCH	64

static void mqtt_pause_unlink(struct mqtt_peer *pub)
{
	list_del(&pub->rx.pause.link);
	WRITE_ONCE(pub->rx.pause.by, NULL);
}

/* Returns whether there are more. */
static bool mqtt_pauses_tell(struct mqtt_peer *sub)
{
	struct mqtt_pauses *pauses = &sub->tx.pauses;
	struct mqtt_peer *pub, *next;
	unsigned int n = 0;

	lockdep_assert_held(&sub->tx.lock);
	list_for_each_entry_safe(pub, next, &pauses->lifted, rx.pause.link) {
		if (n++ == MQTT_PAUSES_BATCH)
			return true;
		mqtt_pause_unlink(pub);
		/* It is hooked: else it had taken itself out. */
		mqtt_rx_kick(pub);
	}
	return false;
}

static void mqtt_pauses_work(struct work_struct *work)
{
	struct mqtt_peer *sub = container_of(work, struct mqtt_peer, tx.pauses.work);
	bool more;

	do {
		spin_lock_bh(&sub->tx.lock);
		more = mqtt_pauses_tell(sub);
		spin_unlock_bh(&sub->tx.lock);
		cond_resched();
	} while (more);
	mqtt_peer_put(sub);
}

/**
 * mqtt_pauses_init() - a new subscriber holds nobody up
 * @pauses: its
 */
void mqtt_pauses_init(struct mqtt_pauses *pauses)
{
	INIT_LIST_HEAD(&pauses->publishers);
	INIT_LIST_HEAD(&pauses->lifted);
	INIT_WORK(&pauses->work, mqtt_pauses_work);
}

/**
 * mqtt_pauses_lift() - hold nobody up any more
 * @sub: subscriber; the caller has a reference, or the socket, or it has none any more
 *	and held nobody up when its last one went
 *
 * A few are told here, many by a worker.
 *
 * Context: its tx->lock is held; any but hard interrupt.
 */
void mqtt_pauses_lift(struct mqtt_peer *sub)
{
	struct mqtt_pauses *pauses = &sub->tx.pauses;

	lockdep_assert_held(&sub->tx.lock);
	pauses->on = false;
	list_splice_tail_init(&pauses->publishers, &pauses->lifted);
	if (likely(!mqtt_pauses_tell(sub)))
		return;
	mqtt_peer_hold(sub);
	if (!queue_work(mqtt_wq, &pauses->work))
		mqtt_peer_put(sub);
}

/**
 * mqtt_pauses_look() - a queue that holds publishers up has become shorter
 * @sub: whose it is
 *
 * Context: its tx->lock is held; any but hard interrupt.
 */
void mqtt_pauses_look(struct mqtt_peer *sub)
{
	if (mqtt_tx_below_low_water(sub))
		mqtt_pauses_lift(sub);
}

/* Until when? Returns false if the queue has held publishers up long enough. */
static bool mqtt_pauses_start(struct mqtt_peer *sub)
{
	struct mqtt_pauses *pauses = &sub->tx.pauses;

	if (!pauses->on) {
		pauses->until = jiffies + msecs_to_jiffies(sub->limits.pause);
		pauses->on = true;
	}
	return time_before(jiffies, pauses->until);
}

/**
 * mqtt_pause_begin() - a message has come into a queue that wants its publisher paused
 * @pub: publisher, perhaps @sub too
 * @sub: whose queue it is; seen under RCU, no reference needed
 *
 * If something holds the publisher up already it stays so; the next message
 * will find this queue.
 *
 * Context: bottom halves off, RCU read lock; the publisher's socket is locked.
 */
void mqtt_pause_begin(struct mqtt_peer *pub, struct mqtt_peer *sub)
{
	struct mqtt_pause *pause = &pub->rx.pause;
	struct mqtt_tx *tx = &sub->tx;

	if (pub->rx.wait)
		return;
	spin_lock(&tx->lock);
	if (!tx->closed && !tx->port && mqtt_tx_above_high_water(sub) &&
	    mqtt_pauses_start(sub)) {
		pause->until = tx->pauses.until;
		list_add_tail(&pause->link, &tx->pauses.publishers);
		WRITE_ONCE(pause->by, sub);
		WRITE_ONCE(pub->rx.wait, MQTT_RX_WAIT_PAUSE);
	}
	spin_unlock(&tx->lock);
	if (pub->rx.wait) {
		mqtt_count(&pause->times, 1);
		mqtt_stats_add(pub->router->stats, MQTT_A_STATS_RX_PAUSES, 1);
	}
}

/**
 * mqtt_pause_end() - nothing holds a publisher up any more
 * @pub: publisher, paused or not
 *
 * Context: its socket is locked.
 */
void mqtt_pause_end(struct mqtt_peer *pub)
{
	struct mqtt_pause *pause = &pub->rx.pause;
	struct mqtt_peer *sub;

	rcu_read_lock();
	sub = READ_ONCE(pause->by);
	if (sub) {
		spin_lock_bh(&sub->tx.lock);
		if (pause->by)
			mqtt_pause_unlink(pub);
		spin_unlock_bh(&sub->tx.lock);
	}
	rcu_read_unlock();
}

/**
 * mqtt_pause_left() - how long has a publisher to wait still?
 * @pub: publisher, paused
 *
 * Context: its socket is locked.
 * Return: jiffies; 0 if the pause is over.
 */
unsigned long mqtt_pause_left(struct mqtt_peer *pub)
{
	struct mqtt_pause *pause = &pub->rx.pause;
	unsigned long now = jiffies;

	if (READ_ONCE(pause->by) && time_before(now, pause->until))
		return pause->until - now;
	mqtt_pause_end(pub);
	return 0;
}
