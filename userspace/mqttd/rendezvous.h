/* SPDX-License-Identifier: MIT */
/*
 * All workers at a standstill between two rounds of events, with nothing under
 * way between them: each has handed over its mail, and then handled what the
 * others had for it. What is changed meanwhile needs no locks.
 */
#ifndef MQTTD_RENDEZVOUS_H
#define MQTTD_RENDEZVOUS_H

#include <pthread.h>
#include <stdbool.h>

struct broker;
struct worker;

/**
 * struct rendezvous - for the main thread and the workers
 * @lock: protects what follows
 * @changed: something of it has
 * @phase: what the workers are to do
 * @done: workers that have done so
 * @wanted: a worker is to look here after its round; any thread
 */
struct rendezvous {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int phase;
	unsigned int done;
	bool wanted;
};

void rendezvous_init(struct rendezvous *rendezvous);
void rendezvous_destroy(struct rendezvous *rendezvous);

/*
 * By the main thread, while the workers run: returns when all of them stand
 * still. Takes as long as the longest round of a worker; nobody waits for a
 * client.
 */
void rendezvous_begin(struct broker *broker);
void rendezvous_end(struct broker *broker);

/*
 * By a worker after its round, its mail posted. Returns whether there was a
 * rendezvous: then clients may have something to send.
 */
bool rendezvous_join(struct worker *worker);

#endif /* MQTTD_RENDEZVOUS_H */
