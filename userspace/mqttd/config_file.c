// SPDX-License-Identifier: MIT
/*
 * Reading configuration files. Which options there are is in config_options.c.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "lines.h"

#define NAME_MAX_BYTES 64

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

/* An option of listeners that no listener is in front of; the last of them is remembered. */
int config_note_standard(struct config *conf, const struct config_option *opt)
{
	free(conf->standard_where);
	if (asprintf(&conf->standard_where, "%s:%u", conf->path, conf->line) < 0) {
		conf->standard_where = NULL;
		return -ENOMEM;
	}
	conf->standard_option = opt->name;
	return 0;
}

static int line_parse(struct config *conf, char *name)
{
	const struct config_option *opt;
	char *value;
	int err = 0;

	if (!*name || *name == '#')
		return 0;
	value = text_cut(name);
	opt = option_find(name);
	if (!opt)
		return option_unknown(conf, name);
	if (!*value)
		return config_error(conf, "option '%s' needs a value", name);
	if (opt->scope == SCOPE_LISTENER && !conf->current)
		err = config_note_standard(conf, opt);
	conf->name = name;
	conf->seen[(opt - config_options) / 64] |= 1ull << (opt - config_options) % 64;
	return err ? err : opt->set(conf, opt, value);
}

static int lines_parse(struct config *conf, struct lines *lines)
{
	int err = 0, more = 1;
	char *line;

	while (!err && more) {
		more = lines_next(lines, &line);
		conf->line = lines->number;
		if (more > 0)
			err = line_parse(conf, line);
		else if (more == -EINVAL)
			err = config_error(conf, "the line contains a NUL byte");
		else
			err = more;
	}
	return err;
}

/* Leaves @conf->path and @conf->line as they were, unless there is an error to tell about. */
static int file_parse(struct config *conf, const char *path)
{
	const char *outer = conf->path;
	unsigned int line = conf->line;
	struct lines lines;
	int err;

	err = lines_open(&lines, path);
	if (!err) {
		conf->path = path;
		err = lines_parse(conf, &lines);
		lines_close(&lines);
		conf->path = outer;
		conf->line = line;
	}
	if (err && !*conf->error)
		config_error(conf, "cannot read %s: %s", path, strerror(-err));
	return err;
}

int config_load(struct config *conf, const char *path)
{
	return file_parse(conf, path);
}

static int is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && !strcmp(entry->d_name + len - 5, ".conf");
}

/* mosquitto's order: 00 01 A a B b */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	const char *x = (*a)->d_name, *y = (*b)->d_name;

	while (*x && *x == *y) {
		x++;
		y++;
	}
	if (toupper((unsigned char)*x) != toupper((unsigned char)*y))
		return toupper((unsigned char)*x) - toupper((unsigned char)*y);
	return (unsigned char)*x - (unsigned char)*y;
}

/* In each file options are the standard listener's until there is another one. */
static int include(struct config *conf, const char *dir, const char *name)
{
	struct listener_config *current = conf->current;
	char *path;
	int err;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	conf->current = NULL;
	err = file_parse(conf, path);
	conf->current = current;
	free(path);
	return err;
}

int config_set_include_dir(struct config *conf, const struct config_option *opt, char *value)
{
	struct dirent **entries;
	int n, i, err = 0;

	(void)opt;
	if (conf->including)
		return config_error(conf, "only the main file may include others");
	n = scandir(value, &entries, is_conf, compare_names);
	if (n < 0)
		return config_error(conf, "'%s' cannot be read: %s", value, strerror(errno));
	conf->including = true;
	for (i = 0; i < n; i++) {
		if (!err)
			err = include(conf, value, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	conf->including = false;
	return err;
}
