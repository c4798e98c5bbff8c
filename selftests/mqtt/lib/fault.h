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

#endif /* SELFTESTS_FAULT_H */
