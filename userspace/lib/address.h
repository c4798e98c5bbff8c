/* SPDX-License-Identifier: MIT */
#ifndef MQTT_LIB_ADDRESS_H
#define MQTT_LIB_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Room for "[address]:port". */
#define ADDRESS_MAX (INET6_ADDRSTRLEN + sizeof("[]:65535"))

/* IPv6 without the last 8 bytes, or IPv4: what one party has for itself. */
struct network {
	struct in6_addr prefix;
};

/*
 * "192.0.2.1:1883" or "[2001:db8::1]:1883" into ADDRESS_MAX bytes; an IPv4 address in
 * IPv6 is shown as what it is. "local" is a Unix socket, which has no address.
 */
void address_format(char *text, const struct sockaddr *address);

void address_network(struct network *network, const struct sockaddr *address);

/* The same address and port? */
bool address_equal(const struct sockaddr *a, const struct sockaddr *b);

/* 127.0.0.0/8 or ::1? */
bool address_is_loopback(const struct sockaddr *address);

/* IPv6 on all addresses? */
bool address_is_any6(const struct sockaddr *address);

#endif /* MQTT_LIB_ADDRESS_H */
