/* SPDX-License-Identifier: MIT */
/*
 * What all workers share.
 */
#ifndef MQTTD_BROKER_H
#define MQTTD_BROKER_H

#include <stdbool.h>
#include <stddef.h>

#include "acl_sets.h"
#include "agent.h"
#include "config.h"
#include "helpers.h"
#include "permissions.h"
#include "rendezvous.h"
#include "retained.h"
#include "roles/roles.h"
#include "route.h"
#include "session.h"
#include "stats.h"
#include "switchover.h"
#include "upkeep.h"

struct attempts;
struct auth;
struct bans;
struct control_edits;
struct dataplane;
struct endpoint;
struct handshakes;
struct incidents;
struct log_topic;
struct listeners;
struct security;
struct store;
struct sys_topics;
struct worker;

/**
 * struct broker - the process
 * @conf: settings; constant, but for @connection_messages after a reload
 * @workers: threads
 * @n_workers: how many
 * @endpoints: listeners as configured; each worker has a socket for each
 * @n_endpoints: how many
 * @listeners: sockets
 * @handshakes: of TLS; NULL if no listener has it
 * @dataplane: the kernel's router, NULL if the daemon routes; changes while the
 *	workers stand still
 * @routed: what the kernel's routers have counted that are gone; changes likewise
 * @mode: DATAPLANE_KERNEL or DATAPLANE_USER: where clients belong whose listener
 *	has no setting of its own; changes at any time
 * @evacuating: the router is about to end: nobody belongs there; likewise
 * @auth: asks who somebody is
 * @helpers: other processes
 * @permissions: who may do what
 * @settle_request: number of the last one for client_plane_settle_all(); any thread
 * @limits_generation: number of the last limits that the kernel's router is to keep
 *	clients to; any thread
 * @slow_bytes: what waits for clients that do not read, see client_slow.c; any thread
 * @resume_request: number of the last queue that publishers need not wait for any more,
 *	see client_pause.c; any thread
 * @rendezvous: bringing the workers to a standstill
 * @switchover: moving clients
 * @store: what survives the process
 * @retained: messages
 * @sys: topics below $SYS; worker 0's, while the workers run
 * @upkeep: likewise
 * @sessions: by client id
 * @routes: subscriptions
 * @log_topic: log lines as messages
 * @incidents: what has happened to clients lately
 * @security: events for who watches over the broker
 * @attempts: to authenticate, that have failed
 * @bans: addresses that are not let in
 * @agent: those that are no connection's, for the router
 * @acl_sets: permissions that the router knows
 * @roles: users, groups, and what they may do
 * @edits: changes of roles that are not durable yet
 */
struct broker {
	struct config *conf;
	struct worker *workers;
	unsigned int n_workers;
	struct endpoint *endpoints;
	unsigned int n_endpoints;
	struct listeners *listeners;
	struct handshakes *handshakes;
	struct dataplane *dataplane;
	struct stats routed;
	enum dataplane_mode mode;
	bool evacuating;
	unsigned int settle_request;
	unsigned int limits_generation;
	size_t slow_bytes;
	unsigned int resume_request;
	struct auth *auth;
	struct helpers helpers;
	struct permissions permissions;
	struct rendezvous rendezvous;
	struct switchover switchover;
	struct store *store;
	struct retained retained;
	struct sys_topics *sys;
	struct upkeep upkeep;
	struct session_registry sessions;
	struct route_table routes;
	struct log_topic *log_topic;
	struct incidents *incidents;
	struct security *security;
	struct attempts *attempts;
	struct bans *bans;
	struct agent agent;
	struct acl_sets acl_sets;
	struct roles roles;
	struct control_edits *edits;
};

/**
 * broker_open() - what may take privileges: sockets, and the kernel's router
 * @broker: result, to be closed with broker_close()
 * @conf: finished; stays the caller's, and lives as long as @broker
 * @helpers: taken over
 *
 * Afterwards the broker listens, but nobody is accepted. The log says what is
 * wrong. The caller is registered with RCU when it closes the broker.
 *
 * Return: 0 or -errno.
 */
int broker_open(struct broker *broker, struct config *conf, const struct helpers *helpers);

/*
 * What belongs to the user that the broker runs as: files. 0, or -errno and the log says
 * what is wrong.
 */
int broker_load(struct broker *broker);
int broker_start(struct broker *broker);	/* the threads; 0 or -errno */
void broker_stop(struct broker *broker);
void broker_close(struct broker *broker);

/*
 * Reads permissions again. Clients stay; what they may do from now on is what is written
 * there now. Main thread.
 */
void broker_reload(struct broker *broker);

/*
 * Returns when each worker has had a round of events that began after this call, and has
 * told the router what has changed for all its clients. Main thread, while they run.
 */
void broker_wait_for_rounds(struct broker *broker);

/* Any thread. Should the kernel have the connections of this listener's clients? */
bool broker_offloads(const struct broker *broker, const struct listener_config *listener);

/* Does anybody want the kernel data plane, be it there or not? */
bool broker_wants_kernel(const struct config *conf);

/* For struct store_config: wakes the workers that wait for the store. In client_stored.c. */
void broker_committed(void *broker);

/* Their rounds of events end soon. */
void broker_wake_workers(struct broker *broker);

/* Any time: what is to survive is written now. */
void broker_save(struct broker *broker);

/* Any time: "statistics: ..." lines. */
void broker_log_statistics(const struct broker *broker);

#endif /* MQTTD_BROKER_H */
