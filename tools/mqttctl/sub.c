// SPDX-License-Identifier: MIT
/* mqttctl sub: subscriptions in the kernel's topic table. */
#include <linux/mqtt.h>

#include "mqttctl.h"

/* Nothing for a subscription without options */
static void show_options(struct ctl *ctl, const struct nlattr *attr)
{
	uint8_t options = attr ? nla_get_u8(attr) : 0;
	bool no_local = options & MQTT_SUB_OPTION_NO_LOCAL;

	if (options & MQTT_SUB_OPTION_RETAIN_AS_PUBLISHED)
		out_word(&ctl->out, "options", no_local ? "no-local,retain-as-published" :
							  "retain-as-published");
	else if (no_local)
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
	ctl_show_string(ctl, "group", attrs[MQTT_A_SUB_GROUP]);
	ctl_show_string(ctl, "filter", attrs[MQTT_A_SUB_FILTER]);
	ctl_show_u32(ctl, "id", attrs[MQTT_A_SUB_ID]);
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
