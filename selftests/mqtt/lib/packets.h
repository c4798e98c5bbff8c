/* SPDX-License-Identifier: MIT */
/*
 * Numbered messages (wire.h) by the thousand: a thread that sends them, and
 * a receiver that cuts a stream into packets and checks each one.
 */
#ifndef SELFTESTS_PACKETS_H
#define SELFTESTS_PACKETS_H

#include <pthread.h>
#include <stdbool.h>

#include "rig.h"

struct packets {
	int fd;
	size_t read_size;	/* of one recv(); 0: 16384 */
	struct bytes buf;	/* received; the first @taken of it are done with */
	size_t taken;
	unsigned int n;		/* numbered messages taken */
	bool ended;		/* end of stream or reset */
};

/* One recv() if that does not block; false if there was nothing. */
bool packets_read(struct packets *p);
/* The same, waits until the deadline; fails then. */
void packets_wait(struct packets *p);

/* What has been received and not been taken. */
const unsigned char *packets_data(const struct packets *p);
size_t packets_left(const struct packets *p);
void packets_clear(struct packets *p);

/* Take the next packet, if all of it is there and it is the one named. */
bool packets_take(struct packets *p, const void *packet, size_t len);
bool packets_take_number(struct packets *p, unsigned int source, unsigned int number);
/* Take any numbered message; -1: none there. */
long packets_take_any(struct packets *p, unsigned int *source);
/* Take numbered messages @next, @next + 1... of @source, waiting for them. */
void packets_expect(struct packets *p, unsigned int source, unsigned int next,
		    unsigned int n);

struct traffic {
	pthread_t thread;
	struct rig_peer *from;
	const char *topic;
	unsigned int source;
	unsigned int n;		/* messages */
	size_t payload;		/* bytes of the smallest; at least 5 */
	size_t batch;		/* bytes per send() */
	int cpu;		/* to run on, -1: any */
	bool stop;		/* set to end it early */
	unsigned int sent;	/* messages, when it has ended */
};

/* What does for many: to "t/u", of source 1, far too much to come to an end. */
struct traffic traffic_from(struct rig_peer *p);

/* Fill in the members from @from to @cpu before. Ends at an error of send(). */
void traffic_start(struct traffic *t);
void traffic_stop(struct traffic *t);	/* early */
void traffic_join(struct traffic *t);

#endif /* SELFTESTS_PACKETS_H */
