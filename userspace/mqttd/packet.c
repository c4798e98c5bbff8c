// SPDX-License-Identifier: MIT
/*
 * Decoding and encoding of control packets, MQTT 3.1.1.
 */
#include <errno.h>
#include <string.h>
#include <mqtt/topic.h>
#include <mqtt/utf8.h>

#include "packet.h"

/* CONNECT's flags, MQTT 3.1.2.3 */
#define CONNECT_RESERVED	0x01
#define CONNECT_CLEAN		0x02
#define CONNECT_WILL		0x04
#define CONNECT_WILL_QOS	0x18
#define CONNECT_WILL_RETAIN	0x20
#define CONNECT_PASSWORD	0x40
#define CONNECT_USERNAME	0x80

/**
 * struct cursor - bytes that are still to be decoded
 * @pos: next one
 * @left: how many
 * @failed: something did not fit; everything later is zero
 */
struct cursor {
	const u8 *pos;
	u32 left;
	bool failed;
};

static const u8 *take(struct cursor *cur, u32 n)
{
	const u8 *pos = cur->pos;

	if (cur->failed || cur->left < n) {
		cur->failed = true;
		return NULL;
	}
	cur->pos += n;
	cur->left -= n;
	return pos;
}

static u8 take_u8(struct cursor *cur)
{
	const u8 *p = take(cur, 1);

	return p ? *p : 0;
}

static u16 take_u16(struct cursor *cur)
{
	const u8 *p = take(cur, 2);

	return p ? p[0] << 8 | p[1] : 0;
}

static struct packet_string take_string(struct cursor *cur)
{
	struct packet_string s = { .len = take_u16(cur) };

	s.data = take(cur, s.len);
	if (!s.data)
		s.len = 0;
	return s;
}

static int bad(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

static bool string_is(struct packet_string s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.data, text, s.len);
}

static int connect_flags(struct packet_connect *connect, u8 flags, const char **why)
{
	if (flags & CONNECT_RESERVED)
		return bad(why, "CONNECT: reserved flag set");		/* [MQTT-3.1.2-3] */
	connect->clean_session = flags & CONNECT_CLEAN;
	connect->will = flags & CONNECT_WILL;
	connect->will_qos = (flags & CONNECT_WILL_QOS) / (CONNECT_WILL_QOS & -CONNECT_WILL_QOS);
	connect->will_retain = flags & CONNECT_WILL_RETAIN;
	connect->has_username = flags & CONNECT_USERNAME;
	connect->has_password = flags & CONNECT_PASSWORD;
	if (!connect->will && flags & (CONNECT_WILL_QOS | CONNECT_WILL_RETAIN))
		return bad(why, "CONNECT: will flags without a will");	/* [MQTT-3.1.2-13], -15 */
	if (connect->will_qos > 2)
		return bad(why, "CONNECT: will QoS 3");			/* [MQTT-3.1.2-14] */
	if (connect->has_password && !connect->has_username)
		return bad(why, "CONNECT: password without user name");	/* [MQTT-3.1.2-22] */
	return 0;
}

/* MQTT 3.1.3: in this order, as far as the flags say. */
static int connect_payload(struct packet_connect *connect, struct cursor *cur, const char **why)
{
	connect->client_id = take_string(cur);
	if (connect->will) {
		connect->will_topic = take_string(cur);
		connect->will_message = take_string(cur);
	}
	if (connect->has_username)
		connect->username = take_string(cur);
	if (connect->has_password)
		connect->password = take_string(cur);
	if (cur->failed)
		return bad(why, "CONNECT: too short");
	if (cur->left)
		return bad(why, "CONNECT: too long");
	if (!mqtt_utf8_valid(connect->client_id.data, connect->client_id.len))
		return bad(why, "CONNECT: client identifier is not UTF-8");
	if (connect->will &&
	    !mqtt_topic_name_valid(connect->will_topic.data, connect->will_topic.len))
		return bad(why, "CONNECT: invalid will topic");
	if (connect->has_username &&
	    !mqtt_utf8_valid(connect->username.data, connect->username.len))
		return bad(why, "CONNECT: user name is not UTF-8");
	return 0;
}

int packet_connect_parse(const u8 *body, u32 remaining, struct packet_connect *connect,
			 const char **why)
{
	struct cursor cur = { body, remaining, false };
	struct packet_string name;
	u8 flags;
	int err;

	*connect = (struct packet_connect){};
	name = take_string(&cur);
	connect->level = take_u8(&cur);
	if (cur.failed)
		return bad(why, "CONNECT: too short");
	if (!string_is(name, "MQTT") && !string_is(name, "MQIsdp"))
		return bad(why, "CONNECT: unknown protocol name");	/* [MQTT-3.1.2-1] */
	if (!string_is(name, "MQTT") || connect->level != PROTOCOL_LEVEL_311)
		return -EPROTONOSUPPORT;
	flags = take_u8(&cur);
	connect->keepalive = take_u16(&cur);
	if (cur.failed)
		return bad(why, "CONNECT: too short");
	err = connect_flags(connect, flags, why);
	return err ? err : connect_payload(connect, &cur, why);
}

static const char *filter_check(struct cursor *cur, bool options)
{
	struct packet_string filter = take_string(cur);
	u8 option = options ? take_u8(cur) : 0;

	if (cur->failed)
		return "filter list: too short";
	if (!mqtt_topic_filter_valid(filter.data, filter.len))
		return "filter list: invalid topic filter";
	if (option > 2)
		return "filter list: invalid QoS";		/* [MQTT-3.8.3-4] */
	return NULL;
}

long packet_filters_check(const u8 *body, u32 remaining, bool options, u16 *packet_id,
			  const char **why)
{
	struct cursor cur = { body, remaining, false };
	const char *wrong;
	long n = 0;

	*packet_id = take_u16(&cur);
	if (!*packet_id)
		return bad(why, "packet identifier is missing or 0");	/* [MQTT-2.3.1-1] */
	while (cur.left) {
		wrong = filter_check(&cur, options);
		if (wrong)
			return bad(why, wrong);
		n++;
	}
	return n ? n : bad(why, "filter list: empty");	/* [MQTT-3.8.3-3], [MQTT-3.10.3-2] */
}

struct packet_string packet_filter_next(const u8 *body, bool options, u32 *pos)
{
	const u8 *p = body + (*pos ? *pos : sizeof(u16));
	struct packet_string filter = { .data = p + 2, .len = p[0] << 8 | p[1] };

	*pos = filter.data + filter.len + (options ? 1 : 0) - body;
	return filter;
}

size_t packet_connack_write(u8 *to, bool session_present, enum connack_code code)
{
	to[0] = MQTT_PKT_CONNACK << 4;
	to[1] = 2;
	to[2] = session_present;
	to[3] = code;
	return PACKET_CONNACK_SIZE;
}

size_t packet_ack_write(u8 *to, u8 type, u16 packet_id, u32 n)
{
	size_t size = mqtt_fixed_header_write(to, type << 4, 2 + n);

	to[size++] = packet_id >> 8;
	to[size++] = packet_id & 0xff;
	return size;
}

size_t packet_publish_write(u8 *to, struct packet_string topic, struct packet_string payload)
{
	u32 remaining = 2 + topic.len + payload.len;
	u8 header[MQTT_FIXED_HEADER_MAX];
	size_t size = mqtt_fixed_header_write(header, MQTT_PKT_PUBLISH << 4, remaining);

	if (to) {
		memcpy(to, header, size);
		to += size;
		*to++ = topic.len >> 8;
		*to++ = topic.len & 0xff;
		memcpy(to, topic.data, topic.len);
		if (payload.len)
			memcpy(to + topic.len, payload.data, payload.len);
	}
	return size + remaining;
}

u8 *packet_reheader(u8 *body, u32 remaining, u8 byte1)
{
	u8 header[MQTT_FIXED_HEADER_MAX];
	size_t size = mqtt_fixed_header_write(header, byte1, remaining);

	return memcpy(body - size, header, size);
}
