/* SPDX-License-Identifier: MIT */
/*
 * What a role grants, ready to be asked. A version is made as a whole and never changed;
 * another one takes its place.
 *
 *   before    grants up to the first one that varies
 *   own       from there to the last one that varies: made out for each client
 *   after     the others
 *
 * Each is a list in which the first rule that matches decides (mqtt/acl.h), asked one after
 * the other. What is said about subscribing is in none of them, but asked grant by grant.
 */
#ifndef MQTTD_ROLES_VERSION_H
#define MQTTD_ROLES_VERSION_H

#include <linux/rcupdate.h>

#include <mqtt/acl.h>

#include "roles/grant.h"

/**
 * struct role_version - grants of a role
 * @rcu: for freeing
 * @serial: no two versions have the same
 * @n: grants
 * @grants: they, in the order in which they are asked; filters are behind them
 * @own_begin: the first one that varies, but those for subscribing; @n: there is none
 * @own_end: behind the last one
 * @access: bits of all kinds that they are about
 * @bytes: of memory
 * @before: see above
 * @after: likewise
 */
struct role_version {
	struct rcu_head rcu;
	u64 serial;
	u32 n;
	u32 own_begin;
	u32 own_end;
	u8 access;
	size_t bytes;
	struct mqtt_acl_rules before;
	struct mqtt_acl_rules after;
	struct role_grant *grants;
};

/**
 * struct role_own - a client's part of a version
 * @serial: of the version it was made from; 0: of none
 * @rules: see above
 */
struct role_own {
	u64 serial;
	struct mqtt_acl_rules rules;
};

/* Sorts @grants, which are copied. NULL without memory. */
struct role_version *role_version_new(struct role_grant *grants, u32 n);
void role_version_free(struct role_version *version);		/* nobody has it */
void role_version_retire(struct role_version *version);	/* after a grace period */

static inline bool role_version_varies(const struct role_version *version)
{
	return version->own_begin < version->own_end;
}

/* The index of a grant, or -1. */
long role_version_find(const struct role_version *version, u8 access, const char *filter,
		       size_t len);

/*
 * Makes out what is to be another one for each client; all that was there goes. 0 or
 * -ENOMEM, and nothing is allowed by it.
 */
int role_own_make(struct role_own *own, const struct role_version *version,
		  const struct role_who *who);
void role_own_clear(struct role_own *own);

/*
 * MQTT_ACL_ACTION_*, of ROLE_PUBLISH or ROLE_RECEIVE. @own is the client's, made anew if it
 * is of another version. Under the RCU read lock.
 */
u8 role_version_ask(const struct role_version *version, struct role_own *own,
		    const struct role_who *who, u8 access, const u8 *topic, size_t len);

/*
 * Likewise, about a subscription to @filter. A grant that allows is about those that bring
 * no topic but its own, one that denies about those that bring any of its topics.
 */
u8 role_version_ask_subscribe(const struct role_version *version, const struct role_who *who,
			      const char *filter, size_t len);

/* Is a grant about this topic, or filter if it is about subscribing? */
bool role_grant_matches(const struct role_grant *grant, const char *made_out, size_t made_len,
			const char *topic, size_t len);

#endif /* MQTTD_ROLES_VERSION_H */
