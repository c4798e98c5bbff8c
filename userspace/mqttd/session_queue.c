// SPDX-License-Identifier: MIT
/*
 * What a session has to remember about messages on their way.
 */
#include <errno.h>

#include "packet_ids.h"
#include "session.h"

int session_incoming_add(struct session *session, u16 packet_id)
{
	int ret = -ENOMEM;

	pthread_mutex_lock(&session->lock);
	if (!session->incoming)
		session->incoming = packet_ids_new();
	if (session->incoming)
		ret = packet_ids_add(session->incoming, packet_id);
	pthread_mutex_unlock(&session->lock);
	return ret;
}

bool session_incoming_del(struct session *session, u16 packet_id)
{
	bool there;

	pthread_mutex_lock(&session->lock);
	there = session->incoming && packet_ids_del(session->incoming, packet_id);
	pthread_mutex_unlock(&session->lock);
	return there;
}

/* Nothing is kept beyond a connection, or sent at QoS 1 and 2, yet. */
int session_enqueue(struct worker *worker, struct session *session, struct stored *msg,
		    const struct delivery *delivery)
{
	(void)worker;
	(void)session;
	(void)msg;
	(void)delivery;
	return -ESHUTDOWN;
}

void session_pump(struct client *client)
{
	(void)client;
}

bool session_has_room(struct session *session)
{
	(void)session;
	return true;
}
