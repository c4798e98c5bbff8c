/* SPDX-License-Identifier: MIT */
/*
 * Topic filters with permissions.
 *
 * A few of them are compared with the topic one by one; many are in a topic
 * table, so that the time does not grow with their number. A set is filled, and
 * then only read, by any thread.
 */
#ifndef MQTTD_ACL_SET_H
#define MQTTD_ACL_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "acl.h"

/* Besides enum acl_access: forbids, whatever else allows. */
#define ACL_DENY (1 << 2)

struct acl_entry;
struct mqtt_trie;

/**
 * struct acl_set - all zero is an empty one
 * @first: entries, in a list
 * @trie: of all entries, NULL while there are few
 * @count: entries
 */
struct acl_set {
	struct acl_entry *first;
	struct mqtt_trie *trie;
	unsigned int count;
};

/* @filter is valid, and copied; @bits: enum acl_access or ACL_DENY. 0 or -ENOMEM. */
int acl_set_add(struct acl_set *set, const char *filter, size_t len, u8 bits);

/* The bits of all filters that match the topic name. */
u8 acl_set_match(const struct acl_set *set, const u8 *topic, size_t len);

/* Has it filters that forbid, or that allow? */
bool acl_set_has(const struct acl_set *set, bool deny);

/* Calls @rule for each filter that forbids, or for each that allows. */
void acl_set_visit(const struct acl_set *set, bool deny,
		   void (*rule)(void *ctx, const u8 *filter, size_t len, bool deny,
				unsigned int access),
		   void *ctx);

void acl_set_free(struct acl_set *set);

#endif /* MQTTD_ACL_SET_H */
