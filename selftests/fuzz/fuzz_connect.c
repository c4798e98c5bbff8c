// SPDX-License-Identifier: MIT
/* CONNECT, behind its fixed header. */
#include <errno.h>
#include <linux/mqtt.h>
#include <mqtt/topic.h>
#include <mqtt/utf8.h>

#include "fuzz.h"
#include "packet.h"

static void check_string(struct packet_string string)
{
	must(mqtt_utf8_valid(string.data, string.len));
}

static void check(const struct packet_connect *connect, const u8 *body, size_t len)
{
	must(connect->protocol == MQTT_PROTOCOL_V31 || connect->protocol == MQTT_PROTOCOL_V311 ||
	     connect->protocol == MQTT_PROTOCOL_V5);
	check_string(connect->client_id);
	if (connect->has_username)
		check_string(connect->username);
	if (connect->has_password && connect->password.len)
		must(connect->password.data >= body &&
		     connect->password.data + connect->password.len <= body + len);
	if (connect->will)
		must(mqtt_topic_name_valid(connect->will_topic.data, connect->will_topic.len));
	else
		must(!connect->will_qos && !connect->will_retain);
	must(connect->will_qos <= 2);
	if (connect->protocol != MQTT_PROTOCOL_V5)
		must(!connect->props.present && !connect->will_props.present);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet_connect connect;
	const char *why = NULL;
	int err;

	err = packet_connect_parse(data, size, &connect, &why);
	must(!err || err == -EBADMSG || err == -EPROTO || err == -EPROTONOSUPPORT);
	if (err)
		must(why);
	else
		check(&connect, data, size);
	return 0;
}
