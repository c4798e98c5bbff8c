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
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/minmax.h>

#include "event.h"
#include "peer.h"
#include "rate.h"
#include "router.h"

/* Who has not been too fast for so long is told of again. */
#define MQTT_RATE_QUIET		NSEC_PER_SEC
/* The longest sleep before the next look. */
#define MQTT_RATE_SLEEP_MAX	(60 * HZ)

/**
 * mqtt_rate_init() - the account of a new peer
 * @rate: account, zeroed
 */
void mqtt_rate_init(struct mqtt_rate *rate)
{
	mqtt_bucket_init(&rate->packets);
	mqtt_bucket_init(&rate->bytes);
}

static void mqtt_rate_fill(struct mqtt_rate *rate, u64 now)
{
	if (rate->packet_rate)
		mqtt_bucket_fill(&rate->packets, rate->packet_rate, now);
	if (rate->byte_rate)
		mqtt_bucket_fill(&rate->bytes, rate->byte_rate, now);
}

/**
 * mqtt_rate_begin() - what the peer publishes is about to be looked at
 * @peer: peer
 *
 * Who changes a rate looks for who waits, see mqtt_rx_kick().
 *
 * Context: the socket is locked.
 */
void mqtt_rate_begin(struct mqtt_peer *peer)
{
	const struct mqtt_limits *limits = &peer->limits;
	struct mqtt_rate *rate = &peer->rx.rate;

	rate->packet_rate = READ_ONCE(limits->rate_packets);
	rate->byte_rate = READ_ONCE(limits->rate_bytes);
	rate->on = rate->packet_rate || rate->byte_rate;
	if (unlikely(rate->on)) {
		rate->policy = READ_ONCE(limits->rate_policy);
		mqtt_rate_fill(rate, ktime_get_ns());
	}
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
	if (!mqtt_rate_lets(rate, len))
		return false;
	if (rate->packet_rate)
		mqtt_bucket_charge(&rate->packets, 1);
	if (rate->byte_rate)
		mqtt_bucket_charge(&rate->bytes, len);
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

/* How long until the packet that waits may pass, in nanoseconds */
static u64 mqtt_rate_wait(const struct mqtt_rate *rate)
{
	u64 packets = 0, bytes = 0;

	if (rate->packet_rate)
		packets = mqtt_bucket_wait(&rate->packets, rate->packet_rate, 1);
	if (rate->byte_rate)
		bytes = mqtt_bucket_wait(&rate->bytes, rate->byte_rate, rate->need);
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
	rate->waits++;
	mqtt_stats_add(peer->router->stats, MQTT_A_STATS_RX_RATE_WAITS, 1);
	WRITE_ONCE(peer->rx.wait, MQTT_RX_WAIT_RATE);
	return true;
}

/**
 * mqtt_rate_drop() - count packets that mqtt_rate_waits() says are to be dropped
 * @peer: their publisher
 * @packets: how many
 */
void mqtt_rate_drop(struct mqtt_peer *peer, u32 packets)
{
	peer->rx.rate.dropped += packets;
	mqtt_stats_add(peer->router->stats, MQTT_A_STATS_DROP_RATE, packets);
}

/**
 * mqtt_rate_left() - how long has a packet to wait still?
 * @peer: its publisher
 *
 * By the rates as they are now.
 *
 * Context: the socket is locked.
 * Return: jiffies until the next look; 0 if it may pass.
 */
unsigned long mqtt_rate_left(struct mqtt_peer *peer)
{
	struct mqtt_rate *rate = &peer->rx.rate;
	u64 ns;

	mqtt_rate_begin(peer);
	ns = mqtt_rate_wait(rate);
	if (ns && rate->policy == MQTT_RATE_POLICY_WAIT)
		return min_t(u64, nsecs_to_jiffies64(ns) + 1, MQTT_RATE_SLEEP_MAX);
	/* It was too fast until now. */
	rate->quiet_until = ktime_get_ns() + MQTT_RATE_QUIET;
	return 0;
}
