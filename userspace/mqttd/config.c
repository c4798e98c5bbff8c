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
#include <unistd.h>

#include "config.h"
#include "control_path.h"

#define WORKERS_DEFAULT_MAX	4
#define QUEUED_BYTES_DEFAULT	(16 << 20)
#define NAME_MAX_BYTES		64

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

/* Owned by @conf. NULL without memory. */
struct listener_config *config_listener_add(struct config *conf, const char *address,
					    int64_t port)
{
	struct listener_config *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	if (address) {
		listener->address = strdup(address);
		if (!listener->address) {
			free(listener);
			return NULL;
		}
	}
	listener->port = port;
	listener->family = AF_UNSPEC;
	listener->max_connections = CONFIG_UNSET;
	listener->allow_anonymous = CONFIG_UNSET;
	listener->dataplane = CONFIG_UNSET;
	listener->max_topic_alias = CONFIG_TOPIC_ALIASES;
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

/* A listener with the standard one's settings. */
static int standard_add(struct config *conf, const char *address)
{
	const struct listener_config *standard = &conf->standard;
	struct listener_config *listener;

	listener = config_listener_add(conf, address, standard->port);
	if (!listener)
		return -ENOMEM;
	listener->family = standard->family;
	listener->max_connections = standard->max_connections;
	listener->allow_anonymous = standard->allow_anonymous;
	listener->dataplane = standard->dataplane;
	listener->max_topic_alias = standard->max_topic_alias;
	if (standard->interface) {
		listener->interface = strdup(standard->interface);
		if (!listener->interface)
			return -ENOMEM;
	}
	return 0;
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
		return standard_add(conf, conf->standard.address);
	if (!conf->listeners)
		return loopback_add(conf);
	if (conf->standard_option)
		return config_error(conf, "option '%s' must follow the 'listener' it is for",
				    conf->standard_option);
	return 0;
}

int config_finish(struct config *conf, unsigned int port)
{
	struct listener_config *listener;
	bool anonymous;
	int err;

	err = listeners_finish(conf, port);
	anonymous = conf->allow_anonymous == CONFIG_UNSET ? conf->local_only :
							    conf->allow_anonymous;
	for (listener = conf->listeners; listener; listener = listener->next)
		if (!conf->per_listener_settings || listener->allow_anonymous == CONFIG_UNSET)
			listener->allow_anonymous = anonymous;
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
		.connection_messages = true,
		.dataplane = DATAPLANE_AUTO,
		.standard = {
			.port = CONFIG_DEFAULT_PORT,
			.family = AF_UNSPEC,
			.max_connections = CONFIG_UNSET,
			.allow_anonymous = CONFIG_UNSET,
			.dataplane = CONFIG_UNSET,
			.max_topic_alias = CONFIG_TOPIC_ALIASES,
		},
		.max_queued_bytes = QUEUED_BYTES_DEFAULT,
		.set_tcp_nodelay = true,
		.log_timestamp = true,
		.workers = cpus < 1 ? 1 : cpus > WORKERS_DEFAULT_MAX ? WORKERS_DEFAULT_MAX : cpus,
	};
	conf->auto_id_prefix = strdup("auto-");
	conf->control_socket_path = strdup(CONTROL_SOCKET_PATH);
	return conf->auto_id_prefix && conf->control_socket_path ? 0 : -ENOMEM;
}

void config_free(struct config *conf)
{
	struct listener_config *listener;

	while ((listener = conf->listeners)) {
		conf->listeners = listener->next;
		free(listener->address);
		free(listener->interface);
		free(listener);
	}
	free(conf->standard.address);
	free(conf->standard.interface);
	free(conf->log_file);
	free(conf->auto_id_prefix);
	free(conf->control_socket_path);
	free(conf->pid_file);
	free(conf->user);
	*conf = (struct config){};
}
