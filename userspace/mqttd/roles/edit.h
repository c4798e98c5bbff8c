/* SPDX-License-Identifier: MIT */
/*
 * Changing roles. Each change is checked, given to the store as one, and then in force
 * for all that asks here; who keeps something that was made of it is told by an event.
 * What is refused changes nothing. By the main thread.
 */
#ifndef MQTTD_ROLES_EDIT_H
#define MQTTD_ROLES_EDIT_H

#include "roles/roles.h"

#define ROLE_WHY_MAX	512

/**
 * struct role_edit - what came of a change
 * @ticket: what the store has made of it: durable when that is
 * @told: workers have an event to look at before it is in force for all clients
 * @why: what was wrong: a sentence without its full stop
 */
struct role_edit {
	u64 ticket;
	bool told;
	char why[ROLE_WHY_MAX];
};

/* A step of changing a user or group. */
struct role_step {
	bool group;		/* it is about a group, of a user; otherwise about a role */
	bool take;		/* and takes it away */
	const char *name;
};

/* A user may have all roles and groups, and these others. */
#define ROLE_STEPS_MAX	(2 * (ROLES_OF_ONE_MAX + GROUPS_OF_ONE_MAX))

/* All return 0, or -errno and @edit->why. */
int role_add(struct roles *roles, struct role_edit *edit, const char *name, u32 priority);
int role_set(struct roles *roles, struct role_edit *edit, const char *name, u32 priority);
int role_del(struct roles *roles, struct role_edit *edit, const char *name);

/* @replace: one with the same filter for the same access is there. */
int role_grant_put(struct roles *roles, struct role_edit *edit, const char *name,
		   struct role_grant *grant, bool replace);
int role_grant_del(struct roles *roles, struct role_edit *edit, const char *name, u8 access,
		   const char *filter);

int role_holder_add(struct roles *roles, struct role_edit *edit, enum role_holder_kind kind,
		    const char *name, const struct role_step *steps, size_t n);
int role_holder_set(struct roles *roles, struct role_edit *edit, enum role_holder_kind kind,
		    const char *name, const struct role_step *steps, size_t n);
int role_holder_del(struct roles *roles, struct role_edit *edit, enum role_holder_kind kind,
		    const char *name);

/* The accesses in @mask are allowed where nobody says anything if they are in @bits too. */
int role_defaults_set(struct roles *roles, struct role_edit *edit, u8 mask, u8 bits);

/* --- between the files ----------------------------------------------------------- */

int role_refuse(struct role_edit *edit, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int role_no_memory(struct role_edit *edit);
/* @what it is: for the sentence. */
int role_check_name(struct role_edit *edit, const char *what, const char *name);
int role_store(struct roles *roles, struct role_edit *edit, const struct store_access *rows,
	       size_t n);
/* If there is a client that this may be about. */
void role_tell(struct roles *roles, struct role_edit *edit, struct role_event event);
const char *role_kind_name(enum role_holder_kind kind);

/* New ones that are in their tables, or NULL without memory. */
struct role *role_new(struct roles *roles, const char *name, u32 priority);
struct role_holder *role_holder_new(struct roles *roles, enum role_holder_kind kind,
				    const char *name);

#endif /* MQTTD_ROLES_EDIT_H */
