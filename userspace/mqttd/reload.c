// SPDX-License-Identifier: MIT
/*
 * Reading the configuration.
 *
 * Workers read single numbers of it at any time: these can change while they run.
 * Strings, and what was built or promised from the configuration, cannot.
 */
#include <string.h>

#include "arguments.h"
#include "broker.h"
#include "config.h"
#include "log.h"
#include "process.h"
#include "reload.h"

/*
 * Options that are looked at anew each time. Not among them are those that the kernel's
 * router was told, or that decide whether a client may be there.
 */
static const char *const live[] = {
	"check_retain_source", "connect_timeout", "connection_messages", "connection_rate",
	"max_connect_packet", "max_connections", "max_connections_total", "max_inflight_bytes",
	"max_inflight_messages", "max_keepalive", "max_queued_bytes", "max_queued_bytes_total",
	"max_queued_messages", "max_queued_messages_total", "max_topic_alias", "memory_limit",
	"persistent_client_expiration", "set_tcp_nodelay", "sys_interval",
	"use_username_as_clientid", NULL
};

/* These are applied to the log, or looked at listener by listener. */
static const char *const applied[] = {
	"acl_file", "allow_anonymous", "allow_zero_length_clientid", "log_dest", "log_facility",
	"log_timestamp", "log_timestamp_format", "password_file", NULL
};

int reload_config(struct config *conf, const struct arguments *args)
{
	int err = config_init(conf);

	if (!err && args->config_file)
		err = config_load(conf, args->config_file);
	if (!err)
		err = config_finish(conf, args->port);
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: %s",
			   *conf->error ? conf->error : strerror(-err));
	if (args->verbose)
		conf->log_types = LOG_TYPE_ALL;
	return err;
}

/* In the background nobody reads stderr. */
int reload_log(const struct config *conf, const struct arguments *args)
{
	struct log_config log = {
		.types = conf->log_types,
		.dests = conf->log_dests,
		.file = conf->log_file,
		.timestamp = conf->log_timestamp,
		.timestamp_format = conf->log_timestamp_format,
		.facility = conf->log_facility,
	};
	int err;

	if (args->daemonise && !conf->log_dests_set)
		log.dests = LOG_DEST_SYSLOG;
	err = log_configure(&log);
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot open log file %s: %s.", log.file,
			   strerror(-err));
	return err;
}

static bool listed(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

static bool strings_differ(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) : a != b;
}

static void assign(int64_t *to, int64_t value)
{
	__atomic_store_n(to, value, __ATOMIC_RELAXED);
}

/* Whatever has a value that is no number is a string. */
static bool is_number(const struct config_option *opt)
{
	return opt->words || opt->max;
}

/* @now and @fresh are structures of the option's scope. Does it take a restart? */
static bool update(const struct config_option *opt, void *now, const void *fresh)
{
	void *to = (char *)now + opt->offset;
	const void *from = (const char *)fresh + opt->offset;

	if (!is_number(opt))
		return strings_differ(*(char **)to, *(char *const *)from);
	if (*(int64_t *)to == *(const int64_t *)from)
		return false;
	if (!listed(live, opt->name))
		return true;
	assign(to, *(const int64_t *)from);
	return false;
}

static void takes_restart(const char *name)
{
	log_printf(LOG_TYPE_WARNING,
		   "Warning: option '%s' has changed, which takes a restart.", name);
}

static void update_all(enum option_scope scope, void *now, const void *fresh)
{
	const struct config_option *opt;

	for (opt = config_options; opt < config_options + config_options_count; opt++)
		if (opt->offset && opt->scope == scope && !listed(applied, opt->name) &&
		    update(opt, now, fresh))
			takes_restart(opt->name);
}

static void update_listeners(struct listener_config *now, const struct listener_config *fresh)
{
	for (; now && fresh; now = now->next, fresh = fresh->next) {
		update_all(SCOPE_LISTENER, now, fresh);
		if (strings_differ(now->acl_file, fresh->acl_file))
			takes_restart("acl_file");
		if (strings_differ(now->password_file, fresh->password_file))
			takes_restart("password_file");
		assign(&now->allow_anonymous, fresh->allow_anonymous);
		assign(&now->allow_zero_length_clientid, fresh->allow_zero_length_clientid);
	}
	if (now || fresh)
		takes_restart("listener");
}

void reload(struct broker *broker, const struct arguments *args)
{
	struct config fresh;

	log_printf(LOG_TYPE_INFORMATION, "Reloading config.");
	if (reload_config(&fresh, args)) {
		log_printf(LOG_TYPE_ERROR, "Error: the configuration stays as it was.");
	} else {
		reload_log(&fresh, args);
		update_all(SCOPE_BROKER, broker->conf, &fresh);
		update_listeners(broker->conf->listeners, fresh.listeners);
	}
	config_free(&fresh);
	process_limit_memory(broker->conf->memory_limit);
	broker_reload(broker);
}
