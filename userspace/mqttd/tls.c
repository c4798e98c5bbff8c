// SPDX-License-Identifier: MIT
/*
 * Contexts of OpenSSL from a listener's configuration.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "config.h"
#include "log.h"
#include "tls.h"
#include "tls_settings.h"

/* Names of tickets' keys, the keys, as OpenSSL has them one behind the other */
#define TICKET_KEYS	80
#define CURVES		"X25519:P-256:X448:P-384:P-521"

/**
 * struct tls - of a listener
 * @lock: protects @now against being replaced while it is used
 * @now: context for new connections
 * @next: what tls_prepare() has made, or NULL; the main thread's
 */
struct tls {
	pthread_mutex_t lock;
	SSL_CTX *now;
	SSL_CTX *next;
};

static int settings_slot;
static pthread_once_t slot_once = PTHREAD_ONCE_INIT;

static void settings_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
			  void *argp)
{
	struct tls_settings *settings = ptr;

	(void)parent;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	if (settings)
		psk_file_free(settings->keys);
	free(settings);
}

static void make_slot(void)
{
	settings_slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, settings_free);
}

const struct tls_settings *tls_settings(const SSL *ssl)
{
	return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), settings_slot);
}

/* A pre-shared key looks like that as well, and where there are keys there are no tickets. */
bool tls_resumed(const SSL *ssl)
{
	return SSL_session_reused(ssl) && !tls_settings(ssl)->keys;
}

/* The first error is the cause of the others. */
const char *tls_reason(void)
{
	unsigned long err = ERR_peek_error();
	const char *text;

	if (!err)
		return "no reason given";
	if (ERR_SYSTEM_ERROR(err))
		return strerror(ERR_GET_REASON(err));
	if (ERR_GET_REASON(err) == PEM_R_NO_START_LINE && ERR_GET_LIB(err) == ERR_LIB_PEM)
		return "it has no such thing in PEM";
	text = ERR_reason_error_string(err);
	return text ? text : "an error without a name";
}

int tls_complain(const char *place, const char *option, const char *value)
{
	const char *reason = tls_reason();

	log_printf(LOG_TYPE_ERROR, "Error: %s: %s '%s': %s.", place, option, value, reason);
	ERR_clear_error();
	return -EINVAL;
}

/* Nobody is there to be asked. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

/* What clients ask for, if they have names at all; otherwise they want something else. */
static const unsigned char *const alpn_names[] = {
	[PROTOCOL_MQTT] = (const unsigned char *)"\x04mqtt",
	[PROTOCOL_WEBSOCKETS] = (const unsigned char *)"\x08http/1.1",
};

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *outlen,
			   const unsigned char *in, unsigned int inlen, void *arg)
{
	const unsigned char *ours = arg;

	(void)ssl;
	if (SSL_select_next_proto((unsigned char **)out, outlen, ours, 1 + *ours, in, inlen) == OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_OK;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Clients that connect again find their tickets good, whatever else was read anew. */
static void keep_tickets(SSL_CTX *ctx, SSL_CTX *before)
{
	unsigned char keys[TICKET_KEYS];

	if (before && SSL_CTX_get_tlsext_ticket_keys(before, keys, sizeof(keys)) == 1)
		SSL_CTX_set_tlsext_ticket_keys(ctx, keys, sizeof(keys));
	OPENSSL_cleanse(keys, sizeof(keys));
}

/*
 * Nothing that does not need to be is kept per connection. Who ends the stream without
 * saying so has ended it all the same: MQTT's packets have a length.
 */
static void set_manners(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
				 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
}

/*
 * Finite fields cost us many times what they cost a client that only pretends: elliptic
 * curves are what there is, unless the operator wants others, too.
 */
static int set_dh(SSL_CTX *ctx, const char *path, const char *place)
{
	EVP_PKEY *params = NULL;
	BIO *file;

	if (!path)
		return SSL_CTX_set1_groups_list(ctx, CURVES) == 1 ? 0 : -ENOMEM;
	file = BIO_new_file(path, "r");
	if (file)
		params = PEM_read_bio_Parameters(file, NULL);
	BIO_free(file);
	if (params && SSL_CTX_set0_tmp_dh_pkey(ctx, params) == 1)
		return 0;
	EVP_PKEY_free(params);
	return tls_complain(place, "dhparamfile", path);
}

static int set_algorithms(SSL_CTX *ctx, const struct tls_config *conf, const char *place)
{
	int min = conf->version == TLS_VERSION_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;

	if (!SSL_CTX_set_min_proto_version(ctx, min))
		return tls_complain(place, "tls_version", "minimum");
	if (conf->ciphers && !SSL_CTX_set_cipher_list(ctx, conf->ciphers))
		return tls_complain(place, "ciphers", conf->ciphers);
	if (conf->ciphersuites && !SSL_CTX_set_ciphersuites(ctx, conf->ciphersuites))
		return tls_complain(place, "ciphers_tls1.3", conf->ciphersuites);
	return set_dh(ctx, conf->dhparamfile, place);
}

/* It was root's to read, and we are not root any more. */
static bool out_of_reach(const char *path)
{
	return access(path, R_OK) && errno == EACCES;
}

static int set_key(SSL_CTX *ctx, const char *path, SSL_CTX *before, const char *place)
{
	EVP_PKEY *key = before ? SSL_CTX_get0_privatekey(before) : NULL;

	if (key && out_of_reach(path)) {
		/* A key of another kind than the certificate's has a place of its own. */
		if (SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1)
			return 0;
		log_printf(LOG_TYPE_ERROR,
			   "Error: %s: keyfile '%s' cannot be read any more, and the certificate is not the former key's.",
			   place, path);
		ERR_clear_error();
		return -EACCES;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) == 1 &&
	    SSL_CTX_check_private_key(ctx) == 1)
		return 0;
	return tls_complain(place, "keyfile", path);
}

static int set_certificate(SSL_CTX *ctx, const struct tls_config *conf, SSL_CTX *before,
			   const char *place)
{
	if (!conf->certfile)
		return 0;
	if (SSL_CTX_use_certificate_chain_file(ctx, conf->certfile) != 1)
		return tls_complain(place, "certfile", conf->certfile);
	return set_key(ctx, conf->keyfile, before, place);
}

static struct tls_settings *settings_new(SSL_CTX *ctx, const struct tls_config *conf)
{
	struct tls_settings *settings = calloc(1, sizeof(*settings));

	if (!settings)
		return NULL;
	settings->use_identity = conf->use_identity;
	settings->use_subject = conf->use_subject;
	if (SSL_CTX_set_ex_data(ctx, settings_slot, settings))
		return settings;
	free(settings);
	return NULL;
}

static int context_fill(SSL_CTX *ctx, const struct tls_config *conf, SSL_CTX *before,
			const char *place)
{
	struct tls_settings *settings = settings_new(ctx, conf);
	int err;

	if (!settings)
		return -ENOMEM;
	set_manners(ctx);
	err = set_algorithms(ctx, conf, place);
	if (!err)
		err = set_certificate(ctx, conf, before, place);
	if (!err)
		err = tls_verify_setup(ctx, conf, place);
	if (!err && conf->psk_hint)
		err = tls_psk_setup(ctx, settings, conf, place);
	if (!err)
		keep_tickets(ctx, before);
	return err;
}

static int context_new(SSL_CTX **result, const struct listener_config *listener, SSL_CTX *before)
{
	char place[CONFIG_LISTENER_NAME_MAX];
	SSL_CTX *ctx;
	int err;

	pthread_once(&slot_once, make_slot);
	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx)
		return -ENOMEM;
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, (void *)alpn_names[listener->protocol]);
	err = context_fill(ctx, &listener->tls, before, config_listener_name(listener, place));
	if (err) {
		SSL_CTX_free(ctx);
		return err;
	}
	*result = ctx;
	return 0;
}

int tls_new(struct tls **tls, const struct listener_config *listener)
{
	int err;

	*tls = calloc(1, sizeof(**tls));
	if (!*tls)
		return -ENOMEM;
	err = context_new(&(*tls)->now, listener, NULL);
	if (err) {
		free(*tls);
		*tls = NULL;
		return err;
	}
	pthread_mutex_init(&(*tls)->lock, NULL);
	return 0;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	tls_cancel(tls);
	SSL_CTX_free(tls->now);
	pthread_mutex_destroy(&tls->lock);
	free(tls);
}

int tls_prepare(struct tls *tls, const struct listener_config *listener)
{
	tls_cancel(tls);
	return context_new(&tls->next, listener, tls->now);
}

void tls_commit(struct tls *tls)
{
	SSL_CTX *before = tls->now;

	if (!tls->next)
		return;
	pthread_mutex_lock(&tls->lock);
	tls->now = tls->next;
	pthread_mutex_unlock(&tls->lock);
	tls->next = NULL;
	SSL_CTX_free(before);
}

void tls_cancel(struct tls *tls)
{
	SSL_CTX_free(tls->next);
	tls->next = NULL;
}

SSL *tls_session(struct tls *tls)
{
	SSL *ssl;

	pthread_mutex_lock(&tls->lock);
	ssl = SSL_new(tls->now);
	pthread_mutex_unlock(&tls->lock);
	if (ssl)
		SSL_set_accept_state(ssl);
	return ssl;
}

int64_t tls_own_expires(const struct tls *tls, char subject[TLS_SUBJECT_MAX])
{
	return tls_expires(SSL_CTX_get0_certificate(tls->now), subject);
}
