// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast a client may publish: a token bucket for packets, one for bytes.
 *
 * Asked is where a packet is about to be routed. So the daemon's packets, and
 * those that only turn out to be the daemon's, pass and cost nothing, and what is
 * malformed is found without delay. What may not pass yet stays in TCP's receive
 * queue, with all that stands behind it, and the client feels it by its window; or
 * it is dropped.
 *
 * Nobody stays behind: the bucket of who waits fills while it waits, and full it
 * lets any packet pass.
 *
 * Who has said its last (FIN) could be kept for days by what it has left in the receive
 * queue, and its will with it. It waits as long as it could have been silent, and what
 * is above its rate then is dropped.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/minmax.h>

#include <net/sock.h>

#include "event.h"
#include "peer.h"
#include "rate.h"
#include "router.h"
#include "trace.h"

/* Who has not been too fast for so long is told of again. */
#define MQTT_RATE_QUIET		NSEC_PER_SEC
/* The longest sleep before the next look. */
#define MQTT_RATE_SLEEP_MAX	(60 * HZ)
/* How long who has said its last may wait, if it has no keep-alive. */
#define MQTT_RATE_LINGER	(60ULL * NSEC_PER_SEC)

/**
 * mqtt_rate_init() - the account of a new peer
 * @rate: account, zeroed
 */
void mqtt_rate_init(struct mqtt_rate *rate)
{
	mqtt_bucket_init(&rate->packets);
	mqtt_bucket_init(&rate->bytes);
}

/**
 * mqtt_rate_start() - a peer's stream begins, perhaps not its first one
 * @rate: its account
 *
 * The debts stay, nothing of the packet that waited last: it became the daemon's.
 *
 * Context: the socket is locked.
 */
void mqtt_rate_start(struct mqtt_rate *rate)
{
	rate->paid = false;
	rate->need = 0;
	rate->ended = 0;
}

static void mqtt_rate_fill(struct mqtt_rate *rate, u64 now)
{
	if (rate->packet_rate)
		mqtt_bucket_fill(&rate->packets, rate->packet_rate, now);
	if (rate->byte_rate)
		mqtt_bucket_fill(&rate->bytes, rate->byte_rate, now);
}

/* As they are now: who changes a rate looks for who waits, see mqtt_rx_kick(). */
static bool mqtt_rate_read(struct mqtt_peer *peer)
{
	const struct mqtt_limits *limits = &peer->limits;
	struct mqtt_rate *rate = &peer->rx.rate;

	rate->packet_rate = READ_ONCE(limits->rate_packets);
	rate->byte_rate = READ_ONCE(limits->rate_bytes);
	rate->on = rate->packet_rate || rate->byte_rate;
	if (unlikely(rate->on)) {
		rate->policy = READ_ONCE(limits->rate_policy);
		return true;
	}
	return false;
}

/* When there is no more waiting, in nanoseconds; the socket is locked. */
static u64 mqtt_rate_end(struct mqtt_peer *peer, u64 now)
{
	u64 linger = peer->keepalive.seconds * (1500ULL * NSEC_PER_MSEC);
	struct mqtt_rate *rate = &peer->rx.rate;

	if (likely(!(peer->sk->sk_shutdown & RCV_SHUTDOWN))) {
		rate->ended = 0;
		return U64_MAX;
	}
	if (!rate->ended)
		rate->ended = now | 1;
	return rate->ended + (linger ?: MQTT_RATE_LINGER);
}

/**
 * mqtt_rate_begin() - what the peer publishes is about to be looked at
 * @peer: peer
 *
 * Context: the socket is locked.
 */
void mqtt_rate_begin(struct mqtt_peer *peer)
{
	struct mqtt_rate *rate = &peer->rx.rate;
	u64 now;

	if (!mqtt_rate_read(peer))
		return;
	now = ktime_get_ns();
	if (now >= mqtt_rate_end(peer, now))
		rate->policy = MQTT_RATE_POLICY_DROP;
	mqtt_rate_fill(rate, now);
}

static void mqtt_rate_charge(struct mqtt_rate *rate, s32 packets, s32 bytes)
{
	if (rate->packet_rate)
		mqtt_bucket_charge(&rate->packets, packets);
	if (rate->byte_rate)
		mqtt_bucket_charge(&rate->bytes, bytes);
}

/**
 * mqtt_rate_lets() - might a packet pass?
 * @rate: its publisher's account, begun
 * @len: bytes of the packet
 */
bool mqtt_rate_lets(const struct mqtt_rate *rate, u32 len)
{
	return (!rate->packet_rate || mqtt_bucket_lets(&rate->packets, rate->packet_rate, 1)) &&
	       (!rate->byte_rate || mqtt_bucket_lets(&rate->bytes, rate->byte_rate, len));
}

/**
 * mqtt_rate_take() - may a packet pass?
 * @rate: its publisher's account, begun
 * @len: bytes of the packet
 *
 * Return: true, and it has been charged; false, and nothing has.
 */
bool mqtt_rate_take(struct mqtt_rate *rate, u32 len)
{
	if (rate->paid) {
		/* A local sender may have changed the packet while it waited. */
		mqtt_rate_charge(rate, 0, len - rate->need);
		rate->paid = false;
		return true;
	}
	if (!mqtt_rate_lets(rate, len))
		return false;
	mqtt_rate_charge(rate, 1, len);
	return true;
}

/* The client is too fast just now. */
static void mqtt_rate_over(struct mqtt_peer *peer)
{
	struct mqtt_rate *rate = &peer->rx.rate;
	u64 now = ktime_get_ns();

	if (now >= rate->quiet_until)
		mqtt_event_peer(peer, MQTT_EVENT_TYPE_PEER_RATE);
	rate->quiet_until = now + MQTT_RATE_QUIET;
}

/* When the packet that waits may pass, in nanoseconds */
static u64 mqtt_rate_due(const struct mqtt_rate *rate)
{
	u64 packets = 0, bytes = 0;

	if (rate->packet_rate)
		packets = mqtt_bucket_due(&rate->packets, rate->packet_rate, 1);
	if (rate->byte_rate)
		bytes = mqtt_bucket_due(&rate->bytes, rate->byte_rate, rate->need);
	return max(packets, bytes);
}

/**
 * mqtt_rate_waits() - a packet may not pass
 * @peer: its publisher
 * @len: bytes of the packet
 *
 * Return: true if it has to wait, and mqtt_rate_left() tells how long; false if
 * it is to be dropped.
 */
bool mqtt_rate_waits(struct mqtt_peer *peer, u32 len)
{
	struct mqtt_rate *rate = &peer->rx.rate;

	mqtt_rate_over(peer);
	if (rate->policy == MQTT_RATE_POLICY_DROP)
		return false;
	rate->need = len;
	mqtt_count(&rate->waits, 1);
	mqtt_stats_add(peer->router->stats, MQTT_A_STATS_RX_RATE_WAITS, 1);
	WRITE_ONCE(peer->rx.wait, MQTT_RX_WAIT_RATE);
	return true;
}

/**
 * mqtt_rate_drop() - count packets that mqtt_rate_waits() says are to be dropped
 * @peer: their publisher
 * @topic: their topic name
 * @len: bytes of it, 0 if it is not known
 * @packets: how many
 */
void mqtt_rate_drop(struct mqtt_peer *peer, const u8 *topic, u32 len, u32 packets)
{
	trace_mqtt_drop(peer->router, peer, peer->id, 0, topic, len, MQTT_A_STATS_DROP_RATE,
			packets, true);
	mqtt_count(&peer->rx.rate.dropped, packets);
	mqtt_stats_add(peer->router->stats, MQTT_A_STATS_DROP_RATE, packets);
}

/**
 * mqtt_rate_left() - how long has a packet to wait still?
 * @peer: its publisher
 *
 * By the rates as they are now. When its time has come it is charged.
 *
 * Context: the socket is locked.
 * Return: jiffies until the next look; 0 if it may pass.
 */
unsigned long mqtt_rate_left(struct mqtt_peer *peer)
{
	struct mqtt_rate *rate = &peer->rx.rate;
	u64 now = ktime_get_ns();

	if (mqtt_rate_read(peer) && rate->policy == MQTT_RATE_POLICY_WAIT) {
		u64 due = mqtt_rate_due(rate), until = min(due, mqtt_rate_end(peer, now));

		if (now < until)
			return min_t(u64, nsecs_to_jiffies64(until - now) + 1,
				     MQTT_RATE_SLEEP_MAX);
		if (now >= due) {
			mqtt_rate_fill(rate, due);
			mqtt_rate_charge(rate, 1, rate->need);
			rate->paid = true;
		}
	}
	/* It was too fast until now. */
	rate->quiet_until = now + MQTT_RATE_QUIET;
	return 0;
}
