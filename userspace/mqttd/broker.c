// SPDX-License-Identifier: MIT
/*
 * Putting the parts together, and taking them apart.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rcupdate.h>

#include "attempts.h"
#include "audit.h"
#include "auth.h"
#include "bans.h"
#include "broker.h"
#include "client_plane.h"
#include "client_roles.h"
#include "control_edits.h"
#include "dataplane.h"
#include "handshake.h"
#include "incidents.h"
#include "listener.h"
#include "log.h"
#include "log_topic.h"
#include "networks.h"
#include "restore.h"
#include "security.h"
#include "stats.h"
#include "store.h"
#include "sys_topics.h"
#include "tls.h"
#include "worker.h"

/* Changes that may wait for the disk. */
#define STORE_PENDING_MAX	(64u << 20)

static void free_endpoints(struct broker *broker)
{
	unsigned int i;

	for (i = 0; i < broker->n_endpoints; i++)
		networks_free(broker->endpoints[i].trusted);
	free(broker->endpoints);
}

static int make_endpoint(struct endpoint *endpoint, const struct listener_config *listener)
{
	const char *why, *entry;

	endpoint->conf = listener;
	if (!listener->proxy_trusted)
		return 0;
	return networks_parse(&endpoint->trusted, listener->proxy_trusted, &why, &entry);
}

static int make_endpoints(struct broker *broker)
{
	const struct listener_config *listener;
	unsigned int n = 0;
	int err = 0;

	for (listener = broker->conf->listeners; listener; listener = listener->next)
		n++;
	broker->endpoints = calloc(n, sizeof(*broker->endpoints));
	if (!broker->endpoints)
		return -ENOMEM;
	for (listener = broker->conf->listeners; listener && !err; listener = listener->next)
		err = make_endpoint(&broker->endpoints[broker->n_endpoints++], listener);
	if (err)
		free_endpoints(broker);
	return err;
}

static void close_tls(struct broker *broker)
{
	unsigned int i;

	handshakes_close(broker->handshakes);
	for (i = 0; i < broker->n_endpoints; i++)
		tls_free(broker->endpoints[i].tls);
}

/* Reads the keys, while that is still possible. */
static int open_tls(struct broker *broker)
{
	bool any = false;
	unsigned int i;
	int err = 0;

	for (i = 0; i < broker->n_endpoints && !err; i++) {
		struct endpoint *endpoint = &broker->endpoints[i];

		if (!tls_config_on(&endpoint->conf->tls))
			continue;
		err = tls_new(&endpoint->tls, endpoint->conf);
		any = true;
	}
	if (!err && any)
		err = handshakes_open(&broker->handshakes, broker);
	if (err)
		close_tls(broker);
	return err;
}

static int make_workers(struct broker *broker)
{
	unsigned int i;
	int err = 0;

	broker->n_workers = broker->conf->workers;
	broker->workers = calloc(broker->n_workers, sizeof(*broker->workers));
	if (!broker->workers)
		return -ENOMEM;
	for (i = 0; i < broker->n_workers && !err; i++)
		err = worker_init(&broker->workers[i], broker, i);
	if (!err)
		return 0;
	for (i--; i > 0; i--)
		worker_destroy(&broker->workers[i - 1]);
	free(broker->workers);
	return err;
}

static void close_workers(struct broker *broker)
{
	unsigned int i;

	for (i = 0; i < broker->n_workers; i++)
		worker_close_clients(&broker->workers[i]);
	for (i = 0; i < broker->n_workers; i++)
		worker_discard_mail(&broker->workers[i]);
}

static void destroy_workers(struct broker *broker)
{
	unsigned int i;

	for (i = 0; i < broker->n_workers; i++)
		worker_destroy(&broker->workers[i]);
	free(broker->workers);
}

static enum dataplane_mode listener_mode(const struct config *conf,
					 const struct listener_config *listener)
{
	return listener->dataplane == CONFIG_UNSET ? conf->dataplane : listener->dataplane;
}

/* The strongest wish of all listeners. */
static enum dataplane_mode wanted_mode(const struct config *conf)
{
	enum dataplane_mode wanted = DATAPLANE_USER, mode;
	const struct listener_config *listener;

	for (listener = conf->listeners; listener; listener = listener->next) {
		mode = listener_mode(conf, listener);
		if (mode == DATAPLANE_KERNEL)
			return mode;
		if (mode == DATAPLANE_AUTO)
			wanted = mode;
	}
	return wanted;
}

/* Says in the log which data plane it is, and why. Returns 0 or -errno. */
static int choose_plane(struct broker *broker)
{
	enum dataplane_mode wanted = wanted_mode(broker->conf);
	char why[DATAPLANE_WHY_MAX] = "dataplane user";
	int err = -ENODEV;

	if (wanted != DATAPLANE_USER)
		err = dataplane_start(broker, why);
	broker->mode = err || broker->conf->dataplane == DATAPLANE_USER ? DATAPLANE_USER :
									 DATAPLANE_KERNEL;
	if (!err)
		log_printf(LOG_TYPE_NOTICE, "kernel data plane on (module mqtt)");
	else if (wanted == DATAPLANE_KERNEL)
		log_printf(LOG_TYPE_ERROR,
			   "Error: dataplane kernel, but it is not available: %s.", why);
	else
		log_printf(LOG_TYPE_NOTICE, "Kernel data plane off, mqttd routes itself: %s.", why);
	return wanted == DATAPLANE_KERNEL ? err : 0;
}

bool broker_offloads(const struct broker *broker, const struct listener_config *listener)
{
	if (__atomic_load_n(&broker->evacuating, __ATOMIC_RELAXED))
		return false;
	if (listener->dataplane != CONFIG_UNSET)
		return listener->dataplane != DATAPLANE_USER;
	return __atomic_load_n(&broker->mode, __ATOMIC_RELAXED) != DATAPLANE_USER;
}

bool broker_wants_kernel(const struct config *conf)
{
	return wanted_mode(conf) != DATAPLANE_USER;
}

void broker_wake_workers(struct broker *broker)
{
	unsigned int i;

	for (i = 0; i < broker->n_workers; i++)
		mailbox_wake(&broker->workers[i].mailbox);
}

static int open_store(struct broker *broker)
{
	struct store_config config = {
		.path = broker->conf->persistence ? broker->conf->persistence_path : NULL,
		.pending_max = STORE_PENDING_MAX,
		.committed = broker_committed,
		.arg = broker,
	};
	char why[STORE_WHY_MAX] = "";
	int err;

	err = store_open(&broker->store, &config, why);
	if (err) {
		log_printf(LOG_TYPE_ERROR, "Error: %s.", why);
		return err;
	}
	bans_use_store(broker->bans, broker->store);
	err = retained_init(&broker->retained, broker->store);
	if (err) {
		store_close(broker->store);
		broker->store = NULL;
	}
	return err;
}

/*
 * Without threads and connections. What is in memory lets go of what is in the
 * store; the store's thread may wake workers until it ends.
 */
static void close_store(struct broker *broker)
{
	if (!broker->store)
		return;
	session_registry_clear(&broker->sessions);
	retained_destroy(&broker->retained);
	store_close(broker->store);
}

static void close_guards(struct broker *broker)
{
	attempts_free(broker->attempts);
	bans_close(broker->bans);
	security_close(broker->security);
}

/* What watches over who comes. */
static int open_guards(struct broker *broker)
{
	const struct config *conf = broker->conf;
	int err;

	err = security_open(&broker->security, conf->security_log);
	if (!err)
		err = bans_open(&broker->bans, conf->ban_exempt, broker->security);
	if (err)
		goto fail;
	broker->attempts = attempts_new();
	if (broker->attempts)
		return 0;
	err = -ENOMEM;
fail:
	close_guards(broker);
	return err;
}

int broker_open(struct broker *broker, struct config *conf, const struct helpers *helpers)
{
	int err;

	*broker = (struct broker){ .conf = conf, .helpers = *helpers };
	broker->incidents = incidents_new();
	if (!broker->incidents)
		return -ENOMEM;
	err = open_guards(broker);
	if (err)
		goto fail_guards;
	rendezvous_init(&broker->rendezvous);
	session_registry_init(&broker->sessions);
	err = switchover_init(&broker->switchover, broker);
	if (err)
		goto fail_switchover;
	agent_init(&broker->agent);
	acl_sets_init(&broker->acl_sets, broker);
	err = client_roles_open(broker);
	if (err)
		goto fail_roles;
	err = control_edits_open(broker);
	if (err)
		goto fail_edits;
	err = route_table_init(&broker->routes, broker->conf);
	if (err)
		goto fail_routes;
	err = make_endpoints(broker);
	if (err)
		goto fail_endpoints;
	err = open_tls(broker);
	if (err)
		goto fail_tls;
	err = make_workers(broker);
	if (err)
		goto fail_workers;
	err = listeners_open(broker, &broker->listeners);
	if (err)
		goto fail_listeners;
	err = choose_plane(broker);
	if (err)
		goto fail_dataplane;
	return 0;

fail_dataplane:
	listeners_close(broker->listeners);
fail_listeners:
	close_workers(broker);
	destroy_workers(broker);
fail_workers:
	close_tls(broker);
fail_tls:
	free_endpoints(broker);
fail_endpoints:
	route_table_destroy(&broker->routes);
fail_routes:
	control_edits_close(broker);
fail_edits:
	roles_destroy(&broker->roles);
fail_roles:
	acl_sets_destroy(&broker->acl_sets);
	agent_destroy(&broker->agent);
	switchover_destroy(&broker->switchover);
fail_switchover:
	session_registry_destroy(&broker->sessions);
	rendezvous_destroy(&broker->rendezvous);
	close_guards(broker);
fail_guards:
	incidents_free(broker->incidents);
	return err;
}

static int open_audit(const struct config *conf)
{
	char why[AUDIT_WHY_MAX];
	int err = audit_open(conf->audit_log, why);

	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: %s.", why);
	return err;
}

int broker_load(struct broker *broker)
{
	int err = auth_open(&broker->auth, broker->conf, broker->helpers.auth_fd);

	broker->helpers.auth_fd = -1;
	if (!err)
		err = open_audit(broker->conf);
	if (!err)
		err = permissions_open(&broker->permissions, broker->conf);
	if (!err)
		err = open_store(broker);
	if (!err)
		err = broker_restore(broker);
	return err;
}

static void stop_workers(struct broker *broker, unsigned int n)
{
	while (n--)
		worker_stop(&broker->workers[n]);
}

static void end_timers(struct broker *broker)
{
	log_topic_stop(broker->log_topic);
	broker->log_topic = NULL;
	sys_topics_stop(broker);
	upkeep_stop(broker);
}

int broker_start(struct broker *broker)
{
	unsigned int i;
	int err;

	/* liburcu's own thread: without memory for it later, liburcu would end the process */
	if (!get_default_call_rcu_data())
		return -ENOMEM;
	err = security_start(broker->security);
	if (err)
		return err;
	err = auth_start(broker->auth);
	if (err) {
		security_stop(broker->security);
		return err;
	}
	if (broker->handshakes)
		err = handshakes_start(broker->handshakes);
	if (!err)
		err = upkeep_start(broker);
	if (!err)
		err = sys_topics_start(broker);
	if (!err)
		err = log_topic_start(&broker->log_topic, broker);
	for (i = 0; i < broker->n_workers && !err; i++)
		err = worker_start(&broker->workers[i]);
	if (!err)
		return 0;
	handshakes_stop(broker->handshakes);
	auth_stop(broker->auth);
	/* not the last one, which has not started */
	stop_workers(broker, i ? i - 1 : 0);
	end_timers(broker);
	security_stop(broker->security);
	return err;
}

void broker_stop(struct broker *broker)
{
	handshakes_stop(broker->handshakes);
	auth_stop(broker->auth);
	stop_workers(broker, broker->n_workers);
	end_timers(broker);
	security_stop(broker->security);
}

void broker_close(struct broker *broker)
{
	listeners_close(broker->listeners);
	close_workers(broker);
	dataplane_stop(broker, broker->switchover.lost);
	close_store(broker);
	destroy_workers(broker);
	switchover_destroy(&broker->switchover);
	close_tls(broker);
	free_endpoints(broker);
	rcu_barrier();
	route_table_destroy(&broker->routes);
	agent_destroy(&broker->agent);
	rcu_barrier();
	session_registry_destroy(&broker->sessions);
	rendezvous_destroy(&broker->rendezvous);
	permissions_close(&broker->permissions);
	roles_destroy(&broker->roles);
	control_edits_close(broker);
	audit_close();
	acl_sets_destroy(&broker->acl_sets);
	auth_close(broker->auth);
	close_guards(broker);
	incidents_free(broker->incidents);
}

/* Have all workers looked through their clients since the last client_plane_settle_all()? */
static bool all_settled(const struct broker *broker)
{
	unsigned int i;

	for (i = 0; i < broker->n_workers; i++)
		if (!client_plane_all_seen(&broker->workers[i]))
			return false;
	return true;
}

void broker_wait_for_rounds(struct broker *broker)
{
	bool settled = false;
	unsigned int i;

	for (i = 0; i < 2 || !settled; i++) {
		rendezvous_begin(broker);
		settled = all_settled(broker);
		rendezvous_end(broker);
	}
}

/*
 * What the router knows of permissions each worker changes for its clients, at the
 * beginning of its next round, and what it knows of limits in the rounds that follow.
 */
void broker_reload(struct broker *broker)
{
	audit_reopen();
	permissions_reload(&broker->permissions);
	security_reopen(broker->security);
	client_plane_settle_all(broker);
	if (broker->dataplane)
		broker_wait_for_rounds(broker);
}

void broker_save(struct broker *broker)
{
	store_sync(broker->store);
}

void broker_log_statistics(const struct broker *broker)
{
	struct stats sum = {};
	unsigned int i;

	for (i = 0; i < broker->n_workers; i++)
		stats_sum(&sum, &broker->workers[i].stats);
	stats_log(&sum);
}
