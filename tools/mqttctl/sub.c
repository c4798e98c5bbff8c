// SPDX-License-Identifier: MIT
/* mqttctl sub: subscriptions in the kernel's topic table. */
#include <linux/mqtt.h>

#include "mqttctl.h"

/* Nothing for a subscription without options */
static void show_options(struct ctl *ctl, const struct nlattr *attr)
{
	if (attr && nla_get_u8(attr) & MQTT_SUB_OPTION_NO_LOCAL)
		out_word(&ctl->out, "options", "no-local");
}

static int show(struct nlattr **attrs, void *arg)
{
	struct ctl *ctl = arg;

	ctl_list_open(ctl);
	out_object_begin(&ctl->out, NULL, OUT_ROW);
	ctl_show_u32(ctl, "peer-id", attrs[MQTT_A_SUB_PEER_ID]);
	if (ctl->statistics)
		ctl_show_u32(ctl, "seq", attrs[MQTT_A_SUB_SEQ]);
	ctl_show_string(ctl, "filter", attrs[MQTT_A_SUB_FILTER]);
	show_options(ctl, attrs[MQTT_A_SUB_OPTIONS]);
	out_object_end(&ctl->out);
	return 0;
}

static int sub_show(struct ctl *ctl, int argc, char **argv)
{
	uint32_t peer_id = 0;

	if (argc && !ctl_is(argv[0], "peer"))
		return ctl_usage("'sub show' does not take '%s'", argv[0]);
	if (argc && argc != 2)
		return ctl_usage("'sub show peer' needs one peer id");
	if (argc && ctl_peer_id(argv[1], &peer_id))
		return USAGE;
	if (ctl_open(ctl))
		return FAILED;
	return ctl_list_close(ctl, mqtt_nl_sub_dump(ctl->nl, peer_id, show, ctl));
}

int sub_main(struct ctl *ctl, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "show", sub_show, "[ peer ID ]" },
		{ 0 }
	};

	return ctl_dispatch(ctl, "sub", commands, argc, argv);
}
