// SPDX-License-Identifier: MIT
/*
 * Networks of IPv4 and IPv6.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prefix.h"

#define V4_BITS 96	/* in front of an IPv4 address */

static void set_v4(struct prefix *prefix, const struct in_addr *address)
{
	uint8_t *bytes = prefix->address.s6_addr;

	memset(bytes, 0, 10);
	memset(bytes + 10, 0xff, 2);
	memcpy(bytes + 12, address, 4);
}

/* "24": -1 if it is no number from 0 to @max. */
static int parse_length(const char *text, unsigned int max)
{
	char *end;
	long len;

	if (*text < '0' || *text > '9' || strlen(text) > 3)
		return -1;
	len = strtol(text, &end, 10);
	return *end || len > (long)max ? -1 : len;
}

int prefix_parse(struct prefix *prefix, const char *text, unsigned int len6)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char host[INET6_ADDRSTRLEN];
	struct in_addr v4;
	int bits;

	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, &v4) == 1) {
		set_v4(prefix, &v4);
		bits = slash ? parse_length(slash + 1, 32) : 32;
		bits = bits < 0 ? bits : bits + V4_BITS;
	} else if (inet_pton(AF_INET6, host, &prefix->address) == 1) {
		if (!slash && IN6_IS_ADDR_V4MAPPED(&prefix->address))
			len6 = 128;
		bits = slash ? parse_length(slash + 1, 128) : (int)len6;
		/* It would be all of IPv4, and more; who means that writes ::/0 */
		if (bits < V4_BITS && IN6_IS_ADDR_V4MAPPED(&prefix->address))
			return -EINVAL;
	} else {
		return -EINVAL;
	}
	if (bits < 0)
		return -EINVAL;
	prefix->len = 128;
	prefix_cut(prefix, bits);
	return 0;
}

bool prefix_is_v4(const struct prefix *prefix)
{
	return prefix->len >= V4_BITS && IN6_IS_ADDR_V4MAPPED(&prefix->address);
}

void prefix_format(char text[PREFIX_MAX], const struct prefix *prefix)
{
	bool v4 = prefix_is_v4(prefix);
	char host[INET6_ADDRSTRLEN] = "";

	if (v4)
		inet_ntop(AF_INET, prefix->address.s6_addr + 12, host, sizeof(host));
	else
		inet_ntop(AF_INET6, &prefix->address, host, sizeof(host));
	snprintf(text, PREFIX_MAX, "%s/%u", host, v4 ? prefix->len - V4_BITS : prefix->len);
}

/* Bits of byte number @i that are among the first @len. */
static uint8_t mask_of(unsigned int len, unsigned int i)
{
	if (len >= 8 * (i + 1))
		return 0xff;
	return len <= 8 * i ? 0 : 0xff << (8 * (i + 1) - len);
}

void prefix_cut(struct prefix *prefix, unsigned int len)
{
	unsigned int i;

	if (len >= prefix->len)
		return;
	for (i = 0; i < sizeof(prefix->address); i++)
		prefix->address.s6_addr[i] &= mask_of(len, i);
	prefix->len = len;
}

bool prefix_of(struct prefix *prefix, const struct sockaddr *address)
{
	prefix->len = 128;
	if (address->sa_family == AF_INET)
		set_v4(prefix, &((const struct sockaddr_in *)address)->sin_addr);
	else if (address->sa_family == AF_INET6)
		prefix->address = ((const struct sockaddr_in6 *)address)->sin6_addr;
	else
		return false;
	return true;
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	unsigned int i;

	if (inner->len < outer->len)
		return false;
	for (i = 0; i < sizeof(outer->address); i++)
		if ((inner->address.s6_addr[i] ^ outer->address.s6_addr[i]) &
		    mask_of(outer->len, i))
			return false;
	return true;
}
