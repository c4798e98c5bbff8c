// SPDX-License-Identifier: MIT
/*
 * Access control lists. The first three lines are a client id, a user name (empty:
 * none) and a topic name; the rest is a list. Rules that are about other topics, so
 * many that the list is not scanned any more, must not change the answer.
 */
#include <linux/rcupdate.h>
#include <mqtt/topic.h>

#include "acl.h"
#include "fuzz.h"

#define OTHERS 12
/* What other topics begin with */
#define OTHER "an-other"

static void register_once(void)
{
	static bool done;

	if (!done)
		rcu_register_thread();
	done = true;
}

static void write_others(struct memory_file *file, const char *what)
{
	char text[64];
	int i, len;

	for (i = 0; i < OTHERS; i++) {
		len = snprintf(text, sizeof(text), "%s " OTHER "/%d\n", what, i);
		memory_file_write(file, text, len);
	}
}

/* Loads the list, with others around it or not. NULL if it is wrong. */
static struct acl *load(const uint8_t *data, size_t size, const char *username, bool others)
{
	struct memory_file file;
	char why[ACL_WHY_MAX];
	struct acl *acl;

	memory_file_open(&file);
	if (others)
		write_others(&file, "topic readwrite");
	memory_file_write(&file, data, size);
	if (others) {
		write_others(&file, "\npattern deny");
		write_others(&file, "pattern deny %c");
		if (username) {
			memory_file_write(&file, "user ", 5);
			memory_file_write(&file, username, strlen(username));
			memory_file_write(&file, "\n", 1);
			write_others(&file, "topic deny");
		}
	}
	if (acl_load(&acl, file.path, why))
		must(*why && !acl);
	memory_file_close(&file);
	return acl;
}

static unsigned int ask(struct acl *acl, const char *id, const char *username, const char *topic)
{
	struct acl_rules *rules;
	unsigned int answer;

	must(!acl_compile(&rules, acl, id, username));
	answer = acl_allows(rules, ACL_READ, (const u8 *)topic, strlen(topic)) << 1 |
		 acl_allows(rules, ACL_WRITE, (const u8 *)topic, strlen(topic));
	acl_rules_free(rules);
	return answer;
}

/* A user name that a line of the file can have, and a topic that is none of the others. */
static bool is_sound(const char *username, const char *topic)
{
	if (!mqtt_topic_name_valid((const u8 *)topic, strlen(topic)) || strstr(topic, "other"))
		return false;
	return !*username || !strpbrk(username, " \t\r\f\v");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *id = cut_line(&data, &size), *username = cut_line(&data, &size);
	char *topic = cut_line(&data, &size);
	struct acl *acl, *more;

	register_once();
	/* At the beginning of a file only a byte order mark means nothing. */
	while (size >= 3 && !memcmp(data, "\xef\xbb\xbf", 3)) {
		data += 3;
		size -= 3;
	}
	if (id && username && topic && is_sound(username, topic)) {
		const char *name = *username ? username : NULL;

		acl = load(data, size, name, false);
		more = load(data, size, name, true);
		must(!acl == !more);
		if (acl)
			must(ask(acl, id, name, topic) == ask(more, id, name, topic));
		acl_put(acl);
		acl_put(more);
	}
	free(id);
	free(username);
	free(topic);
	return 0;
}
