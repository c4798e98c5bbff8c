/* SPDX-License-Identifier: MIT */
/*
 * The configuration file: mosquitto.conf's grammar and names.
 *
 * config_file.c reads lines, config_options.c is the table of what there is to set,
 * config_set.c knows how, and config.c what follows from it.
 */
#ifndef MQTTD_CONFIG_H
#define MQTTD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/jwt_config.h"
#include "log.h"
#include "unix_socket.h"

enum dataplane_mode {
	DATAPLANE_AUTO,
	DATAPLANE_KERNEL,
	DATAPLANE_USER,
};

/* What happens to messages at QoS 0 for a client that does not read; as the kernel's. */
enum slow_consumer_policy {
	SLOW_DROP_NEW,
	SLOW_DROP_OLD,
	SLOW_CONFLATE,
	SLOW_DISCONNECT,
};

/* What happens to messages above a client's rates; as the kernel's. */
enum rate_policy {
	RATE_WAIT,
	RATE_DROP,
};

enum listener_protocol {
	PROTOCOL_MQTT,
	PROTOCOL_WEBSOCKETS,
};

/* Who may go on with a session, or end it by a clean start. */
enum session_takeover {
	TAKEOVER_SAME_USER,
	TAKEOVER_ANY,
};

struct config_option;

#define CONFIG_UNSET (-1)

/* The oldest version that clients may have. */
enum tls_version {
	TLS_VERSION_1_2,
	TLS_VERSION_1_3,
};

/**
 * struct tls_config - how a listener's connections are protected
 * @cafile: whose client certificates are believed, PEM
 * @capath: likewise, a directory
 * @certfile: the certificate, with what leads to its issuer
 * @keyfile: its key
 * @crlfile: certificates that were revoked
 * @dhparamfile: for finite field Diffie-Hellman
 * @ciphers: of TLS 1.2, as OpenSSL has them
 * @ciphersuites: of TLS 1.3
 * @psk_file: after loading: identities and their keys
 * @psk_hint: pre-shared keys are known, and this is said to clients with TLS 1.2
 * @version: enum tls_version
 * @require_certificate: clients without a good one are refused
 * @use_identity: the certificate's common name, or the key's identity, is the user name
 * @use_subject: the certificate's subject is
 *
 * The main thread's.
 */
struct tls_config {
	char *cafile;
	char *capath;
	char *certfile;
	char *keyfile;
	char *crlfile;
	char *dhparamfile;
	char *ciphers;
	char *ciphersuites;
	char *psk_file;
	char *psk_hint;
	int64_t version;
	int64_t require_certificate;
	int64_t use_identity;
	int64_t use_subject;
};

/* Is anything protected at all? */
static inline bool tls_config_on(const struct tls_config *tls)
{
	return tls->certfile || tls->psk_hint;
}

/**
 * struct listener_config - where to listen and for whom
 * @next: next one, in the order of the file
 * @address: host name or address to bind, NULL for all
 * @socket_path: of a Unix socket to listen on instead, or NULL
 * @interface: network interface to bind, NULL for all
 * @port: TCP port, 0 for a Unix socket
 * @family: AF_INET, AF_INET6 or AF_UNSPEC
 * @max_connections: CONFIG_UNSET for no limit
 * @allow_anonymous: after loading: true or false
 * @dataplane: enum dataplane_mode, CONFIG_UNSET for the broker's
 * @max_topic_alias: aliases that a client with MQTT 5.0 may set
 * @max_qos: 0, 1 or 2: of what clients publish and subscribe to
 * @use_username_as_clientid: the user name is the client id
 * @require_username_as_clientid: or has to be
 * @allow_zero_length_clientid: as @allow_anonymous
 * @auto_id_prefix: of client ids that the broker chooses; set after loading
 * @mount_point: goes in front of all topics of the clients, or NULL
 * @password_file: after loading: who may connect, or NULL
 * @auth_methods: names of those that are asked, in this order; NULL: all it has what for
 * @acl_file: after loading: who may do what, or NULL
 * @jwt: after loading: who may connect with tokens
 * @roles: as @allow_anonymous: roles of the database say so, too
 * @allow_unencrypted: passwords may come without TLS from elsewhere; after loading: true or
 *	false
 * @max_handshakes: of TLS at a time
 * @protocol: enum listener_protocol
 * @proxy_protocol: versions of the header that has to come first, enum proxy_version; 0: none
 * @proxy_require_tls: clients that have no TLS to the proxy are refused
 * @proxy_trusted: networks of proxies that are believed, or NULL
 * @websockets_origin: pages' origins that may connect, with blanks in between, or NULL
 * @websockets_path: where the only WebSocket is, or NULL
 * @tls: see there
 * @where: FILE:LINE of its "listener", or NULL
 * @optional: not being able to open it is no error (::1 where IPv6 is off)
 */
struct listener_config {
	struct listener_config *next;
	char *address;
	char *socket_path;
	char *interface;
	int64_t port;
	int64_t family;
	int64_t max_connections;
	int64_t allow_anonymous;
	int64_t dataplane;
	int64_t max_topic_alias;
	int64_t max_qos;
	int64_t use_username_as_clientid;
	int64_t require_username_as_clientid;
	int64_t allow_zero_length_clientid;
	char *auto_id_prefix;
	char *mount_point;
	char *password_file;
	char *auth_methods;
	char *acl_file;
	struct jwt_config jwt;
	int64_t roles;
	int64_t allow_unencrypted;
	int64_t max_handshakes;
	int64_t protocol;
	int64_t proxy_protocol;
	int64_t proxy_require_tls;
	char *proxy_trusted;
	char *websockets_origin;
	char *websockets_path;
	struct tls_config tls;
	char *where;
	bool optional;
};

/*
 * Numbers are int64_t, whatever their range: one setter serves them all. Fields
 * have the names of the options; what is not said here is in mqttd.conf(5).
 *
 * Options of listeners go to @current, the one whose "listener" line was the last in
 * the file at hand. Those in front of the first such line in a file, and "port" and
 * "bind_address" wherever they are, go to @standard. It listens if one of these two
 * was there; without any listener the loopback listeners are made from it.
 */
struct config {
	struct listener_config *listeners;
	struct listener_config *last;
	struct listener_config *current;
	struct listener_config standard;
	const char *standard_option;		/* that was set there, in the table */
	char *standard_where;			/* FILE:LINE of it */
	bool standard_listens;
	const char *shared_option;		/* set for all listeners that may be theirs */
	const char *path;			/* the file that is being read */
	unsigned int line;			/* its line */
	const char *name;			/* of the option that is being set */
	bool including;				/* a file that another one includes */
	int64_t allow_anonymous;		/* this, and the next, for listeners without */
	int64_t allow_unencrypted;
	int64_t allow_zero_length_clientid;
	int64_t auth_delay;			/* seconds, 0 for none */
	int64_t auth_threads;
	int64_t auth_timeout;			/* seconds */
	int64_t ban_after;			/* failures, 0 for never */
	int64_t ban_for;			/* seconds */
	int64_t ban_within;			/* seconds */
	int64_t byte_rate;			/* per client and second, 0 for no limit */
	int64_t certificate_warning;		/* days, 0 for none */
	int64_t check_payload_format;
	int64_t check_retain_source;
	int64_t connect_timeout;		/* seconds */
	int64_t connection_messages;
	int64_t connection_rate;		/* per address and second, 0 for no limit */
	int64_t dataplane;			/* enum dataplane_mode */
	int64_t max_connect_packet;		/* bytes, fixed header included */
	int64_t max_connections_total;		/* CONFIG_UNSET for no limit */
	int64_t max_inflight_bytes;		/* per client, 0 for no limit */
	int64_t max_inflight_messages;		/* likewise */
	int64_t max_keepalive;			/* seconds, 0 for no limit */
	int64_t max_packet_size;		/* bytes, fixed header included */
	int64_t max_queued_bytes;		/* QoS 1 and 2, per session, 0 for no limit */
	int64_t max_queued_messages;		/* likewise */
	int64_t max_queued_bytes_total;		/* of all sessions, 0 for no limit */
	int64_t max_queued_messages_total;	/* likewise */
	int64_t memory_limit;			/* bytes, 0 for no limit */
	int64_t message_rate;			/* per client and second, 0 for no limit */
	int64_t message_size_limit;		/* bytes of payload, 0 for no limit */
	int64_t offload_max_packet;		/* bytes, fixed header included */
	int64_t output_bytes;			/* no option: what may wait for a socket, QoS 0 */
	int64_t output_calm;			/* nor this: so much of it is looked at no closer */
	int64_t per_listener_settings;
	int64_t persistence;
	int64_t persistent_client_expiration;	/* seconds, CONFIG_UNSET for never */
	int64_t queue_qos0_messages;
	int64_t rate_policy;			/* enum rate_policy */
	int64_t receive_maximum;		/* what clients with MQTT 5.0 are told */
	int64_t retain_available;
	int64_t seccomp;
	int64_t session_takeover;		/* enum session_takeover */
	int64_t set_tcp_nodelay;
	int64_t slow_consumer_messages;		/* per client, 0 for no limit but the bytes */
	int64_t slow_consumer_pause;		/* milliseconds, 0 for none */
	int64_t slow_consumer_policy;		/* enum slow_consumer_policy */
	int64_t sys_interval;			/* seconds, 0 for no $SYS topics */
	int64_t tls_handshake_threads;
	int64_t tls_handshake_timeout;		/* seconds */
	int64_t upgrade_outgoing_qos;
	int64_t websockets_headers_size;	/* bytes of a request's head */
	int64_t workers;
	int64_t flapping_connects;		/* per client id and minute, 0 for any */
	int64_t log_facility;			/* of syslog(3) */
	int64_t log_timestamp;
	char *log_timestamp_format;		/* of strftime(3), or NULL: seconds since 1970 */
	unsigned int log_types;
	unsigned int log_dests;
	uint64_t warned[4];			/* ignored options, by index in the table */
	uint64_t seen[4];			/* options that are in the file, likewise */
	bool log_types_set;
	bool log_dests_set;
	char *log_file;
	char *auth_user;			/* whom mqttd-auth becomes; NULL: @user */
	char *acl_file;				/* for listeners without */
	int64_t roles;				/* likewise */
	char *audit_log;
	char *auto_id_prefix;			/* likewise */
	struct jwt_config jwt;			/* likewise */
	char *password_file;			/* likewise */
	char *psk_file;				/* likewise */
	char *ban_exempt;			/* networks, with blanks in between, or NULL */
	char *clientid_prefixes;		/* what client ids have to begin with, or NULL */
	char *persistence_file;
	char *persistence_location;		/* directory, NULL for the working directory */
	char *persistence_path;			/* no option: these two together */
	char *security_log;			/* a file, "syslog", "none", or NULL */
	char *server_reference;			/* where clients should go, or NULL */
	char *control_socket_group;		/* who may use it, or NULL */
	char *control_socket_path;		/* "none" for none */
	bool control_socket_set;
	char *pid_file;
	char *user;
	bool local_only;			/* no listener was configured */
	char error[512];			/* why loading failed: FILE:LINE: sentence */
};

#define CONFIG_DEFAULT_PORT	1883	/* registered for MQTT */
#define CONFIG_DATABASE		"mqttd.db"
#define CONFIG_HANDSHAKES	1000
#define CONFIG_TOPIC_ALIASES	10	/* mosquitto's default */
#define CONFIG_WORKERS_MAX	64

/**
 * config_init() - the defaults, nothing loaded
 * @conf: to be given to config_free() in the end
 *
 * Return: 0 or -ENOMEM.
 */
int config_init(struct config *conf);

/**
 * config_load() - read a file
 * @conf: initialised; on failure @conf->error says what is wrong
 * @path: of the file
 *
 * Harmless options of mosquitto that mean nothing here are warned about in
 * the log.
 *
 * Return: 0, -EINVAL for the file's content, -ENOMEM or why it cannot be read.
 */
int config_load(struct config *conf, const char *path);

/**
 * config_finish() - what follows from all of the settings together
 * @conf: loaded, or just initialised when there is no file
 * @port: port from the command line, 0 if there was none
 *
 * Without a configured listener the broker listens on the loopback addresses
 * and lets anonymous clients in; with one it is on every address that the
 * listener names and wants to be told before it does that.
 *
 * Return: 0, -EINVAL with @conf->error set, or -ENOMEM.
 */
int config_finish(struct config *conf, unsigned int port);

/* What follows from numbers alone; again after some of them have changed. */
void config_derive(struct config *conf);

/* Are messages at QoS 0 that wait for a client kept one by one, as some may have to go? */
bool config_keeps_apart(const struct config *conf);

#define CONFIG_LISTENER_NAME_MAX 320

/* The listener as the file has it, "listener 1883 10.0.0.1", cut if it is too long. */
const char *config_listener_name(const struct listener_config *listener,
				 char name[CONFIG_LISTENER_NAME_MAX]);

/* Do both listen at the same place? */
bool config_listener_same(const struct listener_config *a, const struct listener_config *b);

/* Was the option in the file? */
bool config_seen(const struct config *conf, const struct config_option *opt);
void config_free(struct config *conf);

/* Below: between config.c and config_options.c. */

enum option_scope {
	SCOPE_BROKER,
	SCOPE_LISTENER,
};

struct option_word {
	const char *word;
	int64_t value;
};

/* @value is the rest of the line without white space around it; may be cut up. */
typedef int (*config_option_set)(struct config *conf, const struct config_option *opt, char *value);

/**
 * struct config_option - one line of the table
 * @name: as in the file; a '*' at its end stands for anything
 * @set: checks and stores a value; what is wrong goes to config_error(), if it is the
 *	value as "'VALUE' is ..."
 * @scope: where @offset counts from
 * @offset: of the value in struct config or struct listener_config
 * @min: smallest number
 * @max: largest number
 * @words: allowed words, ended by NULL
 * @why: for refused and ignored options: the sentence's end
 */
struct config_option {
	const char *name;
	config_option_set set;
	enum option_scope scope;
	size_t offset;
	int64_t min;
	int64_t max;
	const struct option_word *words;
	const char *why;
};

extern const struct config_option config_options[];
extern const size_t config_options_count;

/* Puts FILE:LINE in front, and the option's name if @fmt begins with "'". Returns -EINVAL. */
int config_error(struct config *conf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int config_set_number(struct config *conf, const struct config_option *opt, char *value);
int config_set_duration(struct config *conf, const struct config_option *opt, char *value);
int config_set_word(struct config *conf, const struct config_option *opt, char *value);
int config_set_string(struct config *conf, const struct config_option *opt, char *value);
/* Networks with blanks in between; more of them with each line. */
int config_set_networks(struct config *conf, const struct config_option *opt, char *value);
int config_set_file(struct config *conf, const struct config_option *opt, char *value);
/* Adds a word to those that are there. Returns 0 or -ENOMEM. */
int config_add_words(struct config *conf, const struct config_option *opt, const char *words);
int config_set_include_dir(struct config *conf, const struct config_option *opt, char *value);

/* Below: config_jwt.c, see auth/jwt_config.h, too */
int config_set_jwt_algorithms(struct config *conf, const struct config_option *opt, char *value);

/* Below: config_tls.c. Do the options of TLS make sense together? 0 or -EINVAL. */
int config_check_tls(struct config *conf, const struct listener_config *listener);

/* "FILE:LINE: option 'OPTION' of LISTENER WHAT" is the error. Returns -EINVAL. */
int config_complain(struct config *conf, const struct listener_config *listener,
		    const char *option, const char *what);

/* Below: config_proxy.c. Likewise, of proxies and WebSockets. */
int config_check_proxy(struct config *conf, const struct listener_config *listener);
int config_set_proxy_trusted(struct config *conf, const struct config_option *opt, char *value);
int config_set_origin(struct config *conf, const struct config_option *opt, char *value);
int config_set_path(struct config *conf, const struct config_option *opt, char *value);

/* Below: config_auth.c. Can all methods be asked that the listener is to ask? Likewise. */
int config_set_auth_methods(struct config *conf, const struct config_option *opt, char *value);
int config_check_auth(struct config *conf, const struct listener_config *listener);

/* Below: config_file.c */
int config_note_standard(struct config *conf, const struct config_option *opt);
struct listener_config *config_listener_add(struct config *conf, const char *address,
					    int64_t port);
int config_set_standard(struct config *conf, const struct config_option *opt, char *value,
			config_option_set set);

#endif /* MQTTD_CONFIG_H */
