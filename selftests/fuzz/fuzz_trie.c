// SPDX-License-Identifier: MIT
/*
 * The topic table against a matcher that is too simple to be wrong. The input is a
 * list of lines: "+FILTER" subscribes, "-N" ends the Nth subscription that is left,
 * "!N" lets one allocation fail, the Nth, and any other line is a topic.
 */
#include <linux/errno.h>
#include <linux/slab.h>
#include <mqtt/match.h>
#include <mqtt/topic.h>
#include <mqtt/trie.h>

#include "fuzz.h"

#define SUBS_MAX 64
#define PLENTY 100000u

struct owner {
	struct mqtt_sub sub;
	struct rcu_head rcu;
	unsigned int found;
	size_t len;
	u8 filter[];
};

static struct owner *owners[SUBS_MAX];
static unsigned int nr_owners;
static unsigned int fail_in;	/* allocations from now on; 0: never */
static bool failed;

bool shim_alloc_fails(size_t size)
{
	(void)size;
	if (!fail_in || --fail_in)
		return false;
	failed = true;
	return true;
}

/*
 * Nobody reads while the table is changed, so that what a reader might still have
 * seen is freed at once; a sanitizer sees who uses it all the same.
 */
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	func(head);
}

struct text {
	const u8 *p;		/* NULL behind the last level */
	size_t len;
};

static struct text cut(struct text *rest)
{
	const u8 *slash = memchr(rest->p, '/', rest->len);
	struct text level = { rest->p, slash ? (size_t)(slash - rest->p) : rest->len };

	if (slash)
		*rest = (struct text){ slash + 1, rest->len - level.len - 1 };
	else
		*rest = (struct text){ NULL, 0 };
	return level;
}

static bool is(struct text level, char c)
{
	return level.len == 1 && *level.p == c;
}

/* MQTT 4.7, level by level */
static bool matches(struct text filter, struct text topic)
{
	struct text f, t;

	if (*topic.p == '$' && (*filter.p == '+' || *filter.p == '#'))
		return false;
	while (filter.p) {
		f = cut(&filter);
		if (is(f, '#'))
			return true;
		if (!topic.p)
			return false;
		t = cut(&topic);
		if (!is(f, '+') && (f.len != t.len || memcmp(f.p, t.p, f.len)))
			return false;
	}
	return !topic.p;
}

static void found(void *ctx, const struct hlist_head *subs)
{
	struct owner *owner;

	(void)ctx;
	hlist_for_each_entry_rcu(owner, subs, sub.link)
		owner->found++;
}

static void check_topic(struct mqtt_trie *trie, struct mqtt_match *last, struct text topic,
			bool remember)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr_owners; i++)
		owners[i]->found = 0;
	rcu_read_lock();
	err = mqtt_match(trie, remember ? last : NULL, topic.p, topic.len, PLENTY, found, NULL);
	rcu_read_unlock();
	must(!err || err == -E2BIG);
	for (i = 0; i < nr_owners; i++) {
		struct text filter = { owners[i]->filter, owners[i]->len };
		unsigned int want = matches(filter, topic);

		must(err ? owners[i]->found <= want : owners[i]->found == want);
	}
}

static void publish(struct mqtt_trie *trie, struct mqtt_match *last, const u8 *line, size_t len)
{
	u8 *copy;

	if (!mqtt_topic_name_valid(line, len))
		return;
	/* in memory of its own, so that a look beyond is seen */
	copy = malloc(len);
	must(copy);
	memcpy(copy, line, len);
	check_topic(trie, last, (struct text){ copy, len }, false);
	check_topic(trie, last, (struct text){ copy, len }, true);
	check_topic(trie, last, (struct text){ copy, len }, true);
	free(copy);
}

static void subscribe(struct mqtt_trie *trie, const u8 *line, size_t len)
{
	unsigned int subs = trie->subs, nodes = trie->nodes;
	struct owner *owner;
	u8 text[300];

	if (nr_owners == SUBS_MAX || len > sizeof(text) || !mqtt_topic_filter_valid(line, len))
		return;
	owner = calloc(1, sizeof(*owner) + len);
	must(owner);
	owner->len = len;
	memcpy(owner->filter, line, len);
	failed = false;
	if (mqtt_trie_add(trie, owner->filter, len, &owner->sub)) {
		must(failed && trie->subs == subs && trie->nodes == nodes);
		free(owner);
		return;
	}
	must(trie->subs == subs + 1);
	must(mqtt_trie_filter(&owner->sub, text, sizeof(text)) == len);
	must(!memcmp(text, owner->filter, len));
	owners[nr_owners++] = owner;
}

static void unsubscribe(struct mqtt_trie *trie, unsigned int i)
{
	struct owner *owner;

	if (!nr_owners)
		return;
	i %= nr_owners;
	owner = owners[i];
	owners[i] = owners[--nr_owners];
	mqtt_trie_del(trie, &owner->sub);
	kfree_rcu(owner, rcu);
}

static unsigned int number(const u8 *line, size_t len)
{
	unsigned int n = 0;

	while (len--)
		n = n * 10 + *line++;
	return n;
}

static void one_line(struct mqtt_trie *trie, struct mqtt_match *last, const u8 *line, size_t len)
{
	if (len && *line == '+' && len > 1)
		subscribe(trie, line + 1, len - 1);
	else if (len && *line == '-')
		unsubscribe(trie, number(line + 1, len - 1));
	else if (len && *line == '!')
		fail_in = 1 + number(line + 1, len - 1) % 20;
	else
		publish(trie, last, line, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool registered;
	struct mqtt_match last;
	struct mqtt_trie trie;

	if (!registered)
		rcu_register_thread();
	registered = true;
	fail_in = 0;
	memset(&last, 0, sizeof(last));
	must(!mqtt_trie_init(&trie));
	while (size) {
		const u8 *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;

		one_line(&trie, &last, data, len);
		data += len + !!end;
		size -= len + !!end;
	}
	fail_in = 0;
	while (nr_owners)
		unsubscribe(&trie, 0);
	must(!trie.subs && !trie.nodes && !trie.far);
	mqtt_trie_destroy(&trie);
	return 0;
}
