// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints of trace.h, and what only they need to know of a message.
 */
#include <linux/tracepoint.h>
#include <mqtt/wire.h>

#include "msg.h"
#include "queue.h"
#include "tx.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/**
 * mqtt_trace_topic() - the topic name of a message
 * @msg: PUBLISH, or a train of them, its header whole in @msg->head; or NULL
 * @len: result: its bytes, 0 if there is no message or the packet is no PUBLISH
 *
 * Context: any.
 * Return: its first byte, inside @msg; never NULL.
 */
const u8 *mqtt_trace_topic(const struct mqtt_msg *msg, u32 *len)
{
	struct mqtt_fixed_header fh;
	const u8 *p;

	*len = 0;
	if (!msg || mqtt_fixed_header_parse(msg->head, msg->head_len, &fh) ||
	    mqtt_packet_type(fh.byte1) != MQTT_PKT_PUBLISH || msg->head_len < fh.size + 2)
		return (const u8 *)"";
	p = msg->head + fh.size;
	*len = min_t(u32, p[0] << 8 | p[1], msg->head_len - fh.size - 2);
	return p + 2;
}

/**
 * mqtt_trace_purge() - a queue is about to be emptied, as its peer has gone
 * @router: its router
 * @queue: queue, of which the caller has the only hold
 * @peer: whose, or NULL: the entries say it
 *
 * Context: any but hard interrupt.
 */
void mqtt_trace_purge(const struct mqtt_router *router, const struct mqtt_queue *queue,
		      const struct mqtt_peer *peer)
{
	struct mqtt_queue_pos pos = mqtt_queue_begin(queue);

	if (!trace_mqtt_drop_enabled())
		return;
	for (; mqtt_queue_at(&pos); pos.i++) {
		const struct mqtt_msg *msg = mqtt_queue_msg(&pos);

		if (msg && msg != mqtt_tx_pingresp)
			trace_mqtt_drop(router, peer, mqtt_queue_peer(&pos), msg,
					MQTT_A_STATS_DROP_PEER_GONE, msg->packets, false);
	}
}
