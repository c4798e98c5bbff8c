// SPDX-License-Identifier: MIT
/* mqttctl peer: clients whose connections are attached to the router. */
#include <errno.h>
#include <string.h>

#include <linux/mqtt.h>

#include "mqttctl.h"

/* Which peers of a dump to show, and how many there were. */
struct filter {
	struct ctl *ctl;
	const char *client_id;		/* NULL: all */
	unsigned int matches;
};

static void show_state(struct ctl *ctl, const struct nlattr *attr)
{
	static const char * const states[] = {
		[MQTT_PEER_STATE_FAST]		= "fast",
		[MQTT_PEER_STATE_BARRIER]	= "barrier",
		[MQTT_PEER_STATE_RAW]		= "raw",
		[MQTT_PEER_STATE_HOSTED]	= "hosted",
	};
	uint32_t state;

	if (!attr)
		return;
	state = nla_get_u32(attr);
	out_word(&ctl->out, "state",
		 state < sizeof(states) / sizeof(states[0]) ? states[state] : "unknown");
}

static void show_stats(struct ctl *ctl, struct nlattr *nest)
{
	struct nlattr *attrs[MQTT_A_PEER_STATS_MAX + 1] = { NULL };

	if (!nest || mqtt_nl_peer_stats(nest, attrs))
		return;
	out_object_begin(&ctl->out, "stats", OUT_COLUMN);
	ctl_show_u64(ctl, "rx-packets", attrs[MQTT_A_PEER_STATS_RX_PACKETS]);
	ctl_show_bytes64(ctl, "rx-bytes", attrs[MQTT_A_PEER_STATS_RX_BYTES]);
	ctl_show_u64(ctl, "rx-slow-packets", attrs[MQTT_A_PEER_STATS_RX_SLOW_PACKETS]);
	ctl_show_u64(ctl, "rx-pings", attrs[MQTT_A_PEER_STATS_RX_PINGS]);
	ctl_show_u64(ctl, "tx-packets", attrs[MQTT_A_PEER_STATS_TX_PACKETS]);
	ctl_show_bytes64(ctl, "tx-bytes", attrs[MQTT_A_PEER_STATS_TX_BYTES]);
	ctl_show_u64(ctl, "drop-queue-full", attrs[MQTT_A_PEER_STATS_DROP_QUEUE_FULL]);
	ctl_show_u64(ctl, "drop-too-large", attrs[MQTT_A_PEER_STATS_DROP_TOO_LARGE]);
	ctl_show_u64(ctl, "drop-no-memory", attrs[MQTT_A_PEER_STATS_DROP_NO_MEMORY]);
	out_object_end(&ctl->out);
}

static void show_details(struct ctl *ctl, struct nlattr **attrs)
{
	out_line(&ctl->out);
	ctl_show_address(ctl, "local", attrs[MQTT_A_PEER_LOCAL]);
	ctl_show_protocol(ctl, attrs[MQTT_A_PEER_PROTOCOL]);
	ctl_show_u16(ctl, "keep-alive", attrs[MQTT_A_PEER_KEEP_ALIVE]);
	ctl_show_u16(ctl, "topic-alias-max", attrs[MQTT_A_PEER_TOPIC_ALIAS_MAX]);
	ctl_show_bytes32(ctl, "max-packet", attrs[MQTT_A_PEER_MAX_PACKET]);
	ctl_show_bytes64(ctl, "queue-limit", attrs[MQTT_A_PEER_QUEUE_LIMIT]);
	show_stats(ctl, attrs[MQTT_A_PEER_STATS]);
}

static int show(struct nlattr **attrs, void *arg)
{
	struct ctl *ctl = arg;

	ctl_list_open(ctl);
	out_object_begin(&ctl->out, NULL, OUT_ROW);
	ctl_show_u32(ctl, "id", attrs[MQTT_A_PEER_ID]);
	ctl_show_string(ctl, "client-id", attrs[MQTT_A_PEER_CLIENT_ID]);
	ctl_show_address(ctl, "remote", attrs[MQTT_A_PEER_REMOTE]);
	show_state(ctl, attrs[MQTT_A_PEER_STATE]);
	ctl_show_u32(ctl, "port", attrs[MQTT_A_PEER_PORT]);
	out_line(&ctl->out);
	ctl_show_u32(ctl, "subscriptions", attrs[MQTT_A_PEER_SUBSCRIPTIONS]);
	ctl_show_bytes64(ctl, "queue-bytes", attrs[MQTT_A_PEER_QUEUE_BYTES]);
	ctl_show_u32(ctl, "queue-packets", attrs[MQTT_A_PEER_QUEUE_PACKETS]);
	if (ctl->statistics)
		show_details(ctl, attrs);
	out_object_end(&ctl->out);
	return 0;
}

/* The kernel keeps no more of a client id than MQTT_CLIENT_ID_MAX bytes. */
static bool has_client_id(const struct nlattr *attr, const char *client_id)
{
	size_t len;

	if (!attr)
		return false;
	len = strnlen(nla_data(attr), (size_t)nla_len(attr));
	return len == strnlen(client_id, MQTT_CLIENT_ID_MAX) &&
	       !memcmp(nla_data(attr), client_id, len);
}

static int show_matching(struct nlattr **attrs, void *arg)
{
	struct filter *filter = arg;

	if (filter->client_id && !has_client_id(attrs[MQTT_A_PEER_CLIENT_ID], filter->client_id))
		return 0;
	filter->matches++;
	return show(attrs, filter->ctl);
}

static int show_list(struct ctl *ctl, const char *client_id)
{
	struct filter filter = { .ctl = ctl, .client_id = client_id };
	int status;

	if (ctl_open(ctl))
		return FAILED;
	status = ctl_list_close(ctl, mqtt_nl_peer_dump(ctl->nl, show_matching, &filter));
	if (status || !client_id || filter.matches)
		return status;
	fprintf(stderr, "mqttctl: no peer has this client id\n");
	return FAILED;
}

static int show_one(struct ctl *ctl, const char *word)
{
	uint32_t id;

	if (ctl_peer_id(word, &id))
		return USAGE;
	if (ctl_open(ctl))
		return FAILED;
	return ctl_list_close(ctl, mqtt_nl_peer_get(ctl->nl, id, show, ctl));
}

static int peer_show(struct ctl *ctl, int argc, char **argv)
{
	if (!argc)
		return show_list(ctl, NULL);
	if (argc == 1 && !ctl_is(argv[0], "client"))
		return show_one(ctl, argv[0]);
	if (!ctl_is(argv[0], "client"))
		return ctl_usage("'peer show' does not take '%s'", argv[1]);
	if (argc != 2)
		return ctl_usage("'peer show client' needs one client id");
	return show_list(ctl, argv[1]);
}

static int peer_detach(struct ctl *ctl, int argc, char **argv)
{
	uint32_t id;

	if (argc != 1)
		return ctl_usage("'peer detach' needs one peer id");
	if (ctl_peer_id(argv[0], &id))
		return USAGE;
	if (ctl_open(ctl))
		return FAILED;
	return ctl_result(ctl, mqtt_nl_peer_detach(ctl->nl, id));
}

/* What 'peer set' changes, and where its values are. */
struct changes {
	struct mqtt_nl_peer_set set;
	uint64_t queue_limit;
	uint16_t keep_alive;
};

static int set_attribute(struct changes *changes, const char *name, const char *value)
{
	if (ctl_is(name, "queue-limit")) {
		changes->set.queue_limit = &changes->queue_limit;
		return ctl_bytes(value, &changes->queue_limit);
	}
	if (ctl_is(name, "keep-alive")) {
		changes->set.keep_alive = &changes->keep_alive;
		return ctl_seconds(value, &changes->keep_alive);
	}
	return ctl_usage("'peer set' does not know '%s'", name);
}

static int peer_set(struct ctl *ctl, int argc, char **argv)
{
	struct changes changes = { 0 };
	uint32_t id;

	if (argc < 2)
		return ctl_usage("'peer set' needs a peer id, and what to change");
	if (ctl_peer_id(argv[0], &id))
		return USAGE;
	for (argc--, argv++; argc; argc -= 2, argv += 2) {
		if (argc == 1)
			return ctl_usage("'%s' needs a value", argv[0]);
		if (set_attribute(&changes, argv[0], argv[1]))
			return USAGE;
	}
	if (ctl_open(ctl))
		return FAILED;
	return ctl_result(ctl, mqtt_nl_peer_set(ctl->nl, id, &changes.set));
}

int peer_main(struct ctl *ctl, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "show", peer_show, "[ ID | client CLIENT-ID ]" },
		{ "detach", peer_detach, "ID" },
		{ "set", peer_set, "ID [ queue-limit BYTES ] [ keep-alive SECONDS ]" },
		{ 0 }
	};

	return ctl_dispatch(ctl, "peer", commands, argc, argv);
}
