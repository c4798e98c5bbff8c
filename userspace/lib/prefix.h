/* SPDX-License-Identifier: MIT */
/*
 * Networks: an address and how many bits of it count. IPv4 is within IPv6, at ::ffff:0:0/96.
 */
#ifndef MQTT_LIB_PREFIX_H
#define MQTT_LIB_PREFIX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Room for "address/length". */
#define PREFIX_MAX (INET6_ADDRSTRLEN + sizeof("/128"))

/* All bits of @address behind the first @len are zero. */
struct prefix {
	struct in6_addr address;
	uint8_t len;
};

/**
 * prefix_parse() - read one
 * @prefix: result
 * @text: "192.0.2.1", "192.0.2.0/24", "2001:db8::/32"; bits behind the length do not count
 * @len6: the length of an IPv6 address without one; of IPv4 that is 32
 *
 * Return: 0 or -EINVAL.
 */
int prefix_parse(struct prefix *prefix, const char *text, unsigned int len6);

/* "192.0.2.0/24", the same for the same network. */
void prefix_format(char text[PREFIX_MAX], const struct prefix *prefix);

/* The first @len bits, as counted for IPv6. */
void prefix_cut(struct prefix *prefix, unsigned int len);

/* One address, with 128 bits. Returns false if it is of another kind: a Unix socket's. */
bool prefix_of(struct prefix *prefix, const struct sockaddr *address);

bool prefix_is_v4(const struct prefix *prefix);

/* Is all of @inner in @outer? */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);

#endif /* MQTT_LIB_PREFIX_H */
