// SPDX-License-Identifier: MIT
/* mqttctl stat: the router's counters. */
#include <linux/mqtt.h>

#include "mqttctl.h"

/* In rows; a counter without a name begins the next one. */
static const struct ctl_field fields[] = {
	CTL_COUNT(MQTT_A_STATS_RX_PACKETS, "rx-packets"),
	CTL_BYTES(MQTT_A_STATS_RX_BYTES, "rx-bytes"),
	CTL_COUNT(MQTT_A_STATS_RX_PINGS, "rx-pings"),
	CTL_COUNT(MQTT_A_STATS_RX_SLOW_PACKETS, "rx-slow-packets"),
	CTL_LINE,
	CTL_COUNT(MQTT_A_STATS_RX_BARRIERS, "rx-barriers"),
	CTL_COUNT(MQTT_A_STATS_RX_MALFORMED, "rx-malformed"),
	CTL_COUNT(MQTT_A_STATS_RX_URGENT, "rx-urgent"),
	CTL_COUNT(MQTT_A_STATS_RX_NO_BUFFER, "rx-no-buffer"),
	CTL_COUNT(MQTT_A_STATS_KEEP_ALIVE_EXPIRED, "keep-alive-expired"),
	CTL_LINE,
	CTL_COUNT(MQTT_A_STATS_RX_RATE_WAITS, "rx-rate-waits"),
	CTL_COUNT(MQTT_A_STATS_RX_PAUSES, "rx-pauses"),
	CTL_BYTES(MQTT_A_STATS_RX_SHARED_BYTES, "rx-shared-bytes"),
	CTL_LINE,
	CTL_COUNT(MQTT_A_STATS_MATCHED, "matched"),
	CTL_COUNT(MQTT_A_STATS_UNMATCHED, "unmatched"),
	CTL_COUNT(MQTT_A_STATS_ENQUEUED, "enqueued"),
	CTL_COUNT(MQTT_A_STATS_TRANSLATED, "translated"),
	CTL_COUNT(MQTT_A_STATS_GROUP_DELIVERIES, "group-deliveries"),
	CTL_LINE,
	CTL_COUNT(MQTT_A_STATS_TX_PACKETS, "tx-packets"),
	CTL_BYTES(MQTT_A_STATS_TX_BYTES, "tx-bytes"),
	CTL_COUNT(MQTT_A_STATS_TX_PINGS, "tx-pings"),
	CTL_COUNT(MQTT_A_STATS_TX_RETRIES, "tx-retries"),
	CTL_LINE,
	CTL_COUNT(MQTT_A_STATS_PORT_RX_PACKETS, "port-rx-packets"),
	CTL_COUNT(MQTT_A_STATS_PORT_TX_PACKETS, "port-tx-packets"),
	CTL_LINE,
	CTL_COUNT(MQTT_A_STATS_DROP_QUEUE_FULL, "drop-queue-full"),
	CTL_COUNT(MQTT_A_STATS_DROP_OLD, "drop-old"),
	CTL_COUNT(MQTT_A_STATS_DROP_CONFLATED, "drop-conflated"),
	CTL_COUNT(MQTT_A_STATS_DROP_SLOW, "drop-slow"),
	CTL_COUNT(MQTT_A_STATS_DROP_ROUTER_FULL, "drop-router-full"),
	CTL_LINE,
	CTL_COUNT(MQTT_A_STATS_DROP_TOO_LARGE, "drop-too-large"),
	CTL_COUNT(MQTT_A_STATS_DROP_PORT_FULL, "drop-port-full"),
	CTL_COUNT(MQTT_A_STATS_DROP_NO_MEMORY, "drop-no-memory"),
	CTL_COUNT(MQTT_A_STATS_DROP_PEER_GONE, "drop-peer-gone"),
	CTL_COUNT(MQTT_A_STATS_DROP_BUDGET, "drop-budget"),
	CTL_LINE,
	CTL_COUNT(MQTT_A_STATS_DROP_RATE, "drop-rate"),
	CTL_COUNT(MQTT_A_STATS_DROP_DENIED_PUBLISH, "drop-denied-publish"),
	CTL_COUNT(MQTT_A_STATS_DROP_DENIED_RECEIVE, "drop-denied-receive"),
	{ 0 }
};

static int show(struct nlattr **attrs, void *arg)
{
	struct ctl *ctl = arg;

	out_object_begin(&ctl->out, NULL, ctl->statistics ? OUT_COLUMN : OUT_ROW);
	ctl_show_fields(ctl, attrs, fields);
	out_object_end(&ctl->out);
	return 0;
}

static int stat_show(struct ctl *ctl, int argc, char **argv)
{
	if (argc)
		return ctl_usage("'stat show' does not take '%s'", argv[0]);
	if (ctl_open(ctl))
		return FAILED;
	return ctl_result(ctl, mqtt_nl_stats_get(ctl->nl, show, ctl));
}

int stat_main(struct ctl *ctl, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "show", stat_show, "" },
		{ "delay", stat_delay, "" },
		{ 0 }
	};

	return ctl_dispatch(ctl, "stat", commands, argc, argv);
}
