// SPDX-License-Identifier: MIT
/*
 * Certificates of clients: whose are believed, whether they still are when a session is
 * resumed, and who they are of.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <mqtt/utf8.h>

#include "config.h"
#include "tls.h"
#include "tls_settings.h"

/* MQTT's strings have a length of 16 bits. */
#define NAME_MAX_BYTES 65535

static const unsigned char session_context[] = "mqttd";

/* Clients may have several certificates: they are told whose are wanted. */
static int name_issuers(SSL_CTX *ctx, const struct tls_config *conf, const char *place)
{
	struct stack_st_X509_NAME *names = sk_X509_NAME_new_null();

	if (!names)
		return -ENOMEM;
	if (conf->cafile && !SSL_add_file_cert_subjects_to_stack(names, conf->cafile)) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return tls_complain(place, "cafile", conf->cafile);
	}
	if (conf->capath && !SSL_add_dir_cert_subjects_to_stack(names, conf->capath)) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return tls_complain(place, "capath", conf->capath);
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	return 0;
}

static int set_authorities(SSL_CTX *ctx, const struct tls_config *conf, const char *place)
{
	if (conf->cafile && !SSL_CTX_load_verify_file(ctx, conf->cafile))
		return tls_complain(place, "cafile", conf->cafile);
	if (conf->capath && !SSL_CTX_load_verify_dir(ctx, conf->capath))
		return tls_complain(place, "capath", conf->capath);
	return 0;
}

static int set_revoked(SSL_CTX *ctx, const char *path, const char *place)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());

	if (!lookup || X509_load_crl_file(lookup, path, X509_FILETYPE_PEM) < 1)
		return tls_complain(place, "crlfile", path);
	return X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) ? 0 : -ENOMEM;
}

/* Without its intermediate ones, which a ticket does not have: then it may be too little. */
static bool still_good(const SSL *ssl, X509 *cert)
{
	X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
	X509_STORE_CTX *check = X509_STORE_CTX_new();
	bool good = false;

	if (check && X509_STORE_CTX_init(check, store, cert, NULL) &&
	    X509_STORE_CTX_set_default(check, "ssl_client")) {
		X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(check),
						 SSL_get_security_level(ssl));
		good = X509_verify_cert(check) == 1;
	}
	X509_STORE_CTX_free(check);
	ERR_clear_error();
	return good;
}

/*
 * A ticket says that the certificate was good once. If it is not found to be so now there
 * is a handshake as if there was no ticket, which looks at all of it.
 */
static SSL_TICKET_RETURN check_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
				      size_t len, SSL_TICKET_STATUS status, void *arg)
{
	X509 *cert;

	(void)name;
	(void)len;
	(void)arg;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) {
		cert = SSL_SESSION_get0_peer(session);
		if (!cert || !still_good(ssl, cert))
			return SSL_TICKET_RETURN_IGNORE_RENEW;
	}
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE :
					      SSL_TICKET_RETURN_USE_RENEW;
}

int tls_verify_setup(SSL_CTX *ctx, const struct tls_config *conf, const char *place)
{
	int err = set_authorities(ctx, conf, place);

	if (err)
		return err;
	if (!SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context) - 1) ||
	    !SSL_CTX_set_session_ticket_cb(ctx, NULL, check_ticket, NULL))
		return -ENOMEM;
	if (!conf->require_certificate)
		return 0;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT |
				SSL_VERIFY_CLIENT_ONCE, NULL);
	err = name_issuers(ctx, conf, place);
	if (!err && conf->crlfile)
		err = set_revoked(ctx, conf->crlfile, place);
	return err;
}

/* A user name has to be one that CONNECT could have. */
static char *keep_name(const void *text, size_t len)
{
	if (!len || len > NAME_MAX_BYTES || memchr(text, '\0', len) || !mqtt_utf8_valid(text, len))
		return NULL;
	return strndup(text, len);
}

/* As mosquitto, the first of them. */
static char *common_name(X509 *cert)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, at);
	unsigned char *text = NULL;
	char *name = NULL;
	int len;

	if (!entry)
		return NULL;
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
	if (len > 0)
		name = keep_name(text, len);
	OPENSSL_free(text);
	return name;
}

static char *subject_name(X509 *cert)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *data, *name = NULL;
	long len;

	if (!text)
		return NULL;
	if (X509_NAME_print_ex(text, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0) {
		len = BIO_get_mem_data(text, &data);
		if (len > 0)
			name = keep_name(data, len);
	}
	BIO_free(text);
	return name;
}

bool tls_identity(SSL *ssl, char **name)
{
	const struct tls_settings *settings = tls_settings(ssl);
	X509 *cert = SSL_get0_peer_certificate(ssl);
	const char *identity;
	size_t len;

	*name = NULL;
	if (!settings->use_identity && !settings->use_subject)
		return false;
	if (settings->keys) {
		identity = tls_psk_identity(ssl, &len);
		if (identity)
			*name = keep_name(identity, len);
	} else if (cert) {
		*name = settings->use_subject ? subject_name(cert) : common_name(cert);
	}
	ERR_clear_error();
	return true;
}
