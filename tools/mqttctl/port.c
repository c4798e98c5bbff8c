// SPDX-License-Identifier: MIT
/* mqttctl port: the ways between the router and the daemon's threads. */
#include <linux/mqtt.h>

#include "mqttctl.h"

static int show(struct nlattr **attrs, void *arg)
{
	struct ctl *ctl = arg;

	ctl_list_open(ctl);
	out_object_begin(&ctl->out, NULL, OUT_ROW);
	ctl_show_u32(ctl, "id", attrs[MQTT_A_PORT_ID]);
	ctl_show_u32(ctl, "peers", attrs[MQTT_A_PORT_PEERS]);
	ctl_show_bytes64(ctl, "queue-bytes", attrs[MQTT_A_PORT_QUEUE_BYTES]);
	ctl_show_u32(ctl, "queue-packets", attrs[MQTT_A_PORT_QUEUE_PACKETS]);
	if (ctl->statistics)
		ctl_show_bytes64(ctl, "queue-limit", attrs[MQTT_A_PORT_QUEUE_LIMIT]);
	out_line(&ctl->out);
	ctl_show_u64(ctl, "rx-packets", attrs[MQTT_A_PORT_RX_PACKETS]);
	ctl_show_u64(ctl, "tx-packets", attrs[MQTT_A_PORT_TX_PACKETS]);
	ctl_show_u64(ctl, "drop-queue-full", attrs[MQTT_A_PORT_DROP_QUEUE_FULL]);
	out_object_end(&ctl->out);
	return 0;
}

static int port_show(struct ctl *ctl, int argc, char **argv)
{
	uint32_t id;

	if (argc > 1)
		return ctl_usage("'port show' does not take '%s'", argv[1]);
	if (argc && ctl_port_id(argv[0], &id))
		return USAGE;
	if (ctl_open(ctl))
		return FAILED;
	if (argc)
		return ctl_list_close(ctl, mqtt_nl_port_get(ctl->nl, id, show, ctl));
	return ctl_list_close(ctl, mqtt_nl_port_dump(ctl->nl, show, ctl));
}

int port_main(struct ctl *ctl, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "show", port_show, "[ ID ]" },
		{ 0 }
	};

	return ctl_dispatch(ctl, "port", commands, argc, argv);
}
