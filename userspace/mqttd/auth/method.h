/* SPDX-License-Identifier: MIT */
/*
 * A way to find out who somebody is: a password file, tokens.
 *
 * A listener has an ordered chain of methods (see chain.h). Each one is asked until one
 * does not pass: what it says is the answer. If all pass the client is refused. Who gave
 * neither user name nor password is anonymous, and no method is asked.
 *
 * Methods run in the process that holds what is secret, mqttd-auth, by one of its threads,
 * several at a time. They may take long, and must end: whoever asks waits for a bounded
 * time only.
 */
#ifndef MQTTD_AUTH_METHOD_H
#define MQTTD_AUTH_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

struct config;
struct listener_config;

#define AUTH_ROLES_MAX	32	/* of one grant */
#define AUTH_CLAIMS_MAX	16	/* likewise */
#define AUTH_TEXT_MAX	1024	/* bytes of a name, a role or a claim's value */

/**
 * struct auth_request - who wants in; what it points to is the caller's
 * @client_id: terminated; empty: the broker is to choose one
 * @username: terminated, or NULL
 * @password: bytes, or NULL
 * @password_len: bytes at @password
 * @address: as text, for the log
 *
 * There is a user name or a password.
 */
struct auth_request {
	const char *client_id;
	const char *username;
	const u8 *password;
	size_t password_len;
	const char *address;
};

struct auth_claim {
	char *name;
	char *value;
};

/**
 * struct auth_grant - what somebody is let in as; to be freed with auth_grant_clear()
 * @username: who it is from now on; NULL: who it said it is
 * @client_id: the only one it may have; NULL: any
 * @roles: names of roles it has beside those of its user name
 * @n_roles: of them
 * @claims: what "%{NAME}" stands for in its permissions
 * @n_claims: of them
 * @expires: seconds since 1970 when the connection is to end; 0: never
 */
struct auth_grant {
	char *username;
	char *client_id;
	char *roles[AUTH_ROLES_MAX];
	unsigned int n_roles;
	struct auth_claim claims[AUTH_CLAIMS_MAX];
	unsigned int n_claims;
	int64_t expires;
};

enum auth_verdict {
	AUTH_VERDICT_PASS,	/* not for this method: the next one is asked */
	AUTH_VERDICT_GRANTED,	/* and the grant says what */
	AUTH_VERDICT_DENIED,	/* and nobody else is asked */
	AUTH_VERDICT_FAILED,	/* it cannot be said, so it is no; not the client's fault */
};

/**
 * struct auth_method - one of them
 * @name: as auth_methods has it
 * @configured: has the listener what it takes?
 * @network: does it open connections? Without a method that does the process cannot; NULL: no
 * @open: makes @state for a listener that has the method in its chain, from what is in
 *	files; the log says what is wrong. It does not wait for the network. 0 or -errno
 * @start: begins what it does by itself, threads that fetch something: only in mqttd-auth,
 *	before the first @check; NULL: nothing. 0 or -errno
 * @check: asks it; @why, for the log, says a constant or static text when the answer is no
 * @close: the state's end, when nobody asks any more; NULL is fine
 *
 * A reload opens a second state and closes the first one. The configuration is what it
 * was when the daemon began: what files are called does not change, what is in them does.
 * The files are read as the user that mqttd-auth runs as.
 */
struct auth_method {
	const char *name;
	bool (*configured)(const struct listener_config *listener);
	bool (*network)(const struct listener_config *listener);
	int (*open)(void **state, const struct config *conf,
		    const struct listener_config *listener);
	int (*start)(void *state);
	enum auth_verdict (*check)(void *state, const struct auth_request *request,
				   struct auth_grant *grant, const char **why);
	void (*close)(void *state);
};

/* All there are, ended by NULL, in the order in which they are asked by default: methods.c */
extern const struct auth_method *const auth_methods[];
extern const struct auth_method auth_jwt_method;
extern const struct auth_method auth_password_method;

/* Leaves it empty. */
void auth_grant_clear(struct auth_grant *grant);

#endif /* MQTTD_AUTH_METHOD_H */
