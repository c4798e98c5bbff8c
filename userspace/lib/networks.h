/* SPDX-License-Identifier: MIT */
/*
 * Lists of networks, "192.0.2.0/24 2001:db8::1 unix": whom to believe, whom to exempt.
 */
#ifndef MQTT_LIB_NETWORKS_H
#define MQTT_LIB_NETWORKS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Of a list; more would make each look at it long. */
#define NETWORKS_MAX 64

struct networks;

/**
 * networks_parse() - read a list
 * @list: result, to be freed with networks_free()
 * @text: addresses of IPv4 and IPv6, each may have "/BITS" behind it, and "unix" for whoever
 *	comes through a Unix socket; with blanks in between
 * @why: what is wrong, a constant end of a sentence that begins with the entry
 * @entry: the entry, in @text
 *
 * Return: 0; -ENOMEM; -EINVAL with @why and @entry.
 */
int networks_parse(struct networks **list, const char *text, const char **why,
		   const char **entry);
void networks_free(struct networks *list);	/* NULL is fine */

/* Is the address in one of them? An IPv4 address in IPv6 is what it is. Not in NULL. */
bool networks_have(const struct networks *list, const struct sockaddr *address);

#endif /* MQTT_LIB_NETWORKS_H */
