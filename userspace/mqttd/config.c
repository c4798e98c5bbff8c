// SPDX-License-Identifier: MIT
/*
 * The configuration as a whole: defaults, and what follows from all options together.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "config.h"
#include "control_path.h"

#define WORKERS_DEFAULT_MAX	4
#define OUTPUT_BYTES_DEFAULT	(16 << 20)
#define OUTPUT_BYTES_MIN	4096
/* Queues are written early when they are so long, and when messages are kept apart. */
#define OUTPUT_CALM_MAX		(256 << 10)
#define OUTPUT_APART_MAX	(64 << 10)

/* Strings that are owned: in a listener, and in the whole. */
static const size_t listener_strings[] = {
	offsetof(struct listener_config, address),
	offsetof(struct listener_config, socket_path),
	offsetof(struct listener_config, interface),
	offsetof(struct listener_config, auto_id_prefix),
	offsetof(struct listener_config, mount_point),
	offsetof(struct listener_config, password_file),
	offsetof(struct listener_config, auth_methods),
	offsetof(struct listener_config, acl_file),
	offsetof(struct listener_config, proxy_trusted),
	offsetof(struct listener_config, websockets_origin),
	offsetof(struct listener_config, websockets_path),
	offsetof(struct listener_config, tls.cafile),
	offsetof(struct listener_config, tls.capath),
	offsetof(struct listener_config, tls.certfile),
	offsetof(struct listener_config, tls.keyfile),
	offsetof(struct listener_config, tls.crlfile),
	offsetof(struct listener_config, tls.dhparamfile),
	offsetof(struct listener_config, tls.ciphers),
	offsetof(struct listener_config, tls.ciphersuites),
	offsetof(struct listener_config, tls.psk_file),
	offsetof(struct listener_config, tls.psk_hint),
	offsetof(struct listener_config, where),
};

static const size_t config_strings[] = {
	offsetof(struct config, log_file),
	offsetof(struct config, log_timestamp_format),
	offsetof(struct config, auth_user),
	offsetof(struct config, acl_file),
	offsetof(struct config, audit_log),
	offsetof(struct config, auto_id_prefix),
	offsetof(struct config, password_file),
	offsetof(struct config, psk_file),
	offsetof(struct config, ban_exempt),
	offsetof(struct config, clientid_prefixes),
	offsetof(struct config, persistence_file),
	offsetof(struct config, persistence_location),
	offsetof(struct config, persistence_path),
	offsetof(struct config, security_log),
	offsetof(struct config, server_reference),
	offsetof(struct config, control_socket_group),
	offsetof(struct config, control_socket_path),
	offsetof(struct config, pid_file),
	offsetof(struct config, user),
	offsetof(struct config, standard_where),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char **string_at(void *base, size_t offset)
{
	return (char **)((char *)base + offset);
}

static void strings_free(void *base, const size_t *offsets, size_t n)
{
	while (n--)
		free(*string_at(base, offsets[n]));
}

static const struct listener_config listener_defaults = {
	.port = CONFIG_DEFAULT_PORT,
	.family = AF_UNSPEC,
	.max_connections = CONFIG_UNSET,
	.allow_anonymous = CONFIG_UNSET,
	.allow_zero_length_clientid = CONFIG_UNSET,
	.allow_unencrypted = CONFIG_UNSET,
	.dataplane = CONFIG_UNSET,
	.jwt = JWT_CONFIG_UNSET,
	.roles = CONFIG_UNSET,
	.max_handshakes = CONFIG_HANDSHAKES,
	.max_qos = 2,
	.max_topic_alias = CONFIG_TOPIC_ALIASES,
};

/* Owned by @conf. NULL without memory. */
struct listener_config *config_listener_add(struct config *conf, const char *address,
					    int64_t port)
{
	struct listener_config *listener = malloc(sizeof(*listener));

	if (!listener)
		return NULL;
	*listener = listener_defaults;
	if (address) {
		listener->address = strdup(address);
		if (!listener->address) {
			free(listener);
			return NULL;
		}
	}
	if (conf->path && asprintf(&listener->where, "%s:%u", conf->path, conf->line) < 0) {
		free(listener->address);
		free(listener);
		return NULL;
	}
	listener->port = port;
	if (conf->last)
		conf->last->next = listener;
	else
		conf->listeners = listener;
	conf->last = listener;
	conf->current = listener;
	return listener;
}

/* A copy of @value, unless there is something already or nothing to copy. */
static int string_fill(char **target, const char *value)
{
	if (*target || !value)
		return 0;
	*target = strdup(value);
	return *target ? 0 : -ENOMEM;
}

/* A listener with the standard one's settings. */
static int standard_add(struct config *conf, const char *address)
{
	struct listener_config *standard = &conf->standard, *listener;
	size_t i;

	listener = config_listener_add(conf, NULL, standard->port);
	if (!listener)
		return -ENOMEM;
	*listener = *standard;
	listener->next = NULL;
	listener->jwt = listener_defaults.jwt;
	if (jwt_config_fill(&listener->jwt, &standard->jwt))
		return -ENOMEM;
	for (i = 0; i < COUNT(listener_strings); i++)
		*string_at(listener, listener_strings[i]) = NULL;
	for (i = 0; i < COUNT(listener_strings); i++)
		if (string_fill(string_at(listener, listener_strings[i]),
				*string_at(standard, listener_strings[i])))
			return -ENOMEM;
	if (!address)
		return 0;
	free(listener->address);
	listener->address = strdup(address);
	return listener->address ? 0 : -ENOMEM;
}

static int loopback_add(struct config *conf)
{
	int64_t family = conf->standard.family;
	int err = 0;

	conf->local_only = true;
	if (family != AF_INET6)
		err = standard_add(conf, "127.0.0.1");
	if (!err && family != AF_INET)
		err = standard_add(conf, "::1");
	if (!err && family == AF_UNSPEC)
		conf->last->optional = true;
	return err;
}

const char *config_listener_name(const struct listener_config *listener,
				 char name[CONFIG_LISTENER_NAME_MAX])
{
	const char *place = listener->socket_path ? listener->socket_path : listener->address;

	snprintf(name, CONFIG_LISTENER_NAME_MAX, "listener %d%s%s%s%s", (int)listener->port,
		 place ? " " : "", place ? place : "",
		 listener->interface ? " on " : "",
		 listener->interface ? listener->interface : "");
	return name;
}

static bool strings_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool config_listener_same(const struct listener_config *a, const struct listener_config *b)
{
	return a->port == b->port && a->family == b->family &&
	       strings_same(a->address, b->address) &&
	       strings_same(a->socket_path, b->socket_path) &&
	       strings_same(a->interface, b->interface);
}

bool config_seen(const struct config *conf, const struct config_option *opt)
{
	size_t index = opt - config_options;

	return conf->seen[index / 64] >> index % 64 & 1;
}

static int check_twice(struct config *conf, const struct listener_config *listener)
{
	const struct listener_config *other = conf->listeners;
	char name[CONFIG_LISTENER_NAME_MAX];

	while (other != listener && !config_listener_same(other, listener))
		other = other->next;
	if (other == listener)
		return 0;
	return config_error(conf, "%s%s'%s' is there twice", listener->where ? listener->where : "",
			    listener->where ? ": " : "", config_listener_name(listener, name));
}

static int listeners_finish(struct config *conf, unsigned int port)
{
	if (port) {
		conf->standard.port = port;
		conf->standard_listens |= !!conf->listeners;
	}
	if (conf->standard_listens)
		return standard_add(conf, NULL);
	if (!conf->listeners)
		return loopback_add(conf);
	if (conf->standard_option)
		return config_error(conf, "%s: option '%s' must follow the 'listener' it is for",
				    conf->standard_where, conf->standard_option);
	return 0;
}

/* Settings of all listeners for those that have none of their own. */
static int listener_finish(const struct config *conf, struct listener_config *listener)
{
	bool anonymous = conf->allow_anonymous == CONFIG_UNSET ? conf->local_only :
								 conf->allow_anonymous;
	int err;

	if (listener->allow_anonymous == CONFIG_UNSET)
		listener->allow_anonymous = anonymous;
	if (listener->allow_zero_length_clientid == CONFIG_UNSET)
		listener->allow_zero_length_clientid = conf->allow_zero_length_clientid;
	if (listener->allow_unencrypted == CONFIG_UNSET)
		listener->allow_unencrypted = conf->allow_unencrypted;
	if (listener->roles == CONFIG_UNSET)
		listener->roles = conf->roles;
	err = string_fill(&listener->password_file, conf->password_file);
	if (!err)
		err = string_fill(&listener->acl_file, conf->acl_file);
	if (!err)
		err = string_fill(&listener->auto_id_prefix, conf->auto_id_prefix);
	if (!err && listener->tls.psk_hint)
		err = string_fill(&listener->tls.psk_file, conf->psk_file);
	return err;
}

static int persistence_finish(struct config *conf)
{
	const char *dir = conf->persistence_location ? conf->persistence_location : "";
	bool slash = *dir && dir[strlen(dir) - 1] != '/';

	if (asprintf(&conf->persistence_path, "%s%s%s", dir, slash ? "/" : "",
		     conf->persistence_file) >= 0)
		return 0;
	conf->persistence_path = NULL;
	return -ENOMEM;
}

/* max_queued_bytes, but there has to be a limit, and it has to suit the kernel. */
static int64_t output_bytes(const struct config *conf)
{
	if (!conf->max_queued_bytes)
		return OUTPUT_BYTES_DEFAULT;
	if (conf->max_queued_bytes < OUTPUT_BYTES_MIN)
		return OUTPUT_BYTES_MIN;
	return conf->max_queued_bytes > UINT32_MAX ? UINT32_MAX : conf->max_queued_bytes;
}

bool config_keeps_apart(const struct config *conf)
{
	return conf->slow_consumer_policy == SLOW_DROP_OLD ||
	       conf->slow_consumer_policy == SLOW_CONFLATE || conf->slow_consumer_messages;
}

/* Workers read these at any time. What is not looked at cannot be dropped. */
void config_derive(struct config *conf)
{
	int64_t bytes = output_bytes(conf);
	int64_t calm = config_keeps_apart(conf) ? OUTPUT_APART_MAX : OUTPUT_CALM_MAX;
	int64_t most = config_keeps_apart(conf) || conf->slow_consumer_pause ? bytes / 8 : bytes;

	__atomic_store_n(&conf->output_bytes, bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&conf->output_calm, calm < most ? calm : most, __ATOMIC_RELAXED);
}

int config_finish(struct config *conf, unsigned int port)
{
	struct listener_config *listener;
	int err;

	err = listeners_finish(conf, port);
	for (listener = conf->listeners; listener && !err; listener = listener->next) {
		err = check_twice(conf, listener);
		if (!err)
			err = listener_finish(conf, listener);
		if (!err)
			err = config_check_tls(conf, listener);
		if (!err)
			err = config_finish_jwt(conf, listener);
		if (!err)
			err = config_check_auth(conf, listener);
		if (!err)
			err = config_check_proxy(conf, listener);
	}
	if (!err)
		err = persistence_finish(conf);
	config_derive(conf);
	if (!conf->log_types_set)
		conf->log_types = LOG_TYPE_DEFAULT;
	if (!conf->log_dests_set)
		conf->log_dests = LOG_DEST_STDERR;
	return err;
}

int config_init(struct config *conf)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	*conf = (struct config){
		.allow_anonymous = CONFIG_UNSET,
		.allow_zero_length_clientid = true,
		.auth_delay = 8,
		.auth_threads = 2,
		.auth_timeout = 8,
		.ban_for = 3600,
		.ban_within = 600,
		.certificate_warning = 30,
		.check_retain_source = true,
		.connect_timeout = 10,
		.connection_messages = true,
		.dataplane = DATAPLANE_AUTO,
		.flapping_connects = 20,
		.log_facility = LOG_DAEMON,
		.log_timestamp = true,
		.max_connect_packet = 100000,
		.max_connections_total = CONFIG_UNSET,
		.max_inflight_messages = 20,
		.max_queued_messages = 1000,
		.jwt = JWT_CONFIG_UNSET,
		.offload_max_packet = 256 << 10,
		.persistent_client_expiration = CONFIG_UNSET,
		.receive_maximum = 10000,
		.retain_available = true,
		.seccomp = true,
		.set_tcp_nodelay = true,
		.slow_consumer_policy = SLOW_DROP_NEW,
		.standard = listener_defaults,
		.sys_interval = 10,
		.tls_handshake_threads = 2,
		.tls_handshake_timeout = 10,
		.websockets_headers_size = 4096,
		.workers = cpus < 1 ? 1 : cpus > WORKERS_DEFAULT_MAX ? WORKERS_DEFAULT_MAX : cpus,
	};
	conf->auto_id_prefix = strdup("auto-");
	conf->control_socket_path = strdup(CONTROL_SOCKET_PATH);
	conf->persistence_file = strdup(CONFIG_DATABASE);
	if (!conf->auto_id_prefix || !conf->control_socket_path || !conf->persistence_file)
		return -ENOMEM;
	return 0;
}

void config_free(struct config *conf)
{
	struct listener_config *listener;

	while ((listener = conf->listeners)) {
		conf->listeners = listener->next;
		strings_free(listener, listener_strings, COUNT(listener_strings));
		jwt_config_free(&listener->jwt);
		free(listener);
	}
	strings_free(&conf->standard, listener_strings, COUNT(listener_strings));
	strings_free(conf, config_strings, COUNT(config_strings));
	jwt_config_free(&conf->standard.jwt);
	jwt_config_free(&conf->jwt);
	*conf = (struct config){};
}
