/* SPDX-License-Identifier: MIT */
/*
 * Last words for a client that was too slow: its socket takes no more, so they wait a
 * while, without the client, until it has read what is there.
 */
#ifndef MQTTD_FAREWELL_H
#define MQTTD_FAREWELL_H

#include <stdbool.h>

struct conn;
struct outq;
struct worker;

/*
 * The connection, which epoll does not watch, is closed once all of @out was sent, or after
 * FAREWELL_MS. Returns false if that is not possible, and has done nothing. By the worker.
 */
bool farewell_begin(struct worker *worker, const struct conn *conn, struct outq *out);

/* All connections are closed. */
void farewell_end_all(struct worker *worker);

#endif /* MQTTD_FAREWELL_H */
