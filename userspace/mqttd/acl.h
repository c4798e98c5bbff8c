/* SPDX-License-Identifier: MIT */
/*
 * Who may do what: access control lists in mosquitto's format, with its meaning.
 *
 * What a file does not allow is forbidden. The "topic" lines behind a "user" line
 * are for that user, those in front of the first one for clients without a user
 * name. Of these "deny" is looked at first, and where they say nothing about a
 * topic the "pattern" lines do, which are for everybody; again "deny" first.
 * A client whose user name or client id has a '+' or '#' could be meant by a
 * pattern that is for others, so patterns forbid it everything. One whose name has a '/',
 * which would be other levels than the pattern's, is allowed nothing by a pattern that has
 * it; what such a pattern denies stays denied. So it is with a name at the beginning of a
 * pattern that begins with '$'.
 *
 * Topics that begin with "$SYS" or "$share" are nobody's to publish to, whatever
 * a list says and also without one, except what bridges tell about themselves.
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

#define ACL_WHY_MAX 512

/**
 * acl_load() - read a file
 * @acl: result, with one reference
 * @path: of the file
 * @why: room for ACL_WHY_MAX bytes: "FILE:LINE: what is wrong"
 *
 * Return: 0, -EINVAL for what is in it, or why it cannot be read.
 */
int acl_load(struct acl **acl, const char *path, char *why);
struct acl *acl_get(struct acl *acl);		/* any thread; NULL is fine */
void acl_put(struct acl *acl);			/* likewise */

/**
 * acl_compile() - what a list says about one client
 * @rules: result, to be given to acl_rules_free(); NULL: there is no list
 * @acl: the list, or NULL; the result has a reference
 * @client_id: terminated
 * @username: likewise, or NULL for an anonymous client
 *
 * Return: 0 or -ENOMEM.
 */
int acl_compile(struct acl_rules **rules, struct acl *acl, const char *client_id,
		const char *username);
void acl_rules_free(struct acl_rules *rules);	/* NULL is fine */

/*
 * May the client do this with @topic, a topic name with its mount point? Never
 * blocks. By a thread that is registered with RCU.
 */
bool acl_allows(const struct acl_rules *rules, enum acl_access access, const u8 *topic,
		size_t len);

/*
 * Need acl_allows() not be asked? To publish to topics that begin with '$' it has to
 * be in any case.
 */
bool acl_unlimited(const struct acl_rules *rules, enum acl_access access);

/*
 * The same in other words, for who asks lists of rules one after the other until one
 * that matches is found: the parts of a client's permissions, in their order. What no
 * part says anything about is forbidden. Without a list there are none.
 */
enum acl_part {
	ACL_PART_USER,			/* "topic" lines of the user */
	ACL_PART_SHARED_DENY,		/* patterns that are the same for all: "deny" */
	ACL_PART_OWN,			/* patterns made out for the client */
	ACL_PART_SHARED_ALLOW,		/* patterns that are the same for all: the others */
	ACL_PARTS
};

/**
 * struct acl_slot - what somebody keeps with a part that is some clients' together
 * @kept: it; NULL: nothing. Protected by whoever keeps it
 * @release: called with it when the part goes, by any thread
 */
struct acl_slot {
	void *kept;
	void (*release)(void *kept);
};

/* Has the part any rules? */
bool acl_part_empty(const struct acl_rules *rules, enum acl_part part);

/* Calls @rule for each rule of a part, in the order in which they are to be asked. */
void acl_part_visit(const struct acl_rules *rules, enum acl_part part,
		    void (*rule)(void *ctx, const u8 *filter, size_t len, bool deny,
				 unsigned int access),
		    void *ctx);

struct acl_slot *acl_part_slot(struct acl_rules *rules, enum acl_part part);

#endif /* MQTTD_ACL_H */
