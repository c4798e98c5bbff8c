// SPDX-License-Identifier: MIT
/*
 * Bringing the workers to a standstill.
 *
 * Two phases, each ended by all workers together. In the first a worker that has
 * come handles no event any more, so when all are there nobody posts mail or
 * writes to a port. In the second each handles the mail and the messages in its
 * port. That delivers, and may begin to close clients, but publishes nothing:
 * closing them is left to the next round. Notices stay in the mailbox.
 */
#include "broker.h"
#include "port.h"
#include "rendezvous.h"
#include "worker.h"

enum {
	PHASE_NONE,
	PHASE_STOP,
	PHASE_EMPTY,
};

void rendezvous_init(struct rendezvous *rendezvous)
{
	*rendezvous = (struct rendezvous){ .phase = PHASE_NONE };
	pthread_mutex_init(&rendezvous->lock, NULL);
	pthread_cond_init(&rendezvous->changed, NULL);
}

void rendezvous_destroy(struct rendezvous *rendezvous)
{
	pthread_cond_destroy(&rendezvous->changed);
	pthread_mutex_destroy(&rendezvous->lock);
}

static void run_phase(struct broker *broker, unsigned int phase)
{
	struct rendezvous *rendezvous = &broker->rendezvous;

	pthread_mutex_lock(&rendezvous->lock);
	rendezvous->phase = phase;
	rendezvous->done = 0;
	pthread_cond_broadcast(&rendezvous->changed);
	if (phase == PHASE_STOP)
		broker_wake_workers(broker);
	while (phase != PHASE_NONE && rendezvous->done < broker->n_workers)
		pthread_cond_wait(&rendezvous->changed, &rendezvous->lock);
	pthread_mutex_unlock(&rendezvous->lock);
}

void rendezvous_begin(struct broker *broker)
{
	__atomic_store_n(&broker->rendezvous.wanted, true, __ATOMIC_RELEASE);
	run_phase(broker, PHASE_STOP);
	run_phase(broker, PHASE_EMPTY);
}

void rendezvous_end(struct broker *broker)
{
	__atomic_store_n(&broker->rendezvous.wanted, false, __ATOMIC_RELEASE);
	run_phase(broker, PHASE_NONE);
}

static void finish_phase(struct rendezvous *rendezvous, unsigned int phase)
{
	pthread_mutex_lock(&rendezvous->lock);
	while (rendezvous->phase < phase)
		pthread_cond_wait(&rendezvous->changed, &rendezvous->lock);
	rendezvous->done++;
	pthread_cond_broadcast(&rendezvous->changed);
	while (rendezvous->phase == phase)
		pthread_cond_wait(&rendezvous->changed, &rendezvous->lock);
	pthread_mutex_unlock(&rendezvous->lock);
}

bool rendezvous_join(struct worker *worker)
{
	struct rendezvous *rendezvous = &worker->broker->rendezvous;

	if (!__atomic_load_n(&rendezvous->wanted, __ATOMIC_ACQUIRE))
		return false;
	finish_phase(rendezvous, PHASE_STOP);
	mailbox_empty(&worker->mailbox, worker);
	while (port_drain(worker))
		;
	finish_phase(rendezvous, PHASE_EMPTY);
	return true;
}
