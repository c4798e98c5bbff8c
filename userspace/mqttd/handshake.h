/* SPDX-License-Identifier: MIT */
/*
 * Handshakes of TLS. Each costs as much as thousands of messages, so threads of their own
 * make them: whoever is connected does not notice how many others come.
 */
#ifndef MQTTD_HANDSHAKE_H
#define MQTTD_HANDSHAKE_H

struct broker;
struct client;
struct handshakes;

/* Without threads. 0 or -ENOMEM. */
int handshakes_open(struct handshakes **all, struct broker *broker);
void handshakes_close(struct handshakes *all);		/* NULL is fine */

/* The threads. When they end so do handshakes, and nobody is told. */
int handshakes_start(struct handshakes *all);		/* 0 or -errno */
void handshakes_stop(struct handshakes *all);		/* NULL is fine */

/**
 * handshake_begin() - somebody has connected to a listener with TLS
 * @all: as opened
 * @client: with HOLD_HANDSHAKE; gets a reference
 *
 * Its connection is the threads' until NOTICE_TLS, which says that the handshake is done,
 * or has failed as @client->tls_why says. By its worker.
 *
 * Return: 0 or -errno.
 */
int handshake_begin(struct handshakes *all, struct client *client);

#endif /* MQTTD_HANDSHAKE_H */
