// SPDX-License-Identifier: MIT
/*
 * Chains of methods.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/chain.h"
#include "config.h"

/**
 * struct link - a method of a listener
 * @method: NULL behind the last one
 * @state: its own
 */
struct link {
	const struct auth_method *method;
	void *state;
};

/**
 * struct auth_chains - of all listeners
 * @refs: any thread
 * @n: listeners
 * @links: AUTH_CHAIN_MAX of each
 */
struct auth_chains {
	uint32_t refs;
	unsigned int n;
	struct link links[][AUTH_CHAIN_MAX];
};

/* The word number @i, which ends at @len. NULL if there are not so many. */
static const char *word_at(const char *text, unsigned int i, size_t *len)
{
	do {
		text += strspn(text, " \t");
		*len = strcspn(text, " \t");
		if (!i)
			break;
		text += *len;
	} while (i-- && *text);
	return *len ? text : NULL;
}

const struct auth_method *auth_method_find(const char *name, size_t len)
{
	const struct auth_method *const *method = auth_methods;

	while (*method && (strlen((*method)->name) != len || strncmp((*method)->name, name, len)))
		method++;
	return *method;
}

const struct auth_method *auth_chain_method(const struct listener_config *listener,
					    unsigned int i)
{
	const struct auth_method *const *method;
	const char *word;
	size_t len;

	if (i >= AUTH_CHAIN_MAX)
		return NULL;
	if (listener->auth_methods) {
		word = word_at(listener->auth_methods, i, &len);
		return word ? auth_method_find(word, len) : NULL;
	}
	for (method = auth_methods; *method; method++)
		if ((*method)->configured(listener) && !i--)
			return *method;
	return NULL;
}

bool auth_wanted(const struct config *conf)
{
	const struct listener_config *listener;

	for (listener = conf->listeners; listener; listener = listener->next)
		if (auth_chain_method(listener, 0))
			return true;
	return false;
}

bool auth_wants_network(const struct config *conf)
{
	const struct listener_config *listener;
	const struct auth_method *method;
	unsigned int i;

	for (listener = conf->listeners; listener; listener = listener->next)
		for (i = 0; (method = auth_chain_method(listener, i)); i++)
			if (method->network && method->network(listener))
				return true;
	return false;
}

static int open_chain(struct link *chain, const struct config *conf,
		      const struct listener_config *listener)
{
	const struct auth_method *method;
	unsigned int i;
	int err;

	for (i = 0; (method = auth_chain_method(listener, i)); i++) {
		err = method->open(&chain[i].state, conf, listener);
		if (err)
			return err;
		chain[i].method = method;
	}
	return 0;
}

int auth_chains_open(struct auth_chains **chains, const struct config *conf)
{
	const struct listener_config *listener;
	unsigned int n = 0;
	int err = 0;

	for (listener = conf->listeners; listener; listener = listener->next)
		n++;
	*chains = calloc(1, sizeof(**chains) + n * sizeof((*chains)->links[0]));
	if (!*chains)
		return -ENOMEM;
	(*chains)->refs = 1;
	for (listener = conf->listeners; listener && !err; listener = listener->next)
		err = open_chain((*chains)->links[(*chains)->n++], conf, listener);
	if (err) {
		auth_chains_put(*chains);
		*chains = NULL;
	}
	return err;
}

static int start_chain(struct link *chain)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < AUTH_CHAIN_MAX && chain[i].method && !err; i++)
		if (chain[i].method->start)
			err = chain[i].method->start(chain[i].state);
	return err;
}

int auth_chains_start(struct auth_chains *chains)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < chains->n && !err; i++)
		err = start_chain(chains->links[i]);
	return err;
}

struct auth_chains *auth_chains_get(struct auth_chains *chains)
{
	__atomic_add_fetch(&chains->refs, 1, __ATOMIC_RELAXED);
	return chains;
}

void auth_chains_put(struct auth_chains *chains)
{
	unsigned int i, j;

	if (!chains || __atomic_sub_fetch(&chains->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (i = 0; i < chains->n; i++)
		for (j = 0; j < AUTH_CHAIN_MAX && chains->links[i][j].method; j++)
			chains->links[i][j].method->close(chains->links[i][j].state);
	free(chains);
}

enum auth_verdict auth_chains_check(struct auth_chains *chains, unsigned int listener,
				    const struct auth_request *request, struct auth_grant *grant,
				    const char **why)
{
	enum auth_verdict verdict = AUTH_VERDICT_PASS;
	const struct link *link;
	unsigned int i;

	*why = "bad user name or password";
	if (listener >= chains->n)
		return AUTH_VERDICT_FAILED;
	for (i = 0; i < AUTH_CHAIN_MAX && verdict == AUTH_VERDICT_PASS; i++) {
		link = &chains->links[listener][i];
		if (!link->method)
			break;
		verdict = link->method->check(link->state, request, grant, why);
		if (verdict != AUTH_VERDICT_GRANTED)
			auth_grant_clear(grant);
	}
	return verdict == AUTH_VERDICT_PASS ? AUTH_VERDICT_DENIED : verdict;
}
