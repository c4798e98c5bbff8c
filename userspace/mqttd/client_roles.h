/* SPDX-License-Identifier: MIT */
/*
 * Roles of a client, and what its permissions are: its roles, and then its listener's list
 * or else the defaults.
 */
#ifndef MQTTD_CLIENT_ROLES_H
#define MQTTD_CLIENT_ROLES_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "acl.h"
#include "roles/roles.h"

struct broker;
struct client;
struct listener_config;
struct worker;

/**
 * struct client_roles - roles of somebody
 * @profile: which
 * @who: for filters with names in them; what it points to is the caller's
 * @user: for struct role_event
 * @named: a token has named roles, those that there are not as well
 * @slots: what acl_sets.c keeps with @own
 * @own: one for each role
 */
struct client_roles {
	struct role_profile *profile;
	struct role_who who;
	u64 user;
	bool named;
	struct acl_slot *slots;
	struct role_own own[];
};

/**
 * struct role_person - whose roles
 * @who: they are
 * @named: names of more, from a token
 * @n_named: how many
 */
struct role_person {
	struct role_who who;
	char *const *named;
	unsigned int n_named;
};

/* What is known of a client that has been let in. */
struct role_person client_person(const struct client *client);

int client_roles_open(struct broker *broker);	/* of the broker: 0 or -ENOMEM */

/* NULL without memory. Any thread. */
struct client_roles *client_roles_new(struct broker *broker, const struct role_person *person);
void client_roles_free(struct broker *broker, struct client_roles *roles);	/* NULL is fine */

/*
 * Adds the router's sets of both to @ids, between acl_sets_begin() and _end(). 0, -E2BIG for
 * more than a client can have, or -errno.
 */
int client_roles_sets(struct broker *broker, struct client_roles *roles, struct acl_rules *rules,
		      uint32_t *ids);

/* @roles or @rules may be NULL, as a client's are. */
bool client_roles_allow(struct broker *broker, struct client_roles *roles,
			const struct acl_rules *rules, enum acl_access access, const u8 *topic,
			size_t len);

/*
 * May the client do this with @topic, which has its mount point? Never blocks. By its
 * worker.
 */
bool client_may(struct client *client, enum acl_access access, const u8 *topic, size_t len);

/* May it subscribe to this, behind "$share/NAME/" if it is shared? */
bool client_may_subscribe(struct client *client, const u8 *filter, size_t len);

/* Need client_may() not be asked about messages that it is to get? */
bool client_gets_all(const struct client *client);

/*
 * At the beginning of each round of events: makes anew what is out of date, of the clients
 * that it is about.
 */
void client_roles_review(struct worker *worker);

#endif /* MQTTD_CLIENT_ROLES_H */
