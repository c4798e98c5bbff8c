// SPDX-License-Identifier: GPL-2.0-only
/*
 * Topic aliases that a client has told.
 *
 * Every PUBLISH of a connection that has aliases passes here, in the order of
 * the stream, before anybody acts on it: those that the kernel forwards, and
 * the daemon's when they are framed. One that changes a mapping at QoS 0 goes
 * to the daemon too, so that the daemon knows all of them.
 */
#include <linux/slab.h>

#include <mqtt/wire.h>

#include "alias.h"
#include "msg.h"

struct mqtt_topic_alias {
	u16 len;
	u8 topic[];
};

/* Without memory the alias is unknown from now on. */
static void mqtt_alias_set(struct mqtt_aliases *aliases, const struct mqtt_publish *pub)
{
	struct mqtt_topic_alias **place, *alias;

	if (!aliases->topics) {
		aliases->topics = kcalloc(aliases->max, sizeof(*place), MQTT_MSG_GFP);
		if (!aliases->topics)
			return;
	}
	place = &aliases->topics[pub->topic_alias - 1];
	kfree(*place);

	alias = kmalloc(struct_size(alias, topic, pub->topic_len), MQTT_MSG_GFP);
	if (alias) {
		alias->len = pub->topic_len;
		memcpy(alias->topic, pub->topic, pub->topic_len);
	}
	*place = alias;
}

/**
 * mqtt_alias_apply() - learn a PUBLISH's topic alias, or put the topic in
 * @aliases: of its publisher
 * @pub: the next PUBLISH of the stream, with a topic alias. If it has no topic
 *	and the alias is known, it gets it; good as long as the socket is locked
 *
 * Context: the publisher's socket is locked; softirq or process.
 * Return: 0 if @pub has a topic name and it is what the alias meant already;
 * -ENOENT if this has changed the mapping, or the alias is unknown: the daemon
 * has to see the packet; -EPROTO if the client may not use this alias.
 */
int mqtt_alias_apply(struct mqtt_aliases *aliases, struct mqtt_publish *pub)
{
	const struct mqtt_topic_alias *alias = NULL;

	if (pub->topic_alias > aliases->max)
		return -EPROTO;
	if (aliases->topics)
		alias = aliases->topics[pub->topic_alias - 1];
	if (!pub->topic_len) {
		if (!alias)
			return -ENOENT;
		pub->topic = alias->topic;
		pub->topic_len = alias->len;
		return 0;
	}
	if (alias && alias->len == pub->topic_len &&
	    !memcmp(alias->topic, pub->topic, alias->len))
		return 0;
	mqtt_alias_set(aliases, pub);
	return -ENOENT;
}

/**
 * mqtt_alias_forget() - know no alias any more
 * @aliases: of some publisher
 *
 * Context: its socket is locked, or cannot be reached any more.
 */
void mqtt_alias_forget(struct mqtt_aliases *aliases)
{
	unsigned int i;

	if (!aliases->topics)
		return;
	for (i = 0; i < aliases->max; i++)
		kfree(aliases->topics[i]);
	kfree(aliases->topics);
	aliases->topics = NULL;
}
