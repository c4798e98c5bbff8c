/* SPDX-License-Identifier: MIT */
/*
 * How often somebody may connect: a bucket of tokens for each address, or network
 * of IPv6, that came lately, in a table of fixed size. All functions are for any
 * thread.
 */
#ifndef MQTTD_CONNECTION_RATE_H
#define MQTTD_CONNECTION_RATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct connection_rate;

struct connection_rate *connection_rate_new(void);	/* NULL without memory */
void connection_rate_free(struct connection_rate *limit);	/* NULL is fine */

/**
 * connection_rate_allows() - may this one connect now?
 * @limit: the table
 * @address: of IPv4 or IPv6
 * @rate: connections per second, and at once after a while; not 0
 * @now: milliseconds of CLOCK_MONOTONIC
 *
 * Those that are refused do not count. More addresses than there is room for are
 * let in more often than @rate says, never less often.
 */
bool connection_rate_allows(struct connection_rate *limit, const struct sockaddr *address,
			    uint64_t rate, uint64_t now);

#endif /* MQTTD_CONNECTION_RATE_H */
