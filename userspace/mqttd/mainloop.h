/* SPDX-License-Identifier: MIT */
/*
 * The main thread's event loop: signals, the control socket, the end of moves.
 * Nothing here is in the way of a message.
 */
#ifndef MQTTD_MAINLOOP_H
#define MQTTD_MAINLOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "timer.h"

struct mainloop {
	int epoll_fd;
	struct timer_heap timers;
	bool end;		/* set by a handler: mainloop_run() returns */
};

int mainloop_init(struct mainloop *loop);		/* 0 or -errno */
void mainloop_destroy(struct mainloop *loop);

/* As worker_watch() and its siblings: 0 or -errno. */
int mainloop_watch(struct mainloop *loop, int fd, uint32_t events, struct event_source *source);
int mainloop_rewatch(struct mainloop *loop, int fd, uint32_t events,
		     struct event_source *source);

/*
 * Closing a descriptor ends its being watched. A source may be freed by its own
 * handler, but not by another's.
 */
void mainloop_run(struct mainloop *loop);

#endif /* MQTTD_MAINLOOP_H */
