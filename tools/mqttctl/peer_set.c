// SPDX-License-Identifier: MIT
/* mqttctl peer set: what a peer is kept to. */
#include <stddef.h>
#include <string.h>

#include <linux/mqtt.h>

#include "mqttctl.h"
#include "peer.h"

const char *const peer_queue_policies[] = {
	[MQTT_QUEUE_POLICY_DROP_NEW]	= "drop-new",
	[MQTT_QUEUE_POLICY_DROP_OLD]	= "drop-old",
	[MQTT_QUEUE_POLICY_CONFLATE]	= "conflate",
	[MQTT_QUEUE_POLICY_DISCONNECT]	= "disconnect",
	NULL
};

const char *const peer_rate_policies[] = {
	[MQTT_RATE_POLICY_WAIT]		= "wait",
	[MQTT_RATE_POLICY_DROP]		= "drop",
	NULL
};

/* What is to be changed, and where the values are. */
struct changes {
	struct mqtt_nl_peer_set set;
	uint64_t queue_limit;
	uint64_t rate_bytes;
	uint32_t queue_packets;
	uint32_t rate_packets;
	uint16_t keep_alive;
	uint16_t pause;
	uint8_t queue_policy;
	uint8_t rate_policy;
};

/**
 * struct setting - something that can be changed
 * @name: what it is called
 * @help: what its value is
 * @pointer: offset in struct mqtt_nl_peer_set
 * @value: offset in struct changes
 * @size: of the value there
 * @max: its largest one; numbers
 * @bytes: it is a number of bytes, with a suffix
 * @words: what it can be, and is not a number; or NULL
 */
struct setting {
	const char *name;
	const char *help;
	size_t pointer;
	size_t value;
	size_t size;
	uint64_t max;
	bool bytes;
	const char *const *words;
};

#define AT(member) \
	.pointer = offsetof(struct mqtt_nl_peer_set, member), \
	.value = offsetof(struct changes, member), \
	.size = sizeof(((struct changes *)0)->member)

static const struct setting settings[] = {
	{ "queue-limit", "BYTES", AT(queue_limit), .max = UINT64_MAX, .bytes = true },
	{ "queue-packets-limit", "NUMBER", AT(queue_packets), .max = UINT32_MAX },
	{ "queue-policy", "POLICY", AT(queue_policy), .words = peer_queue_policies },
	{ "pause", "MILLISECONDS", AT(pause), .max = UINT16_MAX },
	{ "rate-packets", "NUMBER", AT(rate_packets), .max = UINT32_MAX },
	{ "rate-bytes", "BYTES", AT(rate_bytes), .max = UINT64_MAX, .bytes = true },
	{ "rate-policy", "POLICY", AT(rate_policy), .words = peer_rate_policies },
	{ "keep-alive", "SECONDS", AT(keep_alive), .max = UINT16_MAX },
	{ 0 }
};

/* NULL after a sentence on stderr. */
static const struct setting *find(const char *name)
{
	const struct setting *setting, *found = NULL;

	for (setting = settings; setting->name; setting++) {
		if (!strcmp(name, setting->name))
			return setting;
		if (!ctl_is(name, setting->name))
			continue;
		if (found) {
			ctl_usage("'%s' is ambiguous", name);
			return NULL;
		}
		found = setting;
	}
	if (!found)
		ctl_usage("'peer set' does not know '%s'", name);
	return found;
}

static int word_index(const struct setting *setting, const char *word, uint64_t *index)
{
	for (*index = 0; setting->words[*index]; ++*index)
		if (!strcmp(word, setting->words[*index]))
			return 0;
	return ctl_usage("%s cannot be '%s'", setting->name, word);
}

/* 0 is no number of bytes for ctl_bytes(), but it is a limit that is none. */
static int parse(const struct setting *setting, const char *word, uint64_t *value)
{
	if (setting->words)
		return word_index(setting, word, value);
	if (!setting->bytes)
		return ctl_number(word, setting->max, value);
	*value = 0;
	return strcmp(word, "0") ? ctl_bytes(word, value) : 0;
}

static void store(struct changes *changes, const struct setting *setting, uint64_t value)
{
	void *at = (char *)changes + setting->value;

	switch (setting->size) {
	case 1:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)value;
		break;
	default:
		*(uint64_t *)at = value;
	}
	memcpy((char *)&changes->set + setting->pointer, &at, sizeof(at));
}

static int set_one(struct changes *changes, const char *name, const char *word)
{
	const struct setting *setting = find(name);
	uint64_t value;

	if (!setting || parse(setting, word, &value))
		return USAGE;
	store(changes, setting, value);
	return DONE;
}

int peer_set(struct ctl *ctl, int argc, char **argv)
{
	struct changes changes = { 0 };
	uint32_t id;

	if (argc < 2)
		return ctl_usage("'peer set' needs a peer id, and what to change");
	if (ctl_peer_id(argv[0], &id))
		return USAGE;
	for (argc--, argv++; argc; argc -= 2, argv += 2) {
		if (argc == 1)
			return ctl_usage("'%s' needs a value", argv[0]);
		if (set_one(&changes, argv[0], argv[1]))
			return USAGE;
	}
	if (ctl_open(ctl))
		return FAILED;
	return ctl_result(ctl, mqtt_nl_peer_set(ctl->nl, id, &changes.set));
}

/* Made of the table, so that there is nothing that it leaves out. */
const char *peer_set_help(void)
{
	static char text[512] = "ID";
	size_t len = 2;

	for (const struct setting *setting = settings; setting->name && len < sizeof(text);
	     setting++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " [ %s %s ]",
					setting->name, setting->help);
	return text;
}
