// SPDX-License-Identifier: MIT
/*
 * Values of options, of the kinds that many of them have.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "prefix.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int config_error(struct config *conf, const char *fmt, ...)
{
	bool value = *fmt == '\'';
	int len = 0;
	va_list ap;

	if (conf->path)
		len = snprintf(conf->error, sizeof(conf->error), "%s:%u: %s%s", conf->path,
			       conf->line, value ? conf->name : "", value ? ": " : "");
	if (len < 0 || len >= (int)sizeof(conf->error))
		return -EINVAL;
	va_start(ap, fmt);
	vsnprintf(conf->error + len, sizeof(conf->error) - len, fmt, ap);
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

int config_add_words(struct config *conf, const struct config_option *opt, const char *words)
{
	char **target = option_target(conf, opt);
	char *longer;

	if (asprintf(&longer, "%s%s%s", *target ? *target : "", *target ? " " : "", words) < 0)
		return -ENOMEM;
	free(*target);
	*target = longer;
	return 0;
}

/* Two files would be meant to restrict clients, and only one could. */
int config_set_file(struct config *conf, const struct config_option *opt, char *value)
{
	char **target = option_target(conf, opt);

	if (*target)
		return config_error(conf, "duplicate %s value in configuration: it is %s already",
				    conf->name, *target);
	return config_set_string(conf, opt, value);
}

int config_set_networks(struct config *conf, const struct config_option *opt, char *value)
{
	char **target = option_target(conf, opt), *copy = strdup(value), *rest, *word, *all;
	struct prefix prefix;
	int err = 0;

	if (!copy)
		return -ENOMEM;
	for (word = strtok_r(copy, " \t", &rest); word && !err;
	     word = strtok_r(NULL, " \t", &rest))
		if (prefix_parse(&prefix, word, 128))
			err = config_error(conf, "'%s' is not an address or ADDRESS/LENGTH", word);
	free(copy);
	if (err)
		return err;
	if (asprintf(&all, "%s%s%s", *target ? *target : "", *target ? " " : "", value) < 0)
		return -ENOMEM;
	free(*target);
	*target = all;
	return 0;
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
