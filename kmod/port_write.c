// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages that the daemon writes to a port, to be routed.
 *
 * Whole records are copied and checked, a batch of them at a time, and then
 * routed together: so that what several messages have for one receiver leaves
 * in one go.
 */
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <mqtt/wire.h>
#include <linux/mqtt.h>

#include "msg.h"
#include "peer.h"
#include "port.h"
#include "route.h"
#include "router.h"

/* Fixed header and the length of the topic name */
#define MQTT_PORT_HEAD		(MQTT_FIXED_HEADER_MAX + 2)

/* Receivers that are given messages before softirqs may run. */
#define MQTT_PORT_RECEIVERS	1024

/* A record that has been copied; @source is the publisher's id or 0. */
struct mqtt_port_in {
	struct mqtt_msg *msg;
	u32 source;
	u8 protocol;
	struct mqtt_publish pub;
};

static int mqtt_port_head_check(const struct mqtt_port_record *head,
				const struct mqtt_router *router)
{
	if (head->nr_peers > 1 || (head->protocol != MQTT_PROTOCOL_V311 &&
				   head->protocol != MQTT_PROTOCOL_V5) || head->flags ||
	    head->reserved || head->packet_len < 2 || head->packet_len > INT_MAX / 2 ||
	    head->len != ALIGN(sizeof(*head) + head->nr_peers * sizeof(u32) +
			       head->packet_len, MQTT_PORT_ALIGN))
		return -EBADMSG;
	if (head->packet_len > READ_ONCE(router->offload_max_packet))
		return -EMSGSIZE;
	return 0;
}

/* Bytes at @off of @from, as many as there are of @len; @from stays where it is. */
static u32 mqtt_port_peek_at(struct iov_iter from, u32 off, u8 *buf, u32 len)
{
	iov_iter_advance(&from, off);
	return copy_from_iter(buf, len, &from);
}

/*
 * How long a packet's headers are. Returns bytes from its first one up to its
 * payload; -EBADMSG if it is no PUBLISH at QoS 0 or they are longer than it is.
 */
static int mqtt_port_head_len(const struct iov_iter *from, u32 len, u8 protocol,
			      struct mqtt_fixed_header *fh)
{
	u8 buf[MQTT_PORT_HEAD];
	u32 n, head_len, props;
	int size;

	n = mqtt_port_peek_at(*from, 0, buf, min_t(u32, len, sizeof(buf)));
	if (mqtt_fixed_header_parse(buf, n, fh) ||
	    (fh->byte1 & ~MQTT_PUBLISH_RETAIN) != MQTT_PKT_PUBLISH << 4 ||
	    fh->size + fh->remaining != len || n < fh->size + 2)
		return -EBADMSG;
	head_len = fh->size + 2 + (buf[fh->size] << 8 | buf[fh->size + 1]);
	if (head_len > len)
		return -EBADMSG;
	if (protocol != MQTT_PROTOCOL_V5)
		return head_len;

	n = mqtt_port_peek_at(*from, head_len, buf, min_t(u32, len - head_len,
							  MQTT_VARINT_BYTES_MAX));
	size = mqtt_varint_parse(buf, n, &props);
	if (size < 0 || props > len - head_len - size)
		return -EBADMSG;
	return head_len + size + props;
}

static bool mqtt_port_copy_payload(struct mqtt_payload *payload, struct iov_iter *from)
{
	u32 i;

	for (i = 0; payload && i < payload->nr; i++) {
		const struct bio_vec *bv = &payload->bv[i];

		if (copy_page_from_iter(bv->bv_page, 0, bv->bv_len, from) != bv->bv_len)
			return false;
	}
	return true;
}

/*
 * The packet may be changed while it is copied: what counts is what has
 * arrived here, in memory of our own.
 */
static int mqtt_port_parse(struct mqtt_port_in *in)
{
	struct kvec kv = { .iov_base = in->msg->head, .iov_len = in->msg->head_len };
	struct mqtt_fixed_header fh;
	struct iov_iter head;
	int head_len, err;

	iov_iter_kvec(&head, ITER_SOURCE, &kv, 1, kv.iov_len);
	head_len = mqtt_port_head_len(&head, in->msg->len, in->protocol, &fh);
	if (head_len < 0 || head_len > in->msg->head_len)
		return -EBADMSG;
	/* Whoever subscribed before it came gets it without. MQTT 3.3.1.3 */
	in->msg->retain = fh.byte1 & MQTT_PUBLISH_RETAIN;
	in->msg->head[0] = MQTT_PKT_PUBLISH << 4;
	err = mqtt_publish_parse(in->msg->head + fh.size, fh.remaining, in->msg->head[0],
				 in->protocol, &in->pub);
	/* An alias means nothing here. */
	return err || in->pub.topic_alias ? -EBADMSG : 0;
}

/* The packet of a record; @from is as long as the packet or longer. */
static int mqtt_port_take_packet(struct mqtt_port_in *in, u32 len, struct iov_iter *from)
{
	struct mqtt_fixed_header fh;
	int err;

	err = mqtt_port_head_len(from, len, in->protocol, &fh);
	if (err < 0)
		return err;
	in->msg = mqtt_msg_alloc(len, err, in->protocol, GFP_KERNEL_ACCOUNT);
	if (!in->msg)
		return -ENOMEM;
	err = -EFAULT;
	if (copy_from_iter(in->msg->head, in->msg->head_len, from) == in->msg->head_len &&
	    mqtt_port_copy_payload(in->msg->payload, from))
		err = mqtt_port_parse(in);
	if (err)
		mqtt_msg_put(in->msg);
	return err;
}

/* Returns 0, -EFAULT, -EBADMSG, -EMSGSIZE or -ENOMEM. */
static int mqtt_port_take(struct mqtt_port *port, struct mqtt_port_in *in,
			  struct iov_iter *from)
{
	struct mqtt_port_record head;
	size_t ids, rest;
	int err;

	if (copy_from_iter(&head, sizeof(head), from) != sizeof(head))
		return -EFAULT;
	err = mqtt_port_head_check(&head, port->router);
	if (err)
		return err;
	rest = head.len - sizeof(head);
	if (iov_iter_count(from) < rest)
		return -EBADMSG;
	ids = head.nr_peers * sizeof(u32);
	if (copy_from_iter(&in->source, ids, from) != ids)
		return -EFAULT;
	if (!ids)
		in->source = 0;
	in->protocol = head.protocol;
	err = mqtt_port_take_packet(in, head.packet_len, from);
	if (!err)
		iov_iter_advance(from, rest - ids - head.packet_len);
	return err;
}

/* Returns the work done, in receivers. */
static unsigned int mqtt_port_route_one(struct mqtt_router *router,
					const struct mqtt_port_in *in)
{
	unsigned int receivers;
	struct mqtt_publication publication = { .msg = in->msg, .pub = &in->pub,
						   .port = true };

	/* Compared with the receivers, never looked into. */
	rcu_read_lock();
	if (in->source)
		publication.source = xa_load(&router->peers, in->source);
	receivers = mqtt_route(router, &publication);
	rcu_read_unlock();
	return receivers;
}

static void mqtt_port_route(struct mqtt_port *port, struct mqtt_port_in *in, unsigned int n)
{
	struct mqtt_router *router = port->router;
	unsigned int i, receivers = 0;

	/* What each routes leaves when all are: then softirqs may run. */
	local_bh_disable();
	for (i = 0; i < n; i++) {
		receivers += mqtt_port_route_one(router, &in[i]);
		if (receivers > MQTT_PORT_RECEIVERS) {
			local_bh_enable();
			cond_resched();
			local_bh_disable();
			receivers = 0;
		}
	}
	local_bh_enable();

	for (i = 0; i < n; i++)
		mqtt_msg_put(in[i].msg);
	atomic64_add(n, &port->rx_packets);
	mqtt_stats_add(router->stats, MQTT_A_STATS_PORT_RX_PACKETS, n);
}

/**
 * mqtt_port_write_iter() - write() on a port
 * @iocb: its file
 * @from: whole records
 *
 * Return: bytes of the records that were routed; fewer than given if one was
 * refused. If it was the first: -EBADMSG for a malformed record or packet,
 * -EMSGSIZE for a packet longer than offload-max-packet, -ENOMEM, -EFAULT for
 * memory that cannot be read or a head of a record that is cut short, -ENODEV
 * after the end of the router.
 */
ssize_t mqtt_port_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct mqtt_port *port = iocb->ki_filp->private_data;
	struct mqtt_port_in *in;
	size_t done = 0;
	int err = 0;

	in = kmalloc_array(MQTT_PORT_BATCH, sizeof(*in), GFP_KERNEL);
	if (!in)
		return -ENOMEM;
	while (!err && iov_iter_count(from)) {
		size_t before = iov_iter_count(from), taken = 0;
		unsigned int n = 0;

		if (READ_ONCE(port->router->ended)) {
			err = -ENODEV;
			break;
		}
		while (n < MQTT_PORT_BATCH && iov_iter_count(from)) {
			err = mqtt_port_take(port, &in[n], from);
			if (err)
				break;
			taken = before - iov_iter_count(from);
			n++;
		}
		mqtt_port_route(port, in, n);
		done += taken;
		/* A write may be very long. */
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	kfree(in);
	return done ?: err;
}
