/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: what becomes of each message. They are no interface: names and
 * fields follow the code and may change with it.
 *
 * A message is known by its id from mqtt_rx to each mqtt_tx and mqtt_drop. Each
 * event with a message has the topic, too, cut to MQTT_TRACE_TOPIC_MAX bytes;
 * topic_len says how long it is. Topics and client ids are bytes from strangers,
 * and are escaped where they are printed.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM mqtt

#if !defined(_MQTT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _MQTT_TRACE_H

#include <linux/trace_seq.h>
#include <linux/tracepoint.h>
#include <linux/mqtt.h>
#include <net/net_namespace.h>

#include "framing.h"
#include "msg.h"
#include "peer.h"
#include "port.h"
#include "route.h"
#include "router.h"

#define MQTT_TRACE_TOPIC_MAX	128
#define MQTT_TRACE_CLIENT_MAX	128

/* trace.c */
const u8 *mqtt_trace_topic(const struct mqtt_msg *msg, u32 *len);
const char *mqtt_trace_escape(struct trace_seq *to, const u8 *bytes, u32 len);
void mqtt_trace_purge(const struct mqtt_router *router, const struct mqtt_queue *queue,
		      const struct mqtt_peer *peer, u32 keep, u32 reason);

#ifndef _MQTT_TRACE_HELPERS
#define _MQTT_TRACE_HELPERS
/* Bytes of a topic; @msg may be NULL, as all messages here. */
static inline u32 mqtt_trace_topic_len(const struct mqtt_msg *msg)
{
	u32 len;

	mqtt_trace_topic(msg, &len);
	return len;
}

/* Bytes of it that are recorded */
static inline u32 mqtt_trace_topic_cut(const struct mqtt_msg *msg)
{
	return min_t(u32, mqtt_trace_topic_len(msg), MQTT_TRACE_TOPIC_MAX);
}

static inline const u8 *mqtt_trace_topic_bytes(const struct mqtt_msg *msg)
{
	u32 len;

	return mqtt_trace_topic(msg, &len);
}

/* The namespace's number, as /proc/self/ns/net has it */
static inline u32 mqtt_trace_net(const struct mqtt_router *router)
{
	return router->net->ns.inum;
}

static inline const char *mqtt_trace_client(const struct mqtt_peer *peer)
{
	return peer ? peer->client_id : "";
}

static inline u32 mqtt_trace_client_cut(const struct mqtt_peer *peer)
{
	return strnlen(mqtt_trace_client(peer), MQTT_TRACE_CLIENT_MAX);
}
#endif /* _MQTT_TRACE_HELPERS */

/* @p is what the text is printed into, where the kernel's own helpers have it, too. */
#define mqtt_trace_show_text(field)					\
	mqtt_trace_escape(p, __get_dynamic_array(field), __get_dynamic_array_len(field))

TRACE_DEFINE_ENUM(MQTT_A_STATS_DROP_QUEUE_FULL);
TRACE_DEFINE_ENUM(MQTT_A_STATS_DROP_NO_MEMORY);
TRACE_DEFINE_ENUM(MQTT_A_STATS_DROP_PEER_GONE);
TRACE_DEFINE_ENUM(MQTT_A_STATS_DROP_BUDGET);
TRACE_DEFINE_ENUM(MQTT_A_STATS_DROP_TOO_LARGE);
TRACE_DEFINE_ENUM(MQTT_A_STATS_DROP_PORT_FULL);
TRACE_DEFINE_ENUM(MQTT_A_STATS_DROP_OLD);
TRACE_DEFINE_ENUM(MQTT_A_STATS_DROP_CONFLATED);
TRACE_DEFINE_ENUM(MQTT_A_STATS_DROP_SLOW);
TRACE_DEFINE_ENUM(MQTT_A_STATS_DROP_ROUTER_FULL);
TRACE_DEFINE_ENUM(MQTT_A_STATS_DROP_RATE);
TRACE_DEFINE_ENUM(MQTT_A_STATS_DROP_DENIED_PUBLISH);
TRACE_DEFINE_ENUM(MQTT_A_STATS_DROP_DENIED_RECEIVE);

#define mqtt_trace_show_reason(reason)					\
	__print_symbolic(reason,					\
		{ MQTT_A_STATS_DROP_QUEUE_FULL, "queue-full" },		\
		{ MQTT_A_STATS_DROP_NO_MEMORY, "no-memory" },		\
		{ MQTT_A_STATS_DROP_PEER_GONE, "peer-gone" },		\
		{ MQTT_A_STATS_DROP_BUDGET, "budget" },			\
		{ MQTT_A_STATS_DROP_TOO_LARGE, "too-large" },		\
		{ MQTT_A_STATS_DROP_PORT_FULL, "port-full" },		\
		{ MQTT_A_STATS_DROP_OLD, "old" },			\
		{ MQTT_A_STATS_DROP_CONFLATED, "conflated" },		\
		{ MQTT_A_STATS_DROP_SLOW, "slow" },			\
		{ MQTT_A_STATS_DROP_ROUTER_FULL, "router-full" },	\
		{ MQTT_A_STATS_DROP_RATE, "rate" },			\
		{ MQTT_A_STATS_DROP_DENIED_PUBLISH, "denied-publish" },	\
		{ MQTT_A_STATS_DROP_DENIED_RECEIVE, "denied-receive" })

TRACE_DEFINE_ENUM(MQTT_EVENT_TYPE_ROUTER_END);
TRACE_DEFINE_ENUM(MQTT_EVENT_TYPE_PEER_DETACH);
TRACE_DEFINE_ENUM(MQTT_EVENT_TYPE_PEER_CLOSE);

#define mqtt_trace_show_end(reason)					\
	__print_symbolic(reason,					\
		{ MQTT_EVENT_TYPE_ROUTER_END, "router-end" },		\
		{ MQTT_EVENT_TYPE_PEER_DETACH, "detach" },		\
		{ MQTT_EVENT_TYPE_PEER_CLOSE, "close" })

/* A message, or a train of them, is about to be routed. @port: it came from one. */
TRACE_EVENT(mqtt_rx,
	TP_PROTO(const struct mqtt_router *router, const struct mqtt_publication *in),

	TP_ARGS(router, in),

	TP_STRUCT__entry(
		__field(u32, net)
		__field(u32, id)
		__field(u32, peer)
		__field(u32, packets)
		__field(u32, bytes)
		__field(u32, topic_len)
		__field(bool, port)
		__dynamic_array(u8, client, mqtt_trace_client_cut(in->source))
		__dynamic_array(u8, topic, mqtt_trace_topic_cut(in->msg))
	),

	TP_fast_assign(
		__entry->net = mqtt_trace_net(router);
		__entry->id = in->msg->id;
		__entry->peer = in->source ? in->source->id : 0;
		__entry->packets = in->msg->packets;
		__entry->bytes = in->msg->len;
		__entry->topic_len = mqtt_trace_topic_len(in->msg);
		__entry->port = in->port;
		memcpy(__get_dynamic_array(client), mqtt_trace_client(in->source),
		       __get_dynamic_array_len(client));
		memcpy(__get_dynamic_array(topic), mqtt_trace_topic_bytes(in->msg),
		       __get_dynamic_array_len(topic));
	),

	TP_printk("net=%u id=%u peer=%u client=\"%s\" topic=\"%s\""
		  " topic_len=%u packets=%u bytes=%u port=%d",
		  __entry->net, __entry->id, __entry->peer,
		  mqtt_trace_show_text(client),
		  mqtt_trace_show_text(topic),
		  __entry->topic_len, __entry->packets, __entry->bytes, __entry->port)
);

/* All its receivers have been found; what did not fit was dropped before. */
TRACE_EVENT(mqtt_match,
	TP_PROTO(const struct mqtt_router *router, const struct mqtt_msg *msg, u32 receivers,
		 bool cached),

	TP_ARGS(router, msg, receivers, cached),

	TP_STRUCT__entry(
		__field(u32, net)
		__field(u32, id)
		__field(u32, receivers)
		__field(u32, topic_len)
		__field(bool, cached)
		__dynamic_array(u8, topic, mqtt_trace_topic_cut(msg))
	),

	TP_fast_assign(
		__entry->net = mqtt_trace_net(router);
		__entry->id = msg->id;
		__entry->receivers = receivers;
		__entry->topic_len = mqtt_trace_topic_len(msg);
		__entry->cached = cached;
		memcpy(__get_dynamic_array(topic), mqtt_trace_topic_bytes(msg),
		       __get_dynamic_array_len(topic));
	),

	TP_printk("net=%u id=%u topic=\"%s\" topic_len=%u receivers=%u cached=%d",
		  __entry->net, __entry->id, mqtt_trace_show_text(topic),
		  __entry->topic_len, __entry->receivers, __entry->cached)
);

/* It is in a receiver's queue, or in that of the port that the receiver is hosted on. */
TRACE_EVENT(mqtt_enqueue,
	TP_PROTO(const struct mqtt_peer *peer, const struct mqtt_msg *msg),

	TP_ARGS(peer, msg),

	TP_STRUCT__entry(
		__field(u32, net)
		__field(u32, id)
		__field(u32, peer)
		__field(u32, port)
		__field(u32, topic_len)
		__field(u64, queue_bytes)
		__dynamic_array(u8, client, mqtt_trace_client_cut(peer))
		__dynamic_array(u8, topic, mqtt_trace_topic_cut(msg))
	),

	TP_fast_assign(
		__entry->net = mqtt_trace_net(peer->router);
		__entry->id = msg->id;
		__entry->peer = peer->id;
		__entry->port = peer->tx.port ? peer->tx.port->id : 0;
		__entry->topic_len = mqtt_trace_topic_len(msg);
		__entry->queue_bytes = peer->tx.port ?
			mqtt_queue_hint(peer->tx.port->queue.bytes) :
			mqtt_queue_hint(peer->tx.queue.bytes);
		memcpy(__get_dynamic_array(client), mqtt_trace_client(peer),
		       __get_dynamic_array_len(client));
		memcpy(__get_dynamic_array(topic), mqtt_trace_topic_bytes(msg),
		       __get_dynamic_array_len(topic));
	),

	TP_printk("net=%u id=%u peer=%u client=\"%s\" topic=\"%s\""
		  " topic_len=%u port=%u queue_bytes=%llu",
		  __entry->net, __entry->id, __entry->peer,
		  mqtt_trace_show_text(client),
		  mqtt_trace_show_text(topic),
		  __entry->topic_len, __entry->port, __entry->queue_bytes)
);

/*
 * It has been given to TCP, all of it; or read from the port, of which @peer has
 * the number only. @delay: nanoseconds since mqtt_rx
 */
TRACE_EVENT(mqtt_tx,
	TP_PROTO(const struct mqtt_router *router, const struct mqtt_peer *peer, u32 peer_id,
		 u32 port, const struct mqtt_msg *msg, u64 delay),

	TP_ARGS(router, peer, peer_id, port, msg, delay),

	TP_STRUCT__entry(
		__field(u32, net)
		__field(u32, id)
		__field(u32, peer)
		__field(u32, port)
		__field(u32, packets)
		__field(u32, bytes)
		__field(u32, topic_len)
		__field(u64, delay)
		__dynamic_array(u8, client, mqtt_trace_client_cut(peer))
		__dynamic_array(u8, topic, mqtt_trace_topic_cut(msg))
	),

	TP_fast_assign(
		__entry->net = mqtt_trace_net(router);
		__entry->id = msg->id;
		__entry->peer = peer_id;
		__entry->port = port;
		__entry->packets = msg->packets;
		__entry->bytes = msg->len;
		__entry->topic_len = mqtt_trace_topic_len(msg);
		__entry->delay = delay;
		memcpy(__get_dynamic_array(client), mqtt_trace_client(peer),
		       __get_dynamic_array_len(client));
		memcpy(__get_dynamic_array(topic), mqtt_trace_topic_bytes(msg),
		       __get_dynamic_array_len(topic));
	),

	TP_printk("net=%u id=%u peer=%u client=\"%s\" topic=\"%s\""
		  " topic_len=%u port=%u packets=%u bytes=%u delay=%llu",
		  __entry->net, __entry->id, __entry->peer,
		  mqtt_trace_show_text(client),
		  mqtt_trace_show_text(topic),
		  __entry->topic_len, __entry->port, __entry->packets, __entry->bytes,
		  __entry->delay)
);

/*
 * Packets are lost: for the receiver @peer, or for all of them, if @publisher says
 * that @peer has published it. Without @id there was no message yet.
 */
TRACE_EVENT(mqtt_drop,
	TP_PROTO(const struct mqtt_router *router, const struct mqtt_peer *peer, u32 peer_id,
		 u32 id, const u8 *topic, u32 topic_len, u32 reason, u32 packets, bool publisher),

	TP_ARGS(router, peer, peer_id, id, topic, topic_len, reason, packets, publisher),

	TP_STRUCT__entry(
		__field(u32, net)
		__field(u32, id)
		__field(u32, peer)
		__field(u32, reason)
		__field(u32, packets)
		__field(u32, topic_len)
		__field(bool, publisher)
		__dynamic_array(u8, client, mqtt_trace_client_cut(peer))
		__dynamic_array(u8, topic, min_t(u32, topic_len, MQTT_TRACE_TOPIC_MAX))
	),

	TP_fast_assign(
		__entry->net = mqtt_trace_net(router);
		__entry->id = id;
		__entry->peer = peer_id;
		__entry->reason = reason;
		__entry->packets = packets;
		__entry->topic_len = topic_len;
		__entry->publisher = publisher;
		memcpy(__get_dynamic_array(client), mqtt_trace_client(peer),
		       __get_dynamic_array_len(client));
		memcpy(__get_dynamic_array(topic), topic, __get_dynamic_array_len(topic));
	),

	TP_printk("net=%u id=%u peer=%u client=\"%s\" topic=\"%s\""
		  " topic_len=%u packets=%u reason=%s publisher=%d",
		  __entry->net, __entry->id, __entry->peer,
		  mqtt_trace_show_text(client),
		  mqtt_trace_show_text(topic),
		  __entry->topic_len, __entry->packets,
		  mqtt_trace_show_reason(__entry->reason), __entry->publisher)
);

#ifndef _MQTT_TRACE_DROP
#define _MQTT_TRACE_DROP
/* The same for packets of a message, or of none that is known */
static inline void mqtt_trace_drop(const struct mqtt_router *router, const struct mqtt_peer *peer,
				   u32 peer_id, const struct mqtt_msg *msg, u32 reason,
				   u32 packets, bool publisher)
{
	const u8 *topic;
	u32 len;

	if (!trace_mqtt_drop_enabled() || !packets)
		return;
	topic = mqtt_trace_topic(msg, &len);
	trace_mqtt_drop(router, peer, peer_id, msg ? msg->id : 0, topic, len, reason, packets,
			publisher);
}
#endif /* _MQTT_TRACE_DROP */

/* A packet is left to the daemon, and perhaps all behind it until that has read it. */
TRACE_EVENT(mqtt_slow,
	TP_PROTO(const struct mqtt_peer *peer, const struct mqtt_frame *frame, bool barrier),

	TP_ARGS(peer, frame, barrier),

	TP_STRUCT__entry(
		__field(u32, net)
		__field(u32, peer)
		__field(u32, bytes)
		__field(u8, type)
		__field(u8, flags)
		__field(bool, barrier)
		__dynamic_array(u8, client, mqtt_trace_client_cut(peer))
	),

	TP_fast_assign(
		__entry->net = mqtt_trace_net(peer->router);
		__entry->peer = peer->id;
		__entry->bytes = frame->len;
		__entry->type = frame->header.byte1 >> 4;
		__entry->flags = frame->header.byte1 & 0xf;
		__entry->barrier = barrier;
		memcpy(__get_dynamic_array(client), mqtt_trace_client(peer),
		       __get_dynamic_array_len(client));
	),

	TP_printk("net=%u peer=%u client=\"%s\" type=%s flags=0x%x bytes=%u barrier=%d",
		  __entry->net, __entry->peer,
		  mqtt_trace_show_text(client),
		  __print_symbolic(__entry->type, { 1, "CONNECT" }, { 3, "PUBLISH" },
				   { 4, "PUBACK" }, { 5, "PUBREC" }, { 6, "PUBREL" },
				   { 7, "PUBCOMP" }, { 8, "SUBSCRIBE" }, { 10, "UNSUBSCRIBE" },
				   { 12, "PINGREQ" }, { 14, "DISCONNECT" }, { 15, "AUTH" }),
		  __entry->flags, __entry->bytes, __entry->barrier)
);

/* A peer is new, or has become offloaded. @port: where it is hosted, or 0 */
TRACE_EVENT(mqtt_attach,
	TP_PROTO(const struct mqtt_peer *peer),

	TP_ARGS(peer),

	TP_STRUCT__entry(
		__field(u32, net)
		__field(u32, peer)
		__field(u32, port)
		__field(u8, protocol)
		__dynamic_array(u8, client, mqtt_trace_client_cut(peer))
	),

	TP_fast_assign(
		__entry->net = mqtt_trace_net(peer->router);
		__entry->peer = peer->id;
		__entry->port = peer->tx.port ? peer->tx.port->id : 0;
		__entry->protocol = peer->protocol;
		memcpy(__get_dynamic_array(client), mqtt_trace_client(peer),
		       __get_dynamic_array_len(client));
	),

	TP_printk("net=%u peer=%u client=\"%s\" protocol=%u port=%u",
		  __entry->net, __entry->peer,
		  mqtt_trace_show_text(client),
		  __entry->protocol, __entry->port)
);

/* A peer has ended, or has become hosted. @reason: enum mqtt_event_type */
TRACE_EVENT(mqtt_detach,
	TP_PROTO(const struct mqtt_peer *peer, u32 reason),

	TP_ARGS(peer, reason),

	TP_STRUCT__entry(
		__field(u32, net)
		__field(u32, peer)
		__field(u32, reason)
		__dynamic_array(u8, client, mqtt_trace_client_cut(peer))
	),

	TP_fast_assign(
		__entry->net = mqtt_trace_net(peer->router);
		__entry->peer = peer->id;
		__entry->reason = reason;
		memcpy(__get_dynamic_array(client), mqtt_trace_client(peer),
		       __get_dynamic_array_len(client));
	),

	TP_printk("net=%u peer=%u client=\"%s\" reason=%s",
		  __entry->net, __entry->peer,
		  mqtt_trace_show_text(client),
		  mqtt_trace_show_end(__entry->reason))
);

#endif /* _MQTT_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
