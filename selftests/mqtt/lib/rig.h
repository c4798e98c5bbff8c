/* SPDX-License-Identifier: MIT */
/*
 * A router and peers under the test's own control: the test is the daemon
 * (it owns the router and the accepted sockets) and all the clients.
 */
#ifndef SELFTESTS_RIG_H
#define SELFTESTS_RIG_H

#include <linux/mqtt.h>
#include <stdbool.h>
#include <stddef.h>

#include "ksft.h"
#include "netlink.h"
#include "tcp.h"
#include "wire.h"

struct rig_peer {
	int client;			/* the client's end */
	int fd;				/* the daemon's end */
	unsigned int id;
	unsigned long long sent;	/* bytes sent by rig_send() */
	bool fenced;
};

extern struct mqtt_nl *rig_nl;

void rig_start(void);			/* a router; fails the case if there is none */
void rig_start_with(unsigned long long queue_limit, unsigned int max_packet);

void rig_connect(struct rig_peer *p, const struct tcp_options *opt);
void rig_attach(struct rig_peer *p);
/* The members that say who and what are filled in. */
void rig_attach_with(struct rig_peer *p, const struct mqtt_nl_attach *with);
void rig_attach_residue(struct rig_peer *p, const void *residue, size_t len);
/* Attach with enum mqtt_protocol and, with 5.0, a Topic Alias Maximum. */
void rig_attach_as(struct rig_peer *p, unsigned int protocol, unsigned int alias_max);
/* As MQTT 3.1.1, and 0 or the error. */
int rig_try_attach(struct rig_peer *p, const char *client_id);
void rig_detach(struct rig_peer *p);
void rig_open(struct rig_peer *p);	/* an attached IPv4 connection */
void rig_open_sub(struct rig_peer *p, const char *filter);
void rig_open_as(struct rig_peer *p, unsigned int protocol, unsigned int alias_max);
void rig_open_with(struct rig_peer *p, const struct tcp_options *opt);
void rig_close(struct rig_peer *p);	/* both ends */

void rig_sub(struct rig_peer *p, const char *filter);
void rig_sub_with(struct rig_peer *p, const char *filter, unsigned int options);
/* With a Subscription Identifier; as a member of a group, @id 0: without one. */
void rig_sub_id(struct rig_peer *p, const char *filter, unsigned int id);
void rig_sub_group(struct rig_peer *p, const char *group, const char *filter, unsigned int id);
void rig_unsub(struct rig_peer *p, const char *filter);
void rig_unsub_group(struct rig_peer *p, const char *group, const char *filter);

/* enum mqtt_{stats,peer,peer_stats}_attr; a peer that is gone fails the case. */
unsigned long long rig_stat(int attr);
unsigned long long rig_peer_get(const struct rig_peer *p, int attr);
unsigned long long rig_peer_stat(const struct rig_peer *p, int attr);
int rig_peer_count(void);
/* enqueued == sent + dropped later, by departure or for newer ones + still queued */
void rig_check_balance(void);
/* The same where receivers leave while others send: one may be gone before. */
void rig_check_balance_racy(void);

/*
 * Sends from the client; returns when all of it has arrived in the TCP of
 * the daemon's end, so that what the kernel does at once has been done.
 */
void rig_send(struct rig_peer *p, const void *data, size_t len);
/* A PUBLISH at QoS 0 of MQTT 3.1.1: sends it; expects it. */
void rig_say(struct rig_peer *p, const char *topic, const char *text);
void rig_hear(struct rig_peer *p, const char *topic, const char *text);
void rig_send_bytes(struct rig_peer *p, const struct bytes *b);
void rig_wait_arrived(struct rig_peer *p);

/*
 * Passes a message from a third party to @sub's client and checks that it
 * is the next thing the client receives: nothing from before is on its way.
 */
void rig_fence(struct rig_peer *sub);

/* The daemon receives up to a whole packet's bytes, in as many calls as it takes. */
void rig_daemon_expect(struct rig_peer *p, const struct bytes *want);

#endif /* SELFTESTS_RIG_H */
