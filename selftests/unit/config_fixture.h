/* SPDX-License-Identifier: MIT */
/* Configurations from a text, for tests of what mqttd.conf means. */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include <errno.h>
#include <string.h>

#include "config.h"
#include "file_fixture.h"

/* Loads a file of this content. Warnings are not of interest here. */
static inline int load_bytes(struct config *conf, const char *text, size_t len)
{
	struct log_config quiet = {};
	int err;

	write_file(text, len);
	assert_int_equal(log_configure(&quiet), 0);
	assert_int_equal(config_init(conf), 0);
	err = config_load(conf, path);
	return err ? err : config_finish(conf, 0);
}

static inline void load(struct config *conf, const char *text)
{
	int err = load_bytes(conf, text, strlen(text));

	if (err)
		print_error("%s\n", conf->error);
	assert_int_equal(err, 0);
}

/* Part of the sentence that says why */
static inline void assert_refused(const char *text, const char *says)
{
	struct config conf;

	assert_int_equal(load_bytes(&conf, text, strlen(text)), -EINVAL);
	if (!strstr(conf.error, says))
		fail_msg("'%s' does not say '%s'", conf.error, says);
	config_free(&conf);
}

/* How many */
static inline unsigned int listeners(const struct config *conf)
{
	const struct listener_config *listener;
	unsigned int n = 0;

	for (listener = conf->listeners; listener; listener = listener->next)
		n++;
	return n;
}

#endif /* CONFIG_FIXTURE_H */
