/* SPDX-License-Identifier: MIT */
#ifndef MQTTPERF_REPORT_H
#define MQTTPERF_REPORT_H

#include <stdint.h>

#include "cpu.h"
#include "loop.h"

/**
 * struct result - what was measured beside what the loop has counted
 * @elapsed: from the first message to the last delivery, ns
 * @machine: ns of all CPUs, or CPU_UNKNOWN
 * @broker: ns of the broker's threads, or CPU_UNKNOWN
 */
struct result {
	uint64_t elapsed;
	uint64_t machine;
	uint64_t broker;
};

/* Return: 0, or -1 if it could not be written. */
int report(const struct loop *loop, const struct result *result);

/* All came once, in order and unchanged. */
bool report_is_good(const struct loop *loop);

#endif /* MQTTPERF_REPORT_H */
