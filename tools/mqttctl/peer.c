// SPDX-License-Identifier: MIT
/* mqttctl peer: clients whose connections are attached to the router. */
#include <errno.h>
#include <string.h>

#include <linux/mqtt.h>

#include "mqttctl.h"
#include "peer.h"

/* Which peers of a dump to show, and how many there were. */
struct filter {
	struct ctl *ctl;
	const char *client_id;		/* NULL: all */
	unsigned int matches;
};

static void show_state(struct ctl *ctl, const struct nlattr *attr)
{
	static const char *const states[] = {
		[MQTT_PEER_STATE_FAST]		= "fast",
		[MQTT_PEER_STATE_BARRIER]	= "barrier",
		[MQTT_PEER_STATE_RAW]		= "raw",
		[MQTT_PEER_STATE_HOSTED]	= "hosted",
		NULL
	};

	ctl_show_word(ctl, "state", attr, states);
}

static void show_stats(struct ctl *ctl, struct nlattr *nest)
{
	static const struct ctl_field fields[] = {
		CTL_COUNT(MQTT_A_PEER_STATS_RX_PACKETS, "rx-packets"),
		CTL_BYTES(MQTT_A_PEER_STATS_RX_BYTES, "rx-bytes"),
		CTL_COUNT(MQTT_A_PEER_STATS_RX_SLOW_PACKETS, "rx-slow-packets"),
		CTL_COUNT(MQTT_A_PEER_STATS_RX_PINGS, "rx-pings"),
		CTL_COUNT(MQTT_A_PEER_STATS_RX_RATE_WAITS, "rx-rate-waits"),
		CTL_COUNT(MQTT_A_PEER_STATS_RX_PAUSES, "rx-pauses"),
		CTL_COUNT(MQTT_A_PEER_STATS_TX_PACKETS, "tx-packets"),
		CTL_BYTES(MQTT_A_PEER_STATS_TX_BYTES, "tx-bytes"),
		CTL_COUNT(MQTT_A_PEER_STATS_DROP_QUEUE_FULL, "drop-queue-full"),
		CTL_COUNT(MQTT_A_PEER_STATS_DROP_OLD, "drop-old"),
		CTL_COUNT(MQTT_A_PEER_STATS_DROP_CONFLATED, "drop-conflated"),
		CTL_COUNT(MQTT_A_PEER_STATS_DROP_SLOW, "drop-slow"),
		CTL_COUNT(MQTT_A_PEER_STATS_DROP_ROUTER_FULL, "drop-router-full"),
		CTL_COUNT(MQTT_A_PEER_STATS_DROP_TOO_LARGE, "drop-too-large"),
		CTL_COUNT(MQTT_A_PEER_STATS_DROP_NO_MEMORY, "drop-no-memory"),
		CTL_COUNT(MQTT_A_PEER_STATS_DROP_RATE, "drop-rate"),
		CTL_COUNT(MQTT_A_PEER_STATS_DROP_DENIED_PUBLISH, "drop-denied-publish"),
		CTL_COUNT(MQTT_A_PEER_STATS_DROP_DENIED_RECEIVE, "drop-denied-receive"),
		{ 0 }
	};
	struct nlattr *attrs[MQTT_A_PEER_STATS_MAX + 1] = { NULL };

	if (!nest || mqtt_nl_peer_stats(nest, attrs))
		return;
	out_object_begin(&ctl->out, "stats", OUT_COLUMN);
	ctl_show_fields(ctl, attrs, fields);
	out_object_end(&ctl->out);
}

static void show_acls(struct ctl *ctl, const struct nlattr *attr)
{
	char text[MQTT_PEER_ACLS_MAX * sizeof("4294967295,")] = "";
	size_t len = 0, i, n;
	uint32_t id;

	n = attr ? (size_t)nla_len(attr) / sizeof(id) : 0;
	for (i = 0; i < n && i < MQTT_PEER_ACLS_MAX; i++) {
		memcpy(&id, (char *)nla_data(attr) + i * sizeof(id), sizeof(id));
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", len ? "," : "",
					id);
	}
	if (len)
		out_word(&ctl->out, "acls", text);
}

static void show_limits(struct ctl *ctl, struct nlattr **attrs)
{
	static const struct ctl_field queue[] = {
		CTL_BYTES(MQTT_A_PEER_QUEUE_LIMIT, "queue-limit"),
		CTL_COUNT(MQTT_A_PEER_QUEUE_PACKETS_LIMIT, "queue-packets-limit"),
		CTL_COUNT(MQTT_A_PEER_PAUSE, "pause"),
		{ 0 }
	}, rate[] = {
		CTL_COUNT(MQTT_A_PEER_RATE_PACKETS, "rate-packets"),
		CTL_BYTES(MQTT_A_PEER_RATE_BYTES, "rate-bytes"),
		{ 0 }
	};

	out_line(&ctl->out);
	ctl_show_fields(ctl, attrs, queue);
	ctl_show_word(ctl, "queue-policy", attrs[MQTT_A_PEER_QUEUE_POLICY], peer_queue_policies);
	out_line(&ctl->out);
	ctl_show_fields(ctl, attrs, rate);
	ctl_show_word(ctl, "rate-policy", attrs[MQTT_A_PEER_RATE_POLICY], peer_rate_policies);
	show_acls(ctl, attrs[MQTT_A_PEER_ACLS]);
}

static void show_details(struct ctl *ctl, struct nlattr **attrs)
{
	static const struct ctl_field fields[] = {
		CTL_COUNT(MQTT_A_PEER_KEEP_ALIVE, "keep-alive"),
		CTL_COUNT(MQTT_A_PEER_TOPIC_ALIAS_MAX, "topic-alias-max"),
		CTL_BYTES(MQTT_A_PEER_MAX_PACKET, "max-packet"),
		{ 0 }
	};

	out_line(&ctl->out);
	ctl_show_address(ctl, "local", attrs[MQTT_A_PEER_LOCAL]);
	ctl_show_protocol(ctl, attrs[MQTT_A_PEER_PROTOCOL]);
	ctl_show_fields(ctl, attrs, fields);
	show_limits(ctl, attrs);
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

int peer_main(struct ctl *ctl, int argc, char **argv)
{
	const struct command commands[] = {
		{ "show", peer_show, "[ ID | client CLIENT-ID ]" },
		{ "detach", peer_detach, "ID" },
		{ "set", peer_set, peer_set_help() },
		{ 0 }
	};

	return ctl_dispatch(ctl, "peer", commands, argc, argv);
}
