// SPDX-License-Identifier: MIT
/*
 * Access control lists: what is kept of a file, and what is asked.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>
#include <linux/random.h>
#include <linux/siphash.h>

#include <mqtt/topic.h>

#include "acl.h"
#include "acl_list.h"
#include "acl_name.h"
#include "acl_set.h"
#include "hash.h"

/**
 * struct acl_user - what the "topic" lines of a user say
 * @node: in the list's table
 * @topics: they
 * @slot: of this part
 * @name: user name, NULL for clients without one
 */
struct acl_user {
	struct hash_node node;
	struct acl_set topics;
	struct acl_slot slot;
	char *name;
};

/**
 * struct acl_pattern - a filter that is another one for each client
 * @next: in the list of all
 * @bits: what it says
 * @by_user: it has %u, and so is not for clients without a user name
 * @filter: with %c or %u or both
 */
struct acl_pattern {
	struct acl_pattern *next;
	u8 bits;
	bool by_user;
	char filter[];
};

/**
 * struct acl - a list
 * @refs: whoever loaded it, and rules made from it; any thread
 * @users: by name
 * @anonymous: what clients without a name may do
 * @shared: patterns that are the same for all
 * @slots: of the two parts that these are
 * @patterns: the others
 * @key: user names that are looked up come from the network
 */
struct acl {
	uint32_t refs;
	struct hash_table users;
	struct acl_user anonymous;
	struct acl_set shared;
	struct acl_slot slots[2];
	struct acl_pattern *patterns;
	siphash_key_t key;
};

/**
 * struct acl_rules - what a list says about a client
 * @acl: it; a reference
 * @user: the client's, or NULL if it is not in the list
 * @own: patterns made out for the client
 * @slot: of that part; of the user's, if it has none
 * @dangerous: patterns are not to be trusted with the client's names
 */
struct acl_rules {
	struct acl *acl;
	struct acl_user *user;
	struct acl_set own;
	struct acl_slot slot;
	bool dangerous;
};

/* --- the list ------------------------------------------------------------- */

struct acl *acl_new(void)
{
	struct acl *acl = calloc(1, sizeof(*acl));

	if (!acl)
		return NULL;
	acl->refs = 1;
	get_random_bytes(&acl->key, sizeof(acl->key));
	return acl;
}

static uint64_t name_hash(const struct acl *acl, const char *name)
{
	return siphash(name, strlen(name), &acl->key);
}

static struct acl_user *user_find(const struct acl *acl, const char *name)
{
	uint64_t hash = name_hash(acl, name);
	struct hash_node *node;

	for (node = hash_first(&acl->users, hash); node; node = hash_next(node)) {
		struct acl_user *user = container_of(node, struct acl_user, node);

		if (!strcmp(user->name, name))
			return user;
	}
	return NULL;
}

struct acl_user *acl_user(struct acl *acl, const char *name)
{
	struct acl_user *user;

	if (!name)
		return &acl->anonymous;
	user = user_find(acl, name);
	if (user)
		return user;
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->name = strdup(name);
	if (!user->name || hash_add(&acl->users, &user->node, name_hash(acl, name))) {
		free(user->name);
		free(user);
		return NULL;
	}
	return user;
}

int acl_add_topic(struct acl_user *user, const char *filter, u8 bits)
{
	return acl_set_add(&user->topics, filter, strlen(filter), bits);
}

int acl_add_pattern(struct acl *acl, const char *filter, u8 bits)
{
	bool by_user = strstr(filter, "%u"), by_id = strstr(filter, "%c");
	size_t len = strlen(filter);
	struct acl_pattern *pattern;

	if (!by_user && !by_id)
		return acl_set_add(&acl->shared, filter, len, bits);
	pattern = malloc(sizeof(*pattern) + len + 1);
	if (!pattern)
		return -ENOMEM;
	pattern->bits = bits;
	pattern->by_user = by_user;
	memcpy(pattern->filter, filter, len + 1);
	pattern->next = acl->patterns;
	acl->patterns = pattern;
	return 0;
}

struct acl *acl_get(struct acl *acl)
{
	if (acl)
		__atomic_add_fetch(&acl->refs, 1, __ATOMIC_RELAXED);
	return acl;
}

static void slot_release(struct acl_slot *slot)
{
	if (slot->kept)
		slot->release(slot->kept);
}

static void user_drop(struct hash_node *node, void *ctx)
{
	struct acl_user *user = container_of(node, struct acl_user, node);

	(void)ctx;
	slot_release(&user->slot);
	acl_set_free(&user->topics);
	free(user->name);
	free(user);
}

void acl_put(struct acl *acl)
{
	struct acl_pattern *pattern;

	if (!acl || __atomic_sub_fetch(&acl->refs, 1, __ATOMIC_ACQ_REL))
		return;
	hash_clear(&acl->users, user_drop, NULL);
	acl_set_free(&acl->anonymous.topics);
	slot_release(&acl->anonymous.slot);
	acl_set_free(&acl->shared);
	slot_release(&acl->slots[0]);
	slot_release(&acl->slots[1]);
	while ((pattern = acl->patterns)) {
		acl->patterns = pattern->next;
		free(pattern);
	}
	free(acl);
}

/* --- one client ------------------------------------------------------------ */

/*
 * The filter with the names in their places, to be freed; NULL without memory. What
 * comes with a name is not looked at again.
 */
static char *make_out(const char *filter, const char *client_id, const char *username)
{
	size_t id_len = strlen(client_id), user_len = username ? strlen(username) : 0;
	size_t longest = id_len > user_len ? id_len : user_len;
	char *text, *to;

	/* each two bytes become a name, at most */
	text = malloc((strlen(filter) / 2 + 1) * (longest + 2));
	for (to = text; text && *filter; filter++) {
		if (filter[0] == '%' && filter[1] == 'c') {
			to = mempcpy(to, client_id, id_len);
			filter++;
		} else if (filter[0] == '%' && filter[1] == 'u') {
			to = mempcpy(to, username, user_len);
			filter++;
		} else {
			*to++ = *filter;
		}
	}
	if (text)
		*to = '\0';
	return text;
}

/* Would it allow something on levels that a name brings along? */
static bool is_wider(const struct acl_pattern *pattern, const char *client_id,
		     const char *username)
{
	if (pattern->bits & ACL_DENY)
		return false;
	return (strstr(pattern->filter, "%c") && !acl_name_is_plain(client_id)) ||
	       (pattern->by_user && !acl_name_is_plain(username));
}

static int add_own(struct acl_rules *rules, const struct acl_pattern *pattern,
		   const char *client_id, const char *username)
{
	char *filter;
	size_t len;
	int err = 0;

	if ((pattern->by_user && !username) || is_wider(pattern, client_id, username))
		return 0;
	filter = make_out(pattern->filter, client_id, username);
	if (!filter)
		return -ENOMEM;
	len = strlen(filter);
	/* empty, or too long to be the filter of any topic */
	if (mqtt_topic_filter_valid((const u8 *)filter, len) &&
	    (pattern->bits & ACL_DENY || !acl_name_reserves(pattern->filter, filter)))
		err = acl_set_add(&rules->own, filter, len, pattern->bits);
	free(filter);
	return err;
}

static bool is_dangerous(const char *name)
{
	return name && strpbrk(name, "+#");
}

int acl_compile(struct acl_rules **rules, struct acl *acl, const char *client_id,
		const char *username)
{
	const struct acl_pattern *pattern;
	struct acl_rules *made;
	int err = 0;

	*rules = NULL;
	if (!acl)
		return 0;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->acl = acl_get(acl);
	made->user = username ? user_find(acl, username) : &acl->anonymous;
	made->dangerous = is_dangerous(client_id) || is_dangerous(username);
	if (!made->dangerous)
		for (pattern = acl->patterns; pattern && !err; pattern = pattern->next)
			err = add_own(made, pattern, client_id, username);
	if (err) {
		acl_rules_free(made);
		return err;
	}
	*rules = made;
	return 0;
}

void acl_rules_free(struct acl_rules *rules)
{
	if (!rules)
		return;
	acl_set_free(&rules->own);
	slot_release(&rules->slot);
	acl_put(rules->acl);
	free(rules);
}

/* --- questions --------------------------------------------------------------- */

static bool begins(const u8 *topic, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && !memcmp(topic, with, n);
}

/* "$SYS/broker/connection/NAME/state" is where mosquitto's bridges tell whether they run. */
static bool is_bridge_state(const u8 *topic, size_t len)
{
	static const char above[] = "$SYS/broker/connection/", below[] = "/state";
	size_t name = strlen(above), end;

	if (!begins(topic, len, above) || len < name + strlen(below))
		return false;
	end = len - strlen(below);
	return !memcmp(topic + end, below, strlen(below)) &&
	       !memchr(topic + name, '/', end - name);
}

static bool is_reserved(const u8 *topic, size_t len)
{
	if (topic[0] != '$')
		return false;
	return (begins(topic, len, "$SYS") && !is_bridge_state(topic, len)) ||
	       begins(topic, len, "$share");
}

bool acl_allows(const struct acl_rules *rules, enum acl_access access, const u8 *topic, size_t len)
{
	u8 bits;

	if (access == ACL_WRITE && is_reserved(topic, len))
		return false;
	if (!rules)
		return true;
	bits = rules->user ? acl_set_match(&rules->user->topics, topic, len) : 0;
	if (bits & (ACL_DENY | access))
		return !(bits & ACL_DENY);
	if (rules->dangerous)
		return false;
	bits = acl_set_match(&rules->acl->shared, topic, len) |
	       acl_set_match(&rules->own, topic, len);
	return !(bits & ACL_DENY) && bits & access;
}

/* No list can allow all topics: "#" says nothing about those that begin with '$'. */
bool acl_unlimited(const struct acl_rules *rules, enum acl_access access)
{
	(void)access;
	return !rules;
}

/* --- parts --------------------------------------------------------------------- */

/* Where a part's rules are; NULL: there are none. @deny, @allow: which of them. */
static const struct acl_set *part_set(const struct acl_rules *rules, enum acl_part part,
				      bool *deny, bool *allow)
{
	*deny = part != ACL_PART_SHARED_ALLOW;
	*allow = part != ACL_PART_SHARED_DENY;
	if (part == ACL_PART_USER)
		return rules->user ? &rules->user->topics : NULL;
	if (rules->dangerous)
		return NULL;
	return part == ACL_PART_OWN ? &rules->own : &rules->acl->shared;
}

bool acl_part_empty(const struct acl_rules *rules, enum acl_part part)
{
	bool deny, allow;
	const struct acl_set *set = part_set(rules, part, &deny, &allow);

	return !set || !((deny && acl_set_has(set, true)) || (allow && acl_set_has(set, false)));
}

void acl_part_visit(const struct acl_rules *rules, enum acl_part part,
		    void (*rule)(void *ctx, const u8 *filter, size_t len, bool deny,
				 unsigned int access),
		    void *ctx)
{
	bool deny, allow;
	const struct acl_set *set = part_set(rules, part, &deny, &allow);

	if (set && deny)
		acl_set_visit(set, true, rule, ctx);
	if (set && allow)
		acl_set_visit(set, false, rule, ctx);
}

struct acl_slot *acl_part_slot(struct acl_rules *rules, enum acl_part part)
{
	switch (part) {
	case ACL_PART_USER:
		return rules->user ? &rules->user->slot : &rules->slot;
	case ACL_PART_SHARED_DENY:
		return &rules->acl->slots[0];
	case ACL_PART_SHARED_ALLOW:
		return &rules->acl->slots[1];
	default:
		return &rules->slot;
	}
}
