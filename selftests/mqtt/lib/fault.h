/* SPDX-License-Identifier: MIT */
/*
 * Memory that the module asks for and does not get: fault injection of a kernel
 * that has it, limited to calls out of the module's text.
 */
#ifndef SELFTESTS_FAULT_H
#define SELFTESTS_FAULT_H

#include <stdbool.h>

/* Skips the case if the kernel cannot; none fails then. */
void faults_need(void);

/* Not those of the module, but those that this function of the kernel has led to. */
void faults_within(const char *function);

/* Each allocation fails with a probability of @percent; 0: none does. */
void faults_set(int percent);

/*
 * Allocations in any context: @slab bytes and @pages pages are still to be had, and
 * then one more of each kind is not; or, unless @once, none is any more.
 */
void faults_after(unsigned int slab, unsigned int pages, bool once);

/* What is left of the first of these. */
unsigned int faults_space(void);

/* After faults_after() with @once: has it come to that? Then none fails any more. */
bool faults_came(void);

/*
 * What is to be tried: @prepare and @check, which may be NULL, while no allocation
 * fails, and @run in between.
 */
struct faults_try {
	void (*prepare)(void *arg);
	void (*run)(void *arg);
	void (*check)(void *arg, bool once);
	void *arg;
};

/*
 * Until none has failed any more: all allocations from the first on, from the second
 * on... fail; then the first alone, the second alone...; and likewise pages. Returns
 * how many times that was. sites_begin() comes before it.
 */
unsigned int faults_walk(const struct faults_try *what);

#endif /* SELFTESTS_FAULT_H */
