// SPDX-License-Identifier: MIT
/*
 * When certificates expire.
 */
#include <inttypes.h>
#include <time.h>

#include "broker.h"
#include "certificates.h"
#include "client.h"
#include "listener.h"
#include "log.h"
#include "security.h"
#include "tls.h"

/* 0: it says nothing. */
static bool is_soon(const struct broker *broker, int64_t expires)
{
	int64_t days = __atomic_load_n(&broker->conf->certificate_warning, __ATOMIC_RELAXED);

	return days && expires && expires < time(NULL) + days * 86400;
}

static void review(struct broker *broker, const struct endpoint *endpoint)
{
	char place[CONFIG_LISTENER_NAME_MAX], subject[TLS_SUBJECT_MAX];
	int64_t expires = tls_own_expires(endpoint->tls, subject), left;

	if (!is_soon(broker, expires))
		return;
	left = expires - time(NULL);
	security_event(broker->security, &(struct security_event){
		.kind = SECURITY_CERTIFICATE, .why = "a listener's certificate expires",
		.port = endpoint->conf->port, .subject = subject, .at = expires });
	config_listener_name(endpoint->conf, place);
	if (left < 0)
		log_printf(LOG_TYPE_WARNING, "Warning: the certificate of %s has expired.", place);
	else
		log_printf(LOG_TYPE_WARNING,
			   "Warning: the certificate of %s expires in %" PRId64 " days.", place,
			   left / 86400);
}

void certificates_review(struct broker *broker)
{
	unsigned int i;

	for (i = 0; i < broker->n_endpoints; i++)
		if (broker->endpoints[i].tls)
			review(broker, &broker->endpoints[i]);
}

void certificates_note(const struct client *client)
{
	char subject[TLS_SUBJECT_MAX];
	int64_t expires;

	if (!client->conn.tls)
		return;
	expires = transport_tls_peer_expires(&client->conn, subject);
	if (is_soon(client->worker->broker, expires))
		security_client_event(client, (struct security_event){
			.kind = SECURITY_CERTIFICATE, .why = "a client's certificate expires",
			.subject = subject, .at = expires });
}
