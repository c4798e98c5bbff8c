// SPDX-License-Identifier: MIT
/* Packets of MQTT 3.1.1 and 5.0, which differ in the properties that we leave empty. */
#include <string.h>

#include "packet.h"

#define CLEAN_START	0x02
#define FLAGS		0x02		/* of SUBSCRIBE and PUBREL: MQTT 3.8.1, 3.6.1 */
#define EXPIRY		0x11		/* property: session expiry interval */

static uint8_t *put_u16(uint8_t *p, size_t value)
{
	*p++ = (uint8_t)(value >> 8);
	*p++ = (uint8_t)value;
	return p;
}

static uint8_t *put_string(uint8_t *p, const char *s)
{
	size_t len = strlen(s);

	p = put_u16(p, len);
	memcpy(p, s, len);
	return p + len;
}

static uint8_t *put_no_properties(uint8_t *p, uint32_t version)
{
	if (version >= 5)
		*p++ = 0;
	return p;
}

static uint8_t *put_expiry(uint8_t *p, uint32_t expiry)
{
	*p++ = 5;
	*p++ = EXPIRY;
	return put_u16(put_u16(p, expiry >> 16), expiry);
}

static size_t finish(uint8_t *buf, uint8_t byte1, const uint8_t *body, const uint8_t *end)
{
	size_t len = (size_t)(end - body);
	unsigned int size = mqtt_fixed_header_write(buf, byte1, (uint32_t)len);

	memcpy(buf + size, body, len);
	return size + len;
}

/* Without keep-alive: nothing of ours is silent on purpose */
size_t pkt_connect(uint8_t *buf, uint32_t version, const char *client_id, uint32_t expiry)
{
	uint8_t body[PACKET_MAX];
	uint8_t *p = put_string(body, "MQTT");

	*p++ = (uint8_t)version;
	*p++ = CLEAN_START;
	p = put_u16(p, 0);
	p = expiry ? put_expiry(p, expiry) : put_no_properties(p, version);
	p = put_string(p, client_id);
	return finish(buf, MQTT_PKT_CONNECT << 4, body, p);
}

size_t pkt_subscribe(uint8_t *buf, uint32_t version, const char *filter, uint32_t qos)
{
	uint8_t body[PACKET_MAX];
	uint8_t *p = put_u16(body, 1);

	p = put_no_properties(p, version);
	p = put_string(p, filter);
	*p++ = (uint8_t)qos;
	return finish(buf, MQTT_PKT_SUBSCRIBE << 4 | FLAGS, body, p);
}

size_t pkt_publish(uint8_t *buf, uint32_t version, const char *topic, uint32_t qos,
		   uint32_t payload)
{
	uint8_t head[PACKET_MAX];
	uint8_t *p = put_string(head, topic);
	unsigned int size;
	size_t len;

	if (qos)
		p = put_u16(p, 0);
	p = put_no_properties(p, version);
	len = (size_t)(p - head);
	size = mqtt_fixed_header_write(buf, (uint8_t)(MQTT_PKT_PUBLISH << 4 | qos << 1),
				       (uint32_t)len + payload);
	memcpy(buf + size, head, len);
	return size + len;
}

/* Behind it are only the properties, and they are empty */
size_t pkt_publish_id(const char *topic, uint32_t payload, uint32_t version)
{
	uint8_t buf[PACKET_MAX];

	return pkt_publish(buf, version, topic, 1, payload) - 2 - (version >= 5);
}

void pkt_ack(uint8_t *buf, enum mqtt_packet_type type, uint16_t id)
{
	buf[0] = (uint8_t)(type << 4 | (type == MQTT_PKT_PUBREL ? FLAGS : 0));
	buf[1] = 2;
	put_u16(buf + 2, id);
}

size_t pkt_end_session(uint8_t *buf)
{
	uint8_t body[PACKET_MAX];

	body[0] = 0;
	return finish(buf, MQTT_PKT_DISCONNECT << 4, body, put_expiry(body + 1, 0));
}

uint16_t pkt_ack_id(const uint8_t *body, uint32_t remaining)
{
	if (remaining < 2 || (remaining > 2 && body[2] >= 0x80))
		return 0;
	return (uint16_t)(body[0] << 8 | body[1]);
}

/* The reason of CONNACK is its second byte, that of SUBACK its last */
int pkt_reason(const uint8_t *packet, uint32_t version, const struct mqtt_fixed_header *fh)
{
	uint32_t least = version >= 5 ? 3 : 2;

	switch (mqtt_packet_type(fh->byte1)) {
	case MQTT_PKT_CONNACK:
		return fh->remaining < least ? -1 : packet[fh->size + 1];
	case MQTT_PKT_SUBACK:
		return fh->remaining < least + 1 ? -1 : packet[fh->size + fh->remaining - 1];
	}
	return -1;
}

/* Bytes of the properties with their length, or 0 */
static uint32_t properties(const uint8_t *p, uint32_t room)
{
	struct mqtt_fixed_header fh;

	/* The length is encoded like a fixed header's, which has a byte in front */
	if (!room || mqtt_fixed_header_parse(p - 1, room + 1, &fh))
		return 0;
	return fh.remaining > room - (fh.size - 1u) ? 0 : fh.size - 1u + fh.remaining;
}

uint32_t pkt_payload(const uint8_t *body, uint32_t remaining, uint32_t version, uint32_t qos,
		     uint16_t *id)
{
	uint32_t pos, len;

	if (remaining < 2)
		return 0;
	pos = 2 + (body[0] << 8 | body[1]);
	if (qos)
		pos += 2;
	if (pos > remaining)
		return 0;
	if (qos)
		*id = (uint16_t)(body[pos - 2] << 8 | body[pos - 1]);
	if (version < 5)
		return pos;
	len = properties(body + pos, remaining - pos);
	return len ? pos + len : 0;
}
