/* SPDX-License-Identifier: MIT */
/*
 * What a context of OpenSSL is for, between the files that make one up.
 */
#ifndef MQTTD_TLS_SETTINGS_H
#define MQTTD_TLS_SETTINGS_H

#include <stdbool.h>
#include <openssl/ssl.h>

struct psk_file;
struct tls_config;

/**
 * struct tls_settings - goes with a context, to its end
 * @use_identity: see struct tls_config
 * @use_subject: likewise
 * @keys: pre-shared ones, or NULL
 */
struct tls_settings {
	bool use_identity;
	bool use_subject;
	struct psk_file *keys;
};

/* Of a connection's context. */
const struct tls_settings *tls_settings(const SSL *ssl);

/* Below: tls_verify.c. Whose certificates are believed. What fails is said in the log. */
int tls_verify_setup(SSL_CTX *ctx, const struct tls_config *conf, const char *place);

/* Below: tls_psk.c. */
int tls_psk_setup(SSL_CTX *ctx, struct tls_settings *settings, const struct tls_config *conf,
		  const char *place);

/* The identity of the key that a connection has, or NULL if it has none. */
const char *tls_psk_identity(SSL *ssl, size_t *len);
void psk_file_free(struct psk_file *file);		/* NULL is fine */

/* "Error: PLACE: OPTION 'VALUE': why." with OpenSSL's reason. Returns -EINVAL. */
int tls_complain(const char *place, const char *option, const char *value);

#endif /* MQTTD_TLS_SETTINGS_H */
