// SPDX-License-Identifier: MIT
/*
 * Publishing: retaining and routing.
 */
#include <errno.h>

#include "broker.h"
#include "log.h"
#include "message.h"
#include "publish.h"
#include "retained.h"
#include "route.h"
#include "worker.h"

static int retain(struct worker *worker, struct message *msg)
{
	struct stored *stored = message_stored(msg);

	return stored ? retained_set(&worker->broker->retained, stored) : -ENOMEM;
}

/* Who subscribes gets the message in one of the two ways. */
static int publish_retained(struct worker *worker, struct message *msg)
{
	struct retained *retained = &worker->broker->retained;
	int ret;

	retained_publish_begin(retained);
	ret = retain(worker, msg);
	if (!ret)
		ret = route_publish(worker, msg);
	retained_publish_end(retained);
	return ret;
}

int publish_message(struct worker *worker, struct message *msg)
{
	return msg->retain ? publish_retained(worker, msg) : route_publish(worker, msg);
}

void publish_stored(struct worker *worker, struct stored *stored, bool retain,
		    const struct session *from)
{
	struct message msg;

	message_init_stored(&msg, stored);
	msg.retain = retain;
	msg.from = from;
	if (publish_message(worker, &msg) == -ENOMEM)
		log_limited(LOG_TYPE_ERROR,
			    "Error: no memory for a message to all its subscribers.");
	message_done(&msg);
}
