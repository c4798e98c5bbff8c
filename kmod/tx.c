// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a peer's queue to its socket.
 *
 *   route, on any CPU         a CPU's tasklet            the socket
 *   -----------------         ---------------            ----------
 *   enqueue --> queue --+
 *         +--> dirty list --> a flush per dirty peer --> tcp_sendmsg_locked()
 *                               | owned by a user: release_cb flushes
 *                               | budget spent:    the worker flushes
 *                               | socket full:     write_space makes dirty
 *                               + no memory:       the worker, a bit later
 *
 * A message is only queued while its publisher's socket is locked; nothing is
 * sent then. The tasklet runs when that softirq is through, takes one
 * socket's lock at a time and sends everything that has come together for
 * it. So an idle system forwards at once, a loaded one in batches, and no
 * two sockets are ever locked by one CPU.
 *
 * The queue has many producers, under tx->lock, and one consumer: whoever
 * holds the socket's lock. A peer's policy may remove or replace messages when one
 * comes, but for the first tx->pinned: these are what the consumer sends.
 */
#include <linux/interrupt.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "discard.h"
#include "msg.h"
#include "peer.h"
#include "port.h"
#include "router.h"
#include "trace.h"
#include "tx.h"

/* Bytes that TCP may hold unsent before our queue, and its policy, takes over. */
#define MQTT_TX_NOTSENT_MAX	(128 << 10)
/*
 * What one flush, and one run of the tasklet, may cost: each packet one, and as
 * much for each so many bytes.
 */
#define MQTT_TX_BUDGET		1024
#define MQTT_TX_COST_BYTES	1024
/* Pieces of memory per call of TCP. */
#define MQTT_TX_BVECS		64
/* Of shorter payloads several are copied in one call sooner than each is referred to. */
#define MQTT_TX_PAGES_MIN	8192
/* How long to wait before memory is asked for again, and for a slow daemon. */
#define MQTT_TX_RETRY		msecs_to_jiffies(10)

struct mqtt_tx_cpu {
	struct llist_head dirty;
	struct tasklet_struct tasklet;
};

static DEFINE_PER_CPU(struct mqtt_tx_cpu, mqtt_tx_cpus);

static void mqtt_tx_schedule(struct mqtt_peer *peer, unsigned long delay)
{
	bool queued;

	mqtt_peer_hold(peer);
	if (delay)
		queued = queue_delayed_work(mqtt_wq, &peer->tx.work, delay);
	else
		queued = !mod_delayed_work(mqtt_wq, &peer->tx.work, 0);
	if (!queued)
		mqtt_peer_put(peer);
}

/**
 * mqtt_tx_wake() - have somebody take a peer's socket soon
 * @peer: receiver
 *
 * Context: bottom halves are off and tx->lock is held, with tx->closed seen
 * false: so the peer has not been put for the last time.
 */
void mqtt_tx_wake(struct mqtt_peer *peer)
{
	struct mqtt_tx_cpu *cpu = this_cpu_ptr(&mqtt_tx_cpus);

	lockdep_assert_held(&peer->tx.lock);
	if (test_and_set_bit(MQTT_TX_DIRTY, &peer->tx.flags))
		return;

	mqtt_peer_hold(peer);
	if (llist_add(&peer->tx.dirty, &cpu->dirty))
		tasklet_schedule(&cpu->tasklet);
}

/**
 * mqtt_tx_make_dirty() - have what is in a peer's queue sent soon
 * @peer: receiver
 *
 * Context: as mqtt_tx_wake().
 */
void mqtt_tx_make_dirty(struct mqtt_peer *peer)
{
	if (!test_bit(MQTT_TX_BLOCKED, &peer->tx.flags))
		mqtt_tx_wake(peer);
}

/**
 * mqtt_tx_retry() - have somebody take a peer's socket a bit later
 * @peer: receiver; the caller has a reference, or the socket
 *
 * Context: any but hard interrupt.
 */
void mqtt_tx_retry(struct mqtt_peer *peer)
{
	mqtt_tx_schedule(peer, MQTT_TX_RETRY);
}

/* What is to be sent with one call of TCP. */
struct mqtt_tx_batch {
	struct bio_vec bv[MQTT_TX_BVECS];
	unsigned int n;
	u32 bytes;
	bool pages;		/* of payloads, not to be copied */
	bool more;		/* that goes on behind it, with the next call */
};

/* Is it worth a call of TCP not to copy what comes at @off? A head has to be copied. */
static bool mqtt_tx_by_page(const struct mqtt_msg *msg, u32 off)
{
	return off >= msg->head_len && msg->len - msg->head_len >= MQTT_TX_PAGES_MIN;
}

/*
 * The consumer: describe what to send next, at most @room bytes and a packet. It
 * is pinned until mqtt_tx_complete().
 */
static void mqtt_tx_gather(struct mqtt_tx *tx, struct mqtt_tx_batch *batch, u32 room)
{
	struct mqtt_queue_pos pos;
	u32 off = tx->off;
	u32 entries = 0;

	batch->n = 0;
	batch->bytes = 0;
	batch->more = false;
	spin_lock_bh(&tx->lock);
	pos = mqtt_queue_begin(&tx->queue);
	while (batch->n < MQTT_TX_BVECS && batch->bytes < room && mqtt_queue_at(&pos)) {
		const struct mqtt_msg *msg = mqtt_queue_msg(&pos);
		bool pages = mqtt_tx_by_page(msg, off);
		u32 before = batch->bytes;

		batch->more = batch->n && pages != batch->pages;
		if (batch->more)
			break;
		batch->pages = pages;
		/* none begins in its middle but the first */
		if (!batch->n || !off)
			entries++;
		batch->n += mqtt_msg_bvec(msg, off, batch->bv + batch->n,
					  MQTT_TX_BVECS - batch->n, &batch->bytes);
		off += batch->bytes - before;
		if (off == msg->len) {
			pos.i++;
			off = 0;
		}
	}
	if (batch->n)
		tx->pinned = entries;
	spin_unlock_bh(&tx->lock);
}

static void mqtt_tx_sent(const struct mqtt_peer *peer, const struct mqtt_msg *msg, u64 now)
{
	u64 age = mqtt_msg_age(msg, now);

	mqtt_stats_delay(peer->router->stats, age, msg->packets);
	trace_mqtt_tx(peer->router, peer, peer->id, 0, msg, age);
}

/* The consumer: TCP has taken @sent bytes more. Returns messages completed. */
static unsigned int mqtt_tx_complete(struct mqtt_peer *peer, u32 sent)
{
	struct mqtt_tx *tx = &peer->tx;
	u32 off = tx->off + sent;
	u64 now = local_clock();
	unsigned int n = 0;
	u64 bytes = 0;

	spin_lock_bh(&tx->lock);
	while (tx->queue.entries) {
		const struct mqtt_msg *msg = mqtt_queue_first(&tx->queue);

		if (off < msg->len)
			break;
		off -= msg->len;
		if (msg == mqtt_tx_pingresp) {
			tx->pings--;
		} else {
			bytes += msg->len;
			n += msg->packets;
			mqtt_tx_sent(peer, msg, now);
		}
		mqtt_queue_pop(&tx->queue);
	}
	tx->full_told &= tx->queue.entries > 0;
	tx->pinned = off > 0;
	if (unlikely(tx->pauses.on))
		mqtt_pauses_look(peer);
	spin_unlock_bh(&tx->lock);

	WRITE_ONCE(tx->off, off);
	mqtt_count(&tx->sent_packets, n);
	mqtt_count(&tx->sent_bytes, bytes);
	mqtt_stats_add(peer->router->stats, MQTT_A_STATS_TX_PACKETS, n);
	mqtt_stats_add(peer->router->stats, MQTT_A_STATS_TX_BYTES, bytes);
	return n;
}

/*
 * One call of TCP. Returns what it returns: bytes taken, or an errno.
 *
 * We may be in softirq, or under a spinlock in release_cb: so memory is
 * asked for atomically, and never from the page fragment of the task that we
 * may have interrupted.
 */
static int mqtt_tx_send(struct sock *sk, const struct mqtt_tx_batch *batch)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	bool use_task_frag = sk->sk_use_task_frag;
	gfp_t allocation = sk->sk_allocation;
	int sent;

	if (batch->more)
		msg.msg_flags |= MSG_MORE;
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, batch->bv, batch->n, batch->bytes);
	sk->sk_allocation = GFP_ATOMIC | __GFP_NOWARN;
	sk->sk_use_task_frag = false;
	sent = batch->pages ? mqtt_tcp_send_pages_locked(sk, &msg) :
			      tcp_sendmsg_locked(sk, &msg, batch->bytes);
	sk->sk_use_task_frag = use_task_frag;
	sk->sk_allocation = allocation;
	return sent;
}

/* Is there a connection that can take bytes of ours, now or later? */
static bool mqtt_tx_connected(const struct sock *sk)
{
	return !sock_flag(sk, SOCK_DEAD) && !(sk->sk_shutdown & SEND_SHUTDOWN) &&
	       ((1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT));
}

static s32 mqtt_tx_room(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return MQTT_TX_NOTSENT_MAX - (s32)(tp->write_seq - tp->snd_nxt);
}

/*
 * Stop until TCP has room; tcp_check_space() looks at the bit. @more: TCP has been
 * told to wait for more.
 */
static void mqtt_tx_block(struct mqtt_peer *peer, bool more)
{
	struct sock *sk = peer->sk;

	set_bit(MQTT_TX_BLOCKED, &peer->tx.flags);
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);

	/* With nothing in flight no ACK will come to call write_space. */
	if (more ? !tcp_sk(sk)->packets_out : tcp_rtx_and_write_queues_empty(sk)) {
		mqtt_stats_add(peer->router->stats, MQTT_A_STATS_TX_RETRIES, 1);
		mqtt_tx_schedule(peer, MQTT_TX_RETRY);
	}
}

/* At a packet border the daemon goes first, for as long as MQTT_TX_RETRY. */
static bool mqtt_tx_yield(struct mqtt_peer *peer)
{
	struct socket_wq *wq;

	/* Pairs with the one between setting the flag and looking at tx->off. */
	smp_mb();
	if (likely(!test_bit(MQTT_TX_USER_WANTS, &peer->tx.flags)) || peer->tx.off)
		return false;

	rcu_read_lock();
	wq = rcu_dereference(peer->sk->sk_wq);
	if (skwq_has_sleeper(wq))
		wake_up_interruptible_poll(&wq->wait, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	rcu_read_unlock();
	mqtt_tx_schedule(peer, MQTT_TX_RETRY);
	return true;
}

/* Sends until there is no more, no room, or the budget is spent. */
static unsigned int mqtt_tx_loop(struct mqtt_peer *peer, unsigned int budget)
{
	struct mqtt_tx *tx = &peer->tx;
	struct mqtt_tx_batch batch;
	struct sock *sk = peer->sk;
	unsigned int done = 0;
	bool more = false;
	int sent;

	while (!mqtt_tx_yield(peer)) {
		s32 room = mqtt_tx_room(sk);

		/* Whoever waits gets its turn behind the open packet. */
		if (tx->off && test_bit(MQTT_TX_USER_WANTS, &tx->flags))
			room = 1;
		mqtt_tx_gather(tx, &batch, max(room, 0));
		if (!batch.n) {
			if (room <= 0 && mqtt_queue_hint(tx->queue.entries))
				mqtt_tx_block(peer, more);
			break;
		}
		sent = sk_stream_memory_free(sk) ? mqtt_tx_send(sk, &batch) : -EAGAIN;
		done += mqtt_tx_complete(peer, max(sent, 0)) + max(sent, 0) / MQTT_TX_COST_BYTES;
		if (sent < (int)batch.bytes) {
			/* Behind the part that it has taken TCP does not wait. */
			mqtt_tx_block(peer, sent < 0 && more);
			break;
		}
		more = batch.more;
		if (done >= budget) {
			mqtt_tx_schedule(peer, 0);
			break;
		}
	}
	return done;
}

/**
 * mqtt_tx_flush() - send what is in a peer's queue
 * @peer: receiver
 *
 * Does nothing while the daemon stands in the middle of a packet, or keeps the
 * socket to itself. Throws the
 * queue away when the connection is gone.
 *
 * Context: the socket is locked, by lock_sock() or bh_lock_sock(); no other is.
 * Return: what it cost, see MQTT_TX_BUDGET.
 */
int mqtt_tx_flush(struct mqtt_peer *peer)
{
	struct mqtt_tx *tx = &peer->tx;
	unsigned int done;

	if (tx->running || !peer->hooked)
		return 0;
	if (unlikely(READ_ONCE(tx->slow) == MQTT_TX_SLOW_FOUND) && mqtt_tx_connected(peer->sk))
		mqtt_tx_slow_report(peer);
	if (tx->user_open || tx->held)
		return 0;
	if (unlikely(!mqtt_tx_connected(peer->sk))) {
		mqtt_tx_close(peer);
		return 0;
	}
	/* An error that the daemon has not read; TCP would take it from it. */
	if (unlikely(peer->sk->sk_err)) {
		if (mqtt_queue_hint(tx->queue.entries))
			mqtt_tx_schedule(peer, MQTT_TX_RETRY);
		return 0;
	}
	clear_bit(MQTT_TX_BLOCKED, &tx->flags);
	tx->running = true;
	done = mqtt_tx_loop(peer, MQTT_TX_BUDGET);
	tx->running = false;
	return done;
}

/**
 * mqtt_tx_finish() - end a packet that is half sent
 * @peer: receiver, about to be detached
 *
 * Sends what it can of the queue, and then the rest of an open packet even if
 * TCP's buffer is full: so that the daemon finds a packet border.
 *
 * Context: process, the socket locked by lock_sock().
 * Return: 0, or -ENOBUFS if the packet is still open for lack of memory.
 */
int mqtt_tx_finish(struct mqtt_peer *peer)
{
	struct mqtt_tx *tx = &peer->tx;
	struct mqtt_tx_batch batch;
	struct sock *sk = peer->sk;

	mqtt_tx_flush(peer);
	tx->running = true;
	while (tx->off && mqtt_tx_connected(sk) && !sk->sk_err) {
		u32 notsent_lowat = tcp_sk(sk)->notsent_lowat;
		int sndbuf = sk->sk_sndbuf;
		int sent;

		mqtt_tx_gather(tx, &batch, 1);
		WRITE_ONCE(sk->sk_sndbuf, max_t(int, sndbuf, sk->sk_wmem_queued + 4 * batch.bytes));
		WRITE_ONCE(tcp_sk(sk)->notsent_lowat, UINT_MAX);
		sent = mqtt_tx_send(sk, &batch);
		WRITE_ONCE(tcp_sk(sk)->notsent_lowat, notsent_lowat);
		WRITE_ONCE(sk->sk_sndbuf, sndbuf);
		mqtt_tx_complete(peer, max(sent, 0));
		if (sent <= 0)
			break;
	}
	tx->running = false;
	if (!tx->off || !mqtt_tx_connected(sk))
		return 0;
	mqtt_tx_schedule(peer, MQTT_TX_RETRY);
	return -ENOBUFS;
}

/**
 * mqtt_tx_write_space() - TCP has room again
 * @peer: whose socket has
 *
 * Context: the socket is locked; possibly inside our own call of TCP.
 */
void mqtt_tx_write_space(struct mqtt_peer *peer)
{
	struct mqtt_tx *tx = &peer->tx;

	if (tx->running || !test_bit(MQTT_TX_BLOCKED, &tx->flags))
		return;
	if (mqtt_tx_room(peer->sk) < MQTT_TX_NOTSENT_MAX / 2) {
		if (peer->sk->sk_socket)
			set_bit(SOCK_NOSPACE, &peer->sk->sk_socket->flags);
		return;
	}
	clear_bit(MQTT_TX_BLOCKED, &tx->flags);
	spin_lock_bh(&tx->lock);
	if (!tx->closed && tx->queue.entries)
		mqtt_tx_make_dirty(peer);
	spin_unlock_bh(&tx->lock);
}

/**
 * mqtt_tx_release_cb() - the socket's owner lets go of it
 * @peer: whose socket it is
 *
 * Context: the socket's spinlock is held; process context, bottom halves off;
 * possibly inside the daemon's own sendmsg, which tx->user_open tells.
 */
void mqtt_tx_release_cb(struct mqtt_peer *peer)
{
	if (test_bit(MQTT_TX_DEFERRED, &peer->tx.flags) &&
	    test_and_clear_bit(MQTT_TX_DEFERRED, &peer->tx.flags))
		mqtt_tx_flush(peer);
}

/*
 * Nobody is waited for here: a socket's owner may be asleep, for as long as it
 * likes, in memory of its own that TCP copies from.
 */
static unsigned int mqtt_tx_flush_dirty(struct mqtt_peer *peer)
{
	struct sock *sk = peer->sk;
	unsigned int done = 0;

	bh_lock_sock(sk);
	if (sock_owned_by_user(sk))
		set_bit(MQTT_TX_DEFERRED, &peer->tx.flags);
	else
		done = mqtt_tx_flush(peer);
	bh_unlock_sock(sk);
	return done;
}

static void mqtt_tx_work(struct work_struct *work)
{
	struct mqtt_peer *peer = container_of(to_delayed_work(work), struct mqtt_peer, tx.work);

	local_bh_disable();
	/* The daemon has had its time, unless the packet it waits for goes on. */
	if (!READ_ONCE(peer->tx.off))
		clear_bit(MQTT_TX_USER_WANTS, &peer->tx.flags);
	mqtt_tx_flush_dirty(peer);
	local_bh_enable();
	mqtt_peer_put(peer);
}

static void mqtt_tx_tasklet(struct tasklet_struct *tasklet)
{
	struct mqtt_tx_cpu *cpu = from_tasklet(cpu, tasklet, tasklet);
	struct mqtt_peer *peer, *next;
	struct llist_node *list;
	unsigned int done = 0;

	list = llist_reverse_order(llist_del_all(&cpu->dirty));
	llist_for_each_entry_safe(peer, next, list, tx.dirty) {
		clear_bit(MQTT_TX_DIRTY, &peer->tx.flags);
		/* Who finds it cleared makes it dirty again; we see its message. */
		smp_mb__after_atomic();
		if (done < MQTT_TX_BUDGET)
			done += mqtt_tx_flush_dirty(peer);
		else
			mqtt_tx_schedule(peer, 0);
		mqtt_peer_put(peer);
	}
}

/**
 * mqtt_tx_init() - prepare the transmit side of a new peer
 * @tx: transmit side, zeroed
 * @memory: that its queue reserves from
 * @max_packet: bytes of the longest packet that the client takes, 0: any
 */
void mqtt_tx_init(struct mqtt_tx *tx, struct mqtt_memory *memory, u32 max_packet)
{
	mqtt_queue_init(&tx->queue, memory);
	spin_lock_init(&tx->lock);
	mutex_init(&tx->user_lock);
	INIT_DELAYED_WORK(&tx->work, mqtt_tx_work);
	mqtt_pauses_init(&tx->pauses);
	tx->max_packet = max_packet ?: U32_MAX;
}

/**
 * mqtt_tx_close() - empty a queue for good
 * @peer: receiver
 *
 * Context: the socket is locked, or cannot be reached any more; idempotent.
 */
void mqtt_tx_close(struct mqtt_peer *peer)
{
	struct mqtt_tx *tx = &peer->tx;
	struct mqtt_queue queue;
	struct mqtt_port *port;
	u8 pings;

	spin_lock_bh(&tx->lock);
	tx->closed = true;
	port = tx->port;
	tx->port = NULL;
	mqtt_queue_take(&queue, &tx->queue);
	pings = tx->pings;
	tx->pings = 0;
	tx->pinned = 0;
	mqtt_pauses_lift(peer);
	spin_unlock_bh(&tx->lock);
	WRITE_ONCE(tx->off, 0);

	if (port)
		mqtt_port_put(port);
	mqtt_trace_purge(peer->router, &queue, peer, 0, MQTT_A_STATS_DROP_PEER_GONE);
	mqtt_stats_add(peer->router->stats, MQTT_A_STATS_DROP_PEER_GONE,
		       mqtt_discard(peer->router, &queue) - pings);
}

int __init mqtt_tx_module_init(void)
{
	int cpu;

	if (mqtt_tx_enqueue_init())
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		struct mqtt_tx_cpu *c = per_cpu_ptr(&mqtt_tx_cpus, cpu);

		init_llist_head(&c->dirty);
		tasklet_setup(&c->tasklet, mqtt_tx_tasklet);
	}
	return 0;
}

/* No peer is left: what is still scheduled finds an empty list. */
void mqtt_tx_module_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		tasklet_kill(&per_cpu_ptr(&mqtt_tx_cpus, cpu)->tasklet);
	mqtt_tx_enqueue_exit();
}
