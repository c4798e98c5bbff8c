// SPDX-License-Identifier: MIT
/*
 * Roles of clients.
 *
 * A role's grants that are the same for all are a set of the router's, or two, that
 * clients have together and that changes with the role: nobody has to look at these
 * clients then. What varies is a set of each client's; when it changes workers are told.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rcupdate.h>

#include "acl_sets.h"
#include "auth/method.h"
#include "broker.h"
#include "client.h"
#include "client_acl.h"
#include "client_roles.h"
#include "listener.h"
#include "log.h"
#include "store.h"
#include "worker.h"

/* --- sets of the router's --------------------------------------------------------- */

static unsigned int acl_bits(u8 access)
{
	return (access & ROLE_PUBLISH ? ACL_WRITE : 0) | (access & ROLE_RECEIVE ? ACL_READ : 0);
}

static void visit_rules(void *arg, void (*rule)(void *ctx, const u8 *filter, size_t len, bool deny,
						unsigned int access), void *ctx)
{
	const struct mqtt_acl_rules *rules = arg;
	const struct mqtt_acl_rule *one;

	for (one = rules->first; one; one = one->next)
		rule(ctx, one->filter, one->len, one->action == MQTT_ACL_ACTION_DENY,
		     acl_bits(one->access));
}

static int add_rules(struct broker *broker, const struct mqtt_acl_rules *rules, bool single,
		     struct acl_slot *slot, uint32_t *ids)
{
	const struct acl_piece piece = {
		.slot = slot, .visit = visit_rules, .arg = (void *)rules, .single = single,
		.fallback = MQTT_ACL_ACTION_PASS,
	};

	return rules->nr ? acl_sets_add(broker, &piece, ids) : 0;
}

/*
 * All topics, those that begin with '$' too, are only to be had as what is left: so what is
 * not allowed of the two is denied first. To these topics nobody publishes in the kernel.
 */
static void visit_defaults(void *arg, void (*rule)(void *ctx, const u8 *filter, size_t len,
						   bool deny, unsigned int access), void *ctx)
{
	u8 allowed = *(u8 *)arg & (ROLE_PUBLISH | ROLE_RECEIVE);
	static const u8 all[] = "#";

	if (allowed == ROLE_RECEIVE)
		rule(ctx, all, 1, true, ACL_WRITE);
	else if (allowed == ROLE_PUBLISH)
		rule(ctx, all, 1, false, ACL_WRITE);
}

static struct acl_piece defaults_piece(struct broker *broker, u8 *allowed)
{
	*allowed = roles_defaults(&broker->roles);
	return (struct acl_piece){
		.slot = &broker->roles.defaults_slot, .visit = visit_defaults, .arg = allowed,
		.single = true,
		.fallback = *allowed & ROLE_RECEIVE ? MQTT_ACL_ACTION_ALLOW :
						      MQTT_ACL_ACTION_PASS,
	};
}

static int add_defaults(struct broker *broker, uint32_t *ids)
{
	u8 allowed;
	struct acl_piece piece = defaults_piece(broker, &allowed);

	return acl_sets_add(broker, &piece, ids);
}

static int add_role(struct broker *broker, struct client_roles *roles, unsigned int i,
		    uint32_t *ids)
{
	struct role *role = roles->profile->roles[i];
	struct role_version *version = role->version;
	struct role_own *own = &roles->own[i];
	int err;

	err = add_rules(broker, &version->before, true, &role->slots[0], ids);
	if (err || !role_version_varies(version))
		return err;
	if (own->serial != version->serial) {
		acl_sets_drop(broker, &roles->slots[i]);
		err = role_own_make(own, version, &roles->who);
	}
	if (!err)
		err = add_rules(broker, &own->rules, false, &roles->slots[i], ids);
	if (!err)
		err = add_rules(broker, &version->after, true, &role->slots[1], ids);
	return err;
}

/* The last set denies all: so that there is one at least. */
int client_roles_sets(struct broker *broker, struct client_roles *roles, struct acl_rules *rules,
		      uint32_t *ids)
{
	unsigned int i;
	int err = 0;

	for (i = 0; roles && i < roles->profile->n && !err; i++)
		err = add_role(broker, roles, i, ids);
	if (!err && rules)
		err = acl_sets_add_rules(broker, rules, ids);
	else if (!err && roles)
		err = add_defaults(broker, ids);
	return err;
}

/* --- changes ------------------------------------------------------------------------ */

/* Can what clients have stay as it is, with other rules in it? */
static bool same_shape(const struct role_version *a, const struct role_version *b)
{
	return !role_version_varies(a) && !role_version_varies(b) &&
	       !a->before.nr == !b->before.nr &&
	       (a->access & ROLE_RECEIVE) == (b->access & ROLE_RECEIVE);
}

static int change_defaults(struct broker *broker)
{
	u8 allowed;
	struct acl_piece piece = defaults_piece(broker, &allowed);

	return acl_sets_change(broker, &piece);
}

/*
 * Clients that are not told have the new rules when this returns. For the others it is new
 * sets, in one step for each.
 */
static bool change_role(struct broker *broker, struct role *role, struct role_version *version)
{
	struct acl_piece piece = {
		.slot = &role->slots[0], .visit = visit_rules, .arg = &version->before,
		.single = true, .fallback = MQTT_ACL_ACTION_PASS,
	};
	bool same = same_shape(role->version, version);

	rcu_assign_pointer(role->version, version);
	if (same && !acl_sets_change(broker, &piece))
		return false;
	acl_sets_drop(broker, &role->slots[0]);
	acl_sets_drop(broker, &role->slots[1]);
	return true;
}

/* @role: NULL: the defaults have changed. */
static bool changed(void *arg, struct role *role, struct role_version *version)
{
	uint32_t ids[MQTT_PEER_ACLS_MAX];
	struct broker *broker = arg;
	bool tell = true;

	acl_sets_begin(broker, ids);
	if (role)
		tell = change_role(broker, role, version);
	else
		change_defaults(broker);
	acl_sets_end(broker);
	return tell;
}

static u64 store_rows(void *arg, const struct store_access *rows, size_t n)
{
	struct broker *broker = arg;

	return store_access(broker->store, rows, n);
}

int client_roles_open(struct broker *broker)
{
	int err = roles_init(&broker->roles);

	broker->roles.store = store_rows;
	broker->roles.store_arg = broker;
	broker->roles.changed = changed;
	broker->roles.changed_arg = broker;
	return err;
}

/* --- one client --------------------------------------------------------------------- */

struct role_person client_person(const struct client *client)
{
	const struct auth_grant *grant = client->grant;
	struct role_person person = {
		.who = { .client_id = client->id, .username = client->username },
	};

	if (grant) {
		person.who.claims = grant->claims;
		person.who.n_claims = grant->n_claims;
		person.named = grant->roles;
		person.n_named = grant->n_roles;
	}
	return person;
}

static void init_own(struct client_roles *roles, const struct role_person *person)
{
	roles->slots = (struct acl_slot *)(roles->own + roles->profile->n);
	roles->who = person->who;
}

struct client_roles *client_roles_new(struct broker *broker, const struct role_person *person)
{
	struct roles *all = &broker->roles;
	u64 user = roles_user_hash(all, person->who.username);
	struct role_profile *profile;
	struct client_roles *roles = NULL;

	/* In this order: who changes a user either is seen here, or sees us */
	roles_count(all, user, 1);
	profile = roles_resolve(all, person->who.username, person->named, person->n_named);
	if (profile)
		roles = calloc(1, sizeof(*roles) +
			       profile->n * (sizeof(*roles->own) + sizeof(*roles->slots)));
	if (!roles) {
		role_profile_put(all, profile);
		roles_count(all, user, -1);
		return NULL;
	}
	roles->profile = profile;
	roles->user = user;
	roles->named = person->n_named;
	init_own(roles, person);
	return roles;
}

void client_roles_free(struct broker *broker, struct client_roles *roles)
{
	unsigned int i;

	if (!roles)
		return;
	for (i = 0; i < roles->profile->n; i++) {
		role_own_clear(&roles->own[i]);
		if (roles->slots[i].kept)
			roles->slots[i].release(roles->slots[i].kept);
	}
	role_profile_put(&broker->roles, roles->profile);
	roles_count(&broker->roles, roles->user, -1);
	free(roles);
}

bool client_roles_allow(struct broker *broker, struct client_roles *roles,
			const struct acl_rules *rules, enum acl_access access, const u8 *topic,
			size_t len)
{
	u8 bit = access == ACL_WRITE ? ROLE_PUBLISH : ROLE_RECEIVE;
	u8 says;

	if (!roles)
		return acl_allows(rules, access, topic, len);
	says = role_profile_ask(roles->profile, roles->own, &roles->who, bit, topic, len);
	if (says == MQTT_ACL_ACTION_DENY)
		return false;
	if (says == MQTT_ACL_ACTION_PASS && rules)
		return acl_allows(rules, access, topic, len);
	if (says == MQTT_ACL_ACTION_PASS && !(roles_defaults(&broker->roles) & bit))
		return false;
	/* What is nobody's to publish to is not a role's either */
	return acl_allows(NULL, access, topic, len);
}

bool client_may(struct client *client, enum acl_access access, const u8 *topic, size_t len)
{
	return client_roles_allow(client->worker->broker, client->roles, client->rules, access,
				  topic, len);
}

/* A list says nothing about subscribing: it is asked about each message. */
bool client_may_subscribe(struct client *client, const u8 *filter, size_t len)
{
	const struct client_roles *roles = client->roles;
	u8 says;

	if (!roles)
		return true;
	says = role_profile_ask_subscribe(roles->profile, &roles->who, (const char *)filter, len);
	if (says != MQTT_ACL_ACTION_PASS)
		return says == MQTT_ACL_ACTION_ALLOW;
	return client->rules || roles_defaults(&client->worker->broker->roles) & ROLE_SUBSCRIBE;
}

bool client_gets_all(const struct client *client)
{
	const struct client_roles *roles = client->roles;

	if (!acl_unlimited(client->rules, ACL_READ))
		return false;
	return !roles || (roles_defaults(&client->worker->broker->roles) & ROLE_RECEIVE &&
			  !(role_profile_access(roles->profile) & ROLE_RECEIVE));
}

static bool concerns(const struct client_roles *roles, const struct role_event *events,
		     unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (events[i].kind == ROLE_EVENT_ALL ||
		    (events[i].kind == ROLE_EVENT_NAMED && roles->named) ||
		    (events[i].kind == ROLE_EVENT_USER && events[i].user == roles->user) ||
		    (events[i].kind == ROLE_EVENT_ROLE &&
		     role_profile_has(roles->profile, events[i].role)))
			return true;
	return false;
}

void client_roles_review(struct worker *worker)
{
	struct roles *roles = &worker->broker->roles;
	struct role_event events[ROLE_EVENTS];
	struct client *client;
	unsigned int n;

	if (roles_generation(roles) == worker->roles_seen)
		return;
	n = roles_take_events(roles, &worker->roles_seen, events);
	for (client = worker->clients; client; client = client->next)
		if (client->roles && concerns(client->roles, events, n))
			client_acl_refresh(client);
}
