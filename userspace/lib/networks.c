// SPDX-License-Identifier: MIT
/*
 * Lists of networks, which are short: each is looked at.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "networks.h"
#include "prefix.h"

#define BLANKS	" \t"

struct networks {
	bool local;		/* "unix" */
	unsigned int n;
	struct prefix prefixes[];
};

/* Bits behind those of the network are a mistake: one address was meant, or another network. */
static const char *parse_prefix(struct prefix *prefix, char *text)
{
	struct prefix address;
	char *slash;

	if (prefix_parse(prefix, text, 128))
		return "is not a network, an address, or 'unix'";
	slash = strchr(text, '/');
	if (slash)
		*slash = 0;
	if (prefix_parse(&address, text, 128) ||
	    memcmp(&address.address, &prefix->address, sizeof(address.address)))
		return "is an address with bits behind those of the network";
	return NULL;
}

static const char *parse_entry(struct networks *list, const char *at, size_t len)
{
	char text[PREFIX_MAX];
	const char *why;

	if (len == 4 && !memcmp(at, "unix", 4)) {
		list->local = true;
		return NULL;
	}
	if (list->n == NETWORKS_MAX)
		return "is more than there may be";
	if (len >= sizeof(text))
		return "is not a network, an address, or 'unix'";
	memcpy(text, at, len);
	text[len] = 0;
	why = parse_prefix(&list->prefixes[list->n], text);
	if (!why)
		list->n++;
	return why;
}

int networks_parse(struct networks **list, const char *text, const char **why,
		   const char **entry)
{
	struct networks *new = calloc(1, sizeof(*new) + NETWORKS_MAX * sizeof(new->prefixes[0]));
	struct networks *small;
	size_t len;

	if (!new)
		return -ENOMEM;
	for (text += strspn(text, BLANKS); *text; text += len + strspn(text + len, BLANKS)) {
		len = strcspn(text, BLANKS);
		*why = parse_entry(new, text, len);
		if (*why) {
			*entry = text;
			free(new);
			return -EINVAL;
		}
	}
	small = realloc(new, sizeof(*new) + new->n * sizeof(new->prefixes[0]));
	*list = small ? small : new;
	return 0;
}

void networks_free(struct networks *list)
{
	free(list);
}

bool networks_have(const struct networks *list, const struct sockaddr *address)
{
	struct prefix wanted;
	unsigned int i;

	if (!list)
		return false;
	if (address->sa_family == AF_UNIX)
		return list->local;
	if (!prefix_of(&wanted, address))
		return false;
	for (i = 0; i < list->n; i++)
		if (prefix_covers(&list->prefixes[i], &wanted))
			return true;
	return false;
}
