// SPDX-License-Identifier: MIT
/* mqttctl acl: sets of rules in the kernel, and what is in one. */
#include <linux/mqtt.h>

#include "mqttctl.h"

/**
 * struct view - what is being shown
 * @id: the set that is asked for, 0: all, without their rules
 * @last: the one that was shown last
 * @open: an object, and with @id an array in it, are not ended yet
 */
struct view {
	struct ctl *ctl;
	uint32_t id;
	uint32_t last;
	bool open;
};

static const char *action_name(const struct nlattr *attr)
{
	static const char * const names[] = {
		[MQTT_ACL_ACTION_DENY] = "deny",
		[MQTT_ACL_ACTION_ALLOW] = "allow",
		[MQTT_ACL_ACTION_PASS] = "pass",
	};
	unsigned int action = attr ? nla_get_u8(attr) : sizeof(names);

	return action < sizeof(names) / sizeof(*names) ? names[action] : "unknown";
}

static const char *access_name(const struct nlattr *attr)
{
	switch (attr ? nla_get_u8(attr) : 0) {
	case MQTT_ACL_ACCESS_PUBLISH:
		return "publish";
	case MQTT_ACL_ACCESS_RECEIVE:
		return "receive";
	case MQTT_ACL_ACCESS_PUBLISH | MQTT_ACL_ACCESS_RECEIVE:
		return "both";
	default:
		return "unknown";
	}
}

static void end(struct view *view)
{
	if (!view->open)
		return;
	if (view->id)
		out_array_end(&view->ctl->out);
	out_object_end(&view->ctl->out);
	view->open = false;
}

/* With @id the set's rules follow, perhaps with the set once more between them. */
static int show_set(struct nlattr **attrs, void *arg)
{
	struct view *view = arg;
	struct ctl *ctl = view->ctl;

	if (view->open)
		return 0;
	ctl_list_open(ctl);
	out_object_begin(&ctl->out, NULL, OUT_ROW);
	view->open = true;
	ctl_show_u32(ctl, "id", attrs[MQTT_A_ACL_ID]);
	out_word(&ctl->out, "fallback", action_name(attrs[MQTT_A_ACL_FALLBACK]));
	ctl_show_u32(ctl, "peers", attrs[MQTT_A_ACL_PEERS]);
	ctl_show_u32(ctl, "rules", attrs[MQTT_A_ACL_RULES]);
	if (view->id)
		out_array_begin(&ctl->out, "list");
	return 0;
}

static int show_rule(struct nlattr **attrs, void *arg)
{
	struct view *view = arg;
	struct ctl *ctl = view->ctl;

	out_object_begin(&ctl->out, NULL, OUT_ROW);
	out_word(&ctl->out, "action", action_name(attrs[MQTT_A_ACL_RULE_ACTION]));
	out_word(&ctl->out, "access", access_name(attrs[MQTT_A_ACL_RULE_ACCESS]));
	ctl_show_string(ctl, "filter", attrs[MQTT_A_ACL_RULE_FILTER]);
	out_object_end(&ctl->out);
	return 0;
}

/* One of several, which goes on as often as its rules need messages. */
static int show_row(struct nlattr **attrs, void *arg)
{
	struct view *view = arg;
	uint32_t id = attrs[MQTT_A_ACL_ID] ? nla_get_u32(attrs[MQTT_A_ACL_ID]) : 0;

	if (id == view->last)
		return 0;
	view->last = id;
	show_set(attrs, view);
	end(view);
	return 0;
}

static int acl_show(struct ctl *ctl, int argc, char **argv)
{
	struct view view = { .ctl = ctl };
	int err;

	if (ctl->user || ctl->client_id || ctl->roles)
		return ctl_usage("--user, --client-id and --roles are for 'acl test'");
	if (argc > 1)
		return ctl_usage("'acl show' does not take '%s'", argv[1]);
	if (argc && ctl_acl_id(argv[0], &view.id))
		return USAGE;
	if (ctl_open(ctl))
		return FAILED;
	if (!view.id)
		return ctl_list_close(ctl, mqtt_nl_acl_dump(ctl->nl, 0, show_row, NULL, &view));
	err = mqtt_nl_acl_dump(ctl->nl, view.id, show_set, show_rule, &view);
	if (!err && !view.open)
		return ctl_fail("no set of rules has this id");
	end(&view);
	return ctl_list_close(ctl, err);
}

int acl_main(struct ctl *ctl, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "show", acl_show, "[ ID ]" },
		{ "test", acl_test,
		  "{ CLIENT-ID | [ --user NAME ] [ --client-id ID ] [ --roles NAME,... ] }"
		  " { publish | receive | subscribe } TOPIC"
		  " [ port PORT ] [ claim NAME VALUE ]..." },
		{ 0 }
	};

	return ctl_dispatch(ctl, "acl", commands, argc, argv);
}
