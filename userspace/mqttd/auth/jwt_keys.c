// SPDX-License-Identifier: MIT
/*
 * The keys of a listener.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/jwks_remote.h"
#include "auth/jwt_keys.h"
#include "log.h"

/* --- files -------------------------------------------------------------------------- */

/*
 * All of a file, to be wiped and freed: at most one byte more than there may be. NULL: errno.
 */
static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	int err;

	if (!file)
		return NULL;
	/* What has been read is to be in one place */
	setvbuf(file, NULL, _IONBF, 0);
	errno = ENOMEM;
	text = malloc(JWKS_BYTES_MAX + 1);
	*len = text ? fread(text, 1, JWKS_BYTES_MAX + 1, file) : 0;
	err = errno;
	if (text && ferror(file)) {
		free(text);
		text = NULL;
	}
	fclose(file);
	errno = err;
	return text;
}

static int add_json(struct jwks *keys, const char *text, size_t len, const char **why)
{
	return jwks_add_json(keys, text, len, true, why);
}

static int add_file(struct jwks *keys, const char *option, const char *path,
		    int (*add)(struct jwks *keys, const char *text, size_t len, const char **why))
{
	const char *why;
	char *text;
	size_t len;
	int err;

	if (!path)
		return 0;
	text = read_file(path, &len);
	if (!text) {
		err = -errno;
		log_printf(LOG_TYPE_ERROR, "Error: cannot read %s %s: %s.", option, path,
			   strerror(-err));
		return err;
	}
	err = add(keys, text, len, &why);
	explicit_bzero(text, len);
	free(text);
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: %s %s: %s.", option, path, why);
	return err;
}

static int add_files(struct jwks *keys, const struct jwt_config *conf)
{
	int err;

	err = add_file(keys, "jwt_key_file", conf->key_file, jwks_add_pem);
	if (!err)
		err = add_file(keys, "jwt_secret_file", conf->secret_file, jwks_add_secret);
	if (!err)
		err = add_file(keys, "jwt_jwks_file", conf->jwks_file, add_json);
	if (!err && keys->ignored)
		log_printf(LOG_TYPE_WARNING,
			   "Warning: %u of the keys in jwt_jwks_file %s are ignored, the last one because %s.",
			   keys->ignored, conf->jwks_file, keys->why);
	return err;
}

int jwt_keys_open(struct jwt_keys *keys, const struct jwt_config *conf)
{
	int err = -ENOMEM;

	*keys = (struct jwt_keys){ .local = jwks_new() };
	if (keys->local)
		err = add_files(keys->local, conf);
	if (!err && conf->jwks_url) {
		keys->remote = jwks_remote_get(conf);
		err = keys->remote ? 0 : -ENOMEM;
	}
	if (err)
		jwt_keys_close(keys);
	return err;
}

int jwt_keys_start(struct jwt_keys *keys)
{
	return keys->remote ? jwks_remote_start(keys->remote) : 0;
}

void jwt_keys_close(struct jwt_keys *keys)
{
	jwks_remote_put(keys->remote);
	jwks_put(keys->local);
	*keys = (struct jwt_keys){};
}

/* --- tokens ------------------------------------------------------------------------- */

static int verify_remote(struct jwks_remote *remote, const struct jwt *jwt, unsigned int allowed,
			 unsigned int *generation, const char **why)
{
	struct jwks *keys = jwks_remote_keys(remote, generation);
	int err = -EAGAIN;

	if (keys)
		err = jwt_verify(jwt, keys, allowed, why);
	else
		*why = "there are no keys from jwt_jwks_url, or they are too old";
	jwks_put(keys);
	return err;
}

/* The better reason of two to refuse a token: one key was for it, or might have been. */
static int better(int local, int remote)
{
	return remote == -ENOKEY && local == -EKEYREJECTED ? local : remote;
}

int jwt_keys_verify(struct jwt_keys *keys, const struct jwt *jwt, unsigned int allowed,
		    const char **why)
{
	int local, err = jwt_verify(jwt, keys->local, allowed, why);
	unsigned int generation;
	const char *reason;

	/* No secrets come from URLs */
	if (!err || err == -EACCES || !keys->remote || jwt->alg == JWT_HS256)
		return err;
	local = err;
	err = verify_remote(keys->remote, jwt, allowed, &generation, &reason);
	if ((err == -ENOKEY || err == -EAGAIN) && jwks_remote_renew(keys->remote, generation))
		err = verify_remote(keys->remote, jwt, allowed, &generation, &reason);
	if (better(local, err) == err)
		*why = reason;
	return better(local, err);
}
