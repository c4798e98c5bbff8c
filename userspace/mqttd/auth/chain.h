/* SPDX-License-Identifier: MIT */
/*
 * Who is asked, in which order: a chain of methods for each listener.
 */
#ifndef MQTTD_AUTH_CHAIN_H
#define MQTTD_AUTH_CHAIN_H

#include <stdbool.h>

#include "auth/method.h"

#define AUTH_CHAIN_MAX	4	/* methods of a listener */

struct auth_chains;

/**
 * auth_chains_open() - the chains of all listeners, from what is in files
 * @chains: result, with one reference
 * @conf: lives as long as they do
 *
 * Return: 0, or -errno and the log says what is wrong.
 */
int auth_chains_open(struct auth_chains **chains, const struct config *conf);

/* Lets the methods do what they do by themselves: 0 or -errno. */
int auth_chains_start(struct auth_chains *chains);
struct auth_chains *auth_chains_get(struct auth_chains *chains);	/* any thread */
void auth_chains_put(struct auth_chains *chains);	/* likewise; NULL is fine */

/*
 * Asks the methods of listener number @listener of the configuration. @grant is empty, and
 * stays so unless the verdict is AUTH_VERDICT_GRANTED; @why is static. Any thread.
 */
enum auth_verdict auth_chains_check(struct auth_chains *chains, unsigned int listener,
				    const struct auth_request *request, struct auth_grant *grant,
				    const char **why);

/* Of that name, or NULL. */
const struct auth_method *auth_method_find(const char *name, size_t len);

/* The method number @i of a listener's chain, or NULL: by its option, or those it has. */
const struct auth_method *auth_chain_method(const struct listener_config *listener,
					    unsigned int i);

/* Does any listener ask anybody? Anybody who needs the network for it? */
bool auth_wanted(const struct config *conf);
bool auth_wants_network(const struct config *conf);

#endif /* MQTTD_AUTH_CHAIN_H */
