// SPDX-License-Identifier: MIT
/*
 * Control packets of clients, but CONNECT: the first byte says which version of MQTT,
 * the rest is a packet.
 */
#include <linux/mqtt.h>
#include <mqtt/property.h>
#include <mqtt/topic.h>
#include <mqtt/utf8.h>
#include <mqtt/wire.h>

#include "fuzz.h"
#include "packet.h"

static u8 sum;

/* Reads them all, so that a sanitizer sees where they are. */
static void touch(const u8 *bytes, size_t len)
{
	while (len--)
		sum += bytes[len];
}

static void check_properties(const struct mqtt_properties *props)
{
	struct mqtt_user_property user;
	unsigned int id;
	const u8 *data;
	u32 pos = 0;
	u16 len;

	touch(props->block, props->len);
	for (id = 1; id < MQTT_PROP_ID_END; id++) {
		if (!mqtt_property_present(props, id))
			continue;
		switch (id) {
		case MQTT_PROP_CONTENT_TYPE:
		case MQTT_PROP_RESPONSE_TOPIC:
		case MQTT_PROP_CORRELATION_DATA:
		case MQTT_PROP_AUTHENTICATION_METHOD:
		case MQTT_PROP_AUTHENTICATION_DATA:
		case MQTT_PROP_REASON_STRING:
			data = mqtt_property_data(props, id, &len);
			must(data);
			touch(data, len);
			break;
		case MQTT_PROP_USER_PROPERTY:
			break;
		default:
			sum += mqtt_property_number(props, id, 0);
		}
	}
	while (mqtt_user_property_next(props, &pos, &user)) {
		must(mqtt_utf8_valid(user.name, user.name_len));
		must(mqtt_utf8_valid(user.value, user.value_len));
	}
}

/* What was understood can be written, and means the same then, but for the topic alias. */
static void publish(const u8 *body, u32 remaining, u8 byte1, u8 protocol)
{
	struct mqtt_publish pub, again;
	struct mqtt_fixed_header fh;
	u8 *copy;
	u32 head;
	s32 size;

	if (mqtt_publish_parse(body, remaining, byte1, protocol, &pub))
		return;
	must(pub.qos <= 2 && !pub.qos == !pub.packet_id);
	must(pub.topic_len ? mqtt_topic_name_valid(pub.topic, pub.topic_len) :
			     protocol == MQTT_PROTOCOL_V5);
	touch(pub.payload, pub.payload_len);
	check_properties(&pub.props);
	if (!pub.topic_len) {
		pub.topic = (const u8 *)"t";
		pub.topic_len = 1;
	}
	size = mqtt_publish_header_size(&pub, protocol);
	if (size < 0)
		return;
	copy = malloc(size + pub.payload_len);
	must(copy);
	head = mqtt_publish_header_write(copy, &pub, protocol);
	must(head == (u32)size);
	memcpy(copy + head, pub.payload, pub.payload_len);
	must(!mqtt_fixed_header_parse(copy, size + pub.payload_len, &fh));
	must(fh.size + fh.remaining == size + pub.payload_len);
	must(!mqtt_publish_parse(copy + fh.size, fh.remaining, fh.byte1, protocol, &again));
	must(again.topic_len == pub.topic_len && again.payload_len == pub.payload_len);
	must(!memcmp(again.topic, pub.topic, pub.topic_len));
	must(again.props.present == (pub.props.present & ~(1ull << MQTT_PROP_TOPIC_ALIAS)));
	free(copy);
}

static void filters(const struct packet *packet, u8 protocol)
{
	struct packet_filters list;
	struct packet_filter filter;
	const char *why = NULL;
	u32 n = 0;

	if (packet_filters_parse(packet, protocol, &list, &why)) {
		must(why);
		return;
	}
	must(list.n && list.packet_id);
	check_properties(&list.props);
	while (packet_filter_next(&list, &filter)) {
		must(mqtt_topic_filter_valid(filter.name.data, filter.name.len));
		must((filter.options & FILTER_QOS) <= 2);
		sum += packet_filter_shared(filter.name);
		n++;
	}
	must(n == list.n);
}

static void others(const struct packet *packet, u8 protocol)
{
	struct packet_disconnect disconnect;
	const char *why = NULL;
	u16 packet_id;
	u8 reason;

	if (!packet_disconnect_parse(packet, protocol, &disconnect, &why))
		check_properties(&disconnect.props);
	else
		must(why);
	why = NULL;
	if (!packet_reply_parse(packet, protocol, &packet_id, &reason, &why))
		must(packet_id);
	else
		must(why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const u8 protocols[] = { MQTT_PROTOCOL_V31, MQTT_PROTOCOL_V311, MQTT_PROTOCOL_V5 };
	struct mqtt_fixed_header fh;
	struct packet packet = {};
	u8 protocol, *body;

	if (!size)
		return 0;
	protocol = protocols[data[0] % 3];
	data++;
	size--;
	if (mqtt_fixed_header_parse(data, size, &fh) || fh.remaining > size - fh.size)
		return 0;
	/* exactly as long as it says */
	body = malloc(fh.remaining);
	must(body || !fh.remaining);
	if (fh.remaining)
		memcpy(body, data + fh.size, fh.remaining);
	packet.body = body;
	packet.remaining = fh.remaining;
	packet.byte1 = fh.byte1;
	switch (mqtt_packet_type(fh.byte1)) {
	case MQTT_PKT_PUBLISH:
		publish(body, fh.remaining, fh.byte1, protocol);
		break;
	case MQTT_PKT_SUBSCRIBE:
	case MQTT_PKT_UNSUBSCRIBE:
		filters(&packet, protocol);
		break;
	case MQTT_PKT_DISCONNECT:
	case MQTT_PKT_PUBACK:
	case MQTT_PKT_PUBREC:
	case MQTT_PKT_PUBREL:
	case MQTT_PKT_PUBCOMP:
		others(&packet, protocol);
		break;
	}
	free(body);
	return 0;
}
