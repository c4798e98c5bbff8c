/* SPDX-License-Identifier: MIT */
/*
 * Instructions that do nothing, but that a simulator can recognise: where the
 * measured part begins and ends, for selftests/bench/profile.
 */
#ifndef MQTTPERF_MARK_H
#define MQTTPERF_MARK_H

#ifdef __x86_64__
/* nopl 0x4d515442(%rax,%rax,1), and ...45 for the end */
static inline void mark_begin(void)
{
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00, 0x42, 0x54, 0x51, 0x4d" ::: "memory");
}

static inline void mark_end(void)
{
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00, 0x45, 0x54, 0x51, 0x4d" ::: "memory");
}
#else
static inline void mark_begin(void)
{
}

static inline void mark_end(void)
{
}
#endif

#endif /* MQTTPERF_MARK_H */
