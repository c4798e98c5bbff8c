/* SPDX-License-Identifier: MIT */
/*
 * The keys that a listener's tokens may be signed with, wherever they come from.
 */
#ifndef MQTTD_AUTH_JWT_KEYS_H
#define MQTTD_AUTH_JWT_KEYS_H

#include "auth/jwt.h"

struct jwks_remote;

/**
 * struct jwt_keys - keys of a listener
 * @local: those in files
 * @remote: those of an URL, or NULL
 */
struct jwt_keys {
	struct jwks *local;
	struct jwks_remote *remote;
};

/* Reads files; the log says what is wrong. 0, or -errno and there is nothing to close. */
int jwt_keys_open(struct jwt_keys *keys, const struct jwt_config *conf);
int jwt_keys_start(struct jwt_keys *keys);	/* the URL's thread; 0 or -errno */
void jwt_keys_close(struct jwt_keys *keys);

/* As jwt_verify(), with any of them; -EAGAIN: there are none, at the moment. */
int jwt_keys_verify(struct jwt_keys *keys, const struct jwt *jwt, unsigned int allowed,
		    const char **why);

#endif /* MQTTD_AUTH_JWT_KEYS_H */
