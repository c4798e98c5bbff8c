// SPDX-License-Identifier: MIT
/*
 * Until when a certificate is good, and whose it is.
 */
#include <time.h>
#include <openssl/x509.h>

#include "tls.h"

int64_t tls_expires(const X509 *certificate, char subject[TLS_SUBJECT_MAX])
{
	struct tm tm;

	*subject = '\0';
	if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
		return 0;
	X509_NAME_oneline(X509_get_subject_name(certificate), subject, TLS_SUBJECT_MAX);
	return timegm(&tm);
}

int64_t tls_peer_expires(const SSL *ssl, char subject[TLS_SUBJECT_MAX])
{
	return tls_expires(SSL_get0_peer_certificate(ssl), subject);
}
