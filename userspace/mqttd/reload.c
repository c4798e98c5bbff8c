// SPDX-License-Identifier: MIT
/*
 * Reading the configuration.
 *
 * Workers read single numbers of it at any time: these can change while they run.
 * Strings, and what was built or promised from the configuration, cannot.
 */
#include <string.h>

#include "arguments.h"
#include "auth.h"
#include "broker.h"
#include "certificates.h"
#include "config.h"
#include "listener.h"
#include "log.h"
#include "permissions.h"
#include "process.h"
#include "reload.h"
#include "sandbox.h"
#include "tls.h"

/*
 * Options that are looked at anew each time, or that the kernel's router is told anew. Not
 * among them are those that decide whether a client may be there.
 */
static const char *const live[] = {
	"auth_delay", "ban_after", "ban_for", "ban_within", "byte_rate", "certificate_warning",
	"check_retain_source", "connect_timeout", "connection_messages", "connection_rate",
	"flapping_connects", "max_connect_packet", "max_connections", "max_connections_total",
	"max_inflight_bytes", "max_inflight_messages", "max_keepalive", "max_queued_bytes",
	"max_queued_bytes_total", "max_queued_messages", "max_queued_messages_total",
	"max_topic_alias", "memory_limit", "message_rate", "persistent_client_expiration",
	"rate_policy", "set_tcp_nodelay", "slow_consumer_messages", "slow_consumer_pause",
	"slow_consumer_policy", "sys_interval", "tls_handshake_timeout", "tls_max_handshakes",
	"websockets_headers_size",
	NULL
};

/* These are applied to the log, or looked at listener by listener. */
static const char *const applied[] = {
	"acl_file", "allow_anonymous", "allow_unencrypted_passwords",
	"allow_zero_length_clientid", "auto_id_prefix", "cafile", "capath", "certfile", "ciphers",
	"ciphers_tls1.3", "crlfile", "dhparamfile", "keyfile", "log_dest", "log_facility",
	"log_timestamp", "log_timestamp_format", "password_file", "psk_file", "psk_hint",
	"require_certificate", "require_username_as_clientid", "roles", "tls_version",
	"use_identity_as_username", "use_subject_as_username", "use_username_as_clientid",
	NULL
};

/**
 * struct access_option - of listeners: who may connect, and as whom
 * @name: of the option
 * @offset: in struct listener_config
 * @looser: the value that lets more clients in
 */
static const struct access_option {
	const char *name;
	size_t offset;
	int64_t looser;
} access_options[] = {
	{ "allow_anonymous", offsetof(struct listener_config, allow_anonymous), true },
	{ "allow_unencrypted_passwords",
	  offsetof(struct listener_config, allow_unencrypted), true },
	{ "allow_zero_length_clientid",
	  offsetof(struct listener_config, allow_zero_length_clientid), true },
	{ "require_username_as_clientid",
	  offsetof(struct listener_config, require_username_as_clientid), false },
	{ "use_username_as_clientid",
	  offsetof(struct listener_config, use_username_as_clientid), false },
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
	if (log.dests & LOG_DEST_SYSLOG && sandbox_bars_syslog()) {
		log_printf(LOG_TYPE_WARNING,
			   "Warning: log_dest syslog takes a restart, as seccomp has not allowed for it.");
		log.dests &= ~LOG_DEST_SYSLOG;
	}
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

/* @listener: whose option it is, or NULL */
static void takes_restart(const char *name, const struct listener_config *listener)
{
	char place[CONFIG_LISTENER_NAME_MAX] = "";

	if (listener)
		config_listener_name(listener, place);
	log_printf(LOG_TYPE_WARNING,
		   "Warning: option '%s'%s%s has changed, which takes a restart.", name,
		   listener ? " of " : "", place);
}

/* Some options have two names: only the one that was or is in the file is spoken of. */
static void update_broker(struct config *now, const struct config *fresh)
{
	const struct config_option *opt;

	for (opt = config_options; opt < config_options + config_options_count; opt++)
		if (opt->offset && opt->scope == SCOPE_BROKER && !listed(applied, opt->name) &&
		    update(opt, now, fresh) && (config_seen(now, opt) || config_seen(fresh, opt)))
			takes_restart(opt->name, NULL);
}

static void update_options(struct listener_config *now, const struct listener_config *fresh)
{
	const struct config_option *opt;

	for (opt = config_options; opt < config_options + config_options_count; opt++)
		if (opt->offset && opt->scope == SCOPE_LISTENER &&
		    !listed(applied, opt->name) &&
		    update(opt, now, fresh))
			takes_restart(opt->name, now);
}

/* Of what takes a restart: has anything changed that keeps clients out or apart? */
static bool restrictions_differ(const struct listener_config *now,
				const struct listener_config *fresh)
{
	bool differ = false;

	if (strings_differ(now->acl_file, fresh->acl_file)) {
		takes_restart("acl_file", now);
		differ = true;
	}
	if (strings_differ(now->password_file, fresh->password_file)) {
		takes_restart("password_file", now);
		differ = true;
	}
	if (strings_differ(now->auth_methods, fresh->auth_methods))
		differ = true;
	if (now->roles != fresh->roles) {
		takes_restart("roles", now);
		differ = true;
	}
	if (strings_differ(now->auto_id_prefix, fresh->auto_id_prefix))
		takes_restart("auto_id_prefix", now);
	if (now->dataplane != fresh->dataplane)
		takes_restart("dataplane", now);
	return differ || strings_differ(now->mount_point, fresh->mount_point) ||
	       tls_config_on(&now->tls) != tls_config_on(&fresh->tls) ||
	       now->proxy_protocol != fresh->proxy_protocol ||
	       now->proxy_require_tls != fresh->proxy_require_tls ||
	       strings_differ(now->proxy_trusted, fresh->proxy_trusted) ||
	       strings_differ(now->websockets_origin, fresh->websockets_origin) ||
	       strings_differ(now->websockets_path, fresh->websockets_path);
}

/* Likewise; of options that are not the listener's own something has been said. */
static bool tokens_differ(const struct config *conf, const struct listener_config *now,
			  const struct listener_config *fresh)
{
	if (jwt_config_same(&now->jwt, &fresh->jwt))
		return false;
	if (conf->per_listener_settings)
		takes_restart("jwt_*", now);
	return true;
}

/*
 * A file that lets more clients in may also have what is to restrict them. While that
 * takes a restart so does what lets them in; what keeps them out does not.
 */
static void update_access(struct listener_config *now, const struct listener_config *fresh,
			  bool restricted)
{
	size_t i;

	for (i = 0; i < sizeof(access_options) / sizeof(access_options[0]); i++) {
		const struct access_option *opt = &access_options[i];
		int64_t *to = (int64_t *)((char *)now + opt->offset);
		int64_t from = *(const int64_t *)((const char *)fresh + opt->offset);
		char name[CONFIG_LISTENER_NAME_MAX];

		if (*to == from)
			continue;
		if (!restricted || from != opt->looser)
			assign(to, from);
		else
			log_printf(LOG_TYPE_WARNING,
				   "Warning: option '%s' of %s stays as it was until a restart, like what is to restrict its clients.",
				   opt->name, config_listener_name(now, name));
	}
}

static struct listener_config *find_listener(struct listener_config *list,
					     const struct listener_config *wanted)
{
	while (list && !config_listener_same(list, wanted))
		list = list->next;
	return list;
}

static struct endpoint *find_endpoint(struct broker *broker, const struct listener_config *wanted)
{
	unsigned int i;

	for (i = 0; i < broker->n_endpoints; i++)
		if (config_listener_same(broker->endpoints[i].conf, wanted))
			return &broker->endpoints[i];
	return NULL;
}

/* Is it about who may come and who he is then? */
static bool admission_differs(const struct tls_config *now, const struct tls_config *fresh)
{
	return now->require_certificate != fresh->require_certificate ||
	       now->use_identity != fresh->use_identity || now->use_subject != fresh->use_subject ||
	       strings_differ(now->cafile, fresh->cafile) ||
	       strings_differ(now->capath, fresh->capath) || !now->crlfile != !fresh->crlfile ||
	       !now->psk_hint != !fresh->psk_hint || strings_differ(now->psk_file, fresh->psk_file);
}

/*
 * Nobody but us reads the options, and what was made of the new ones is ready: @fresh has
 * the old ones then. Whether there is TLS at all is settled when the listener is opened.
 */
static void update_tls(struct broker *broker, struct listener_config *now,
		       struct listener_config *fresh, bool restricted)
{
	struct endpoint *endpoint = find_endpoint(broker, now);
	struct tls_config before = now->tls;
	char name[CONFIG_LISTENER_NAME_MAX];

	if (tls_config_on(&now->tls) != tls_config_on(&fresh->tls)) {
		takes_restart(now->tls.psk_hint || fresh->tls.psk_hint ? "psk_hint" : "certfile",
			      now);
		return;
	}
	if (restricted && endpoint && endpoint->tls && admission_differs(&now->tls, &fresh->tls)) {
		log_printf(LOG_TYPE_WARNING,
			   "Warning: TLS of %s stays as it was until a restart, like what is to restrict its clients.",
			   config_listener_name(now, name));
		tls_cancel(endpoint->tls);
		return;
	}
	now->tls = fresh->tls;
	fresh->tls = before;
}

static void update_listeners(struct broker *broker, struct config *fresh)
{
	struct config *now = broker->conf;
	bool prefixes = strings_differ(now->clientid_prefixes, fresh->clientid_prefixes);
	struct listener_config *listener, *other;
	char name[CONFIG_LISTENER_NAME_MAX];
	bool restricted;

	for (listener = now->listeners; listener; listener = listener->next) {
		other = find_listener(fresh->listeners, listener);
		if (!other) {
			log_printf(LOG_TYPE_WARNING,
				   "Warning: '%s' is not in the configuration any more and stays as it was: ending it takes a restart.",
				   config_listener_name(listener, name));
			continue;
		}
		restricted = restrictions_differ(listener, other) || prefixes;
		restricted |= tokens_differ(now, listener, other);
		update_options(listener, other);
		update_tls(broker, listener, other, restricted);
		update_access(listener, other, restricted);
	}
	for (other = fresh->listeners; other; other = other->next)
		if (!find_listener(now->listeners, other))
			log_printf(LOG_TYPE_WARNING,
				   "Warning: '%s' is new, which takes a restart.",
				   config_listener_name(other, name));
}

int reload_check_files(const struct config *conf)
{
	struct permissions permissions;
	int err = permissions_open(&permissions, conf);

	if (!err)
		permissions_close(&permissions);
	return err;
}

static int try_tls(const struct listener_config *listener)
{
	struct tls *tls;
	int err = tls_new(&tls, listener);

	if (!err)
		tls_free(tls);
	return err;
}

/* What is new, which takes a restart, is to be sound all the same. */
static int prepare_tls(struct broker *broker, struct config *fresh)
{
	struct listener_config *listener;
	struct endpoint *endpoint;
	int err = 0;

	for (listener = fresh->listeners; listener && !err; listener = listener->next) {
		if (!tls_config_on(&listener->tls))
			continue;
		endpoint = find_endpoint(broker, listener);
		if (endpoint && endpoint->tls)
			err = tls_prepare(endpoint->tls, listener);
		else
			err = try_tls(listener);
	}
	return err;
}

static void end_tls(struct broker *broker, void (*end)(struct tls *tls))
{
	unsigned int i;

	for (i = 0; i < broker->n_endpoints; i++)
		if (broker->endpoints[i].tls)
			end(broker->endpoints[i].tls);
}

/* All that can fail comes first: what is half applied may let in whom the rest keeps out. */
void reload(struct broker *broker, const struct arguments *args)
{
	struct config fresh;
	int err;

	log_printf(LOG_TYPE_INFORMATION, "Reloading config.");
	err = reload_config(&fresh, args);
	if (!err)
		err = reload_check_files(&fresh);
	if (!err)
		err = prepare_tls(broker, &fresh);
	if (!err)
		err = auth_prepare(broker->auth);
	if (!err)
		err = reload_log(&fresh, args);
	if (!err)
		err = auth_commit(broker->auth);
	if (err) {
		auth_cancel(broker->auth);
		log_printf(LOG_TYPE_ERROR, "Error: the configuration stays as it was.");
		end_tls(broker, tls_cancel);
		/* It may have been moved away all the same. */
		log_reopen();
	} else {
		update_broker(broker->conf, &fresh);
		update_listeners(broker, &fresh);
		end_tls(broker, tls_commit);
		config_derive(broker->conf);
		process_limit_memory(broker->conf->memory_limit);
		broker_reload(broker);
		certificates_review(broker);
		log_printf(LOG_TYPE_INFORMATION, "The configuration is in force.");
	}
	config_free(&fresh);
}
