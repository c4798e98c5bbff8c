// SPDX-License-Identifier: MIT
/*
 * The tree below "$SYS/broker/". A timer of the first worker adds up what all
 * workers and the kernel's router have counted, and publishes what has changed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>

#include "arguments.h"
#include "broker.h"
#include "log.h"
#include "publish.h"
#include "store.h"
#include "stored.h"
#include "sys_figures.h"
#include "sys_topics.h"
#include "worker.h"

/* While it is switched off: when to look whether it still is, milliseconds */
#define LOOK_AGAIN	(60 * 1000)

#define TEXT_MAX	64

/* A topic with a number, below "$SYS/broker/" */
struct figure_topic {
	const char *name;
	enum sys_figure figure;
};

static const struct figure_topic figure_topics[] = {
	{ "bytes/received", SYS_BYTES_RECEIVED },
	{ "bytes/sent", SYS_BYTES_SENT },
	{ "clients/active", SYS_CLIENTS_CONNECTED },
	{ "clients/connected", SYS_CLIENTS_CONNECTED },
	{ "clients/disconnected", SYS_CLIENTS_DISCONNECTED },
	{ "clients/expired", SYS_CLIENTS_EXPIRED },
	{ "clients/held/pause", SYS_HELD_PAUSE },
	{ "clients/held/rate", SYS_HELD_RATE },
	{ "clients/inactive", SYS_CLIENTS_DISCONNECTED },
	{ "clients/maximum", SYS_CLIENTS_MAXIMUM },
	{ "clients/total", SYS_CLIENTS_TOTAL },
	{ "heap/current", SYS_HEAP_CURRENT },
	{ "heap/maximum", SYS_HEAP_MAXIMUM },
	{ "messages/received", SYS_PACKETS_RECEIVED },
	{ "messages/sent", SYS_PACKETS_SENT },
	{ "messages/stored", SYS_STORED_COUNT },
	{ "publish/bytes/received", SYS_PUBLISH_BYTES_RECEIVED },
	{ "publish/bytes/sent", SYS_PUBLISH_BYTES_SENT },
	{ "publish/messages/dropped", SYS_PUBLISH_DROPPED },
	{ "publish/messages/dropped/conflated", SYS_DROPPED_CONFLATED },
	{ "publish/messages/dropped/disconnected", SYS_DROPPED_SLOW },
	{ "publish/messages/dropped/old", SYS_DROPPED_OLD },
	{ "publish/messages/dropped/rate", SYS_DROPPED_RATE },
	{ "publish/messages/dropped/total", SYS_DROPPED_TOTAL },
	{ "publish/messages/received", SYS_PUBLISH_RECEIVED },
	{ "publish/messages/sent", SYS_PUBLISH_SENT },
	{ "retained messages/count", SYS_RETAINED_COUNT },
	{ "shared_subscriptions/count", SYS_SHARED_SUBSCRIPTIONS },
	{ "store/messages/bytes", SYS_STORED_BYTES },
	{ "store/messages/count", SYS_STORED_COUNT },
	{ "subscriptions/count", SYS_SUBSCRIPTIONS },
	{ "tls/failed", SYS_TLS_FAILED },
	{ "tls/handshakes", SYS_TLS_HANDSHAKES },
	{ "tls/resumed", SYS_TLS_RESUMED },
};

static const struct figure_topic load_topics[] = {
	{ "bytes/received", SYS_BYTES_RECEIVED },
	{ "bytes/sent", SYS_BYTES_SENT },
	{ "connections", SYS_CONNECTS },
	{ "messages/received", SYS_PACKETS_RECEIVED },
	{ "messages/sent", SYS_PACKETS_SENT },
	{ "publish/dropped", SYS_PUBLISH_DROPPED },
	{ "publish/received", SYS_PUBLISH_RECEIVED },
	{ "publish/sent", SYS_PUBLISH_SENT },
	{ "sockets", SYS_SOCKETS },
};

#define FIGURES	(sizeof(figure_topics) / sizeof(*figure_topics))
#define LOADS	(sizeof(load_topics) / sizeof(*load_topics))

/* A text as it was published last; "" before the first time */
struct text {
	char bytes[TEXT_MAX];
};

/**
 * struct sys_topics - state of the tree
 * @timer: the next time
 * @worker: the first, whose timer that is
 * @started: when the broker did, milliseconds
 * @last: the last time, milliseconds
 * @figures: as they are now
 * @figure_texts: as published, by their place in the table
 * @security_texts: likewise, by enum security_kind
 * @loads: averages, by their place in the table
 * @load_texts: as published
 * @uptime: as published
 * @version: as published
 */
struct sys_topics {
	struct timer timer;
	struct worker *worker;
	u64 started;
	u64 last;
	struct sys_figures figures;
	struct text figure_texts[FIGURES];
	struct text security_texts[SECURITY_KINDS];
	struct sys_load loads[LOADS];
	struct text load_texts[LOADS][SYS_AVERAGES];
	struct text uptime;
	struct text version;
};

/* Without memory it is missed, and tried again the next time. */
static void publish(struct sys_topics *sys, const char *name, const char *value, struct text *last)
{
	struct stored from = { .client_id = "", .qos = 2 };
	char topic[TEXT_MAX + 16];
	struct stored *msg;

	if (!strcmp(value, last->bytes))
		return;
	from.topic = (const u8 *)topic;
	from.topic_len = snprintf(topic, sizeof(topic), "$SYS/broker/%s", name);
	from.payload = (const u8 *)value;
	from.payload_len = strlen(value);
	msg = stored_new(&from, NULL);
	if (!msg)
		return;
	publish_stored(sys->worker, msg, true, NULL);
	stored_put(msg);
	snprintf(last->bytes, sizeof(last->bytes), "%s", value);
}

static void publish_figures(struct sys_topics *sys)
{
	char value[TEXT_MAX];
	size_t i;

	for (i = 0; i < FIGURES; i++) {
		snprintf(value, sizeof(value), "%llu",
			 sys->figures.value[figure_topics[i].figure]);
		publish(sys, figure_topics[i].name, value, &sys->figure_texts[i]);
	}
}

static void publish_security(struct sys_topics *sys)
{
	char name[TEXT_MAX], value[TEXT_MAX];
	int i;

	for (i = 0; i < SECURITY_KINDS; i++) {
		snprintf(name, sizeof(name), "security/%s", security_kind_name(i));
		snprintf(value, sizeof(value), "%llu", sys->figures.value[SYS_SECURITY + i]);
		publish(sys, name, value, &sys->security_texts[i]);
	}
}

static void publish_loads(struct sys_topics *sys, u64 now)
{
	static const char *const spans[SYS_AVERAGES] = { "1min", "5min", "15min" };
	double seconds = (now - sys->last) / 1000.0;
	char name[TEXT_MAX], value[TEXT_MAX];
	size_t i;
	int span;

	for (i = 0; i < LOADS; i++) {
		if (seconds > 0)
			sys_load_update(&sys->loads[i],
					sys->figures.value[load_topics[i].figure], seconds);
		for (span = 0; span < SYS_AVERAGES; span++) {
			snprintf(name, sizeof(name), "load/%s/%s", load_topics[i].name,
				 spans[span]);
			snprintf(value, sizeof(value), "%.2f", sys->loads[i].averages[span]);
			publish(sys, name, value, &sys->load_texts[i][span]);
		}
	}
	sys->last = now;
}

static void publish_all(struct sys_topics *sys)
{
	struct store *store = sys->worker->broker->store;
	u64 now = sys->worker->now;
	char value[TEXT_MAX];

	sys_figures_update(sys->worker, &sys->figures);
	/* subscribers' sessions may be in the store */
	store_begin(store);
	publish(sys, "version", "mqttd version " MQTT_VERSION, &sys->version);
	snprintf(value, sizeof(value), "%llu seconds", (now - sys->started) / 1000);
	publish(sys, "uptime", value, &sys->uptime);
	publish_figures(sys);
	publish_security(sys);
	publish_loads(sys, now);
	store_end(store);
}

static void fire(struct timer *timer)
{
	struct sys_topics *sys = container_of(timer, struct sys_topics, timer);
	struct config *conf = sys->worker->broker->conf;
	int64_t seconds = __atomic_load_n(&conf->sys_interval, __ATOMIC_RELAXED);

	if (seconds)
		publish_all(sys);
	if (timer_set(&sys->worker->timers, timer,
		      sys->worker->now + (seconds ? seconds * 1000 : LOOK_AGAIN)))
		log_printf(LOG_TYPE_ERROR, "Error: out of memory, $SYS is not updated any more.");
}

int sys_topics_start(struct broker *broker)
{
	struct worker *worker = &broker->workers[0];
	struct sys_topics *sys = calloc(1, sizeof(*sys));
	u64 now = timer_now();

	if (!sys)
		return -ENOMEM;
	sys->worker = worker;
	sys->started = now;
	sys->last = now;
	sys->timer.fire = fire;
	if (timer_set(&worker->timers, &sys->timer, now)) {
		free(sys);
		return -ENOMEM;
	}
	broker->sys = sys;
	return 0;
}

void sys_topics_stop(struct broker *broker)
{
	if (!broker->sys)
		return;
	timer_cancel(&broker->workers[0].timers, &broker->sys->timer);
	free(broker->sys);
	broker->sys = NULL;
}
