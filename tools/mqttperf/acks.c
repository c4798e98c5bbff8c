// SPDX-License-Identifier: MIT
/*
 * Acknowledgements of QoS 1 and 2, both ways. A broker sends those of a publisher's
 * messages in the order of the messages (MQTT 4.6).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "loop.h"

#define ACKS_MIN	4096

void acks_add(struct loop *loop, struct conn *conn, enum mqtt_packet_type type, uint16_t id)
{
	size_t size = conn->acks_size ? 2 * conn->acks_size : ACKS_MIN;
	uint8_t *acks;

	if (conn->acks_len + PKT_ACK_SIZE > conn->acks_size) {
		acks = realloc(conn->acks, size);
		if (!acks) {
			loop_fail(loop, conn, "no memory");
			return;
		}
		conn->acks = acks;
		conn->acks_size = size;
	}
	pkt_ack(conn->acks + conn->acks_len, type, id);
	conn->acks_len += PKT_ACK_SIZE;
}

/* What is in the middle of a batch stands between two packets when that is sent */
void acks_send(struct loop *loop, struct conn *conn)
{
	ssize_t n;

	if (!conn->acks_len || loop->failed)
		return;
	if (conn->publisher && ((struct publisher *)conn)->pending_len)
		return;
	loop->writes++;
	n = send(conn->fd, conn->acks, conn->acks_len, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		loop_fail(loop, conn, "cannot send: %s", strerror(errno));
	if (n <= 0)
		return;
	conn->acks_len -= (size_t)n;
	memmove(conn->acks, conn->acks + n, conn->acks_len);
}

static void done(struct loop *loop, struct publisher *pub)
{
	pub->acked++;
	loop->unacked--;
	loop_ready(loop, pub);
}

/* What a publisher waits for next, at QoS 1 and 2. Returns whether it is that. */
static bool publisher_takes(struct loop *loop, struct publisher *pub,
			    enum mqtt_packet_type type, uint16_t id)
{
	bool qos2 = loop->opt->qos == 2;

	if (qos2 && type == MQTT_PKT_PUBREC && pub->received != pub->sent &&
	    id == acks_id(pub->received)) {
		pub->received++;
		acks_add(loop, &pub->conn, MQTT_PKT_PUBREL, id);
		return true;
	}
	if (type != (qos2 ? MQTT_PKT_PUBCOMP : MQTT_PKT_PUBACK) || pub->acked == pub->sent ||
	    id != acks_id(pub->acked))
		return false;
	done(loop, pub);
	return true;
}

void acks_take(struct loop *loop, struct conn *conn, const struct mqtt_fixed_header *fh,
	       const uint8_t *body)
{
	enum mqtt_packet_type type = mqtt_packet_type(fh->byte1);
	uint16_t id = pkt_ack_id(body, fh->remaining);
	bool fine;

	if (conn->publisher) {
		fine = id && publisher_takes(loop, (struct publisher *)conn, type, id);
	} else {
		fine = id && loop->opt->qos == 2 && type == MQTT_PKT_PUBREL;
		acks_add(loop, conn, MQTT_PKT_PUBCOMP, id);
	}
	if (!fine)
		loop_fail(loop, conn,
			  "got a packet that begins with 0x%02x, packet identifier %u, out of turn",
			  fh->byte1, id);
}
