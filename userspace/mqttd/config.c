// SPDX-License-Identifier: MIT
/*
 * Reading the configuration file. Which options there are is in
 * config_options.c.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
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
#define NAME_MAX_BYTES		64

/* Strings that are owned: in a listener, and in the whole. */
static const size_t listener_strings[] = {
	offsetof(struct listener_config, address),
	offsetof(struct listener_config, interface),
	offsetof(struct listener_config, auto_id_prefix),
	offsetof(struct listener_config, mount_point),
	offsetof(struct listener_config, password_file),
	offsetof(struct listener_config, acl_file),
};

static const size_t config_strings[] = {
	offsetof(struct config, log_file),
	offsetof(struct config, log_timestamp_format),
	offsetof(struct config, acl_file),
	offsetof(struct config, auto_id_prefix),
	offsetof(struct config, password_file),
	offsetof(struct config, clientid_prefixes),
	offsetof(struct config, persistence_file),
	offsetof(struct config, persistence_location),
	offsetof(struct config, persistence_path),
	offsetof(struct config, server_reference),
	offsetof(struct config, control_socket_group),
	offsetof(struct config, control_socket_path),
	offsetof(struct config, pid_file),
	offsetof(struct config, user),
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

int config_error(struct config *conf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(conf->error, sizeof(conf->error), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static void *option_target(struct config *conf, const struct config_option *opt)
{
	void *base = conf;

	if (opt->scope == SCOPE_LISTENER)
		base = conf->current ? conf->current : &conf->standard;
	return (char *)base + opt->offset;
}

int config_set_number(struct config *conf, const struct config_option *opt, char *value)
{
	int64_t *target = option_target(conf, opt);
	long long number;
	char *end;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno || end == value || *end || number < opt->min || number > opt->max)
		return config_error(conf, "'%s' is not a number from %" PRId64 " to %" PRId64,
				    value, opt->min, opt->max);
	*target = number;
	return 0;
}

/* A number of seconds with a unit, which has to be there; months have 30 days. */
int config_set_duration(struct config *conf, const struct config_option *opt, char *value)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = {
		{ 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 }, { 'm', 30 * 86400 },
		{ 'y', 365 * 86400 },
	};
	int64_t *target = option_target(conf, opt);
	long long number;
	char *end;
	size_t i;

	errno = 0;
	number = strtoll(value, &end, 10);
	for (i = 0; i < COUNT(units) && end[0] != units[i].letter; i++)
		;
	if (errno || end == value || i == COUNT(units) || end[1] || number < 1 ||
	    number > opt->max / units[i].seconds)
		return config_error(conf, "'%s' is not a number of h, d, w, m or y", value);
	*target = number * units[i].seconds;
	return 0;
}

int config_set_word(struct config *conf, const struct config_option *opt, char *value)
{
	int64_t *target = option_target(conf, opt);
	const struct option_word *word;
	char choices[128] = "";
	size_t len = 0;

	for (word = opt->words; word->word; word++) {
		if (!strcmp(word->word, value)) {
			*target = word->value;
			return 0;
		}
		len += snprintf(choices + len, sizeof(choices) - len, "%s%s",
				len ? ", " : "", word->word);
	}
	return config_error(conf, "'%s' is not one of %s", value, choices);
}

int config_set_string(struct config *conf, const struct config_option *opt, char *value)
{
	char **target = option_target(conf, opt);
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*target);
	*target = copy;
	return 0;
}

static const struct listener_config listener_defaults = {
	.port = CONFIG_DEFAULT_PORT,
	.family = AF_UNSPEC,
	.max_connections = CONFIG_UNSET,
	.allow_anonymous = CONFIG_UNSET,
	.allow_zero_length_clientid = CONFIG_UNSET,
	.dataplane = CONFIG_UNSET,
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
	listener->port = port;
	if (conf->current)
		conf->current->next = listener;
	else
		conf->listeners = listener;
	conf->current = listener;
	return listener;
}

/* How many letters have to be put in, left out or changed to get from a to b. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_BYTES + 1], n = strlen(b), i, j;

	if (n > NAME_MAX_BYTES)
		return SIZE_MAX;
	for (j = 0; j <= n; j++)
		row[j] = j;
	for (i = 0; a[i]; i++) {
		size_t diagonal = row[0]++;

		for (j = 1; j <= n; j++) {
			size_t best = diagonal + (a[i] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

static int option_unknown(struct config *conf, const char *name)
{
	size_t best = strlen(name) / 3 + 2, distance, i;
	const char *near = NULL;

	for (i = 0; strlen(name) <= NAME_MAX_BYTES && i < config_options_count; i++) {
		distance = edit_distance(name, config_options[i].name);
		if (distance < best) {
			best = distance;
			near = config_options[i].name;
		}
	}
	if (near)
		return config_error(conf, "unknown option '%s'; did you mean '%s'?", name, near);
	return config_error(conf, "unknown option '%s'", name);
}

static bool option_is(const struct config_option *opt, const char *name)
{
	size_t len = strlen(opt->name);

	if (opt->name[len - 1] == '*')
		return !strncmp(opt->name, name, len - 1);
	return !strcmp(opt->name, name);
}

static const struct config_option *option_find(const char *name)
{
	size_t i;

	for (i = 0; i < config_options_count; i++)
		if (option_is(&config_options[i], name))
			return &config_options[i];
	return NULL;
}

/* Calls @set for the standard listener, whatever was the last one. */
int config_set_standard(struct config *conf, const struct config_option *opt, char *value,
			config_option_set set)
{
	struct listener_config *current = conf->current;
	int err;

	conf->current = NULL;
	err = set(conf, opt, value);
	conf->current = current;
	conf->standard_listens = true;
	return err;
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (isspace((unsigned char)*text))
		text++;
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return text;
}

static int line_parse(struct config *conf, char *line)
{
	char *name = trim(line), *value;
	const struct config_option *opt;

	if (!*name || *name == '#')
		return 0;
	value = name + strcspn(name, " \t");
	if (*value)
		*value++ = '\0';
	value = trim(value);
	opt = option_find(name);
	if (!opt)
		return option_unknown(conf, name);
	if (!*value)
		return config_error(conf, "option '%s' needs a value", name);
	if (opt->scope == SCOPE_LISTENER && !conf->current)
		conf->standard_option = opt->name;
	conf->name = name;
	return opt->set(conf, opt, value);
}

/* Turns "what is wrong" into "FILE:LINE: [OPTION: ]what is wrong". */
static void error_locate(struct config *conf, const char *path, unsigned int number,
			 const char *name)
{
	char what[sizeof(conf->error)];
	bool value = conf->error[0] == '\'';

	memcpy(what, conf->error, sizeof(what));
	if (snprintf(conf->error, sizeof(conf->error), "%s:%u: %s%s%s", path, number,
		     value ? name : "", value ? ": " : "", what) < 0)
		conf->error[0] = '\0';
}

int config_load(struct config *conf, const char *path)
{
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;
	int err = 0;
	ssize_t len;
	FILE *file;

	file = fopen(path, "re");
	if (!file) {
		err = -errno;
		config_error(conf, "Unable to open config file %s: %s", path, strerror(errno));
		return err;
	}
	while (!err && (len = getline(&line, &size, file)) >= 0) {
		number++;
		if (strlen(line) != (size_t)len)
			err = config_error(conf, "the line contains a NUL byte");
		else
			err = line_parse(conf, line);
		if (err == -EINVAL)
			error_locate(conf, path, number, trim(line));
	}
	if (!err && ferror(file)) {
		err = -EIO;
		config_error(conf, "Unable to read config file %s", path);
	} else if (err == -ENOMEM) {
		config_error(conf, "%s:%u: out of memory", path, number);
	}
	free(line);
	fclose(file);
	return err;
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
		conf->current->optional = true;
	return err;
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
		return config_error(conf, "option '%s' must follow the 'listener' it is for",
				    conf->standard_option);
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
	err = string_fill(&listener->password_file, conf->password_file);
	if (!err)
		err = string_fill(&listener->acl_file, conf->acl_file);
	if (!err)
		err = string_fill(&listener->auto_id_prefix, conf->auto_id_prefix);
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

int config_finish(struct config *conf, unsigned int port)
{
	struct listener_config *listener;
	int err;

	err = listeners_finish(conf, port);
	for (listener = conf->listeners; listener && !err; listener = listener->next)
		err = listener_finish(conf, listener);
	if (!err)
		err = persistence_finish(conf);
	conf->output_bytes = !conf->max_queued_bytes ? OUTPUT_BYTES_DEFAULT :
			     conf->max_queued_bytes < OUTPUT_BYTES_MIN ? OUTPUT_BYTES_MIN :
								       conf->max_queued_bytes;
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
		.auth_threads = 2,
		.check_retain_source = true,
		.connect_timeout = 10,
		.connection_messages = true,
		.dataplane = DATAPLANE_AUTO,
		.log_facility = LOG_DAEMON,
		.log_timestamp = true,
		.max_connect_packet = 100000,
		.max_connections_total = CONFIG_UNSET,
		.max_inflight_messages = 20,
		.max_queued_messages = 1000,
		.offload_max_packet = 256 << 10,
		.persistent_client_expiration = CONFIG_UNSET,
		.receive_maximum = 10000,
		.retain_available = true,
		.set_tcp_nodelay = true,
		.slow_consumer_policy = SLOW_DROP_NEW,
		.standard = listener_defaults,
		.sys_interval = 10,
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
		free(listener);
	}
	strings_free(&conf->standard, listener_strings, COUNT(listener_strings));
	strings_free(conf, config_strings, COUNT(config_strings));
	*conf = (struct config){};
}
