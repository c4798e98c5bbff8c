/* SPDX-License-Identifier: MIT */
/*
 * What listeners with TLS know: certificates, keys, whom to believe.
 *
 *   struct tls ──> context ──> settings, pre-shared keys
 *    (listener)       ^
 *                     └── connections, each with a reference
 *
 * A context is never changed. A reload makes another one, which new connections have;
 * the old one goes when the last of its connections has.
 */
#ifndef MQTTD_TLS_H
#define MQTTD_TLS_H

#include <stdbool.h>
#include <stdint.h>
#include <openssl/ssl.h>

struct listener_config;
struct tls;

/**
 * tls_new() - read what a listener's configuration names
 * @tls: result
 * @listener: with TLS
 *
 * With the privileges that it takes to read the key. The log says what is wrong.
 *
 * Return: 0 or -errno.
 */
int tls_new(struct tls **tls, const struct listener_config *listener);
void tls_free(struct tls *tls);		/* NULL is fine; connections keep what they have */

/**
 * tls_prepare() - read it again
 * @tls: of the listener as it was
 * @listener: as it is to be
 *
 * Nothing changes before tls_commit(). A key that cannot be read any more, as its
 * permissions were root's, stays as it was if the certificate is still its own.
 * Main thread.
 *
 * Return: 0, or -errno and the log says what is wrong.
 */
int tls_prepare(struct tls *tls, const struct listener_config *listener);

/* What was prepared, if anything was, is for new connections; or forgotten. Main thread. */
void tls_commit(struct tls *tls);
void tls_cancel(struct tls *tls);

/* The server's side of a connection, or NULL without memory. Any thread. */
SSL *tls_session(struct tls *tls);

/**
 * tls_identity() - who the other side is
 * @ssl: a connection after its handshake
 * @name: the user name, to be freed, or NULL if none can be had
 *
 * Return: whether the listener has clients' user names from here at all.
 */
bool tls_identity(SSL *ssl, char **name);

#define TLS_SUBJECT_MAX 256

/*
 * Until when the listener's certificate, or the other side's, is good, seconds since 1970;
 * 0: there is none. @subject: result, its owner, escaped. The first: main thread.
 */
int64_t tls_own_expires(const struct tls *tls, char subject[TLS_SUBJECT_MAX]);
int64_t tls_peer_expires(const SSL *ssl, char subject[TLS_SUBJECT_MAX]);
int64_t tls_expires(const X509 *certificate, char subject[TLS_SUBJECT_MAX]);

/* Did a ticket spare it the handshake? */
bool tls_resumed(const SSL *ssl);

/* Why the last call of OpenSSL in this thread has failed: constant. */
const char *tls_reason(void);

#endif /* MQTTD_TLS_H */
