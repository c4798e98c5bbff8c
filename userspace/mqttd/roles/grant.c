// SPDX-License-Identifier: MIT
/*
 * Grants: their filters, and their order.
 */
#include <stdlib.h>
#include <string.h>

#include <mqtt/topic.h>

#include "acl_name.h"
#include "auth/method.h"
#include "roles/grant.h"

/* What a topic filter may be in a packet */
#define FILTER_BYTES_MAX	65535

/* --- names ------------------------------------------------------------------ */

/**
 * struct part - a piece of a filter
 * @text: it; of a claim its name
 * @len: bytes at @text
 * @kind: 0: as it stands; 'c', 'u': that name; '{': a claim; '!': neither
 */
struct part {
	const char *text;
	size_t len;
	char kind;
};

/* Cuts the first part off. */
static struct part part_next(const char **filter, size_t *left)
{
	struct part part = { .text = *filter };
	const char *end;
	size_t n;

	for (n = 0; n < *left; n++)
		if (part.text[n] == '%' && n + 1 < *left && strchr("cu{", part.text[n + 1]) &&
		    part.text[n + 1])
			break;
	if (n) {
		part.len = n;
	} else {
		part.kind = part.text[1];
		n = 2;
		if (part.kind == '{') {
			part.text += 2;
			end = memchr(part.text, '}', *left - 2);
			part.len = end ? (size_t)(end - part.text) : 0;
			if (!part.len)
				part.kind = '!';
			else
				n += part.len + 1;
		}
	}
	*filter += n;
	*left -= n;
	return part;
}

bool grant_filter_valid(const char *filter, size_t len, bool *varies, const char **why)
{
	*varies = false;
	*why = NULL;
	if (!len || len > GRANT_FILTER_MAX)
		*why = len ? "longer than 4096 bytes" : "empty";
	else if (!mqtt_topic_filter_valid((const u8 *)filter, len) ||
		 mqtt_topic_levels((const u8 *)filter, len) > MQTT_FILTER_LEVELS_MAX)
		*why = "not a topic filter";
	else if (len >= 7 && !memcmp(filter, "$share/", 7))
		*why = "a shared subscription: name what is behind $share/NAME/";
	while (len && !*why) {
		struct part part = part_next(&filter, &len);

		if (part.kind == '!')
			*why = "not a topic filter: a claim is %{NAME}";
		if (part.kind)
			*varies = true;
	}
	return !*why;
}

static const char *claim_find(const struct role_who *who, const struct part *part)
{
	unsigned int i;

	for (i = 0; i < who->n_claims; i++)
		if (strlen(who->claims[i].name) == part->len &&
		    !memcmp(who->claims[i].name, part->text, part->len))
			return who->claims[i].value;
	return NULL;
}

static enum grant_made part_value(const struct role_who *who, const struct part *part,
				  const char **value, size_t *len)
{
	*value = part->text;
	*len = part->len;
	if (!part->kind)
		return GRANT_MADE;
	if (part->kind == '{')
		*value = claim_find(who, part);
	else
		*value = part->kind == 'c' ? who->client_id : who->username;
	if (!*value || !**value)
		return GRANT_NO_VALUE;
	*len = strlen(*value);
	return acl_name_is_plain(*value) ? GRANT_MADE : GRANT_BAD_VALUE;
}

/* Into @to, or only its size. */
static enum grant_made put_parts(const struct role_grant *grant, const struct role_who *who,
				 char *to, size_t *size)
{
	enum grant_made made = GRANT_MADE;
	const char *filter = grant->filter, *value;
	size_t left = grant->len, len;

	*size = 0;
	while (left && made == GRANT_MADE) {
		struct part part = part_next(&filter, &left);

		made = part_value(who, &part, &value, &len);
		if (made != GRANT_MADE)
			break;
		*size += len;
		if (*size > FILTER_BYTES_MAX)
			return GRANT_TOO_LONG;
		if (to)
			to = mempcpy(to, value, len);
	}
	return made;
}

enum grant_made grant_make_out(const struct role_grant *grant, const struct role_who *who,
			       char **text)
{
	enum grant_made made;
	size_t size;

	*text = NULL;
	made = put_parts(grant, who, NULL, &size);
	if (made != GRANT_MADE)
		return made;
	*text = malloc(size + 1);
	if (!*text)
		return GRANT_NO_MEMORY;
	put_parts(grant, who, *text, &size);
	(*text)[size] = '\0';
	if (!acl_name_reserves(grant->filter, *text))
		return GRANT_MADE;
	free(*text);
	*text = NULL;
	return GRANT_BAD_VALUE;
}

/* --- filters ------------------------------------------------------------------ */

/* Level by level; @ended: the last one was taken. */
struct levels {
	const char *text;
	size_t left;
	size_t len;
	bool first;
	bool ended;
};

static struct levels levels_of(const char *filter, size_t len)
{
	const char *slash = memchr(filter, '/', len);

	return (struct levels){
		.text = filter,
		.left = len,
		.len = slash ? (size_t)(slash - filter) : len,
		.first = true,
	};
}

static void levels_next(struct levels *levels)
{
	const char *slash;

	levels->first = false;
	if (levels->len == levels->left) {
		levels->ended = true;
		levels->len = 0;
		return;
	}
	levels->text += levels->len + 1;
	levels->left -= levels->len + 1;
	slash = memchr(levels->text, '/', levels->left);
	levels->len = slash ? (size_t)(slash - levels->text) : levels->left;
}

static bool level_is(const struct levels *levels, char wildcard)
{
	return !levels->ended && levels->len == 1 && *levels->text == wildcard;
}

/* A topic whose first level is that, no wildcard matches (MQTT 4.7.2). */
static bool level_is_reserved(const struct levels *levels)
{
	return levels->first && levels->len && *levels->text == '$';
}

static bool levels_equal(const struct levels *a, const struct levels *b)
{
	return a->len == b->len && !memcmp(a->text, b->text, a->len);
}

bool filter_within(const char *inner, size_t inner_len, const char *outer, size_t outer_len)
{
	struct levels in = levels_of(inner, inner_len), out = levels_of(outer, outer_len);

	/* Each topic has a first level: these are the same */
	if (level_is(&in, '#') && outer_len == 3 && !memcmp(outer, "+/#", 3))
		return true;
	for (;; levels_next(&in), levels_next(&out)) {
		if (level_is(&out, '#'))
			return !level_is_reserved(&in);
		if (in.ended || out.ended)
			return in.ended && out.ended;
		if (level_is(&in, '#'))
			return false;
		if (level_is(&out, '+') ? level_is_reserved(&in) : !levels_equal(&in, &out))
			return false;
	}
}

bool filter_overlaps(const char *a, size_t a_len, const char *b, size_t b_len)
{
	struct levels x = levels_of(a, a_len), y = levels_of(b, b_len);

	for (;; levels_next(&x), levels_next(&y)) {
		if (level_is(&x, '#'))
			return !level_is_reserved(&y);
		if (level_is(&y, '#'))
			return !level_is_reserved(&x);
		if (x.ended || y.ended)
			return x.ended && y.ended;
		if (level_is(&x, '+') && !level_is_reserved(&y))
			continue;
		if (level_is(&y, '+') && !level_is_reserved(&x))
			continue;
		if (!levels_equal(&x, &y))
			return false;
	}
}

/* --- order ---------------------------------------------------------------------- */

/* Of what denies those that vary are last, of what allows first: so they are neighbours. */
static int place(const struct role_grant *grant)
{
	if (grant->action == MQTT_ACL_ACTION_DENY)
		return grant->varies;
	return grant->varies ? 2 : 3;
}

static int compare_filters(const struct role_grant *a, const struct role_grant *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int order = memcmp(a->filter, b->filter, n);

	if (order)
		return order;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return a->access - b->access;
}

int grant_compare(const void *a, const void *b)
{
	const struct role_grant *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	if (place(x) != place(y))
		return place(x) - place(y);
	return compare_filters(x, y);
}

const char *role_access_name(u8 access)
{
	switch (access) {
	case ROLE_PUBLISH:
		return "publish";
	case ROLE_RECEIVE:
		return "receive";
	default:
		return "subscribe";
	}
}

const char *role_action_name(u8 action)
{
	return action == MQTT_ACL_ACTION_ALLOW ? "allow" : "deny";
}
