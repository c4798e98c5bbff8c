// SPDX-License-Identifier: MIT
/*
 * Pre-shared keys: a file with lines of IDENTITY:KEY, the key in hexadecimal digits, as
 * mosquitto has it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>

#include "config.h"
#include "lines.h"
#include "log.h"
#include "tls_settings.h"

#define KEY_MAX		PSK_MAX_PSK_LEN
#define IDENTITY_MAX	PSK_MAX_IDENTITY_LEN

/**
 * struct psk - a line
 * @identity: terminated
 * @len: bytes of it
 * @key: what both sides know
 * @key_len: bytes of that
 */
struct psk {
	char *identity;
	size_t len;
	unsigned char *key;
	long key_len;
};

/**
 * struct psk_file - all of them
 * @keys: by identity
 * @n: how many
 */
struct psk_file {
	struct psk *keys;
	size_t n;
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct psk *)a)->identity, ((const struct psk *)b)->identity);
}

void psk_file_free(struct psk_file *file)
{
	size_t i;

	if (!file)
		return;
	for (i = 0; i < file->n; i++) {
		OPENSSL_clear_free(file->keys[i].key, file->keys[i].key_len);
		free(file->keys[i].identity);
	}
	free(file->keys);
	free(file);
}

/* Neither of NULs nor for an unknown identity is there anything. */
static const struct psk *find(const struct psk_file *file, const void *identity, size_t len)
{
	char text[IDENTITY_MAX + 1];
	struct psk wanted = { .identity = text };

	if (len > IDENTITY_MAX || memchr(identity, '\0', len))
		return NULL;
	memcpy(text, identity, len);
	text[len] = '\0';
	return bsearch(&wanted, file->keys, file->n, sizeof(wanted), compare);
}

static int complain(const char *path, unsigned int line, const char *what)
{
	log_printf(LOG_TYPE_ERROR, "Error: psk_file %s:%u: %s.", path, line, what);
	return -EINVAL;
}

/* Takes what it can: the rest of @file is freed with it. */
static int add(struct psk_file *file, char *text, const char *path, unsigned int line)
{
	struct psk *keys, *psk;
	char *digits;

	if (!*text || *text == '#')
		return 0;
	digits = strchr(text, ':');
	if (!digits || digits == text || !digits[1])
		return complain(path, line, "it is not IDENTITY:KEY");
	*digits++ = '\0';
	if (strlen(text) > IDENTITY_MAX)
		return complain(path, line, "the identity is too long");
	keys = reallocarray(file->keys, file->n + 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	file->keys = keys;
	psk = &keys[file->n];
	psk->key = OPENSSL_hexstr2buf(digits, &psk->key_len);
	if (!psk->key) {
		ERR_clear_error();
		return complain(path, line, "the key is not hexadecimal digits in pairs");
	}
	psk->len = strlen(text);
	psk->identity = strdup(text);
	file->n++;
	if (!psk->identity)
		return -ENOMEM;
	return psk->key_len <= KEY_MAX ? 0 : complain(path, line, "the key is too long");
}

static int read_lines(struct psk_file *file, struct lines *lines, const char *path)
{
	int more, err = 0;
	char *text;

	while (!err) {
		more = lines_next(lines, &text);
		if (more == -EINVAL)
			return complain(path, lines->number, "the line contains a NUL byte");
		if (more <= 0)
			return more;
		err = add(file, text, path, lines->number);
	}
	return err;
}

/* Of two keys for one identity it would be chance which one counts. */
static int sort(struct psk_file *file, const char *path)
{
	size_t i;

	if (file->n)
		qsort(file->keys, file->n, sizeof(*file->keys), compare);
	for (i = 1; i < file->n; i++)
		if (!compare(&file->keys[i - 1], &file->keys[i])) {
			log_printf(LOG_TYPE_ERROR, "Error: psk_file %s: '%s' is there twice.", path,
				   file->keys[i].identity);
			return -EINVAL;
		}
	return 0;
}

static int load(struct psk_file *file, const char *path)
{
	struct lines lines;
	int err = lines_open(&lines, path);

	if (err) {
		log_printf(LOG_TYPE_ERROR, "Error: cannot read psk_file %s: %s.", path,
			   strerror(-err));
		return err;
	}
	err = read_lines(file, &lines, path);
	lines_close(&lines);
	return err ? err : sort(file, path);
}

/* TLS 1.2: the identity is noted with the session by OpenSSL. */
static unsigned int find_key(SSL *ssl, const char *identity, unsigned char *key,
			     unsigned int max)
{
	const struct psk *psk = find(tls_settings(ssl)->keys, identity, strlen(identity));

	if (!psk || psk->key_len > (long)max)
		return 0;
	memcpy(key, psk->key, psk->key_len);
	return psk->key_len;
}

static bool fill(SSL *ssl, SSL_SESSION *session, const struct psk *psk)
{
	/* Keys that come without a hash are for SHA-256, RFC 8446 4.2.11 */
	static const unsigned char id[] = { 0x13, 0x01 };
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, id);

	return cipher && SSL_SESSION_set1_master_key(session, psk->key, psk->key_len) &&
	       SSL_SESSION_set_cipher(session, cipher) &&
	       SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) &&
	       SSL_SESSION_set1_ticket_appdata(session, psk->identity, psk->len);
}

/*
 * TLS 1.3: what is offered need not be what is used in the end. So the identity is noted
 * with the session, which is the connection's only if it is.
 */
static int find_session(SSL *ssl, const unsigned char *identity, size_t len,
			SSL_SESSION **session)
{
	const struct psk *psk = find(tls_settings(ssl)->keys, identity, len);

	*session = NULL;
	if (!psk)
		return 1;
	*session = SSL_SESSION_new();
	if (*session && fill(ssl, *session, psk))
		return 1;
	SSL_SESSION_free(*session);
	*session = NULL;
	return 0;
}

const char *tls_psk_identity(SSL *ssl, size_t *len)
{
	const char *identity = SSL_get_psk_identity(ssl);
	void *data;

	if (SSL_version(ssl) < TLS1_3_VERSION) {
		*len = identity ? strlen(identity) : 0;
		return identity;
	}
	if (!SSL_session_reused(ssl) ||
	    !SSL_SESSION_get0_ticket_appdata(SSL_get0_session(ssl), &data, len))
		return NULL;
	return data;
}

/*
 * There are no tickets where there are keys: with one of them a client would go on after
 * its key is gone from the file, and the handshake is as short without.
 */
int tls_psk_setup(SSL_CTX *ctx, struct tls_settings *settings, const struct tls_config *conf,
		  const char *place)
{
	int err;

	settings->keys = calloc(1, sizeof(*settings->keys));
	if (!settings->keys)
		return -ENOMEM;
	err = load(settings->keys, conf->psk_file);
	if (err)
		return err;
	if (!SSL_CTX_use_psk_identity_hint(ctx, conf->psk_hint))
		return tls_complain(place, "psk_hint", conf->psk_hint);
	SSL_CTX_set_psk_server_callback(ctx, find_key);
	SSL_CTX_set_psk_find_session_callback(ctx, find_session);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	return SSL_CTX_set_num_tickets(ctx, 0) ? 0 : -ENOMEM;
}
