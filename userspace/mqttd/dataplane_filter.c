// SPDX-License-Identifier: MIT
/*
 * What the router has of topics and subscriptions, and what it is told.
 */
#include <linux/mqtt.h>
#include <mqtt/topic.h>

#include "config.h"
#include "dataplane.h"
#include "netlink.h"
#include "subscribe.h"

bool dataplane_filter_fits(const u8 *filter, size_t len)
{
	return len <= MQTT_FILTER_MAX && mqtt_topic_levels(filter, len) <= MQTT_FILTER_LEVELS_MAX;
}

bool dataplane_routes(const u8 *topic, size_t len)
{
	if (*topic == '$' || len > MQTT_TOPIC_MAX)
		return false;
	return len < MQTT_TOPIC_LEVELS_MAX ||
	       mqtt_topic_levels(topic, len) <= MQTT_TOPIC_LEVELS_MAX;
}

bool dataplane_decides(const struct config *conf)
{
	return !conf->upgrade_outgoing_qos;
}

bool dataplane_describe_filter(const struct config *conf, const struct session_filter *f,
			       struct mqtt_nl_filter *to)
{
	const u8 *topic;
	size_t len;

	*to = (struct mqtt_nl_filter){ .options = f->options & MQTT_SUB_OPTION_NO_LOCAL };
	if (subscribe_split(f->filter, f->len, &topic, &len)) {
		if (!subscribe_kernel_shares(conf, f->filter, f->len))
			return false;
		to->options = 0;
		to->group = subscribe_share_name(f->filter, f->len, &to->group_len);
	}
	to->filter = topic;
	to->len = len;
	if (dataplane_decides(conf)) {
		to->options |= f->options & MQTT_SUB_OPTION_RETAIN_AS_PUBLISHED;
		to->id = f->id;
	}
	return dataplane_filter_fits(topic, len);
}
