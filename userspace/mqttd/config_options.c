// SPDX-License-Identifier: MIT
/*
 * The options of the configuration file.
 *
 * Every option of mosquitto 2 is here: it works, or it is refused because the
 * broker would be more open or less protected without it, or it is ignored
 * with a warning because nothing is lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>

#include "config.h"
#include "lines.h"
#include "proxy_header.h"

static const struct option_word words_bool[] = {
	{ "true", true }, { "false", false }, { "1", true }, { "0", false }, { }
};

static const struct option_word words_dataplane[] = {
	{ "auto", DATAPLANE_AUTO }, { "kernel", DATAPLANE_KERNEL }, { "user", DATAPLANE_USER }, { }
};

static const struct option_word words_family[] = {
	{ "ipv4", AF_INET }, { "ipv6", AF_INET6 }, { }
};

/* mosquitto's numbers */
static const struct option_word words_facility[] = {
	{ "0", LOG_LOCAL0 }, { "1", LOG_LOCAL1 }, { "2", LOG_LOCAL2 }, { "3", LOG_LOCAL3 },
	{ "4", LOG_LOCAL4 }, { "5", LOG_LOCAL5 }, { "6", LOG_LOCAL6 }, { "7", LOG_LOCAL7 }, { }
};

static const struct option_word words_tls_version[] = {
	{ "tlsv1.2", TLS_VERSION_1_2 }, { "tlsv1.3", TLS_VERSION_1_3 }, { }
};

static const struct option_word words_protocol[] = {
	{ "mqtt", PROTOCOL_MQTT }, { "websockets", PROTOCOL_WEBSOCKETS }, { }
};

static const struct option_word words_proxy[] = {
	{ "1", PROXY_V1 }, { "2", PROXY_V2 }, { "any", PROXY_V1 | PROXY_V2 }, { }
};

static const struct option_word words_slow_consumer[] = {
	{ "drop-new", SLOW_DROP_NEW }, { "drop-old", SLOW_DROP_OLD },
	{ "conflate", SLOW_CONFLATE }, { "disconnect", SLOW_DISCONNECT }, { }
};

static const struct option_word words_rate_policy[] = {
	{ "wait", RATE_WAIT }, { "drop", RATE_DROP }, { }
};

static const struct option_word words_takeover[] = {
	{ "same_user", TAKEOVER_SAME_USER }, { "any", TAKEOVER_ANY }, { }
};

static const struct option_word words_log_dest[] = {
	{ "stderr", LOG_DEST_STDERR }, { "stdout", LOG_DEST_STDOUT },
	{ "syslog", LOG_DEST_SYSLOG }, { "journal", LOG_DEST_JOURNAL },
	{ "topic", LOG_DEST_TOPIC }, { "none", 0 }, { }
};

static const struct option_word words_log_type[] = {
	{ "error", LOG_TYPE_ERROR }, { "warning", LOG_TYPE_WARNING },
	{ "notice", LOG_TYPE_NOTICE }, { "information", LOG_TYPE_INFORMATION },
	{ "subscribe", LOG_TYPE_SUBSCRIBE }, { "unsubscribe", LOG_TYPE_UNSUBSCRIBE },
	{ "debug", LOG_TYPE_DEBUG }, { "all", LOG_TYPE_ALL }, { "none", 0 }, { }
};

static const struct option_word *word_find(const struct option_word *words, const char *name)
{
	for (; words->word; words++)
		if (!strcmp(words->word, name))
			return words;
	return NULL;
}

/* listener 0 PATH */
static int set_unix_listener(struct config *conf, const char *path)
{
	struct listener_config *listener;

	if (!*path)
		return config_error(conf, "'0' is for Unix sockets: the path is missing");
	if (strlen(path) > UNIX_SOCKET_PATH_MAX)
		return config_error(conf, "'%s' is longer than %d bytes", path,
				    UNIX_SOCKET_PATH_MAX);
	listener = config_listener_add(conf, NULL, 0);
	if (!listener)
		return -ENOMEM;
	listener->socket_path = strdup(path);
	return listener->socket_path ? 0 : -ENOMEM;
}

/* listener PORT [ADDRESS] */
static int set_listener(struct config *conf, const struct config_option *opt, char *value)
{
	char *address = text_cut(value);
	char *end;
	long port;

	port = strtol(value, &end, 10);
	if (end != value && !*end && !port)
		return set_unix_listener(conf, address);
	if (end == value || *end || port < opt->min || port > opt->max)
		return config_error(conf, "'%s' is not a port number from 1 to 65535", value);
	if (strpbrk(address, " \t#"))
		return config_error(conf,
				    "'%s' is not an address; a comment has to be a line of its own",
				    address);
	return config_listener_add(conf, *address ? address : NULL, port) ? 0 : -ENOMEM;
}

/* As mosquitto does: a negative number is no limit, like 0. */
static int set_limit(struct config *conf, const struct config_option *opt, char *value)
{
	struct config_option number = *opt;
	int64_t *target = (int64_t *)((char *)conf + opt->offset);
	int err;

	number.min = INT32_MIN;
	err = config_set_number(conf, &number, value);
	if (!err && *target < 0)
		*target = 0;
	return err;
}

static int set_port(struct config *conf, const struct config_option *opt, char *value)
{
	return config_set_standard(conf, opt, value, config_set_number);
}

static int set_bind_address(struct config *conf, const struct config_option *opt, char *value)
{
	return config_set_standard(conf, opt, value, config_set_string);
}

/* For all listeners, or with per_listener_settings for the one at hand. */
static int set_secured(struct config *conf, const struct config_option *opt, char *value,
		       size_t listener_offset, config_option_set set)
{
	struct config_option one = *opt;

	if (!conf->per_listener_settings) {
		conf->shared_option = opt->name;
		return set(conf, opt, value);
	}
	if (!conf->current && config_note_standard(conf, opt))
		return -ENOMEM;
	one.scope = SCOPE_LISTENER;
	one.offset = listener_offset;
	return set(conf, &one, value);
}

static int set_allow_anonymous(struct config *conf, const struct config_option *opt, char *value)
{
	return set_secured(conf, opt, value, offsetof(struct listener_config, allow_anonymous),
			   config_set_word);
}

static int set_zero_length(struct config *conf, const struct config_option *opt, char *value)
{
	return set_secured(conf, opt, value,
			   offsetof(struct listener_config, allow_zero_length_clientid),
			   config_set_word);
}

static int set_auto_id_prefix(struct config *conf, const struct config_option *opt, char *value)
{
	return set_secured(conf, opt, value, offsetof(struct listener_config, auto_id_prefix),
			   config_set_string);
}

static int set_password_file(struct config *conf, const struct config_option *opt, char *value)
{
	return set_secured(conf, opt, value, offsetof(struct listener_config, password_file),
			   config_set_file);
}

static int set_acl_file(struct config *conf, const struct config_option *opt, char *value)
{
	return set_secured(conf, opt, value, offsetof(struct listener_config, acl_file),
			   config_set_file);
}

static int set_roles(struct config *conf, const struct config_option *opt, char *value)
{
	return set_secured(conf, opt, value, offsetof(struct listener_config, roles),
			   config_set_word);
}

static int set_psk_file(struct config *conf, const struct config_option *opt, char *value)
{
	return set_secured(conf, opt, value, offsetof(struct listener_config, tls.psk_file),
			   config_set_file);
}

/* Of tokens: for all listeners, or for one. */
static int set_jwt(struct config *conf, const struct config_option *opt, char *value,
		   config_option_set set)
{
	return set_secured(conf, opt, value,
			   opt->offset - offsetof(struct config, jwt) +
			   offsetof(struct listener_config, jwt), set);
}

static int set_jwt_number(struct config *conf, const struct config_option *opt, char *value)
{
	return set_jwt(conf, opt, value, opt->words ? config_set_word : config_set_number);
}

static int set_jwt_string(struct config *conf, const struct config_option *opt, char *value)
{
	return set_jwt(conf, opt, value, config_set_string);
}

static int set_jwt_file(struct config *conf, const struct config_option *opt, char *value)
{
	return set_jwt(conf, opt, value, config_set_file);
}

static int set_jwt_algorithms(struct config *conf, const struct config_option *opt, char *value)
{
	return set_jwt(conf, opt, value, config_set_jwt_algorithms);
}

/* Filters of the listener's clients begin with it. */
static int set_mount_point(struct config *conf, const struct config_option *opt, char *value)
{
	if (strpbrk(value, "+#"))
		return config_error(conf, "'%s' has a wildcard in it", value);
	return config_set_string(conf, opt, value);
}

/* An existing configuration may name mosquitto's database, which stays mosquitto's. */
static int set_persistence_file(struct config *conf, const struct config_option *opt, char *value)
{
	if (!strcmp(value, "mosquitto.db")) {
		log_printf(LOG_TYPE_WARNING,
			   "Warning: persistence_file mosquitto.db is mosquitto's: using %s.",
			   CONFIG_DATABASE);
		value = CONFIG_DATABASE;
	}
	return config_set_string(conf, opt, value);
}

/* For the listener at hand, if there is one. */
static int set_unencrypted(struct config *conf, const struct config_option *opt, char *value)
{
	struct config_option one = *opt;

	if (!conf->current)
		return config_set_word(conf, opt, value);
	one.scope = SCOPE_LISTENER;
	one.offset = offsetof(struct listener_config, allow_unencrypted);
	return config_set_word(conf, &one, value);
}

/* Likewise. */
static int set_dataplane(struct config *conf, const struct config_option *opt, char *value)
{
	struct config_option one = *opt;

	if (!conf->current)
		return config_set_word(conf, opt, value);
	one.scope = SCOPE_LISTENER;
	one.offset = offsetof(struct listener_config, dataplane);
	return config_set_word(conf, &one, value);
}

static int set_control_socket(struct config *conf, const struct config_option *opt, char *value)
{
	if (strlen(value) > UNIX_SOCKET_PATH_MAX)
		return config_error(conf, "'%s' is longer than %d bytes", value,
				    UNIX_SOCKET_PATH_MAX);
	conf->control_socket_set = true;
	return config_set_string(conf, opt, value);
}

static int set_per_listener(struct config *conf, const struct config_option *opt, char *value)
{
	if (conf->current)
		return config_error(conf, "option '%s' must come before the first 'listener'",
				    conf->name);
	if (conf->shared_option)
		return config_error(conf, "option '%s' must come before '%s'", conf->name,
				    conf->shared_option);
	return config_set_word(conf, opt, value);
}

static int set_log_dest(struct config *conf, const struct config_option *opt, char *value)
{
	const struct option_word *word;

	if (!strncmp(value, "file", 4) && strchr(" \t", value[4]) && value[4]) {
		conf->log_dests_set = true;
		conf->log_dests |= LOG_DEST_FILE;
		return config_set_string(conf, opt, value + 5 + strspn(value + 5, " \t"));
	}
	word = word_find(words_log_dest, value);
	if (!word)
		return config_error(conf,
				    "'%s' is not one of stderr, stdout, syslog, journal, topic, none, file PATH",
				    value);
	conf->log_dests_set = true;
	conf->log_dests = word->value ? conf->log_dests | word->value : 0;
	return 0;
}

static int set_log_type(struct config *conf, const struct config_option *opt, char *value)
{
	const struct option_word *word = word_find(words_log_type, value);

	(void)opt;
	if (!strcmp(value, "websockets") || !strcmp(value, "internal"))
		return 0;
	if (!word)
		return config_error(conf, "'%s' is not one of error, warning, notice, information, "
				    "subscribe, unsubscribe, debug, all, none", value);
	conf->log_types_set = true;
	conf->log_types = word->value ? conf->log_types | word->value : 0;
	return 0;
}

static int refuse(struct config *conf, const struct config_option *opt, char *value)
{
	(void)value;
	return config_error(conf, "option '%s' is not supported yet: %s", conf->name, opt->why);
}

/* One warning, however many listeners have the option. */
static int ignore(struct config *conf, const struct config_option *opt, char *value)
{
	size_t index = opt - config_options;
	uint64_t bit = 1ull << index % 64;

	(void)value;
	if (!(conf->warned[index / 64] & bit))
		log_printf(LOG_TYPE_WARNING, "Warning: option '%s' is ignored: %s.",
			   conf->name, opt->why);
	conf->warned[index / 64] |= bit;
	return 0;
}

#define AT(member)	.scope = SCOPE_BROKER, .offset = offsetof(struct config, member)
#define AT_LISTENER(member) \
	.scope = SCOPE_LISTENER, .offset = offsetof(struct listener_config, member)
#define NUMBER(member, low, high) .set = config_set_number, AT(member), .min = low, .max = high
#define LIMIT(member, high) .set = set_limit, AT(member), .max = high
#define WORD(member, list) .set = config_set_word, AT(member), .words = list
#define STRING(member)	.set = config_set_string, AT(member)
#define FLAG(member)	WORD(member, words_bool)
#define JWT_STRING(member) .set = set_jwt_string, AT(jwt.member)
#define JWT_FILE(member) .set = set_jwt_file, AT(jwt.member)
#define JWT_FLAG(member) .set = set_jwt_number, AT(jwt.member), .words = words_bool
#define JWT_NUMBER(member, low, high) \
	.set = set_jwt_number, AT(jwt.member), .min = low, .max = high
#define TLS_STRING(member) .set = config_set_string, AT_LISTENER(tls.member)
#define LISTENER_WORD(member, list) .set = config_set_word, AT_LISTENER(member), .words = list
#define TLS_WORD(member, list) LISTENER_WORD(tls.member, list)

#define AUTH	"without it clients would get in whom it keeps out"
#define TLS	"without it the traffic would not be protected as it asks"
#define BRIDGE	"bridges are not there, and their messages would be missing"
#define COMMIT	"what is acknowledged is on disk already"
#define OLD	"it has no meaning any more, as in mosquitto"

/* Limits that are sizes: none of them is anywhere near this. */
#define BYTES_MAX	(INT64_C(1) << 50)

const struct config_option config_options[] = {
	/* what works */
	{ "acl_file", .set = set_acl_file, AT(acl_file) },
	{ "allow_anonymous", .set = set_allow_anonymous, AT(allow_anonymous), .words = words_bool },
	{ "allow_unencrypted_passwords", .set = set_unencrypted, AT(allow_unencrypted),
	  .words = words_bool },
	{ "allow_zero_length_clientid", .set = set_zero_length, AT(allow_zero_length_clientid),
	  .words = words_bool },
	{ "audit_log", STRING(audit_log) },
	{ "auth_delay", NUMBER(auth_delay, 0, 60) },
	{ "auth_methods", .set = config_set_auth_methods, AT_LISTENER(auth_methods) },
	{ "auth_threads", NUMBER(auth_threads, 1, CONFIG_WORKERS_MAX) },
	{ "auth_timeout", NUMBER(auth_timeout, 1, 3600) },
	{ "auth_user", STRING(auth_user) },
	{ "auto_id_prefix", .set = set_auto_id_prefix, AT(auto_id_prefix) },
	{ "ban_after", NUMBER(ban_after, 0, UINT16_MAX) },
	{ "ban_exempt", .set = config_set_networks, AT(ban_exempt) },
	{ "ban_for", NUMBER(ban_for, 1, 31536000) },
	{ "ban_within", NUMBER(ban_within, 1, 86400) },
	{ "bind_address", .set = set_bind_address, AT_LISTENER(address) },
	{ "bind_interface", .set = config_set_string, AT_LISTENER(interface) },
	{ "byte_rate", NUMBER(byte_rate, 0, UINT32_MAX) },
	{ "cafile", TLS_STRING(cafile) },
	{ "capath", TLS_STRING(capath) },
	{ "certfile", TLS_STRING(certfile) },
	{ "certificate_warning", NUMBER(certificate_warning, 0, 3650) },
	{ "check_payload_format", FLAG(check_payload_format) },
	{ "check_retain_source", FLAG(check_retain_source) },
	{ "ciphers", TLS_STRING(ciphers) },
	{ "ciphers_tls1.3", TLS_STRING(ciphersuites) },
	{ "clientid_prefixes", STRING(clientid_prefixes) },
	{ "connect_timeout", NUMBER(connect_timeout, 1, 3600) },
	{ "connection_messages", FLAG(connection_messages) },
	{ "connection_rate", NUMBER(connection_rate, 0, INT32_MAX) },
	{ "control_socket_group", STRING(control_socket_group) },
	{ "control_socket_path", .set = set_control_socket, AT(control_socket_path) },
	{ "crlfile", TLS_STRING(crlfile) },
	{ "dataplane", .set = set_dataplane, AT(dataplane), .words = words_dataplane },
	{ "dhparamfile", TLS_STRING(dhparamfile) },
	{ "enable_proxy_protocol", LISTENER_WORD(proxy_protocol, words_proxy) },
	{ "flapping_connects", NUMBER(flapping_connects, 0, UINT16_MAX) },
	{ "global_max_connections", NUMBER(max_connections_total, CONFIG_UNSET, INT32_MAX) },
	{ "include_dir", .set = config_set_include_dir },
	{ "jwt_algorithms", .set = set_jwt_algorithms, AT(jwt.algorithms), .max = JWT_ALGS_ALL },
	{ "jwt_audience", JWT_STRING(audience) },
	{ "jwt_claims", JWT_STRING(claims) },
	{ "jwt_client_id_claim", JWT_STRING(client_id_claim) },
	{ "jwt_ignore_username", JWT_FLAG(ignore_username) },
	{ "jwt_issuer", JWT_STRING(issuer) },
	{ "jwt_jwks_allow_http", JWT_FLAG(jwks_allow_http) },
	{ "jwt_jwks_cafile", JWT_FILE(jwks_cafile) },
	{ "jwt_jwks_file", JWT_FILE(jwks_file) },
	{ "jwt_jwks_max_age", JWT_NUMBER(jwks_max_age, 1, 30 * 86400) },
	{ "jwt_jwks_refresh", JWT_NUMBER(jwks_refresh, 1, 86400) },
	{ "jwt_jwks_retry", JWT_NUMBER(jwks_retry, 1, 3600) },
	{ "jwt_jwks_timeout", JWT_NUMBER(jwks_timeout, 1, 60) },
	{ "jwt_jwks_url", JWT_FILE(jwks_url) },
	{ "jwt_key_file", JWT_FILE(key_file) },
	{ "jwt_leeway", JWT_NUMBER(leeway, 0, 3600) },
	{ "jwt_max_size", JWT_NUMBER(max_size, 256, UINT16_MAX) },
	{ "jwt_require_expiry", JWT_FLAG(require_expiry) },
	{ "jwt_roles_claim", JWT_STRING(roles_claim) },
	{ "jwt_secret_file", JWT_FILE(secret_file) },
	{ "jwt_username_claim", JWT_STRING(username_claim) },
	{ "keyfile", TLS_STRING(keyfile) },
	{ "listener", .set = set_listener, .min = 1, .max = 65535 },
	{ "log_dest", .set = set_log_dest, AT(log_file) },
	{ "log_facility", WORD(log_facility, words_facility) },
	{ "log_timestamp", FLAG(log_timestamp) },
	{ "log_timestamp_format", STRING(log_timestamp_format) },
	{ "log_type", .set = set_log_type },
	{ "max_connect_packet", NUMBER(max_connect_packet, 1024, 268435460) },
	{ "max_connections", .set = config_set_number, AT_LISTENER(max_connections),
	  .min = CONFIG_UNSET, .max = INT32_MAX },
	{ "max_connections_total", NUMBER(max_connections_total, CONFIG_UNSET, INT32_MAX) },
	{ "max_inflight_bytes", LIMIT(max_inflight_bytes, BYTES_MAX) },
	{ "max_inflight_messages", LIMIT(max_inflight_messages, UINT16_MAX) },
	{ "max_keepalive", NUMBER(max_keepalive, 0, UINT16_MAX) },
	{ "max_packet_size", NUMBER(max_packet_size, 0, 268435460) },
	{ "max_qos", .set = config_set_number, AT_LISTENER(max_qos), .min = 0, .max = 2 },
	{ "max_queued_bytes", LIMIT(max_queued_bytes, BYTES_MAX) },
	{ "max_queued_bytes_total", NUMBER(max_queued_bytes_total, 0, BYTES_MAX) },
	{ "max_queued_messages", LIMIT(max_queued_messages, INT32_MAX) },
	{ "max_queued_messages_total", NUMBER(max_queued_messages_total, 0, BYTES_MAX) },
	{ "max_topic_alias", .set = config_set_number, AT_LISTENER(max_topic_alias),
	  .min = 0, .max = UINT16_MAX },
	{ "memory_limit", NUMBER(memory_limit, 0, BYTES_MAX) },
	{ "message_rate", NUMBER(message_rate, 0, INT32_MAX) },
	{ "message_size_limit", NUMBER(message_size_limit, 0, 268435455) },
	{ "mount_point", .set = set_mount_point, AT_LISTENER(mount_point) },
	{ "offload_max_packet", NUMBER(offload_max_packet, 64, 1 << 20) },
	{ "password_file", .set = set_password_file, AT(password_file) },
	{ "per_listener_settings", .set = set_per_listener, AT(per_listener_settings),
	  .words = words_bool },
	{ "persistence", FLAG(persistence) },
	{ "persistence_file", .set = set_persistence_file, AT(persistence_file) },
	{ "persistence_location", STRING(persistence_location) },
	{ "persistent_client_expiration", .set = config_set_duration,
	  AT(persistent_client_expiration), .max = UINT32_MAX },
	{ "pid_file", STRING(pid_file) },
	{ "port", .set = set_port, AT_LISTENER(port), .min = 1, .max = 65535 },
	{ "protocol", LISTENER_WORD(protocol, words_protocol) },
	{ "proxy_protocol_v2_require_tls", LISTENER_WORD(proxy_require_tls, words_bool) },
	{ "proxy_trusted", .set = config_set_proxy_trusted, AT_LISTENER(proxy_trusted) },
	{ "psk_file", .set = set_psk_file, AT(psk_file) },
	{ "psk_hint", TLS_STRING(psk_hint) },
	{ "queue_qos0_messages", FLAG(queue_qos0_messages) },
	{ "rate_policy", WORD(rate_policy, words_rate_policy) },
	{ "receive_maximum", NUMBER(receive_maximum, 1, UINT16_MAX) },
	{ "require_certificate", TLS_WORD(require_certificate, words_bool) },
	{ "require_username_as_clientid", .set = config_set_word,
	  AT_LISTENER(require_username_as_clientid), .words = words_bool },
	{ "retain_available", FLAG(retain_available) },
	{ "roles", .set = set_roles, AT(roles), .words = words_bool },
	{ "retained_persistence", FLAG(persistence) },
	{ "seccomp", FLAG(seccomp) },
	{ "security_log", STRING(security_log) },
	{ "server_reference", STRING(server_reference) },
	{ "session_takeover", WORD(session_takeover, words_takeover) },
	{ "set_tcp_nodelay", FLAG(set_tcp_nodelay) },
	{ "slow_consumer_messages", NUMBER(slow_consumer_messages, 0, INT32_MAX) },
	{ "slow_consumer_pause", NUMBER(slow_consumer_pause, 0, 10000) },
	{ "slow_consumer_policy", WORD(slow_consumer_policy, words_slow_consumer) },
	{ "socket_domain", .set = config_set_word, AT_LISTENER(family), .words = words_family },
	{ "sys_interval", NUMBER(sys_interval, 0, UINT16_MAX) },
	{ "tls_handshake_threads", NUMBER(tls_handshake_threads, 1, CONFIG_WORKERS_MAX) },
	{ "tls_handshake_timeout", NUMBER(tls_handshake_timeout, 1, 3600) },
	{ "tls_max_handshakes", .set = config_set_number, AT_LISTENER(max_handshakes),
	  .min = 1, .max = INT32_MAX },
	{ "tls_version", TLS_WORD(version, words_tls_version) },
	{ "upgrade_outgoing_qos", FLAG(upgrade_outgoing_qos) },
	{ "use_identity_as_username", TLS_WORD(use_identity, words_bool) },
	{ "use_subject_as_username", TLS_WORD(use_subject, words_bool) },
	{ "use_username_as_clientid", .set = config_set_word,
	  AT_LISTENER(use_username_as_clientid), .words = words_bool },
	{ "user", STRING(user) },
	{ "websockets_headers_size", NUMBER(websockets_headers_size, 1024, 65536) },
	{ "websockets_origin", .set = config_set_origin, AT_LISTENER(websockets_origin) },
	{ "websockets_path", .set = config_set_path, AT_LISTENER(websockets_path) },
	{ "workers", NUMBER(workers, 1, CONFIG_WORKERS_MAX) },

	/* who may connect, and what they may do */
	{ "auth_opt_*", .set = refuse, .why = AUTH },
	{ "auth_plugin", .set = refuse, .why = AUTH },
	{ "auth_plugin_deny_special_chars", .set = refuse, .why = AUTH },
	{ "accept_protocol_versions", .set = refuse, .why = AUTH },
	{ "global_max_clients", .set = refuse, .why = "what it limits would not be limited" },
	{ "global_plugin", .set = refuse, .why = AUTH },
	{ "plugin", .set = refuse, .why = AUTH },
	{ "plugin_load", .set = refuse, .why = AUTH },
	{ "plugin_opt_*", .set = refuse, .why = AUTH },
	{ "plugin_use", .set = refuse, .why = AUTH },

	/* keys that are not in files */
	{ "tls_engine", .set = refuse, .why = TLS },
	{ "tls_engine_kpass_sha1", .set = refuse, .why = TLS },
	{ "tls_keyform", .set = refuse, .why = TLS },

	/* bridges */
	{ "address", .set = refuse, .why = BRIDGE },
	{ "addresses", .set = refuse, .why = BRIDGE },
	{ "bridge_*", .set = refuse, .why = BRIDGE },
	{ "cleansession", .set = refuse, .why = BRIDGE },
	{ "clientid", .set = refuse, .why = BRIDGE },
	{ "connection", .set = refuse, .why = BRIDGE },
	{ "idle_timeout", .set = refuse, .why = BRIDGE },
	{ "keepalive_interval", .set = refuse, .why = BRIDGE },
	{ "local_*", .set = refuse, .why = BRIDGE },
	{ "notification_topic", .set = refuse, .why = BRIDGE },
	{ "notifications", .set = refuse, .why = BRIDGE },
	{ "notifications_local_only", .set = refuse, .why = BRIDGE },
	{ "password", .set = refuse, .why = BRIDGE },
	{ "remote_*", .set = refuse, .why = BRIDGE },
	{ "restart_timeout", .set = refuse, .why = BRIDGE },
	{ "round_robin", .set = refuse, .why = BRIDGE },
	{ "start_type", .set = refuse, .why = BRIDGE },
	{ "threshold", .set = refuse, .why = BRIDGE },
	{ "topic", .set = refuse, .why = BRIDGE },
	{ "try_private", .set = refuse, .why = BRIDGE },
	{ "username", .set = refuse, .why = BRIDGE },

	/* nothing is lost without these */
	{ "allow_duplicate_messages", .set = ignore,
	  .why = "overlapping subscriptions deliver once" },
	{ "autosave_interval", .set = ignore, .why = COMMIT },
	{ "autosave_on_changes", .set = ignore, .why = COMMIT },
	{ "http_dir", .set = ignore, .why = "there are no files to be had by HTTP" },
	{ "retain_expiry_interval", .set = ignore, .why = "retained messages stay" },
	{ "retry_interval", .set = ignore, .why = OLD },
	{ "store_clean_interval", .set = ignore, .why = OLD },
	{ "websockets_log_level", .set = ignore, .why = "log_type decides what is in the log" },
};

_Static_assert(sizeof(config_options) / sizeof(config_options[0]) <= 256,
	       "config.warned has a bit for each option");

const size_t config_options_count = sizeof(config_options) / sizeof(config_options[0]);
