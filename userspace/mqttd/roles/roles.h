/* SPDX-License-Identifier: MIT */
/*
 * Roles: users and groups have roles, and roles have grants.
 *
 *   user ──┬──────────> role ──> grants
 *          └> group ──> role
 *
 * The role "default" is everybody's, and who has no user name is in the group
 * "anonymous". A token may name roles, too. Roles are asked one after the other, see
 * roles_resolve(); where none says anything the listener's acl_file decides, or else the
 * defaults do.
 *
 * The main thread changes them, one change at a time: roles/edit.h. Workers ask.
 */
#ifndef MQTTD_ROLES_ROLES_H
#define MQTTD_ROLES_ROLES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/siphash.h>
#include <linux/types.h>

#include "acl.h"
#include "hash.h"
#include "roles/version.h"

#define ROLE_NAME_MAX		256	/* bytes of a name */
#define ROLES_OF_ONE_MAX	32	/* that a user or group has */
#define GROUPS_OF_ONE_MAX	32	/* that a user is in */
#define ROLES_ASKED_MAX		64	/* of a client, from all places */
#define ROLE_GRANTS_MAX		1024	/* of a role */
#define ROLES_MAX		100000
#define ROLE_GROUPS_MAX		10000
#define ROLE_USERS_MAX		1000000
#define ROLES_BYTES_MAX		((size_t)256 << 20)	/* of memory, all together */

#define ROLE_DEFAULT		"default"
#define ROLE_GROUP_ANONYMOUS	"anonymous"

/**
 * struct role - a role
 * @node: in the table
 * @refs: the table's, and profiles that it is in; under the lock
 * @id: no two have had the same
 * @priority: those with a higher one are asked first
 * @holders: users and groups that have it
 * @version: its grants; who changes it, and under which lock, is @changed of struct roles
 * @slots: what acl_sets.c keeps with the version's before and after; see there
 * @name: terminated
 */
struct role {
	struct hash_node node;
	u32 refs;
	u32 id;
	u32 priority;
	u32 holders;
	struct role_version *version;
	struct acl_slot slots[2];
	char name[];
};

enum role_holder_kind {
	ROLE_USER,
	ROLE_GROUP,
};

/**
 * struct role_holder - a user or a group
 * @node: in its table
 * @roles: what it has
 * @groups: where a user is in, NULL if there is none
 * @n_roles: how many
 * @n_groups: how many
 * @members: users in a group
 * @name: terminated
 */
struct role_holder {
	struct hash_node node;
	struct role **roles;
	struct role_holder **groups;
	u16 n_roles;
	u16 n_groups;
	u32 members;
	char name[];
};

/**
 * struct role_profile - roles that clients have together, in the order they are asked
 * @node: in the table
 * @refs: clients; under the lock
 * @overfull: they are too many: nothing is allowed
 * @n: how many
 * @roles: each with a reference
 */
struct role_profile {
	struct hash_node node;
	u32 refs;
	bool overfull;
	u32 n;
	struct role *roles[];
};

enum role_event_kind {
	ROLE_EVENT_ROLE,	/* what clients that have @role keep is out of date */
	ROLE_EVENT_NAMED,	/* who has roles named by a token may have others */
	ROLE_EVENT_USER,	/* a user has other roles */
	ROLE_EVENT_ALL,		/* anybody may have */
};

/* For workers: for whom something has to be made anew. */
struct role_event {
	enum role_event_kind kind;
	u32 role;
	u64 user;
};

#define ROLE_EVENTS		64	/* that are remembered; who is behind looks at all */
#define ROLE_CONNECTED		65536	/* counters of clients, by user name */

struct store_access;

/**
 * struct roles - all of them
 * @lock: protects the tables and events. The main thread alone changes what is in
 *	there, and reads it without
 * @roles: by name
 * @users: by name
 * @groups: by name
 * @profiles: those that clients have
 * @key: names come from clients
 * @last_role: number of the last one
 * @defaults: bits of enum role_access that are allowed where nobody says anything; atomic
 * @defaults_slot: what acl_sets.c keeps with that
 * @grants: of all roles
 * @bytes: of memory, estimated
 * @generation: number of the last event; atomic
 * @events: the last ones
 * @connected: clients by the hash of their user name; atomic
 * @clients: how many; atomic
 * @store: keeps what has changed: a number, or 0 without memory, and then nothing has
 *	changed; NULL: nothing is kept
 * @store_arg: for @store
 * @changed: puts a version in a role's place, and the router's in the place of what it
 *	has of it; without a role the same for the defaults. Returns whether clients that
 *	have the role are to be told. NULL: there is no router
 * @changed_arg: for @changed
 * @loading: grants of the role that is being loaded, for roles/load.c
 */
struct roles {
	pthread_mutex_t lock;
	struct hash_table roles;
	struct hash_table users;
	struct hash_table groups;
	struct hash_table profiles;
	siphash_key_t key;
	u32 last_role;
	u8 defaults;
	struct acl_slot defaults_slot;
	u32 grants;
	size_t bytes;
	u32 generation;
	struct role_event events[ROLE_EVENTS];
	u32 *connected;
	u32 clients;
	u64 (*store)(void *arg, const struct store_access *rows, size_t n);
	void *store_arg;
	bool (*changed)(void *arg, struct role *role, struct role_version *version);
	void *changed_arg;
	struct role_loading *loading;
};

int roles_init(struct roles *roles);		/* 0 or -ENOMEM */
void roles_destroy(struct roles *roles);	/* nobody has a profile */

/* By the main thread, or with the lock held; NULL if there is none. */
struct role *roles_find(const struct roles *roles, const char *name);
struct role_holder *roles_find_holder(const struct roles *roles, enum role_holder_kind kind,
				      const char *name);

/**
 * roles_resolve() - which roles somebody has
 * @roles: all
 * @username: terminated, or NULL
 * @named: names of others, from a token; those that there are not are left out
 * @n_named: how many
 *
 * They are sorted by priority, those with the same by name, "default" last. The table of
 * profiles has the result, so whoever has the same roles has the same profile. Any thread.
 *
 * Return: a reference, or NULL without memory.
 */
struct role_profile *roles_resolve(struct roles *roles, const char *username,
				   char *const *named, unsigned int n_named);
void role_profile_put(struct roles *roles, struct role_profile *profile);	/* NULL is fine */

static inline u8 roles_defaults(const struct roles *roles)
{
	return __atomic_load_n(&roles->defaults, __ATOMIC_RELAXED);
}

/*
 * What the roles say: MQTT_ACL_ACTION_*. @own: of the client, one for each role of the
 * profile. By a thread that is registered with RCU.
 */
u8 role_profile_ask(const struct role_profile *profile, struct role_own *own,
		    const struct role_who *who, u8 access, const u8 *topic, size_t len);
u8 role_profile_ask_subscribe(const struct role_profile *profile, const struct role_who *who,
			      const char *filter, size_t len);

/* Bits of enum role_access that any grant of these roles is about. Likewise. */
u8 role_profile_access(const struct role_profile *profile);
/* Or might, if they were not too many. */
bool role_profile_has(const struct role_profile *profile, u32 role);

/* A client that has roles has come or gone. @user: from roles_user_hash(). Any thread. */
void roles_count(struct roles *roles, u64 user, int n);
u64 roles_user_hash(const struct roles *roles, const char *username);

static inline u32 roles_generation(const struct roles *roles)
{
	return __atomic_load_n(&roles->generation, __ATOMIC_ACQUIRE);
}

/*
 * The events behind @seen, which becomes the last one's number. Returns how many; none
 * are lost: if there were too many it is one for all. Any thread.
 */
unsigned int roles_take_events(struct roles *roles, u32 *seen,
			       struct role_event events[ROLE_EVENTS]);

/* --- between the files ----------------------------------------------------------- */

u64 role_name_hash(const struct roles *roles, const char *name);
void role_put_locked(struct roles *roles, struct role *role);
void roles_tell_locked(struct roles *roles, struct role_event event);

#endif /* MQTTD_ROLES_ROLES_H */
