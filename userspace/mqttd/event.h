/* SPDX-License-Identifier: MIT */
#ifndef MQTTD_EVENT_H
#define MQTTD_EVENT_H

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>

/* What epoll knows of a descriptor; embedded in what is to be called. */
struct event_source {
	void (*handle)(struct event_source *source, uint32_t events);
};

/* epoll_ctl(2): 0 or -errno. */
static inline int event_control(int epoll_fd, int op, int fd, uint32_t events,
				struct event_source *source)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	return epoll_ctl(epoll_fd, op, fd, &event) ? -errno : 0;
}

#endif /* MQTTD_EVENT_H */
