// SPDX-License-Identifier: MIT
/* mqttctl router: the router of this network namespace and its limits. */
#include <stdint.h>

#include <linux/mqtt.h>

#include "mqttctl.h"

static int show(struct nlattr **attrs, void *arg)
{
	static const struct ctl_field fields[] = {
		CTL_BYTES(MQTT_A_ROUTER_QUEUE_LIMIT, "queue-limit"),
		CTL_BYTES(MQTT_A_ROUTER_OFFLOAD_MAX_PACKET, "offload-max-packet"),
		CTL_LINE,
		CTL_BYTES(MQTT_A_ROUTER_MEMORY_LIMIT, "memory-limit"),
		CTL_BYTES(MQTT_A_ROUTER_MEMORY_BYTES, "memory-bytes"),
		CTL_LINE,
		CTL_COUNT(MQTT_A_ROUTER_PEERS, "peers"),
		CTL_COUNT(MQTT_A_ROUTER_SUBSCRIPTIONS, "subscriptions"),
		CTL_COUNT(MQTT_A_ROUTER_PORTS, "ports"),
		CTL_COUNT(MQTT_A_ROUTER_ACLS, "acls"),
		CTL_COUNT(MQTT_A_ROUTER_NODES, "nodes"),
		CTL_COUNT(MQTT_A_ROUTER_OWNER_PORTID, "owner-portid"),
		{ 0 }
	};
	struct ctl *ctl = arg;

	out_object_begin(&ctl->out, NULL, OUT_ROW);
	ctl_show_fields(ctl, attrs, fields);
	out_object_end(&ctl->out);
	return 0;
}

static int router_show(struct ctl *ctl, int argc, char **argv)
{
	if (argc)
		return ctl_usage("'router show' does not take '%s'", argv[0]);
	if (ctl_open(ctl))
		return FAILED;
	return ctl_result(ctl, mqtt_nl_router_get(ctl->nl, show, ctl));
}

/* One "NAME BYTES" of 'router set'. */
static int set_limit(struct mqtt_nl_router *router, const char *name, const char *value)
{
	uint64_t bytes;

	if (ctl_bytes(value, &bytes))
		return USAGE;
	if (ctl_is(name, "queue-limit")) {
		router->queue_limit = bytes;
		return DONE;
	}
	if (ctl_is(name, "memory-limit")) {
		router->memory_limit = bytes;
		return DONE;
	}
	if (!ctl_is(name, "offload-max-packet"))
		return ctl_usage("'router set' does not know '%s'", name);
	if (bytes > UINT32_MAX)
		return ctl_usage("offload-max-packet cannot be '%s'", value);
	router->offload_max_packet = (uint32_t)bytes;
	return DONE;
}

static int router_set(struct ctl *ctl, int argc, char **argv)
{
	struct mqtt_nl_router router = { 0 };

	if (!argc)
		return ctl_usage("'router set' needs a limit and its value");
	for (; argc; argc -= 2, argv += 2) {
		if (argc == 1)
			return ctl_usage("'%s' needs a value", argv[0]);
		if (set_limit(&router, argv[0], argv[1]))
			return USAGE;
	}
	if (ctl_open(ctl))
		return FAILED;
	return ctl_result(ctl, mqtt_nl_router_set(ctl->nl, &router));
}

int router_main(struct ctl *ctl, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "show", router_show, "" },
		{ "set", router_set,
		  "[ queue-limit BYTES ] [ offload-max-packet BYTES ] [ memory-limit BYTES ]" },
		{ 0 }
	};

	return ctl_dispatch(ctl, "router", commands, argc, argv);
}
