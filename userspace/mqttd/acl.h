/* SPDX-License-Identifier: MIT */
/*
 * Who may do what: access control lists in mosquitto's format.
 *
 * A list is read as a whole, and never changed but replaced by another one.
 * What it says about one client is compiled when the client connects, and again
 * when there is a new list; that is what is asked for each message.
 */
#ifndef MQTTD_ACL_H
#define MQTTD_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct acl;
struct acl_rules;

enum acl_access {
	ACL_READ	= 1 << 0,	/* to get a message */
	ACL_WRITE	= 1 << 1,	/* to publish one */
};

/* In place of a list where none is configured: NULL allows everything. */

/**
 * acl_load() - read a file
 * @acl: result, with one reference
 * @path: of the file
 * @why: room for 512 bytes: "FILE:LINE: what is wrong"
 *
 * Return: 0, -EINVAL for what is in it, or why it cannot be read.
 */
int acl_load(struct acl **acl, const char *path, char *why);
struct acl *acl_get(struct acl *acl);		/* any thread; NULL is fine */
void acl_put(struct acl *acl);			/* likewise */

/**
 * acl_compile() - what a list says about one client
 * @rules: result, to be given to acl_rules_free(); NULL: everything is allowed
 * @acl: the list, or NULL
 * @client_id: terminated. One with '+', '#' or '/' makes patterns with %c match nothing
 * @username: likewise for %u, or NULL for an anonymous client
 *
 * Return: 0 or -ENOMEM.
 */
int acl_compile(struct acl_rules **rules, const struct acl *acl, const char *client_id,
		const char *username);
void acl_rules_free(struct acl_rules *rules);	/* NULL is fine */

/* May the client do this with @topic, a topic name without its mount point? Never blocks. */
bool acl_allows(const struct acl_rules *rules, enum acl_access access, const u8 *topic,
		size_t len);

/* Is everything allowed, or is there something that is not? */
bool acl_unlimited(const struct acl_rules *rules, enum acl_access access);

#endif /* MQTTD_ACL_H */
