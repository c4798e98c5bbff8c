// SPDX-License-Identifier: MIT
/* mqttctl ban: addresses that mqttd does not let in. */
#include <stdlib.h>
#include <string.h>

#include "mqttctl.h"

/* "90", "90s", "5m", "2h", "7d": seconds. False after a sentence on stderr. */
static bool parse_duration(const char *word, json_int_t *seconds)
{
	static const struct {
		char letter;
		long seconds;
	} units[] = {
		{ '\0', 1 }, { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
		{ 'w', 7 * 86400 },
	};
	unsigned long number;
	char *end;
	size_t i;

	number = strtoul(word, &end, 10);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (*word < '0' || *word > '9' || strlen(word) > 9 || !number ||
		    *end != units[i].letter || (*end && end[1]))
			continue;
		*seconds = (json_int_t)number * units[i].seconds;
		return true;
	}
	ctl_usage("'%s' is not a number of s, m, h, d or w", word);
	return false;
}

static int ask(struct ctl *ctl, json_t *request)
{
	json_t *result;

	if (!request)
		return ctl_fail("an address is ASCII");
	result = ctl_ask(ctl, request);
	json_decref(result);
	return result ? DONE : FAILED;
}

static int ban_add(struct ctl *ctl, int argc, char **argv)
{
	json_int_t seconds = 0;

	if (!argc)
		return ctl_usage("'ban add' needs an address, or ADDRESS/LENGTH");
	if (argc > 1 && !ctl_is(argv[1], "for"))
		return ctl_usage("'ban add' does not take '%s'", argv[1]);
	if (argc == 2 || argc > 3)
		return ctl_usage("'for' needs one duration");
	if (argc == 3 && !parse_duration(argv[2], &seconds))
		return USAGE;
	return ask(ctl, json_pack("{s:s, s:s, s:I}", "command", "ban-add", "network", argv[0],
				  "seconds", seconds));
}

static int ban_del(struct ctl *ctl, int argc, char **argv)
{
	if (argc != 1)
		return ctl_usage("'ban del' needs one address, or ADDRESS/LENGTH");
	return ask(ctl, json_pack("{s:s, s:s}", "command", "ban-del", "network", argv[0]));
}

/* The daemon's own words, but they are not printed as they stand. */
static void show_text(struct ctl *ctl, const json_t *ban, const char *name)
{
	const json_t *text = json_object_get(ban, name);

	if (json_is_string(text))
		out_string(&ctl->out, name, json_string_value(text), json_string_length(text));
}

static void show_count(struct ctl *ctl, const json_t *ban, const char *name)
{
	const json_t *count = json_object_get(ban, name);

	if (json_is_integer(count) && json_integer_value(count) >= 0)
		out_count(&ctl->out, name, json_integer_value(count));
}

static void show_page(struct ctl *ctl, const json_t *page)
{
	const json_t *ban;
	size_t i;

	ctl_list_open(ctl);
	json_array_foreach(json_object_get(page, "bans"), i, ban) {
		out_object_begin(&ctl->out, NULL, OUT_ROW);
		show_text(ctl, ban, "network");
		show_text(ctl, ban, "why");
		show_count(ctl, ban, "ago");
		show_count(ctl, ban, "expires-in");
		show_count(ctl, ban, "refused");
		out_object_end(&ctl->out);
	}
}

static int ban_show(struct ctl *ctl, int argc, char **argv)
{
	json_int_t cursor = 0;
	int status = DONE;
	json_t *page;

	if (argc)
		return ctl_usage("'ban show' does not take '%s'", argv[0]);
	do {
		page = ctl_ask(ctl, json_pack("{s:s, s:I}", "command", "ban-show",
					      "cursor", cursor));
		if (!page) {
			status = FAILED;
			break;
		}
		show_page(ctl, page);
		cursor = json_integer_value(json_object_get(page, "next"));
		json_decref(page);
	} while (cursor);
	if (ctl->listing)
		out_array_end(&ctl->out);
	ctl->listing = false;
	return status;
}

int ban_main(struct ctl *ctl, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "show", ban_show, "" },
		{ "add", ban_add, "ADDRESS[/LENGTH] [ for DURATION ]" },
		{ "del", ban_del, "ADDRESS[/LENGTH]" },
		{ 0 }
	};

	return ctl_dispatch(ctl, "ban", commands, argc, argv);
}
