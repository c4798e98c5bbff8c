// SPDX-License-Identifier: MIT
/*
 * What the operator can ask about banned addresses, and change.
 *
 *   ban-add     network, seconds    "192.0.2.0/24"; 0 or missing: for ever
 *   ban-del     network
 *   ban-show    cursor
 */
#include <errno.h>

#include "bans.h"
#include "broker.h"
#include "control.h"
#include "control_bans.h"
#include "stored.h"

/* Bans in one answer, or a bucket of the table's more. */
#define PAGE		256
#define SECONDS_MAX	(100ll * 365 * 86400)

/* False: the request was refused. */
static bool get_network(struct control_request *request, struct prefix *prefix)
{
	const char *text = json_string_value(json_object_get(request->arguments, "network"));

	if (text && !prefix_parse(prefix, text, BANS_LEN6))
		return true;
	control_refuse(request, "\"%.64s\" is not an address or ADDRESS/LENGTH", text ? text : "");
	return false;
}

static void answer(struct control_request *request, int err)
{
	switch (err) {
	case 0:
		control_answer(request, json_object());
		break;
	case -ENOENT:
		control_refuse(request, "this network is not banned");
		break;
	case -EPERM:
		control_refuse(request, "ban_exempt has this network");
		break;
	case -ENOSPC:
		control_refuse(request, "there are %d bans already", BANS_MAX);
		break;
	default:
		control_answer(request, NULL);
	}
}

void control_ban_add(struct control_request *request)
{
	const json_t *value = json_object_get(request->arguments, "seconds");
	json_int_t seconds = json_integer_value(value);
	struct broker *broker = request->broker;
	struct prefix prefix;
	int err;

	if (!get_network(request, &prefix))
		return;
	if ((value && !json_is_integer(value)) || seconds < 0 || seconds > SECONDS_MAX) {
		control_refuse(request, "\"seconds\" has to be from 0 to %lld", SECONDS_MAX);
		return;
	}
	err = bans_add(broker->bans, &prefix, seconds ? stored_now() + seconds * 1000ull : 0,
		       BAN_BY_OPERATOR, false);
	if (!err)
		broker_wake_workers(broker);
	answer(request, err);
}

void control_ban_del(struct control_request *request)
{
	struct prefix prefix;

	if (get_network(request, &prefix))
		answer(request, bans_del(request->broker->bans, &prefix));
}

struct page {
	json_t *bans;
	size_t n;
	uint64_t now;
};

static void list_one(void *ctx, const struct ban_info *ban)
{
	struct page *page = ctx;
	char network[PREFIX_MAX];
	json_t *object;

	if (ban->until && ban->until <= page->now)
		return;
	prefix_format(network, &ban->prefix);
	object = json_pack("{s:s, s:s, s:I, s:I}", "network", network, "why", ban->why,
			   "ago", (json_int_t)(page->now - ban->since) / 1000,
			   "refused", (json_int_t)__atomic_load_n(&ban->refused, __ATOMIC_RELAXED));
	if (object && ban->until)
		json_object_set_new(object, "expires-in",
				    json_integer((ban->until - page->now) / 1000));
	json_array_append_new(page->bans, object);
	page->n++;
}

void control_ban_show(struct control_request *request)
{
	size_t cursor = json_integer_value(json_object_get(request->arguments, "cursor"));
	struct page page = { .bans = json_array(), .now = stored_now() };

	do {
		cursor = bans_scan(request->broker->bans, cursor, list_one, &page);
	} while (cursor && page.n < PAGE);
	control_answer(request, json_pack("{s:o, s:I}", "bans", page.bans, "next",
					  (json_int_t)cursor));
}
