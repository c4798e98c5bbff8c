/* SPDX-License-Identifier: MIT */
#ifndef MQTTD_EVENT_H
#define MQTTD_EVENT_H

#include <stdint.h>

/* What epoll knows of a descriptor; embedded in what is to be called. */
struct event_source {
	void (*handle)(struct event_source *source, uint32_t events);
};

#endif /* MQTTD_EVENT_H */
