/* SPDX-License-Identifier: MIT */
/*
 * Certificates that expire soon: somebody is to be told before they do.
 */
#ifndef MQTTD_CERTIFICATES_H
#define MQTTD_CERTIFICATES_H

struct broker;
struct client;

/* Looks at those of listeners. Main thread; at the start, after a reload and once a day. */
void certificates_review(struct broker *broker);

/* Looks at the one that a client has shown, if it has. By its worker. */
void certificates_note(const struct client *client);

#endif /* MQTTD_CERTIFICATES_H */
