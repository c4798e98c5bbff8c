// SPDX-License-Identifier: MIT
/* A client takes what there is, a subscriber looks whether it is what was sent. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "loop.h"

/* A delivery makes room in the publisher's window */
static void settle(struct loop *loop, struct publisher *pub, uint32_t n)
{
	pub->settled += n;
	loop->under_way -= n;
	loop_ready(loop, pub);
}

static bool topic_is(const uint8_t *body, const struct publisher *pub)
{
	return (uint32_t)(body[0] << 8 | body[1]) == pub->topic_len &&
	       !memcmp(body + 2, pub->topic, pub->topic_len);
}

static void take_publish(struct loop *loop, struct subscriber *sub, const uint8_t *body,
			 uint32_t remaining)
{
	const struct options *opt = loop->opt;
	struct payload_head head;
	struct publisher *pub;
	uint32_t stream, steps, offset;
	uint16_t id;

	offset = pkt_payload(body, remaining, opt->version, opt->qos, &id);
	if (!offset || remaining - offset != opt->payload ||
	    !payload_read(body + offset, remaining - offset, &head, loop->pattern)) {
		loop->tally.corrupt++;
		return;
	}
	stream = head.publisher - sub->first;
	pub = stream < sub->stream_count ? &loop->publishers[head.publisher] : NULL;
	if (!pub || head.sequence >= pub->sent || !topic_is(body, pub)) {
		loop->tally.corrupt++;
		return;
	}
	if (opt->qos)
		acks_add(loop, &sub->conn, opt->qos == 1 ? MQTT_PKT_PUBACK : MQTT_PKT_PUBREC, id);
	steps = stream_advance(&sub->streams[stream], head.sequence, &loop->tally);
	histogram_record(&loop->latency, loop->now > head.sent ? loop->now - head.sent : 0);
	if (steps)
		settle(loop, pub, steps);
}

static void take(struct loop *loop, struct conn *conn, const struct mqtt_fixed_header *fh,
		 const uint8_t *body)
{
	if (fh->byte1 == (MQTT_PKT_PUBLISH << 4 | loop->opt->qos << 1) && !conn->publisher)
		take_publish(loop, (struct subscriber *)conn, body, fh->remaining);
	else if (loop->opt->qos)
		acks_take(loop, conn, fh, body);
	else
		loop_fail(loop, conn, "got a packet that begins with 0x%02x", fh->byte1);
}

/* Whole packets from @p on. Returns how many bytes they are. */
static size_t take_packets(struct loop *loop, struct conn *conn, const uint8_t *p, size_t len)
{
	struct mqtt_fixed_header fh;
	size_t done = 0;
	int err;

	while (!loop->failed) {
		err = mqtt_fixed_header_parse(p + done, len - done, &fh);
		if (!err && fh.size + (size_t)fh.remaining > loop->room_size / 2)
			err = -EBADMSG;		/* nothing of ours is as large */
		if (err == -EAGAIN || (!err && fh.size + fh.remaining > len - done))
			break;
		if (err) {
			loop_fail(loop, conn, "got a malformed packet");
			break;
		}
		take(loop, conn, &fh, p + done + fh.size);
		done += fh.size + fh.remaining;
	}
	return done;
}

static ssize_t receive(struct loop *loop, const struct conn *conn, uint8_t *to, size_t size)
{
	ssize_t n;

	loop->reads++;
	n = recv(conn->fd, to, size, 0);
	if (n > 0 || (n < 0 && errno == EAGAIN))
		return n;
	return loop_fail(loop, conn, "lost the connection: %s",
			 n ? strerror(errno) : "closed by the broker");
}

/* The event comes again only after a read that found less than it asked for */
void receive_packets(struct loop *loop, struct conn *conn)
{
	size_t len, room, done;
	ssize_t n;

	do {
		len = conn->carry_len;
		memcpy(loop->room, conn->carry, len);
		room = loop->room_size - len;
		n = receive(loop, conn, loop->room + len, room);
		if (n < 0)
			break;
		len += (size_t)n;
		done = take_packets(loop, conn, loop->room, len);
		conn->carry_len = len - done;
		memcpy(conn->carry, loop->room + done, conn->carry_len);
	} while ((size_t)n == room && !loop->failed);
	acks_send(loop, conn);
}
