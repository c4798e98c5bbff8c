// SPDX-License-Identifier: MIT
/*
 * Decoding of CONNECT, MQTT 3.1.
 */
#include <errno.h>
#include <string.h>
#include <mqtt/topic.h>
#include <mqtt/utf8.h>

#include "cursor.h"
#include "packet.h"

/* CONNECT's flags, MQTT 3.1.2.3 */
#define CONNECT_RESERVED	0x01
#define CONNECT_CLEAN		0x02
#define CONNECT_WILL		0x04
#define CONNECT_WILL_QOS	0x18
#define CONNECT_WILL_RETAIN	0x20
#define CONNECT_PASSWORD	0x40
#define CONNECT_USERNAME	0x80

/* mosquitto's bridges mark their versions with it, and try again without */
#define LEVEL_BRIDGE		0x80

static int bad(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

static bool string_is(struct packet_string s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.data, text, s.len);
}

/* To a version that is newer than ours the answer is 5.0's (MQTT 5.0 3.1.2.2). */
static int protocol_find(struct packet_connect *connect, struct packet_string name, u8 level,
			 const char **why)
{
	bool old = string_is(name, "MQIsdp");

	if (!old && !string_is(name, "MQTT"))
		return bad(why, "CONNECT: unknown protocol name");	/* [MQTT-3.1.2-1] */
	if (old ? level == MQTT_PROTOCOL_V31 :
		  level == MQTT_PROTOCOL_V311 || level == MQTT_PROTOCOL_V5) {
		connect->protocol = level;
		return 0;
	}
	if (!old && level > MQTT_PROTOCOL_V5 && !(level & LEVEL_BRIDGE))
		connect->protocol = MQTT_PROTOCOL_V5;
	*why = "unacceptable protocol version";
	return -EPROTONOSUPPORT;
}

static int connect_flags(struct packet_connect *connect, u8 flags, const char **why)
{
	if (flags & CONNECT_RESERVED)
		return bad(why, "CONNECT: reserved flag set");		/* [MQTT-3.1.2-3] */
	connect->clean = flags & CONNECT_CLEAN;
	connect->will = flags & CONNECT_WILL;
	connect->will_qos = (flags & CONNECT_WILL_QOS) / (CONNECT_WILL_QOS & -CONNECT_WILL_QOS);
	connect->will_retain = flags & CONNECT_WILL_RETAIN;
	connect->has_username = flags & CONNECT_USERNAME;
	connect->has_password = flags & CONNECT_PASSWORD;
	if (!connect->will && flags & (CONNECT_WILL_QOS | CONNECT_WILL_RETAIN))
		return bad(why, "CONNECT: will flags without a will");	/* [MQTT-3.1.2-13], -15 */
	if (connect->will_qos > 2)
		return bad(why, "CONNECT: will QoS 3");			/* [MQTT-3.1.2-14] */
	if (connect->has_password && !connect->has_username &&
	    connect->protocol != MQTT_PROTOCOL_V5)
		return bad(why, "CONNECT: password without user name");	/* [MQTT-3.1.2-22] */
	return 0;
}

/* In 3.1 a packet that ends is stronger than the flags. */
static void connect_credentials(struct packet_connect *connect, struct cursor *cur)
{
	bool optional = connect->protocol == MQTT_PROTOCOL_V31;

	connect->has_username &= cur->left || !optional;
	if (connect->has_username)
		connect->username = cursor_string(cur);
	connect->has_password &= cur->left || !optional;
	if (connect->has_password)
		connect->password = cursor_string(cur);
}

/* MQTT 3.1.3: in this order, as far as the flags say. */
static int connect_payload(struct packet_connect *connect, struct cursor *cur, const char **why)
{
	int err;

	connect->client_id = cursor_string(cur);
	if (connect->will) {
		if (connect->protocol == MQTT_PROTOCOL_V5) {
			err = cursor_properties(cur, MQTT_PROPS_OF_WILL, &connect->will_props, why);
			if (err)
				return err;
		}
		connect->will_topic = cursor_string(cur);
		connect->will_message = cursor_string(cur);
	}
	connect_credentials(connect, cur);
	if (cur->failed)
		return bad(why, "CONNECT: too short");
	if (cur->left)
		return bad(why, "CONNECT: too long");
	return 0;
}

static int connect_strings(const struct packet_connect *connect, const char **why)
{
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
	u8 flags, level;
	int err;

	*connect = (struct packet_connect){};
	name = cursor_string(&cur);
	level = cursor_u8(&cur);
	if (cur.failed)
		return bad(why, "CONNECT: too short");
	err = protocol_find(connect, name, level, why);
	if (err)
		return err;
	flags = cursor_u8(&cur);
	connect->keepalive = cursor_u16(&cur);
	if (cur.failed)
		return bad(why, "CONNECT: too short");
	err = connect_flags(connect, flags, why);
	if (!err && connect->protocol == MQTT_PROTOCOL_V5)
		err = cursor_properties(&cur, MQTT_PKT_CONNECT, &connect->props, why);
	if (!err)
		err = connect_payload(connect, &cur, why);
	return err ? err : connect_strings(connect, why);
}
