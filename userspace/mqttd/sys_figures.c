// SPDX-License-Identifier: MIT
/*
 * Collecting what all parts have counted.
 */
#include <stdio.h>
#include <unistd.h>
#include <linux/compiler.h>
#include <linux/minmax.h>

#include "broker.h"
#include "dataplane.h"
#include "stored.h"
#include "sys_figures.h"
#include "worker.h"

/* What is counted as it is shown */
static const struct {
	enum sys_figure figure;
	enum stat stat;
} counters[] = {
	{ SYS_BYTES_RECEIVED, STAT_BYTES_RECEIVED },
	{ SYS_BYTES_SENT, STAT_BYTES_SENT },
	{ SYS_CLIENTS_CONNECTED, STAT_CONNECTED },
	{ SYS_CLIENTS_EXPIRED, STAT_SESSIONS_EXPIRED },
	{ SYS_CONNECTS, STAT_CONNECTS },
	{ SYS_PACKETS_RECEIVED, STAT_PACKETS_RECEIVED },
	{ SYS_PACKETS_SENT, STAT_ANSWERS_SENT },
	{ SYS_PUBLISH_BYTES_RECEIVED, STAT_PUBLISH_BYTES_RECEIVED },
	{ SYS_PUBLISH_BYTES_SENT, STAT_PUBLISH_BYTES_SENT },
	{ SYS_PUBLISH_DROPPED, STAT_PUBLISH_DROPPED },
	{ SYS_DROPPED_CONFLATED, STAT_DROPPED_CONFLATED },
	{ SYS_DROPPED_OLD, STAT_DROPPED_OLD },
	{ SYS_DROPPED_RATE, STAT_DROPPED_RATE },
	{ SYS_DROPPED_SLOW, STAT_DROPPED_SLOW },
	{ SYS_DROPPED_TOTAL, STAT_DROPPED_TOTAL },
	{ SYS_HELD_PAUSE, STAT_PAUSES },
	{ SYS_HELD_RATE, STAT_RATE_HOLDS },
	{ SYS_PUBLISH_RECEIVED, STAT_PUBLISH_RECEIVED },
	{ SYS_PUBLISH_SENT, STAT_PUBLISH_SENT },
	{ SYS_SOCKETS, STAT_CONNECTIONS_ACCEPTED },
	{ SYS_TLS_FAILED, STAT_REFUSED_TLS },
	{ SYS_TLS_HANDSHAKES, STAT_TLS_HANDSHAKES },
	{ SYS_TLS_RESUMED, STAT_TLS_RESUMED },
};

static void get_counters(struct worker *worker, u64 *value)
{
	struct broker *broker = worker->broker;
	struct stats sum = {};
	unsigned int i;

	for (i = 0; i < broker->n_workers; i++)
		stats_sum(&sum, &broker->workers[i].stats);
	dataplane_stats(worker, &sum);
	for (i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		value[counters[i].figure] = sum.value[counters[i].stat];
	value[SYS_PACKETS_SENT] += sum.value[STAT_PUBLISH_SENT];
}

static void get_clients(struct session_registry *registry, u64 *value)
{
	u64 connected = value[SYS_CLIENTS_CONNECTED], total;

	pthread_mutex_lock(&registry->lock);
	total = registry->by_id.count;
	pthread_mutex_unlock(&registry->lock);
	/* one that has just connected may be counted there and not here */
	value[SYS_CLIENTS_TOTAL] = max_t(u64, total, connected);
	value[SYS_CLIENTS_DISCONNECTED] = value[SYS_CLIENTS_TOTAL] - connected;
	value[SYS_CLIENTS_MAXIMUM] = max_t(u64, value[SYS_CLIENTS_MAXIMUM],
					   value[SYS_CLIENTS_TOTAL]);
}

static void get_subscriptions(struct route_table *routes, u64 *value)
{
	size_t groups;

	pthread_mutex_lock(&routes->lock);
	groups = routes->shares.by_name.count;
	value[SYS_SHARED_SUBSCRIPTIONS] = routes->shares.members;
	/* groups are in there as well, their members are not */
	value[SYS_SUBSCRIPTIONS] = routes->trie.subs - groups + routes->shares.members;
	pthread_mutex_unlock(&routes->lock);
}

/* Pages of which no file knows: the allocator would have to walk through its lists. */
static void get_heap(u64 *value)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long resident, shared;
	int n = 0;

	if (file) {
		n = fscanf(file, "%*u %lu %lu", &resident, &shared);
		fclose(file);
	}
	if (n != 2)
		return;
	value[SYS_HEAP_CURRENT] = (resident - shared) * sysconf(_SC_PAGESIZE);
	value[SYS_HEAP_MAXIMUM] = max_t(u64, value[SYS_HEAP_MAXIMUM], value[SYS_HEAP_CURRENT]);
}

static void get_security(const struct security *security, u64 *value)
{
	int i;

	for (i = 0; i < SECURITY_KINDS; i++)
		value[SYS_SECURITY + i] = security_count(security, i);
}

void sys_figures_update(struct worker *worker, struct sys_figures *figures)
{
	struct broker *broker = worker->broker;
	u64 *value = figures->value;

	get_counters(worker, value);
	get_clients(&broker->sessions, value);
	get_subscriptions(&broker->routes, value);
	get_heap(value);
	get_security(broker->security, value);
	value[SYS_RETAINED_COUNT] = READ_ONCE(broker->retained.count);
	stored_count(&value[SYS_STORED_COUNT], &value[SYS_STORED_BYTES]);
}
