// SPDX-License-Identifier: MIT
/*
 * Addresses of IPv4 and IPv6: showing and comparing.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "address.h"

static const struct sockaddr_in *in4(const struct sockaddr *address)
{
	return (const struct sockaddr_in *)address;
}

static const struct sockaddr_in6 *in6(const struct sockaddr *address)
{
	return (const struct sockaddr_in6 *)address;
}

void address_format(char *text, const struct sockaddr *address)
{
	char host[INET6_ADDRSTRLEN] = "";
	const struct in6_addr *in;

	if (address->sa_family == AF_UNIX) {
		strcpy(text, "local");
		return;
	}
	if (address->sa_family == AF_INET) {
		inet_ntop(AF_INET, &in4(address)->sin_addr, host, sizeof(host));
		snprintf(text, ADDRESS_MAX, "%s:%u", host, ntohs(in4(address)->sin_port));
		return;
	}
	in = &in6(address)->sin6_addr;
	if (IN6_IS_ADDR_V4MAPPED(in))
		inet_ntop(AF_INET, in->s6_addr + 12, host, sizeof(host));
	else
		inet_ntop(AF_INET6, in, host, sizeof(host));
	snprintf(text, ADDRESS_MAX, IN6_IS_ADDR_V4MAPPED(in) ? "%s:%u" : "[%s]:%u", host,
		 ntohs(in6(address)->sin6_port));
}

void address_network(struct network *network, const struct sockaddr *address)
{
	u_int8_t *bytes = network->prefix.s6_addr;

	memset(bytes, 0, sizeof(network->prefix));
	if (address->sa_family == AF_INET) {
		bytes[10] = 0xff;
		bytes[11] = 0xff;
		memcpy(bytes + 12, &in4(address)->sin_addr, 4);
	} else if (IN6_IS_ADDR_V4MAPPED(&in6(address)->sin6_addr)) {
		network->prefix = in6(address)->sin6_addr;
	} else {
		memcpy(bytes, &in6(address)->sin6_addr, 8);
	}
}

bool address_equal(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return in4(a)->sin_port == in4(b)->sin_port &&
		       in4(a)->sin_addr.s_addr == in4(b)->sin_addr.s_addr;
	return a->sa_family == AF_INET6 && in6(a)->sin6_port == in6(b)->sin6_port &&
	       IN6_ARE_ADDR_EQUAL(&in6(a)->sin6_addr, &in6(b)->sin6_addr);
}

bool address_is_loopback(const struct sockaddr *address)
{
	const struct in6_addr *in;

	if (address->sa_family == AF_INET)
		return ntohl(in4(address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (address->sa_family != AF_INET6)
		return false;
	in = &in6(address)->sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(in) ||
	       (IN6_IS_ADDR_V4MAPPED(in) && in->s6_addr[12] == IN_LOOPBACKNET);
}

bool address_is_any6(const struct sockaddr *address)
{
	return address->sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6(address)->sin6_addr);
}
