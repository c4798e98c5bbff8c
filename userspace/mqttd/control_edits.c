// SPDX-License-Identifier: MIT
/*
 * Answers that wait for the store.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <linux/container_of.h>

#include "broker.h"
#include "control.h"
#include "control_edits.h"
#include "mainloop.h"
#include "store.h"

struct waiting {
	struct waiting *next;
	struct control_request *request;
	u64 ticket;
	json_t *result;
};

/**
 * struct control_edits - answers that wait, the oldest first
 * @source: readiness of @event_fd
 * @broker: whose
 * @event_fd: the store has written something
 * @first: they
 * @last: where the next one goes
 * @any: there are some; the store's thread looks
 */
struct control_edits {
	struct event_source source;
	struct broker *broker;
	int event_fd;
	struct waiting *first;
	struct waiting **last;
	bool any;
};

static void answer_durable(struct control_edits *edits)
{
	struct waiting *waiting;

	while ((waiting = edits->first) &&
	       waiting->ticket <= store_committed(edits->broker->store)) {
		edits->first = waiting->next;
		if (!edits->first)
			edits->last = &edits->first;
		control_answer(waiting->request, waiting->result);
		free(waiting);
	}
	__atomic_store_n(&edits->any, edits->first, __ATOMIC_SEQ_CST);
}

static void committed(struct event_source *source, uint32_t events)
{
	struct control_edits *edits = container_of(source, struct control_edits, source);
	uint64_t count;

	(void)events;
	if (read(edits->event_fd, &count, sizeof(count)) == sizeof(count))
		answer_durable(edits);
}

int control_edits_open(struct broker *broker)
{
	struct control_edits *edits = calloc(1, sizeof(*edits));
	int err = 0;

	if (!edits)
		return -ENOMEM;
	edits->source.handle = committed;
	edits->broker = broker;
	edits->last = &edits->first;
	edits->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (edits->event_fd < 0) {
		err = -errno;
		free(edits);
		return err;
	}
	broker->edits = edits;
	return 0;
}

void control_edits_close(struct broker *broker)
{
	struct control_edits *edits = broker->edits;
	struct waiting *waiting;

	if (!edits)
		return;
	while ((waiting = edits->first)) {
		edits->first = waiting->next;
		json_decref(waiting->result);
		free(waiting);
	}
	close(edits->event_fd);
	free(edits);
	broker->edits = NULL;
}

int control_edits_watch(struct broker *broker, struct mainloop *loop)
{
	struct control_edits *edits = broker->edits;

	return edits ? mainloop_watch(loop, edits->event_fd, EPOLLIN, &edits->source) : 0;
}

void control_edits_committed(struct broker *broker)
{
	struct control_edits *edits = broker->edits;
	uint64_t one = 1;
	ssize_t n;

	if (!edits || !__atomic_load_n(&edits->any, __ATOMIC_SEQ_CST))
		return;
	/* It fails if the counter is full, and then there is enough to be seen */
	n = write(edits->event_fd, &one, sizeof(one));
	(void)n;
}

void control_edits_answer(struct control_request *request, u64 ticket, json_t *result)
{
	struct broker *broker = request->broker;
	struct control_edits *edits = broker->edits;
	bool kept = store_durable(broker->store);
	struct waiting *waiting;

	json_object_set_new(result, "kept", json_boolean(kept));
	if (!kept || !ticket) {
		control_answer(request, result);
		return;
	}
	waiting = malloc(sizeof(*waiting));
	if (!waiting) {
		json_decref(result);
		control_refuse(request,
			       "the change was made, but without memory it is not known when it is durable");
		return;
	}
	*waiting = (struct waiting){ .request = request, .ticket = ticket, .result = result };
	*edits->last = waiting;
	edits->last = &waiting->next;
	__atomic_store_n(&edits->any, true, __ATOMIC_SEQ_CST);
	/* It may have been written before somebody was seen to wait */
	answer_durable(edits);
}
