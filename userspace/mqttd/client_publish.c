// SPDX-License-Identifier: MIT
/*
 * Messages to one client.
 *
 * Most subscribers to a message at QoS 0 get the same bytes, see message.h. All
 * others get a packet of their own: with QoS, packet identifier, DUP or RETAIN,
 * subscription identifiers, a topic alias, without their mount point. What is long
 * in it is shared all the same.
 */
#include <errno.h>
#include <string.h>
#include <linux/compiler.h>
#include <mqtt/wire.h>

#include "broker.h"
#include "client.h"
#include "client_roles.h"
#include "client_slow.h"
#include "delivery.h"
#include "client_roles.h"
#include "listener.h"
#include "message.h"
#include "packet_publish.h"
#include "stats.h"
#include "worker.h"

#define QOS_SHIFT	1
/* A queue with so much in it is written before the round of events ends. */
#define FLUSH_EARLY	(256 << 10)

/*
 * Is there something about the client for which no packet can be as it is for
 * others? That changes with its permissions.
 */
static bool is_tailored(struct client *client)
{
	if (unlikely(!client->tailored_known)) {
		client->tailored = client->aliases_out.max ||
				   client->endpoint->conf->mount_point ||
				   !client_gets_all(client);
		client->tailored_known = true;
	}
	return client->tailored;
}

/* Is there nothing to ask client_slow.c, whatever the limits are? */
static inline bool is_calm(const struct client *client, size_t len)
{
	size_t calm = client->worker->broker->conf->output_calm;

	return likely(client->out.bytes + len <= calm && !client->slow);
}

static void queued(struct client *client, size_t len)
{
	stats_add(&client->worker->stats, STAT_PUBLISH_SENT, 1);
	stats_add(&client->worker->stats, STAT_PUBLISH_BYTES_SENT, len);
	client_make_dirty(client);
	if (client->out.bytes > FLUSH_EARLY && !client->blocked)
		client_flush(client);
}

/* To the second part of the queue, or nowhere. */
static int queue_apart(struct client *client, struct outq *packet, int err)
{
	if (!err)
		err = client_slow_add(client, packet);
	if (err)
		outq_clear(packet);
	return err;
}

static int refuse_long(struct client *client)
{
	stats_add(&client->worker->stats, STAT_PUBLISH_TOO_LONG, 1);
	return -EMSGSIZE;
}

/* A packet of its own */

/**
 * struct outgoing - a packet to be
 * @msg: what it carries
 * @head: its beginning
 * @sizes: of it
 * @wide: the properties are shared
 * @shares: the payload is
 */
struct outgoing {
	const struct stored *msg;
	struct publish_head head;
	struct publish_sizes sizes;
	bool wide;
	bool shares;
};

/*
 * The topic name without the client's mount point. A session can have messages
 * from when its client came by another listener: these are not for this one.
 */
static int strip_mount(const struct client *client, struct publish_head *head)
{
	const char *mount = client->endpoint->conf->mount_point;
	size_t len = mount ? strlen(mount) : 0;

	if (!len)
		return 0;
	if (head->topic_len <= len || memcmp(head->topic, mount, len))
		return -EACCES;
	head->topic += len;
	head->topic_len -= len;
	return 0;
}

/* What was sent before is sent again, expired or not [MQTT-4.4.0-1]. */
static int describe(struct client *client, struct outgoing *out, const struct stored *msg,
		    const struct delivery *delivery, bool dup)
{
	struct publish_head *head = &out->head;
	int err;

	*out = (struct outgoing){
		.msg = msg,
		.head = {
			.topic = msg->topic,
			.topic_len = msg->topic_len,
			.payload_len = msg->payload_len,
			.flags = delivery->qos << QOS_SHIFT |
				 (delivery->retain ? MQTT_PUBLISH_RETAIN : 0) |
				 (dup ? MQTT_PUBLISH_DUP : 0),
			.expires = msg->expires,
		},
		.shares = msg->payload_len > STORED_SHARE_MIN,
	};
	/* [MQTT-4.3.3-7]: not once it was sent */
	if (stored_expired(msg, &head->expiry) && !dup)
		return -ETIME;
	if (!client_may(client, ACL_READ, head->topic, head->topic_len))
		return -EACCES;
	err = strip_mount(client, head);
	if (err)
		return err;
	if (client->protocol == MQTT_PROTOCOL_V5) {
		head->properties_len = msg->properties_len;
		head->ids = delivery->ids;
		head->n_ids = delivery->n_ids;
		out->wide = msg->properties_len > STORED_SHARE_MIN;
	}
	return 0;
}

static u8 *put(u8 *to, const u8 *data, size_t len)
{
	if (len)
		memcpy(to, data, len);
	return to + len;
}

/* All of it in one piece at @pos; NULL: there is no memory. */
static int write_short(struct client *client, const struct outgoing *out, u8 *pos)
{
	if (!pos)
		return -ENOMEM;
	publish_head_write(pos, &out->head, client->protocol, &out->sizes);
	pos = put(pos + out->sizes.head, out->msg->properties, out->head.properties_len);
	put(pos, out->msg->payload, out->head.payload_len);
	return 0;
}

/* Some of it by reference: all pieces or none. */
static int queue_long(struct client *client, const struct outgoing *out, struct outq *q)
{
	size_t copied = out->wide ? 0 : out->head.properties_len;
	const struct stored *msg = out->msg;
	struct outq pieces = {};
	int err = -ENOMEM;
	u8 *pos;

	pos = outq_append_alone(&pieces, out->sizes.head + copied);
	if (!pos)
		return err;
	publish_head_write(pos, &out->head, client->protocol, &out->sizes);
	put(pos + out->sizes.head, msg->properties, copied);
	err = 0;
	if (out->wide)
		err = outq_share(&pieces, msg->properties_blob, msg->properties,
				 msg->properties_len);
	if (!err)
		err = out->shares ?
		      outq_share(&pieces, msg->blob, msg->payload, msg->payload_len) :
		      outq_copy(&pieces, msg->payload, msg->payload_len);
	if (err)
		outq_clear(&pieces);
	else
		outq_join(q, &pieces);
	return err;
}

static bool is_long(const struct outgoing *out)
{
	return out->wide || out->shares;
}

/* What the client does not know the alias of it gets with its name. */
static int queue_tailored(struct client *client, struct outgoing *out)
{
	struct publish_head *head = &out->head;
	const u8 *topic = head->topic;
	u16 len = head->topic_len;
	enum alias_use use;
	int err;

	use = alias_out_choose(&client->aliases_out, topic, len, &head->alias);
	if (use == ALIAS_USE)
		head->topic_len = 0;
	else if (use == ALIAS_NONE)
		head->alias = 0;
	if (publish_head_measure(head, client->protocol, &out->sizes) ||
	    client_too_long(client, out->sizes.packet))
		return refuse_long(client);
	if (is_long(out))
		err = queue_long(client, out, &client->out);
	else
		err = write_short(client, out, outq_append(&client->out, out->sizes.packet));
	if (!err && use == ALIAS_SET)
		alias_out_set(&client->aliases_out, head->alias, topic, len);
	return err;
}

int client_publish(struct client *client, const struct stored *msg,
		   const struct delivery *delivery, u16 packet_id, bool dup)
{
	struct outgoing out;
	int err;

	err = describe(client, &out, msg, delivery, dup);
	if (err)
		return err;
	out.head.packet_id = packet_id;
	err = queue_tailored(client, &out);
	if (!err)
		queued(client, out.sizes.packet);
	return err;
}

/* QoS 0 */

/* An alias would be wrong when a packet in front of this one is dropped. */
static int queue_tailored_slow(struct client *client, struct outgoing *out)
{
	struct outq packet = {};
	int ret;

	if (publish_head_measure(&out->head, client->protocol, &out->sizes) ||
	    client_too_long(client, out->sizes.packet))
		return refuse_long(client);
	ret = client_slow_place(client, out->sizes.packet);
	if (ret == PLACE_OUT)
		return queue_tailored(client, out);
	if (ret < 0)
		return ret;
	if (is_long(out))
		ret = queue_long(client, out, &packet);
	else
		ret = write_short(client, out, outq_append_alone(&packet, out->sizes.packet));
	return queue_apart(client, &packet, ret);
}

/* More than the packet can have. */
static size_t most_bytes(const struct publish_head *head)
{
	return 64 + head->topic_len + head->properties_len + head->payload_len + 5 * head->n_ids;
}

static int deliver_tailored(struct client *client, struct message *msg,
			    const struct delivery *delivery)
{
	const struct stored *stored = message_stored(msg);
	static const struct delivery plain;
	struct outgoing out;
	int err;

	if (!stored)
		return -ENOMEM;
	if (!delivery)
		delivery = &plain;
	err = describe(client, &out, stored, delivery, false);
	if (!err)
		err = is_calm(client, most_bytes(&out.head)) ? queue_tailored(client, &out) :
							       queue_tailored_slow(client, &out);
	if (!err)
		queued(client, out.sizes.packet);
	return err;
}

/* The payload is long and not behind the form. */
static int queue_pieces(struct outq *q, const struct message_form *form, struct message *msg)
{
	struct outq pieces = {};
	u8 *pos = outq_append_alone(&pieces, form->len);

	if (!pos)
		return -ENOMEM;
	memcpy(pos, form->head, form->len);
	if (outq_share(&pieces, msg->blob, msg->payload, msg->payload_len)) {
		outq_clear(&pieces);
		return -ENOMEM;
	}
	outq_join(q, &pieces);
	return 0;
}

static int queue_shared(struct outq *q, const struct message_form *form, struct message *msg,
			size_t len)
{
	if (!message_blob(msg))
		return -ENOMEM;
	if (message_in_one(msg, form))
		return outq_share(q, msg->blob, form->head, len);
	return queue_pieces(q, form, msg);
}

static inline int queue_plain(struct client *client, const struct message_form *form,
			      struct message *msg, size_t len)
{
	if (!message_shares(msg))
		return outq_copy(&client->out, form->head, len);
	return queue_shared(&client->out, form, msg, len);
}

static int queue_plain_slow(struct client *client, const struct message_form *form,
			    struct message *msg, size_t len)
{
	struct outq packet = {};
	int ret = client_slow_place(client, len);

	if (ret == PLACE_OUT)
		return queue_plain(client, form, msg, len);
	if (ret < 0)
		return ret;
	if (message_shares(msg))
		ret = queue_shared(&packet, form, msg, len);
	else
		ret = outq_copy_alone(&packet, form->head, len);
	return queue_apart(client, &packet, ret);
}

static int deliver_plain(struct client *client, struct message *msg)
{
	struct message_form *form = message_form(msg, client->protocol);
	size_t len;
	int err;

	if (!form)
		return -ENOMEM;
	len = form->len + msg->payload_len;
	if (client_too_long(client, len))
		return refuse_long(client);
	err = is_calm(client, len) ? queue_plain(client, form, msg, len) :
				     queue_plain_slow(client, form, msg, len);
	if (!err)
		queued(client, len);
	return err;
}

/* What is allowed in general may not be so for "$" topics. */
static bool is_plain(struct client *client, const struct message *msg,
		     const struct delivery *delivery)
{
	return (!delivery || delivery_plain(delivery)) && !is_tailored(client) &&
	       !message_wide(msg) && msg->topic[0] != '$';
}

/* Most are those of a client that does not read: its own worker counts them. */
static void count_drop(struct client *client, int err)
{
	struct session *session = client->session;
	enum session_drop drop = DROP_MEMORY;

	stats_add(&client->worker->stats, STAT_PUBLISH_DROPPED, 1);
	if (err == -ENOBUFS) {
		session->history.not_reading++;
		return;
	}
	if (err == -EMSGSIZE)
		drop = DROP_TOO_LONG;
	else if (err == -ETIME)
		drop = DROP_EXPIRED;
	pthread_mutex_lock(&session->lock);
	session->drops[drop]++;
	pthread_mutex_unlock(&session->lock);
}

void client_deliver(struct client *client, struct message *msg, const struct delivery *delivery)
{
	int err;

	if (client->closing)
		return;
	err = is_plain(client, msg, delivery) ? deliver_plain(client, msg) :
						deliver_tailored(client, msg, delivery);
	if (err && err != -EACCES)
		count_drop(client, err);
	if (unlikely(client->worker->broker->conf->slow_consumer_pause) && !is_calm(client, 0))
		client_slow_pause(client, msg->client);
}
