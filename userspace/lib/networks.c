// SPDX-License-Identifier: MIT
/*
 * Lists of networks. All are of IPv6: those of IPv4 are where its addresses are in there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "networks.h"

#define BLANKS		" \t"
/* Where IPv4 begins in IPv6 */
#define MAPPED_BITS	96
#define ENTRY_MAX	(INET6_ADDRSTRLEN + 4)

struct prefix {
	struct in6_addr address;
	unsigned int bits;
};

struct networks {
	bool local;		/* "unix" */
	unsigned int n;
	struct prefix prefixes[];
};

static void map(struct in6_addr *to, const struct in_addr *from)
{
	static const uint8_t front[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(to->s6_addr, front, sizeof(front));
	memcpy(to->s6_addr + sizeof(front), from, sizeof(*from));
}

static bool bit(const struct in6_addr *address, unsigned int i)
{
	return address->s6_addr[i / 8] >> (7 - i % 8) & 1;
}

/* Bits as a number without signs and leading zeros, or -1. */
static int parse_bits(const char *text, int max)
{
	char *end;
	long n;

	if (*text < '0' || *text > '9' || (*text == '0' && text[1]))
		return -1;
	n = strtol(text, &end, 10);
	return *end || n > max ? -1 : (int)n;
}

/* Returns NULL, or what is wrong. @text is cut up. */
static const char *parse_prefix(struct prefix *prefix, char *text)
{
	char *slash = strchr(text, '/');
	unsigned int i, first = 0;
	struct in_addr in;
	int bits;

	if (slash)
		*slash = 0;
	if (inet_pton(AF_INET, text, &in) == 1) {
		map(&prefix->address, &in);
		first = MAPPED_BITS;
	} else if (inet_pton(AF_INET6, text, &prefix->address) != 1) {
		return "is not an address of IPv4 or IPv6, or 'unix'";
	}
	bits = slash ? parse_bits(slash + 1, 128 - first) : (int)(128 - first);
	if (bits < 0)
		return "does not end with a number of bits that its address has";
	prefix->bits = first + bits;
	for (i = prefix->bits; i < 128; i++)
		if (bit(&prefix->address, i))
			return "is an address with bits behind those of the network";
	return NULL;
}

static const char *parse_entry(struct networks *list, const char *at, size_t len)
{
	char text[ENTRY_MAX + 1];
	const char *why;

	if (len == 4 && !memcmp(at, "unix", 4)) {
		list->local = true;
		return NULL;
	}
	if (list->n == NETWORKS_MAX)
		return "is more than there may be";
	if (len > ENTRY_MAX)
		return "is not an address of IPv4 or IPv6, or 'unix'";
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

static bool covers(const struct prefix *prefix, const struct in6_addr *address)
{
	unsigned int bytes = prefix->bits / 8, rest = prefix->bits % 8;
	uint8_t differ;

	if (memcmp(&prefix->address, address, bytes))
		return false;
	if (!rest)
		return true;
	differ = prefix->address.s6_addr[bytes] ^ address->s6_addr[bytes];
	return !(differ >> (8 - rest));
}

bool networks_have(const struct networks *list, const struct sockaddr *address)
{
	struct in6_addr wanted;
	unsigned int i;

	if (!list)
		return false;
	if (address->sa_family == AF_UNIX)
		return list->local;
	if (address->sa_family == AF_INET)
		map(&wanted, &((const struct sockaddr_in *)address)->sin_addr);
	else if (address->sa_family == AF_INET6)
		wanted = ((const struct sockaddr_in6 *)address)->sin6_addr;
	else
		return false;
	for (i = 0; i < list->n; i++)
		if (covers(&list->prefixes[i], &wanted))
			return true;
	return false;
}
