// SPDX-License-Identifier: MIT
/*
 * Versions of roles: how they are made and asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>

#include <mqtt/topic.h>

#include "roles/version.h"

static u64 last_serial;

/* --- making -------------------------------------------------------------------- */

static int rules_fill(struct mqtt_acl_rules *rules, const struct role_grant *grants, u32 n)
{
	u32 i;
	int err = 0;

	*rules = (struct mqtt_acl_rules){ .fallback = MQTT_ACL_ACTION_PASS };
	for (i = 0; i < n && !err; i++)
		if (grants[i].access != ROLE_SUBSCRIBE)
			err = mqtt_acl_rules_add(rules, (const u8 *)grants[i].filter,
						 grants[i].len, grants[i].action,
						 grants[i].access);
	return err ? err : mqtt_acl_rules_finish(rules);
}

static void find_own(struct role_version *version)
{
	u32 i;

	version->own_begin = version->n;
	for (i = 0; i < version->n; i++) {
		const struct role_grant *grant = &version->grants[i];

		version->access |= grant->access;
		if (!grant->varies || grant->access == ROLE_SUBSCRIBE)
			continue;
		if (version->own_begin == version->n)
			version->own_begin = i;
		version->own_end = i + 1;
	}
	if (version->own_begin == version->n)
		version->own_end = version->n;
}

static size_t text_size(const struct role_grant *grants, u32 n)
{
	size_t size = 0;
	u32 i;

	for (i = 0; i < n; i++)
		size += grants[i].len;
	return size;
}

/* Rules have nodes of their own, in a table if there are many. */
#define RULE_BYTES	(sizeof(struct mqtt_acl_rule) + 64)

struct role_version *role_version_new(struct role_grant *grants, u32 n)
{
	size_t text = text_size(grants, n);
	struct role_version *version;
	char *to;
	u32 i;

	if (n)
		qsort(grants, n, sizeof(*grants), grant_compare);
	version = calloc(1, sizeof(*version));
	if (!version)
		return NULL;
	version->grants = malloc(n * sizeof(*grants) + text + 1);
	if (!version->grants) {
		free(version);
		return NULL;
	}
	to = (char *)(version->grants + n);
	for (i = 0; i < n; i++) {
		version->grants[i] = grants[i];
		version->grants[i].filter = to;
		to = mempcpy(to, grants[i].filter, grants[i].len);
	}
	version->n = n;
	version->serial = ++last_serial;
	version->bytes = sizeof(*version) + n * (sizeof(*grants) + RULE_BYTES) + 2 * text;
	find_own(version);
	if (rules_fill(&version->before, version->grants, version->own_begin) ||
	    rules_fill(&version->after, version->grants + version->own_end,
		       n - version->own_end)) {
		role_version_free(version);
		return NULL;
	}
	return version;
}

void role_version_free(struct role_version *version)
{
	if (!version)
		return;
	mqtt_acl_rules_clear(&version->before);
	mqtt_acl_rules_clear(&version->after);
	free(version->grants);
	free(version);
}

static void free_late(struct rcu_head *head)
{
	role_version_free(container_of(head, struct role_version, rcu));
}

void role_version_retire(struct role_version *version)
{
	if (version)
		call_rcu(&version->rcu, free_late);
}

long role_version_find(const struct role_version *version, u8 access, const char *filter,
		       size_t len)
{
	const struct role_grant *grant;
	u32 i;

	for (i = 0; i < version->n; i++) {
		grant = &version->grants[i];
		if (grant->access == access && grant->len == len &&
		    !memcmp(grant->filter, filter, len))
			return i;
	}
	return -1;
}

/* --- a client's own --------------------------------------------------------------- */

void role_own_clear(struct role_own *own)
{
	mqtt_acl_rules_clear(&own->rules);
	own->serial = 0;
}

/* What cannot be made out matches nothing. */
static int own_add(struct role_own *own, const struct role_grant *grant,
		   const struct role_who *who)
{
	enum grant_made made = GRANT_MADE;
	size_t len = grant->len;
	char *text = NULL;
	int err = 0;

	if (grant->varies)
		made = grant_make_out(grant, who, &text);
	if (made == GRANT_NO_MEMORY)
		return -ENOMEM;
	if (text)
		len = strlen(text);
	if (made == GRANT_MADE &&
	    (!text || mqtt_topic_filter_valid((const u8 *)text, len)))
		err = mqtt_acl_rules_add(&own->rules, (const u8 *)(text ? text : grant->filter),
					 len, grant->action, grant->access);
	free(text);
	return err;
}

int role_own_make(struct role_own *own, const struct role_version *version,
		  const struct role_who *who)
{
	int err = 0;
	u32 i;

	role_own_clear(own);
	own->rules.fallback = MQTT_ACL_ACTION_PASS;
	for (i = version->own_begin; i < version->own_end && !err; i++)
		if (version->grants[i].access != ROLE_SUBSCRIBE)
			err = own_add(own, &version->grants[i], who);
	if (!err)
		err = mqtt_acl_rules_finish(&own->rules);
	if (err)
		role_own_clear(own);
	else
		own->serial = version->serial;
	return err;
}

/* --- questions ---------------------------------------------------------------------- */

u8 role_version_ask(const struct role_version *version, struct role_own *own,
		    const struct role_who *who, u8 access, const u8 *topic, size_t len)
{
	u8 says = MQTT_ACL_ACTION_PASS;
	u32 steps = 0;

	if (!(version->access & access))
		return says;
	if (version->before.nr)
		says = mqtt_acl_rules_ask(&version->before, access, topic, len, &steps);
	if (says != MQTT_ACL_ACTION_PASS || !role_version_varies(version))
		return says;
	/* Without memory nobody knows what it would say */
	if (own->serial != version->serial && role_own_make(own, version, who))
		return MQTT_ACL_ACTION_DENY;
	says = mqtt_acl_rules_ask(&own->rules, access, topic, len, &steps);
	if (says == MQTT_ACL_ACTION_PASS && version->after.nr)
		says = mqtt_acl_rules_ask(&version->after, access, topic, len, &steps);
	return says;
}

bool role_grant_matches(const struct role_grant *grant, const char *made_out, size_t made_len,
			const char *topic, size_t len)
{
	if (grant->access != ROLE_SUBSCRIBE)
		return mqtt_topic_matches((const u8 *)made_out, made_len, (const u8 *)topic, len);
	if (grant->action == MQTT_ACL_ACTION_ALLOW)
		return filter_within(topic, len, made_out, made_len);
	return filter_overlaps(topic, len, made_out, made_len);
}

/* MQTT_ACL_ACTION_PASS if the grant is about something else. */
static u8 ask_grant(const struct role_grant *grant, const struct role_who *who,
		    const char *filter, size_t len)
{
	enum grant_made made = GRANT_MADE;
	u8 says = MQTT_ACL_ACTION_PASS;
	char *text = NULL;

	if (grant->varies)
		made = grant_make_out(grant, who, &text);
	if (made == GRANT_NO_MEMORY)
		return MQTT_ACL_ACTION_DENY;
	if (made == GRANT_MADE &&
	    role_grant_matches(grant, text ? text : grant->filter,
			       text ? strlen(text) : grant->len, filter, len))
		says = grant->action;
	free(text);
	return says;
}

u8 role_version_ask_subscribe(const struct role_version *version, const struct role_who *who,
			      const char *filter, size_t len)
{
	u8 says = MQTT_ACL_ACTION_PASS;
	u32 i;

	if (!(version->access & ROLE_SUBSCRIBE))
		return says;
	for (i = 0; i < version->n && says == MQTT_ACL_ACTION_PASS; i++)
		if (version->grants[i].access == ROLE_SUBSCRIBE)
			says = ask_grant(&version->grants[i], who, filter, len);
	return says;
}
