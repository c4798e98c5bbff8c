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

/*
 * Retained first: who subscribes in between gets the message in one way or the
 * other, or in both.
 */
int publish_message(struct worker *worker, struct message *msg)
{
	int err = msg->retain ? retain(worker, msg) : 0;

	return err ? err : route_publish(worker, msg);
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
