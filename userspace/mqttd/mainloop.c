// SPDX-License-Identifier: MIT
/*
 * Waiting for what concerns the whole process.
 */
#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "mainloop.h"

int mainloop_init(struct mainloop *loop)
{
	*loop = (struct mainloop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	return loop->epoll_fd < 0 ? -errno : 0;
}

void mainloop_destroy(struct mainloop *loop)
{
	close(loop->epoll_fd);
	timer_free(&loop->timers);
}

int mainloop_watch(struct mainloop *loop, int fd, uint32_t events, struct event_source *source)
{
	return event_control(loop->epoll_fd, EPOLL_CTL_ADD, fd, events, source);
}

int mainloop_rewatch(struct mainloop *loop, int fd, uint32_t events,
		     struct event_source *source)
{
	return event_control(loop->epoll_fd, EPOLL_CTL_MOD, fd, events, source);
}

/* One event at a time, so that none is left over of a source that is gone. */
void mainloop_run(struct mainloop *loop)
{
	struct event_source *source;
	struct epoll_event event;
	int n;

	while (!loop->end) {
		n = epoll_wait(loop->epoll_fd, &event, 1,
			       timer_wait(&loop->timers, timer_now(), INT_MAX));
		if (n == 1) {
			source = event.data.ptr;
			source->handle(source, event.events);
		}
		timer_run(&loop->timers, timer_now());
	}
}
