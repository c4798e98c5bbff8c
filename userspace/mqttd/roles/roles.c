// SPDX-License-Identifier: MIT
/*
 * Roles: what is looked up, and what is asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>
#include <linux/random.h>
#include <linux/rcupdate.h>

#include "roles/load.h"
#include "roles/roles.h"

/* Of a client without a user name */
#define ANONYMOUS_HASH	1

int roles_init(struct roles *roles)
{
	*roles = (struct roles){ .defaults = ROLE_RECEIVE };
	roles->connected = calloc(ROLE_CONNECTED, sizeof(*roles->connected));
	if (!roles->connected)
		return -ENOMEM;
	pthread_mutex_init(&roles->lock, NULL);
	get_random_bytes(&roles->key, sizeof(roles->key));
	return 0;
}

static void slot_release(struct acl_slot *slot)
{
	if (slot->kept)
		slot->release(slot->kept);
	slot->kept = NULL;
}

static void role_free(struct role *role)
{
	slot_release(&role->slots[0]);
	slot_release(&role->slots[1]);
	role_version_retire(role->version);
	free(role);
}

static void drop_role(struct hash_node *node, void *ctx)
{
	(void)ctx;
	role_free(container_of(node, struct role, node));
}

static void drop_holder(struct hash_node *node, void *ctx)
{
	struct role_holder *holder = container_of(node, struct role_holder, node);

	(void)ctx;
	free(holder->roles);
	free(holder->groups);
	free(holder);
}

/* There are none. */
static void drop_none(struct hash_node *node, void *ctx)
{
	(void)node;
	(void)ctx;
}

void roles_destroy(struct roles *roles)
{
	if (!roles->connected)
		return;
	roles_load_forget(roles);
	hash_clear(&roles->users, drop_holder, NULL);
	hash_clear(&roles->groups, drop_holder, NULL);
	hash_clear(&roles->roles, drop_role, NULL);
	hash_clear(&roles->profiles, drop_none, NULL);
	slot_release(&roles->defaults_slot);
	free(roles->connected);
	roles->connected = NULL;
	pthread_mutex_destroy(&roles->lock);
}

/* --- names ------------------------------------------------------------------------ */

u64 role_name_hash(const struct roles *roles, const char *name)
{
	return siphash(name, strlen(name), &roles->key);
}

struct role *roles_find(const struct roles *roles, const char *name)
{
	struct hash_node *node = hash_first(&roles->roles, role_name_hash(roles, name));

	for (; node; node = hash_next(node)) {
		struct role *role = container_of(node, struct role, node);

		if (!strcmp(role->name, name))
			return role;
	}
	return NULL;
}

struct role_holder *roles_find_holder(const struct roles *roles, enum role_holder_kind kind,
				      const char *name)
{
	const struct hash_table *table = kind == ROLE_USER ? &roles->users : &roles->groups;
	struct hash_node *node = hash_first(table, role_name_hash(roles, name));

	for (; node; node = hash_next(node)) {
		struct role_holder *holder = container_of(node, struct role_holder, node);

		if (!strcmp(holder->name, name))
			return holder;
	}
	return NULL;
}

/* --- who has which ------------------------------------------------------------------ */

/* Roles of somebody; those that are there twice or too many are told apart later. */
struct gathering {
	struct role **roles;
	unsigned int n;
	unsigned int room;
	bool failed;
};

static void gather(struct gathering *all, struct role *role)
{
	struct role **roles;

	if (all->n == all->room) {
		all->room = all->room ? 2 * all->room : 16;
		roles = reallocarray(all->roles, all->room, sizeof(struct role *));
		if (!roles) {
			all->failed = true;
			all->room = all->n;
			return;
		}
		all->roles = roles;
	}
	all->roles[all->n++] = role;
}

static void gather_holder(struct gathering *all, const struct role_holder *holder)
{
	unsigned int i;

	for (i = 0; holder && i < holder->n_roles; i++)
		gather(all, holder->roles[i]);
}

static int compare_roles(const void *a, const void *b)
{
	const struct role *x = *(struct role *const *)a, *y = *(struct role *const *)b;
	bool x_default = !strcmp(x->name, ROLE_DEFAULT), y_default = !strcmp(y->name, ROLE_DEFAULT);

	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	if (x_default != y_default)
		return x_default ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void gather_all(const struct roles *roles, struct gathering *all, const char *username,
		       char *const *named, unsigned int n_named)
{
	const struct role_holder *holder;
	struct role *role;
	unsigned int i;

	if (username) {
		holder = roles_find_holder(roles, ROLE_USER, username);
		gather_holder(all, holder);
		for (i = 0; holder && i < holder->n_groups; i++)
			gather_holder(all, holder->groups[i]);
	} else {
		gather_holder(all, roles_find_holder(roles, ROLE_GROUP, ROLE_GROUP_ANONYMOUS));
	}
	for (i = 0; i < n_named; i++) {
		role = roles_find(roles, named[i]);
		if (role)
			gather(all, role);
	}
	role = roles_find(roles, ROLE_DEFAULT);
	if (role)
		gather(all, role);
}

static void sort_and_unite(struct gathering *all)
{
	unsigned int i, n = 0;

	if (!all->n)
		return;
	qsort(all->roles, all->n, sizeof(struct role *), compare_roles);
	for (i = 0; i < all->n; i++)
		if (!n || all->roles[n - 1] != all->roles[i])
			all->roles[n++] = all->roles[i];
	all->n = n;
}

static u64 profile_hash(const struct roles *roles, const struct gathering *all)
{
	u32 ids[ROLES_ASKED_MAX];
	unsigned int i;

	for (i = 0; i < all->n; i++)
		ids[i] = all->roles[i]->id;
	return siphash(ids, all->n * sizeof(*ids), &roles->key);
}

static struct role_profile *profile_find(const struct roles *roles, const struct gathering *all,
					 bool overfull, u64 hash)
{
	struct hash_node *node = hash_first(&roles->profiles, hash);

	for (; node; node = hash_next(node)) {
		struct role_profile *profile = container_of(node, struct role_profile, node);

		if (profile->n == all->n && profile->overfull == overfull &&
		    (!all->n || !memcmp(profile->roles, all->roles,
					all->n * sizeof(struct role *))))
			return profile;
	}
	return NULL;
}

static struct role_profile *profile_new(struct roles *roles, const struct gathering *all,
					bool overfull, u64 hash)
{
	struct role_profile *profile;
	unsigned int i;

	profile = calloc(1, sizeof(*profile) + all->n * sizeof(struct role *));
	if (!profile)
		return NULL;
	if (hash_add(&roles->profiles, &profile->node, hash)) {
		free(profile);
		return NULL;
	}
	profile->overfull = overfull;
	profile->n = all->n;
	for (i = 0; i < all->n; i++) {
		profile->roles[i] = all->roles[i];
		profile->roles[i]->refs++;
	}
	return profile;
}

static struct role_profile *resolve_locked(struct roles *roles, struct gathering *all)
{
	bool overfull = all->n > ROLES_ASKED_MAX;
	struct role_profile *profile;
	u64 hash;

	if (overfull)
		all->n = 0;
	hash = profile_hash(roles, all);
	profile = profile_find(roles, all, overfull, hash);
	if (!profile)
		profile = profile_new(roles, all, overfull, hash);
	if (profile)
		profile->refs++;
	return profile;
}

struct role_profile *roles_resolve(struct roles *roles, const char *username,
				   char *const *named, unsigned int n_named)
{
	struct role_profile *profile = NULL;
	struct gathering all = {};

	pthread_mutex_lock(&roles->lock);
	gather_all(roles, &all, username, named, n_named);
	sort_and_unite(&all);
	if (!all.failed)
		profile = resolve_locked(roles, &all);
	pthread_mutex_unlock(&roles->lock);
	free(all.roles);
	return profile;
}

void role_put_locked(struct roles *roles, struct role *role)
{
	(void)roles;
	if (!--role->refs)
		role_free(role);
}

void role_profile_put(struct roles *roles, struct role_profile *profile)
{
	unsigned int i;

	if (!profile)
		return;
	pthread_mutex_lock(&roles->lock);
	if (!--profile->refs) {
		hash_del(&roles->profiles, &profile->node);
		for (i = 0; i < profile->n; i++)
			role_put_locked(roles, profile->roles[i]);
		free(profile);
	}
	pthread_mutex_unlock(&roles->lock);
}

/* --- questions -------------------------------------------------------------------------- */

u8 role_profile_ask(const struct role_profile *profile, struct role_own *own,
		    const struct role_who *who, u8 access, const u8 *topic, size_t len)
{
	u8 says = profile->overfull ? MQTT_ACL_ACTION_DENY : MQTT_ACL_ACTION_PASS;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < profile->n && says == MQTT_ACL_ACTION_PASS; i++)
		says = role_version_ask(rcu_dereference(profile->roles[i]->version), &own[i], who,
					access, topic, len);
	rcu_read_unlock();
	return says;
}

u8 role_profile_ask_subscribe(const struct role_profile *profile, const struct role_who *who,
			      const char *filter, size_t len)
{
	u8 says = profile->overfull ? MQTT_ACL_ACTION_DENY : MQTT_ACL_ACTION_PASS;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < profile->n && says == MQTT_ACL_ACTION_PASS; i++)
		says = role_version_ask_subscribe(rcu_dereference(profile->roles[i]->version), who,
						  filter, len);
	rcu_read_unlock();
	return says;
}

u8 role_profile_access(const struct role_profile *profile)
{
	u8 access = profile->overfull ? ROLE_ACCESS_ALL : 0;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < profile->n; i++)
		access |= rcu_dereference(profile->roles[i]->version)->access;
	rcu_read_unlock();
	return access;
}

bool role_profile_has(const struct role_profile *profile, u32 role)
{
	unsigned int i;

	for (i = 0; i < profile->n; i++)
		if (profile->roles[i]->id == role)
			return true;
	return profile->overfull;
}

/* --- who is concerned --------------------------------------------------------------------- */

u64 roles_user_hash(const struct roles *roles, const char *username)
{
	return username ? role_name_hash(roles, username) : ANONYMOUS_HASH;
}

void roles_count(struct roles *roles, u64 user, int n)
{
	__atomic_add_fetch(&roles->connected[user % ROLE_CONNECTED], n, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&roles->clients, n, __ATOMIC_SEQ_CST);
}

void roles_tell_locked(struct roles *roles, struct role_event event)
{
	u32 generation = roles->generation + 1;

	roles->events[generation % ROLE_EVENTS] = event;
	__atomic_store_n(&roles->generation, generation, __ATOMIC_RELEASE);
}

unsigned int roles_take_events(struct roles *roles, u32 *seen,
			       struct role_event events[ROLE_EVENTS])
{
	unsigned int n = 0, i;

	pthread_mutex_lock(&roles->lock);
	if (roles->generation - *seen > ROLE_EVENTS) {
		events[n++] = (struct role_event){ .kind = ROLE_EVENT_ALL };
	} else {
		for (i = *seen + 1; i != roles->generation + 1; i++)
			events[n++] = roles->events[i % ROLE_EVENTS];
	}
	*seen = roles->generation;
	pthread_mutex_unlock(&roles->lock);
	return n;
}
