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

	pub->offset = pkt_publish(head, opt->version, pub->topic, opt->payload);
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
}

/* Messages that go with the next write; 0 if they do not fit into the window yet */
static uint32_t batch_size(const struct options *opt, const struct publisher *pub,
			   uint32_t copies)
{
	uint32_t left = pub->target - pub->sent;
	uint32_t n = left < opt->batch ? left : opt->batch;

	if (((uint64_t)pub->sent + n) * copies > pub->settled + (uint64_t)opt->window * copies)
		return 0;
	return n;
}

static void fill_batch(struct loop *loop, struct publisher *pub, uint32_t n)
{
	struct payload_head head = { .publisher = pub->conn.index, .sent = loop->now };
	uint8_t *payload = pub->batch + pub->offset;

	for (; n; n--, payload += pub->packet) {
		head.sequence = pub->sent++;
		payload_write(payload, loop->opt->payload, &head, loop->pattern);
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
		pub->pending = pub->batch;
		pub->pending_len = n * pub->packet;
		send_pending(loop, pub);
	}
}
