// SPDX-License-Identifier: MIT
/* A publisher fills its window. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "loop.h"

/* Writes into the batch what is the same in all batches. */
int send_prepare(struct loop *loop, struct publisher *pub)
{
	const struct options *opt = loop->opt;
	uint8_t head[PACKET_MAX];

	pub->offset = pkt_publish(head, opt->version, pub->topic, opt->qos, opt->payload);
	pub->id = pkt_publish_id(pub->topic, opt->payload, opt->version);
	pub->packet = pub->offset + opt->payload;
	pub->batch = malloc(pub->packet * opt->batch);
	if (!pub->batch)
		return loop_fail(loop, &pub->conn, "no memory for a batch of %u messages",
				 opt->batch);
	for (uint32_t i = 0; i < opt->batch; i++)
		memcpy(pub->batch + i * pub->packet, head, pub->offset);
	return 0;
}

void send_pending(struct loop *loop, struct publisher *pub)
{
	ssize_t n;

	while (pub->pending_len) {
		loop->writes++;
		n = send(pub->conn.fd, pub->pending, pub->pending_len, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			loop_fail(loop, &pub->conn, "cannot send: %s", strerror(errno));
			return;
		}
		pub->pending += n;
		pub->pending_len -= (size_t)n;
	}
	acks_send(loop, &pub->conn);
}

/* Messages that go with the next write; 0 if they do not fit into the window yet */
static uint32_t batch_size(const struct options *opt, const struct publisher *pub,
			   uint32_t copies)
{
	uint32_t left = pub->target - pub->sent;
	uint32_t n = left < opt->batch ? left : opt->batch;

	if (((uint64_t)pub->sent + n) * copies > pub->settled + (uint64_t)opt->window * copies)
		return 0;
	if (opt->qos && pub->sent + n - pub->acked > opt->window)
		return 0;
	return n;
}

static void fill_batch(struct loop *loop, struct publisher *pub, uint32_t n)
{
	struct payload_head head = { .publisher = pub->conn.index, .sent = loop->now };
	uint8_t *packet = pub->batch;

	for (; n; n--, packet += pub->packet) {
		head.sequence = pub->sent++;
		payload_write(packet + pub->offset, loop->opt->payload, &head, loop->pattern);
		if (loop->opt->qos) {
			packet[pub->id] = (uint8_t)(acks_id(head.sequence) >> 8);
			packet[pub->id + 1] = (uint8_t)acks_id(head.sequence);
		}
	}
}

void send_window(struct loop *loop, struct publisher *pub)
{
	uint32_t copies = options_copies(loop->opt);
	uint32_t n;

	while (!pub->pending_len && !loop->failed) {
		n = batch_size(loop->opt, pub, copies);
		if (!n)
			return;
		fill_batch(loop, pub, n);
		loop->to_send -= n;
		loop->published += n;
		loop->under_way += (uint64_t)n * copies;
		if (loop->opt->qos)
			loop->unacked += n;
		pub->pending = pub->batch;
		pub->pending_len = n * pub->packet;
		send_pending(loop, pub);
	}
}
