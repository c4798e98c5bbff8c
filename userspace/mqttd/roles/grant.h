/* SPDX-License-Identifier: MIT */
/*
 * One grant of a role: who has the role may do something, or may not, with topics
 * that match a filter. Pure code.
 */
#ifndef MQTTD_ROLES_GRANT_H
#define MQTTD_ROLES_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include <linux/mqtt.h>

struct auth_claim;

/* The first two are the kernel's bits. */
enum role_access {
	ROLE_PUBLISH	= MQTT_ACL_ACCESS_PUBLISH,
	ROLE_RECEIVE	= MQTT_ACL_ACCESS_RECEIVE,
	ROLE_SUBSCRIBE	= 4,
};

#define ROLE_ACCESS_ALL		(ROLE_PUBLISH | ROLE_RECEIVE | ROLE_SUBSCRIBE)

#define GRANT_FILTER_MAX	4096
#define GRANT_PRIORITY_MAX	1000000

/**
 * struct role_grant - what a role says about one filter
 * @filter: topic filter, perhaps with names of the client to be put in; not terminated
 * @len: bytes at @filter
 * @priority: those with a higher one are asked first
 * @access: enum role_access
 * @action: MQTT_ACL_ACTION_ALLOW or MQTT_ACL_ACTION_DENY
 * @varies: the filter is another one for each client
 */
struct role_grant {
	const char *filter;
	u32 len;
	u32 priority;
	u8 access;
	u8 action;
	bool varies;
};

/**
 * struct role_who - what is put into filters
 * @client_id: for %c
 * @username: for %u, or NULL
 * @claims: for %{NAME}
 * @n_claims: of them
 */
struct role_who {
	const char *client_id;
	const char *username;
	const struct auth_claim *claims;
	unsigned int n_claims;
};

/* Does a filter like that have names to be put in? A sentence's end in @why if it is none. */
bool grant_filter_valid(const char *filter, size_t len, bool *varies, const char **why);

/* Why a grant with names in it has no filter for a client. */
enum grant_made {
	GRANT_MADE,
	GRANT_NO_VALUE,		/* there is no such name, or it is empty */
	GRANT_BAD_VALUE,	/* it has a '+', '#' or '/', or begins the filter with '$' */
	GRANT_TOO_LONG,
	GRANT_NO_MEMORY,
};

/*
 * The filter with the client's names in it, in @text, to be freed and terminated. What
 * comes with a name is not looked at again; a name that could be meant for something
 * else makes none at all.
 */
enum grant_made grant_make_out(const struct role_grant *grant, const struct role_who *who,
			       char **text);

/* Does each topic that @inner matches @outer match too? Both are valid filters. */
bool filter_within(const char *inner, size_t inner_len, const char *outer, size_t outer_len);

/* Is there a topic that both match? */
bool filter_overlaps(const char *a, size_t a_len, const char *b, size_t b_len);

/*
 * In the order in which they are asked: by priority, at the same priority what denies
 * first; those that vary stand together as far as that makes no difference.
 */
int grant_compare(const void *a, const void *b);

const char *role_access_name(u8 access);
const char *role_action_name(u8 action);

#endif /* MQTTD_ROLES_GRANT_H */
