// SPDX-License-Identifier: MIT
/* mqttctl stat: the router's counters. */
#include <linux/mqtt.h>

#include "mqttctl.h"

static void show_rx(struct ctl *ctl, struct nlattr **attrs)
{
	ctl_show_u64(ctl, "rx-packets", attrs[MQTT_A_STATS_RX_PACKETS]);
	ctl_show_bytes64(ctl, "rx-bytes", attrs[MQTT_A_STATS_RX_BYTES]);
	ctl_show_u64(ctl, "rx-pings", attrs[MQTT_A_STATS_RX_PINGS]);
	ctl_show_u64(ctl, "rx-slow-packets", attrs[MQTT_A_STATS_RX_SLOW_PACKETS]);
	out_line(&ctl->out);
	ctl_show_u64(ctl, "rx-barriers", attrs[MQTT_A_STATS_RX_BARRIERS]);
	ctl_show_u64(ctl, "rx-malformed", attrs[MQTT_A_STATS_RX_MALFORMED]);
	ctl_show_u64(ctl, "rx-urgent", attrs[MQTT_A_STATS_RX_URGENT]);
	ctl_show_u64(ctl, "rx-no-buffer", attrs[MQTT_A_STATS_RX_NO_BUFFER]);
	ctl_show_u64(ctl, "keep-alive-expired", attrs[MQTT_A_STATS_KEEP_ALIVE_EXPIRED]);
}

static void show_match(struct ctl *ctl, struct nlattr **attrs)
{
	ctl_show_u64(ctl, "matched", attrs[MQTT_A_STATS_MATCHED]);
	ctl_show_u64(ctl, "unmatched", attrs[MQTT_A_STATS_UNMATCHED]);
	ctl_show_u64(ctl, "enqueued", attrs[MQTT_A_STATS_ENQUEUED]);
	ctl_show_u64(ctl, "translated", attrs[MQTT_A_STATS_TRANSLATED]);
}

static void show_tx(struct ctl *ctl, struct nlattr **attrs)
{
	ctl_show_u64(ctl, "tx-packets", attrs[MQTT_A_STATS_TX_PACKETS]);
	ctl_show_bytes64(ctl, "tx-bytes", attrs[MQTT_A_STATS_TX_BYTES]);
	ctl_show_u64(ctl, "tx-pings", attrs[MQTT_A_STATS_TX_PINGS]);
	ctl_show_u64(ctl, "tx-retries", attrs[MQTT_A_STATS_TX_RETRIES]);
	out_line(&ctl->out);
	ctl_show_u64(ctl, "port-rx-packets", attrs[MQTT_A_STATS_PORT_RX_PACKETS]);
	ctl_show_u64(ctl, "port-tx-packets", attrs[MQTT_A_STATS_PORT_TX_PACKETS]);
}

static void show_drops(struct ctl *ctl, struct nlattr **attrs)
{
	ctl_show_u64(ctl, "drop-queue-full", attrs[MQTT_A_STATS_DROP_QUEUE_FULL]);
	ctl_show_u64(ctl, "drop-too-large", attrs[MQTT_A_STATS_DROP_TOO_LARGE]);
	ctl_show_u64(ctl, "drop-port-full", attrs[MQTT_A_STATS_DROP_PORT_FULL]);
	ctl_show_u64(ctl, "drop-no-memory", attrs[MQTT_A_STATS_DROP_NO_MEMORY]);
	ctl_show_u64(ctl, "drop-peer-gone", attrs[MQTT_A_STATS_DROP_PEER_GONE]);
	ctl_show_u64(ctl, "drop-budget", attrs[MQTT_A_STATS_DROP_BUDGET]);
}

static int show(struct nlattr **attrs, void *arg)
{
	struct ctl *ctl = arg;

	out_object_begin(&ctl->out, NULL, ctl->statistics ? OUT_COLUMN : OUT_ROW);
	show_rx(ctl, attrs);
	out_line(&ctl->out);
	show_match(ctl, attrs);
	out_line(&ctl->out);
	show_tx(ctl, attrs);
	out_line(&ctl->out);
	show_drops(ctl, attrs);
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
