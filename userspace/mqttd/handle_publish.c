// SPDX-License-Identifier: MIT
/*
 * PUBLISH, MQTT 3.3.
 *
 *   wrong, or more than CONNACK has granted    the connection is closed
 *   not wanted (permissions, limits)           the message is dropped, and at QoS 1
 *                                              and 2 with MQTT 5.0 the answer says so
 *   else                                       retained, routed, and answered once
 *                                              that is durable
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <mqtt/topic.h>
#include <mqtt/utf8.h>

#include "broker.h"
#include "client.h"
#include "client_roles.h"
#include "handler.h"
#include "listener.h"
#include "log.h"
#include "message.h"
#include "publish.h"
#include "security.h"
#include "session.h"
#include "stats.h"
#include "store.h"
#include "worker.h"

/* A topic alias with its identifier */
#define ALIAS_SIZE	3
#define TOPIC_MAX	65535

/* Checks that close the client */

static bool refuse(struct client *client, enum close_reason reason, const char *detail)
{
	client_close(client, reason, detail);
	return false;
}

/* Is it wildcards in the topic name that make the packet wrong? */
static bool wildcards(const struct packet *packet)
{
	const u8 *topic = packet->body + 2;
	u32 len;

	if (packet->remaining < 2)
		return false;
	len = packet->body[0] << 8 | packet->body[1];
	return len && len <= packet->remaining - 2 && mqtt_utf8_valid(topic, len) &&
	       !mqtt_topic_name_valid(topic, len);
}

static bool parse(struct client *client, struct packet *packet, struct mqtt_publish *pub)
{
	int err = mqtt_publish_parse(packet->body, packet->remaining, packet->byte1,
				     client->protocol, pub);

	if (err == -EBADMSG && wildcards(packet))
		return refuse(client, CLOSE_TOPIC_NAME, "PUBLISH");
	if (err)
		handler_refuse(client, err, "PUBLISH");
	return !err;
}

/* What CONNACK has said, and for older clients what it would have. */
static bool granted(struct client *client, const struct mqtt_publish *pub)
{
	const struct config *conf = client->worker->broker->conf;

	if (pub->retain && !conf->retain_available)
		return refuse(client, CLOSE_RETAIN, "PUBLISH");
	if (pub->qos > client->endpoint->conf->max_qos)
		return refuse(client, CLOSE_QOS, "PUBLISH");
	return true;
}

/* MQTT 5.0 3.3.2.3.4 */
static bool resolve_alias(struct client *client, struct mqtt_publish *pub)
{
	if (pub->topic_alias > client->aliases.max)
		return refuse(client, CLOSE_TOPIC_ALIAS, NULL);
	if (!pub->topic_len) {
		pub->topic = alias_get(&client->aliases, pub->topic_alias, &pub->topic_len);
		return pub->topic ||
		       refuse(client, CLOSE_PROTOCOL, "PUBLISH: topic alias without topic");
	}
	return !alias_set(&client->aliases, pub->topic_alias, pub->topic, pub->topic_len) ||
	       refuse(client, CLOSE_NO_MEMORY, NULL);
}

/* Checks that drop the message. Each returns a reason code. */

/* What strings of MQTT may not have, U+0000, a payload may. */
static bool payload_is_utf8(const u8 *payload, size_t len)
{
	const u8 *end = payload + len, *zero;

	while ((zero = memchr(payload, 0, end - payload))) {
		if (!mqtt_utf8_valid(payload, zero - payload))
			return false;
		payload = zero + 1;
	}
	return mqtt_utf8_valid(payload, end - payload);
}

static u8 check_payload(const struct client *client, const struct mqtt_publish *pub)
{
	const struct config *conf = client->worker->broker->conf;

	if (conf->message_size_limit && pub->payload_len > conf->message_size_limit)
		return REASON_QUOTA;
	if (conf->check_payload_format && client->protocol == MQTT_PROTOCOL_V5 &&
	    mqtt_property_number(&pub->props, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, 0) &&
	    pub->payload_len && !payload_is_utf8(pub->payload, pub->payload_len))
		return REASON_PAYLOAD_FORMAT;
	return REASON_SUCCESS;
}

static u8 check(struct client *client, const struct mqtt_publish *pub)
{
	u8 code = check_payload(client, pub);

	if (!code && !client_may(client, ACL_WRITE, pub->topic, pub->topic_len))
		code = REASON_NOT_AUTHORIZED;
	return code;
}

/* Publishing */

/*
 * The alias means nothing to others. What is in front of it moves up, with the length,
 * and the offsets of later properties are not valid any more.
 */
static void cut_alias(struct mqtt_properties *props)
{
	u32 before = props->at[MQTT_PROP_TOPIC_ALIAS] - 1;
	u8 *block = (u8 *)props->block;

	memmove(block + ALIAS_SIZE, block, before);
	block += ALIAS_SIZE;
	props->len -= ALIAS_SIZE;
	mqtt_varint_write(block - mqtt_varint_size(props->len), props->len);
	props->block = block;
}

static int publish(struct client *client, const struct mqtt_publish *pub, const u8 *start,
		   struct blob *storage)
{
	struct message msg;
	int ret;

	message_init_publish(&msg, client->protocol, pub, start, storage);
	msg.from = client->session;
	msg.client = client;
	msg.client_id = client->id;
	msg.username = client->username;
	ret = publish_message(client->worker, &msg);
	message_done(&msg);
	return ret;
}

/*
 * At QoS 0 subscribers get the packet as it came, but for the flags: most of them,
 * if there is nothing in it that is not for them.
 */
static int publish_packet(struct client *client, struct packet *packet, struct mqtt_publish *pub)
{
	u8 *start = NULL;

	if (pub->topic_alias)
		cut_alias(&pub->props);
	if (!pub->qos && !pub->topic_alias && !client->endpoint->conf->mount_point)
		start = packet_reheader(packet->body, packet->remaining, MQTT_PKT_PUBLISH << 4);
	return publish(client, pub, start, packet->storage);
}

static void answer(struct client *client, const struct mqtt_publish *pub, u8 code, u64 ticket)
{
	u8 type = pub->qos == 1 ? MQTT_PKT_PUBACK : MQTT_PKT_PUBREC;
	u8 packet[PACKET_REPLY_MAX];

	if (client->protocol != MQTT_PROTOCOL_V5)
		code = REASON_SUCCESS;
	else if (code == REASON_TOO_LARGE)
		code = REASON_QUOTA;	/* [MQTT-3.4.2-1]: there is no other for a limit of ours */
	client_answer(client, packet,
		      packet_reply_write(packet, type << 4, pub->packet_id, code), ticket);
}

/* Returns 1 if it is taken, or -errno: there is no answer. */
static int take_qos2(struct client *client, u16 packet_id)
{
	int ret = session_incoming_add(client->session, packet_id);

	if (ret > 0 && !client_take_quota(client)) {
		session_incoming_del(client->session, packet_id);
		return -EDQUOT;
	}
	return ret;
}

/* Returns the reason code of the answer, or -errno: there is none. */
static int take_kept(struct client *client, struct packet *packet, struct mqtt_publish *pub)
{
	int ret;

	if (pub->qos == 2)
		ret = take_qos2(client, pub->packet_id);
	else
		ret = client_take_quota(client) ? 1 : -EDQUOT;
	if (ret < 0)
		return ret;
	ret = publish_packet(client, packet, pub);
	if (ret < 0 && pub->qos == 2)
		session_incoming_del(client->session, pub->packet_id);
	return ret > 0 ? REASON_SUCCESS : ret < 0 ? ret : REASON_NO_SUBSCRIBERS;
}

/*
 * One that is known was routed then, whatever may be published now, and what says so is
 * durable: over this connection the first answer has waited for that, and this one
 * is behind it; or else CONNACK has. If it were refused its identifier would stay
 * known, and the next message with it would be taken for this one.
 */
static bool answer_known(struct client *client, const struct mqtt_publish *pub)
{
	if (pub->qos != 2 || !session_incoming_known(client->session, pub->packet_id))
		return false;
	answer(client, pub, REASON_SUCCESS, 0);
	return true;
}

/* A client that is not answered sends its message again when it is back. */
static void handle_kept(struct client *client, struct packet *packet, struct mqtt_publish *pub)
{
	struct store *store = client->worker->broker->store;
	u64 ticket;
	int code;

	store_begin(store);
	code = take_kept(client, packet, pub);
	ticket = store_end(store);
	if (code == -ENOMEM)
		client_close(client, CLOSE_NO_MEMORY, NULL);
	else if (code >= 0)
		answer(client, pub, code, ticket);
}

/* Nobody is told what there is no memory for. */
static void publish_qos0(struct client *client, struct packet *packet, struct mqtt_publish *pub)
{
	if (publish_packet(client, packet, pub) == -ENOMEM)
		stats_add(&client->worker->stats, STAT_PUBLISH_DROPPED, 1);
}

/* While the store is full the client is not read from, if the message has to do with it. */
static void handle_qos0(struct client *client, struct packet *packet, struct mqtt_publish *pub)
{
	const struct config *conf = client->worker->broker->conf;
	struct store *store = client->worker->broker->store;
	u64 ticket;

	if (!pub->retain && !conf->upgrade_outgoing_qos && !conf->queue_qos0_messages) {
		publish_qos0(client, packet, pub);
		return;
	}
	store_begin(store);
	publish_qos0(client, packet, pub);
	ticket = store_end(store);
	client_answer(client, NULL, 0, ticket);
}

static void deny(struct client *client, const struct mqtt_publish *pub, u8 code)
{
	stats_add(&client->worker->stats, STAT_PUBLISH_DROPPED, 1);
	log_limited(LOG_TYPE_NOTICE,
		    "Denied PUBLISH from %s (q%u, r%u, '%.*s', ... (%u bytes)): %s.",
		    client_name(client), pub->qos, pub->retain, pub->topic_len, pub->topic,
		    pub->payload_len, reason_name(code));
	if (code == REASON_NOT_AUTHORIZED)
		security_client_event(client, (struct security_event){
			.kind = SECURITY_DENIED, .why = "not allowed", .access = "publish",
			.topic = pub->topic, .topic_len = pub->topic_len });
	if (pub->qos && client_take_quota(client))
		answer(client, pub, code, 0);
}

/* With the whole topic, which is what permissions are for. */
static void handle_topic(struct client *client, struct packet *packet, struct mqtt_publish *pub)
{
	u8 code = check(client, pub);

	if (code)
		deny(client, pub, code);
	else if (pub->qos)
		handle_kept(client, packet, pub);
	else
		handle_qos0(client, packet, pub);
}

static void handle_mounted(struct client *client, struct packet *packet, struct mqtt_publish *pub)
{
	const char *mount = client->endpoint->conf->mount_point;
	size_t len = strlen(mount);
	u8 *topic;

	if (len + pub->topic_len > TOPIC_MAX) {
		deny(client, pub, REASON_TOPIC_NAME);
		return;
	}
	topic = malloc(len + pub->topic_len);
	if (!topic) {
		client_close(client, CLOSE_NO_MEMORY, NULL);
		return;
	}
	memcpy(topic, mount, len);
	memcpy(topic + len, pub->topic, pub->topic_len);
	pub->topic = topic;
	pub->topic_len += len;
	handle_topic(client, packet, pub);
	free(topic);
}

void handle_publish(struct client *client, struct packet *packet)
{
	struct mqtt_publish pub;

	if (!parse(client, packet, &pub) || !granted(client, &pub) ||
	    (pub.topic_alias && !resolve_alias(client, &pub)))
		return;
	log_limited(LOG_TYPE_DEBUG,
		    "Received PUBLISH from %s (d%d, q%u, r%d, m%u, '%.*s', ... (%u bytes))",
		    client->id, pub.dup, pub.qos, pub.retain, pub.packet_id,
		    pub.topic_len, pub.topic, pub.payload_len);
	stats_add(&client->worker->stats, STAT_PUBLISH_RECEIVED, 1);
	if (packet->dropped || answer_known(client, &pub))
		return;
	if (client->endpoint->conf->mount_point)
		handle_mounted(client, packet, &pub);
	else
		handle_topic(client, packet, &pub);
}
