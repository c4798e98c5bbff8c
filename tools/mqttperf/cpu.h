/* SPDX-License-Identifier: MIT */
/* CPU time of the machine and of a process, as the scheduler counts it. */
#ifndef MQTTPERF_CPU_H
#define MQTTPERF_CPU_H

#include <stdint.h>
#include <sys/types.h>

#define CPU_UNKNOWN	UINT64_MAX

/*
 * Nanoseconds that CPUs were not idle since boot, with everything that
 * interrupted the tasks; CPU_UNKNOWN if the kernel does not tell.
 */
uint64_t cpu_machine(void);

/* Nanoseconds that the threads of @pid have run; CPU_UNKNOWN if there is none. */
uint64_t cpu_process(pid_t pid);

/* From @before to @after, unless one of them is unknown. */
static inline uint64_t cpu_between(uint64_t before, uint64_t after)
{
	return before == CPU_UNKNOWN || after == CPU_UNKNOWN ? CPU_UNKNOWN : after - before;
}

#endif /* MQTTPERF_CPU_H */
