/* SPDX-License-Identifier: MIT */
/*
 * The module's tracepoints, as text, of this network namespace alone: by an
 * instance in tracefs which ends with the program, or is removed by the next one.
 */
#ifndef SELFTESTS_TRACING_H
#define SELFTESTS_TRACING_H

#include <stdbool.h>
#include <stddef.h>

#define TRACING "/sys/kernel/tracing"

/* Begins; skips the case if the kernel cannot. In the namespace that is meant. */
void tracing_start(void);
void tracing_enable(bool on);

/*
 * For instances made from now on: else the kernel's scheduler is patched, to learn
 * the names of tasks, whenever events are switched on, and emulators stumble over
 * code that changes under them.
 */
void tracing_without_tasks(void);
void tracing_stop(void);

/*
 * Reads what there is. Then: how many events of this name have all these parts,
 * "field=value", NULL behind the last; and the n-th of them, from 0 on, which has
 * to be there.
 */
void tracing_read(void);
unsigned int tracing_count(const char *event, ...) __attribute__((sentinel));
const char *tracing_nth(unsigned int n, const char *event, ...) __attribute__((sentinel));

/* The number behind "field=" */
unsigned long long tracing_number(const char *line, const char *field);

/* Sum of such numbers of all these events */
unsigned long long tracing_sum(const char *field, const char *event, const char *part);

/* The first line of a file below TRACING, "" if there is none. */
void tracing_file(const char *name, char *text, size_t size);

#endif /* SELFTESTS_TRACING_H */
