/* SPDX-License-Identifier: MIT */
/*
 * The configuration file: mosquitto.conf's grammar and names.
 *
 * config.c reads lines and knows how to set values; config_options.c is the
 * table of what there is to set.
 */
#ifndef MQTTD_CONFIG_H
#define MQTTD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"

enum dataplane_mode {
	DATAPLANE_AUTO,
	DATAPLANE_KERNEL,
	DATAPLANE_USER,
};

#define CONFIG_UNSET (-1)

/**
 * struct listener_config - where to listen and for whom
 * @next: next one, in the order of the file
 * @address: host name or address to bind, NULL for all
 * @interface: network interface to bind, NULL for all
 * @port: TCP port
 * @family: AF_INET, AF_INET6 or AF_UNSPEC
 * @max_connections: CONFIG_UNSET for no limit
 * @allow_anonymous: after loading: true or false
 * @dataplane: enum dataplane_mode, CONFIG_UNSET for the broker's
 * @max_topic_alias: aliases that a client with MQTT 5.0 may set
 * @optional: not being able to open it is no error (::1 where IPv6 is off)
 */
struct listener_config {
	struct listener_config *next;
	char *address;
	char *interface;
	int64_t port;
	int64_t family;
	int64_t max_connections;
	int64_t allow_anonymous;
	int64_t dataplane;
	int64_t max_topic_alias;
	bool optional;
};

/*
 * Numbers are int64_t, whatever their range: one setter serves them all.
 *
 * Options of listeners go to @current, the last of @listeners. Those in front of
 * the first "listener" line, and "port" and "bind_address" wherever they are,
 * go to @standard. It listens if one of these two was there; without any
 * listener the loopback listeners are made from it.
 */
struct config {
	struct listener_config *listeners;
	struct listener_config *current;
	struct listener_config standard;
	const char *standard_option;		/* that was set there, in the table */
	bool standard_listens;
	const char *name;			/* of the option that is being set */
	int64_t allow_anonymous;
	int64_t allow_zero_length_clientid;
	int64_t connection_messages;
	int64_t dataplane;			/* enum dataplane_mode */
	int64_t max_keepalive;			/* seconds, 0 for no limit */
	int64_t max_packet_size;		/* bytes, fixed header included */
	int64_t max_queued_bytes;
	int64_t per_listener_settings;
	int64_t set_tcp_nodelay;
	int64_t workers;
	int64_t log_timestamp;
	unsigned int log_types;
	unsigned int log_dests;
	uint64_t warned[2];			/* ignored options, by index in the table */
	bool log_types_set;
	bool log_dests_set;
	char *log_file;
	char *auto_id_prefix;
	char *control_socket_path;		/* "none" for none */
	bool control_socket_set;
	char *pid_file;
	char *user;
	bool local_only;			/* no listener was configured */
	char error[512];			/* why loading failed: FILE:LINE: sentence */
};

#define CONTROL_SOCKET_PATH_MAX	107	/* struct sockaddr_un */
#define CONFIG_DEFAULT_PORT	1883	/* registered for MQTT */
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

struct config_option;

/* @value is the rest of the line without white space around it; may be cut up. */
typedef int (*config_option_set)(struct config *conf, const struct config_option *opt, char *value);

/**
 * struct config_option - one line of the table
 * @name: as in the file; a '*' at its end stands for anything
 * @set: checks and stores a value; what is wrong goes to @conf->error as
 *	"VALUE is ...", the position is put in front of it
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

int config_error(struct config *conf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int config_set_number(struct config *conf, const struct config_option *opt, char *value);
int config_set_word(struct config *conf, const struct config_option *opt, char *value);
int config_set_string(struct config *conf, const struct config_option *opt, char *value);
struct listener_config *config_listener_add(struct config *conf, const char *address,
					    int64_t port);
int config_set_standard(struct config *conf, const struct config_option *opt, char *value,
			config_option_set set);

#endif /* MQTTD_CONFIG_H */
