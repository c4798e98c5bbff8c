// SPDX-License-Identifier: MIT
/*
 * Wills: kept as messages, published anew when their time comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/minmax.h>

#include "broker.h"
#include "client.h"
#include "client_roles.h"
#include "listener.h"
#include "log.h"
#include "packet.h"
#include "publish.h"
#include "reason.h"
#include "retain_source.h"
#include "security.h"
#include "session.h"
#include "session_will.h"
#include "store.h"
#include "stored.h"
#include "timer.h"

/* An identifier and four bytes */
#define NUMBER_SIZE	5

/* In the store, in place of a time: the connection is there, and below is the delay. */
#define WHILE_CONNECTED	(1ull << 62)

/*
 * The delay is the server's own and no part of the message, the expiry interval
 * is kept beside the properties. They are in the packet, which may be written to.
 */
static u32 cut_number(struct mqtt_properties *props, unsigned int id, unsigned int other)
{
	u32 value = mqtt_property_number(props, id, 0), at;
	u8 *property;

	if (!mqtt_property_present(props, id))
		return 0;
	at = props->at[id] - 1;
	property = (u8 *)props->block + at;
	props->len -= NUMBER_SIZE;
	memmove(property, property + NUMBER_SIZE, props->len - at);
	if (props->at[other] > at)
		props->at[other] -= NUMBER_SIZE;
	return value;
}

/* The topic with the listener's mount point in front, to be freed; NULL without memory. */
static u8 *mounted(const struct client *client, struct packet_string topic, u32 *len)
{
	const char *mount = client->endpoint->conf->mount_point;
	size_t mount_len = mount ? strlen(mount) : 0;
	u8 *text = malloc(mount_len + topic.len);

	*len = mount_len + topic.len;
	if (!text)
		return NULL;
	if (mount_len)
		memcpy(text, mount, mount_len);
	memcpy(text + mount_len, topic.data, topic.len);
	return text;
}

struct session_will *session_will_new(const struct client *client,
				      struct packet_connect *connect)
{
	struct mqtt_properties *props = &connect->will_props;
	struct session_will *will = calloc(1, sizeof(*will));
	struct stored msg = {
		.payload = connect->will_message.data,
		.payload_len = connect->will_message.len,
		.client_id = client->id,
		.username = client->username,
		.qos = connect->will_qos,
	};
	u8 *topic;

	if (!will)
		return NULL;
	will->endpoint = client->endpoint;
	will->retain = connect->will_retain;
	will->delay = cut_number(props, MQTT_PROP_WILL_DELAY_INTERVAL,
				 MQTT_PROP_MESSAGE_EXPIRY_INTERVAL);
	if (mqtt_property_present(props, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL))
		msg.expires = 1000ull * cut_number(props, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
						   MQTT_PROP_WILL_DELAY_INTERVAL) ?: 1;
	msg.properties = props->block;
	msg.properties_len = props->len;
	topic = mounted(client, connect->will_topic, &msg.topic_len);
	msg.topic = topic;
	will->msg = topic ? stored_new(&msg, NULL) : NULL;
	free(topic);
	if (will->msg)
		return will;
	free(will);
	return NULL;
}

int session_will_rename(struct session_will *will, const struct client *client)
{
	struct stored msg = *will->msg, *fresh;

	msg.client_id = client->id;
	msg.username = client->username;
	fresh = stored_new(&msg, msg.blob);
	if (!fresh)
		return -ENOMEM;
	stored_put(will->msg);
	will->msg = fresh;
	return 0;
}

void session_will_free(struct session_will *will)
{
	if (!will)
		return;
	stored_put(will->msg);
	free(will);
}

bool session_will_allowed(struct client *client, const struct session_will *will)
{
	const struct stored *msg = will->msg;

	if (client_may(client, ACL_WRITE, msg->topic, msg->topic_len))
		return true;
	log_limited(LOG_TYPE_NOTICE, "Denied will of %s (q%u, r%u, '%.*s', ... (%u bytes)): %s.",
		    client_name(client), msg->qos, will->retain, msg->topic_len, msg->topic,
		    msg->payload_len, reason_name(REASON_NOT_AUTHORIZED));
	security_client_event(client, (struct security_event){
		.kind = SECURITY_DENIED, .why = "not allowed", .access = "will",
		.topic = msg->topic, .topic_len = msg->topic_len });
	return false;
}

void session_will_publish(struct worker *worker, const struct session_will *will,
			  const struct session *from)
{
	struct stored now = *will->msg;
	struct stored *msg;

	now.store = NULL;
	now.id = 0;
	if (now.expires)
		now.expires += stored_now();
	msg = stored_new(&now, now.blob);
	if (msg)
		publish_stored(worker, msg, will->retain, from);
	else
		log_limited(LOG_TYPE_ERROR, "Error: the will of client %s is lost: out of memory.",
			    now.client_id);
	stored_put(msg);
}

static void deny_late(struct worker *worker, const struct stored *msg)
{
	log_limited(LOG_TYPE_NOTICE, "Denied will of %s (q%u, '%.*s', ... (%u bytes)): %s.",
		    msg->client_id, msg->qos, msg->topic_len, msg->topic, msg->payload_len,
		    reason_name(REASON_NOT_AUTHORIZED));
	security_event(worker->broker->security, &(struct security_event){
		.kind = SECURITY_DENIED, .why = "not allowed any more", .access = "will",
		.client_id = msg->client_id, .username = msg->username,
		.topic = msg->topic, .topic_len = msg->topic_len });
}

void session_will_publish_late(struct worker *worker, const struct session_will *will,
			       const struct session *from)
{
	if (publisher_allowed(worker->broker, will->endpoint, will->msg))
		session_will_publish(worker, will, from);
	else
		deny_late(worker, will->msg);
}

u64 session_will_time(const struct session_will *will)
{
	if (!will->at)
		return WHILE_CONNECTED | will->delay * 1000ull;
	return stored_now() + will->at - min_t(u64, will->at, timer_now());
}

struct session_will *session_will_restore(const struct store_session *row)
{
	struct session_will *will = calloc(1, sizeof(*will));
	u64 delay, now = stored_now();

	if (!will)
		return NULL;
	if (row->will_at & WHILE_CONNECTED)
		delay = row->will_at & ~WHILE_CONNECTED;
	else
		delay = row->will_at > now ? row->will_at - now : 0;
	*will = (struct session_will){
		.msg = stored_new(row->will, row->will->blob),
		.at = timer_now() + delay,
		.delay = delay / 1000,
		.retain = row->will_retain,
	};
	if (will->msg)
		return will;
	free(will);
	return NULL;
}
