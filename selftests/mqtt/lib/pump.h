/* SPDX-License-Identifier: MIT */
/*
 * A stream of packets together with what has to become of it, and a pump
 * that sends it from a client while it reads at the daemon's and at a
 * subscriber's end.
 */
#ifndef SELFTESTS_PUMP_H
#define SELFTESTS_PUMP_H

#include "rig.h"

#define STREAM_BARRIERS_MAX 4096

enum stream_kind {
	STREAM_FAST,		/* goes to the subscribers */
	STREAM_SLOW,		/* goes to the daemon */
	STREAM_BARRIER,		/* goes to the daemon, in a recv() of its own end */
};

struct stream {
	struct bytes all;
	struct bytes fast;
	struct bytes slow;
	size_t done;		/* bytes of @all that stream_end() has seen */
	unsigned int fast_packets;
	unsigned int slow_packets;
	unsigned int barriers;
	size_t barrier_end[STREAM_BARRIERS_MAX];	/* offsets in @slow */
};

struct stream *stream_new(void);

/* Says what becomes of the bytes appended to @s->all since the last call. */
void stream_end(struct stream *s, enum stream_kind kind);
void stream_free(struct stream *s);

struct pump {
	struct rig_peer *pub;
	struct rig_peer *sub;
	size_t (*chunk)(void);	/* length of the next send(); NULL: everything */
	bool separate;		/* a chunk has to arrive before the next is sent */
	size_t read_size;	/* of the daemon's recv(); 0: 65536 */
	size_t already;		/* bytes of the stream that have been sent before */
};

/*
 * Sends @s and checks that both ends receive exactly what they have to, and
 * that no recv() of the daemon went across the end of a barrier packet.
 */
void pump_run(const struct pump *p, const struct stream *s);

#endif /* SELFTESTS_PUMP_H */
