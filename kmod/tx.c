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
 * holds the socket's lock. The consumer alone removes messages, so what it
 * has seen in the queue stays there while it sends.
 */
#include <linux/interrupt.h>
#include <linux/slab.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "event.h"
#include "msg.h"
#include "peer.h"
#include "router.h"
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
/* How long to wait before memory is asked for again, and for a slow daemon. */
#define MQTT_TX_RETRY		msecs_to_jiffies(10)
/* PINGRESPs in one queue. Who has asked so often gets an answer as it is. */
#define MQTT_TX_PINGS_MAX	16

struct mqtt_tx_cpu {
	struct llist_head dirty;
	struct tasklet_struct tasklet;
};

static DEFINE_PER_CPU(struct mqtt_tx_cpu, mqtt_tx_cpus);

/* PINGRESP, one for all; queues are not charged for it. */
static struct mqtt_msg *mqtt_tx_pingresp;

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

/*
 * Bottom halves are off and tx->lock is held, with tx->closed seen false: so
 * the peer has not been put for the last time.
 */
static void mqtt_tx_make_dirty(struct mqtt_peer *peer)
{
	struct mqtt_tx_cpu *cpu = this_cpu_ptr(&mqtt_tx_cpus);

	lockdep_assert_held(&peer->tx.lock);
	if (test_bit(MQTT_TX_BLOCKED, &peer->tx.flags) ||
	    test_and_set_bit(MQTT_TX_DIRTY, &peer->tx.flags))
		return;

	mqtt_peer_hold(peer);
	if (llist_add(&peer->tx.dirty, &cpu->dirty))
		tasklet_schedule(&cpu->tasklet);
}

static bool mqtt_tx_needs_chunk(const struct mqtt_tx *tx)
{
	return !tx->last || tx->last->tail == MQTT_TX_CHUNK_MSGS;
}

static bool mqtt_tx_fits(const struct mqtt_tx *tx, const struct mqtt_msg *msg)
{
	u64 need = msg->truesize;

	if (mqtt_tx_needs_chunk(tx))
		need += sizeof(struct mqtt_tx_chunk);
	return tx->bytes + need <= tx->limit;
}

/* An empty queue keeps its last chunk; it counts as part of the peer. */
static bool mqtt_tx_push(struct mqtt_tx *tx, struct mqtt_msg *msg)
{
	struct mqtt_tx_chunk *chunk = tx->last;

	if (mqtt_tx_needs_chunk(tx)) {
		chunk = kmalloc(sizeof(*chunk), GFP_ATOMIC | __GFP_NOWARN | __GFP_ACCOUNT);
		if (!chunk)
			return false;
		chunk->next = NULL;
		chunk->head = 0;
		chunk->tail = 0;
		if (tx->last) {
			tx->last->next = chunk;
			tx->bytes += sizeof(*chunk);
		} else {
			tx->first = chunk;
		}
		tx->last = chunk;
	}
	mqtt_msg_hold(msg);
	chunk->msg[chunk->tail++] = msg;
	tx->bytes += msg->truesize;
	tx->packets++;
	return true;
}

static void mqtt_tx_pop(struct mqtt_tx *tx)
{
	struct mqtt_tx_chunk *chunk = tx->first;
	struct mqtt_msg *msg = chunk->msg[chunk->head++];

	tx->bytes -= msg->truesize;
	tx->packets--;
	tx->pings -= msg == mqtt_tx_pingresp;
	tx->full_told &= tx->packets > 0;
	mqtt_msg_put(msg);

	if (chunk->head < chunk->tail)
		return;
	if (!chunk->next) {
		chunk->head = 0;
		chunk->tail = 0;
	} else {
		tx->first = chunk->next;
		tx->bytes -= sizeof(*chunk);
		kfree(chunk);
	}
}

/* Returns whether to tell that the queue is full, with a reference to @peer. */
static bool mqtt_tx_tell_full(struct mqtt_peer *peer)
{
	struct mqtt_tx *tx = &peer->tx;

	lockdep_assert_held(&tx->lock);
	if (tx->full_told)
		return false;
	tx->full_told = true;
	mqtt_peer_hold(peer);
	return true;
}

/**
 * mqtt_tx_enqueue() - put a packet into a peer's queue
 * @peer: receiver; seen under RCU, no reference needed
 * @msg: packet; the queue takes a reference of its own. NULL if there was no
 *	memory for it: then this counts
 *
 * A packet that does not fit any more is dropped and counted, those that are
 * in the queue stay.
 *
 * Context: bottom halves off, RCU read lock; the publisher's socket may be
 * locked.
 * Return: true if queued.
 */
bool mqtt_tx_enqueue(struct mqtt_peer *peer, struct mqtt_msg *msg)
{
	unsigned int why = MQTT_A_STATS_ENQUEUED;
	struct mqtt_tx *tx = &peer->tx;
	bool tell = false;

	spin_lock(&tx->lock);
	if (unlikely(tx->closed)) {
		why = MQTT_A_STATS_DROP_PEER_GONE;
	} else if (unlikely(!msg)) {
		tx->drop_no_memory++;
		why = MQTT_A_STATS_DROP_NO_MEMORY;
	} else if (unlikely(msg->len > tx->max_packet)) {
		tx->drop_too_large++;
		why = MQTT_A_STATS_DROP_TOO_LARGE;
	} else if (unlikely(!mqtt_tx_fits(tx, msg))) {
		tx->drop_queue_full++;
		why = MQTT_A_STATS_DROP_QUEUE_FULL;
		tell = mqtt_tx_tell_full(peer);
	} else if (unlikely(!mqtt_tx_push(tx, msg))) {
		tx->drop_no_memory++;
		why = MQTT_A_STATS_DROP_NO_MEMORY;
	} else {
		mqtt_tx_make_dirty(peer);
	}
	spin_unlock(&tx->lock);

	mqtt_stats_add(peer->router->stats, why, 1);
	if (unlikely(tell)) {
		mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_QUEUE_FULL);
		mqtt_peer_put(peer);
	}
	return why == MQTT_A_STATS_ENQUEUED;
}

/**
 * mqtt_tx_ping() - answer a PINGREQ
 * @peer: who has sent it
 *
 * The PINGRESP is sent behind what is in the queue, and none is added if many
 * are waiting there already.
 *
 * Context: bottom halves off; the peer's socket is locked.
 */
void mqtt_tx_ping(struct mqtt_peer *peer)
{
	unsigned int count = MQTT_A_STATS_TX_PINGS;
	struct mqtt_tx *tx = &peer->tx;

	spin_lock(&tx->lock);
	if (unlikely(tx->closed || tx->pings == MQTT_TX_PINGS_MAX)) {
		spin_unlock(&tx->lock);
		return;
	}
	if (likely(mqtt_tx_push(tx, mqtt_tx_pingresp))) {
		tx->pings++;
		mqtt_tx_make_dirty(peer);
	} else {
		tx->drop_no_memory++;
		count = MQTT_A_STATS_DROP_NO_MEMORY;
	}
	spin_unlock(&tx->lock);
	mqtt_stats_add(peer->router->stats, count, 1);
}

/* The consumer: describe what to send next, at most @room bytes and a packet. */
static unsigned int mqtt_tx_gather(struct mqtt_tx *tx, struct bio_vec *bv, u32 room,
				   u32 *bytes)
{
	struct mqtt_tx_chunk *chunk;
	unsigned int n = 0;
	u32 off = tx->off;
	u32 i;

	*bytes = 0;
	spin_lock_bh(&tx->lock);
	chunk = tx->first;
	i = chunk ? chunk->head : 0;
	while (chunk && n < MQTT_TX_BVECS && *bytes < room) {
		if (i == chunk->tail) {
			chunk = chunk->next;
			i = 0;
			continue;
		}
		n += mqtt_msg_bvec(chunk->msg[i++], off, bv + n, MQTT_TX_BVECS - n, bytes);
		off = 0;
	}
	spin_unlock_bh(&tx->lock);
	return n;
}

/* The consumer: TCP has taken @sent bytes more. Returns messages completed. */
static unsigned int mqtt_tx_complete(struct mqtt_peer *peer, u32 sent)
{
	struct mqtt_tx *tx = &peer->tx;
	u32 off = tx->off + sent;
	unsigned int n = 0;
	u64 bytes = 0;

	spin_lock_bh(&tx->lock);
	while (tx->packets) {
		const struct mqtt_msg *msg = tx->first->msg[tx->first->head];

		if (off < msg->len)
			break;
		off -= msg->len;
		if (msg != mqtt_tx_pingresp) {
			bytes += msg->len;
			n++;
		}
		mqtt_tx_pop(tx);
	}
	spin_unlock_bh(&tx->lock);

	WRITE_ONCE(tx->off, off);
	tx->sent_packets += n;
	tx->sent_bytes += bytes;
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
static int mqtt_tx_send(struct sock *sk, const struct bio_vec *bv, unsigned int n, u32 bytes)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	bool use_task_frag = sk->sk_use_task_frag;
	gfp_t allocation = sk->sk_allocation;
	int sent;

	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bv, n, bytes);
	sk->sk_allocation = GFP_ATOMIC | __GFP_NOWARN;
	sk->sk_use_task_frag = false;
	sent = tcp_sendmsg_locked(sk, &msg, bytes);
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

/* Stop until TCP has room; tcp_check_space() looks at the bit. */
static void mqtt_tx_block(struct mqtt_peer *peer)
{
	struct sock *sk = peer->sk;

	set_bit(MQTT_TX_BLOCKED, &peer->tx.flags);
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);

	/* With nothing in flight no ACK will come to call write_space. */
	if (tcp_rtx_and_write_queues_empty(sk)) {
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
	struct bio_vec bv[MQTT_TX_BVECS];
	struct sock *sk = peer->sk;
	unsigned int done = 0;
	unsigned int n;
	u32 bytes;
	int sent;

	while (!mqtt_tx_yield(peer)) {
		s32 room = mqtt_tx_room(sk);

		/* Whoever waits gets its turn behind the open packet. */
		if (tx->off && test_bit(MQTT_TX_USER_WANTS, &tx->flags))
			room = 1;
		n = mqtt_tx_gather(tx, bv, max(room, 0), &bytes);
		if (!n) {
			if (room <= 0 && READ_ONCE(tx->packets))
				mqtt_tx_block(peer);
			break;
		}
		sent = sk_stream_memory_free(sk) ? mqtt_tx_send(sk, bv, n, bytes) : -EAGAIN;
		if (sent < 0) {
			mqtt_tx_block(peer);
			break;
		}
		done += mqtt_tx_complete(peer, sent) + sent / MQTT_TX_COST_BYTES;
		if (sent < bytes) {
			mqtt_tx_block(peer);
			break;
		}
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
 * Does nothing while the daemon stands in the middle of a packet. Throws the
 * queue away when the connection is gone.
 *
 * Context: the socket is locked, by lock_sock() or bh_lock_sock(); no other is.
 * Return: what it cost, see MQTT_TX_BUDGET.
 */
int mqtt_tx_flush(struct mqtt_peer *peer)
{
	struct mqtt_tx *tx = &peer->tx;
	unsigned int done;

	if (tx->running || tx->user_open || !peer->hooked)
		return 0;
	if (unlikely(!mqtt_tx_connected(peer->sk))) {
		mqtt_tx_close(peer);
		return 0;
	}
	/* An error that the daemon has not read; TCP would take it from it. */
	if (unlikely(peer->sk->sk_err)) {
		if (READ_ONCE(tx->packets))
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
	struct bio_vec bv[MQTT_TX_BVECS];
	struct sock *sk = peer->sk;

	mqtt_tx_flush(peer);
	tx->running = true;
	while (tx->off && mqtt_tx_connected(sk) && !sk->sk_err) {
		u32 notsent_lowat = tcp_sk(sk)->notsent_lowat;
		int sndbuf = sk->sk_sndbuf;
		unsigned int n;
		u32 bytes;
		int sent;

		n = mqtt_tx_gather(tx, bv, 1, &bytes);
		WRITE_ONCE(sk->sk_sndbuf, max_t(int, sndbuf, sk->sk_wmem_queued + 4 * bytes));
		WRITE_ONCE(tcp_sk(sk)->notsent_lowat, UINT_MAX);
		sent = mqtt_tx_send(sk, bv, n, bytes);
		WRITE_ONCE(tcp_sk(sk)->notsent_lowat, notsent_lowat);
		WRITE_ONCE(sk->sk_sndbuf, sndbuf);
		if (sent <= 0)
			break;
		mqtt_tx_complete(peer, sent);
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
	if (!tx->closed && tx->packets)
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

static void mqtt_tx_work(struct work_struct *work)
{
	struct mqtt_peer *peer = container_of(to_delayed_work(work), struct mqtt_peer, tx.work);

	lock_sock(peer->sk);
	/* The daemon has had its time, unless the packet it waits for goes on. */
	if (!peer->tx.off)
		clear_bit(MQTT_TX_USER_WANTS, &peer->tx.flags);
	mqtt_tx_flush(peer);
	release_sock(peer->sk);
	mqtt_peer_put(peer);
}

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
 * @limit: bytes that its queue may hold
 * @max_packet: bytes of the longest packet that the client takes, 0: any
 */
void mqtt_tx_init(struct mqtt_tx *tx, u64 limit, u32 max_packet)
{
	spin_lock_init(&tx->lock);
	mutex_init(&tx->user_lock);
	INIT_DELAYED_WORK(&tx->work, mqtt_tx_work);
	tx->limit = limit;
	tx->max_packet = max_packet ?: U32_MAX;
}

/**
 * mqtt_tx_set_limit() - change what a queue may hold
 * @tx: transmit side
 * @limit: bytes; what is there already stays
 */
void mqtt_tx_set_limit(struct mqtt_tx *tx, u64 limit)
{
	spin_lock_bh(&tx->lock);
	WRITE_ONCE(tx->limit, limit);
	spin_unlock_bh(&tx->lock);
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
	struct mqtt_tx_chunk *chunk;
	u32 dropped;

	spin_lock_bh(&tx->lock);
	tx->closed = true;
	dropped = tx->packets - tx->pings;
	chunk = tx->first;
	tx->first = NULL;
	tx->last = NULL;
	tx->packets = 0;
	tx->pings = 0;
	tx->bytes = 0;
	spin_unlock_bh(&tx->lock);
	WRITE_ONCE(tx->off, 0);

	while (chunk) {
		struct mqtt_tx_chunk *next = chunk->next;

		while (chunk->head < chunk->tail)
			mqtt_msg_put(chunk->msg[chunk->head++]);
		kfree(chunk);
		chunk = next;
	}
	mqtt_stats_add(peer->router->stats, MQTT_A_STATS_DROP_PEER_GONE, dropped);
}

int __init mqtt_tx_module_init(void)
{
	int cpu;

	mqtt_tx_pingresp = mqtt_msg_alloc(2, 2, GFP_KERNEL);
	if (!mqtt_tx_pingresp)
		return -ENOMEM;
	mqtt_tx_pingresp->head[0] = MQTT_PKT_PINGRESP << 4;
	mqtt_tx_pingresp->head[1] = 0;
	mqtt_tx_pingresp->truesize = 0;

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
	mqtt_msg_put(mqtt_tx_pingresp);
}
