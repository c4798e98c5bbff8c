/* SPDX-License-Identifier: MIT */
#ifndef MQTTD_ARGUMENTS_H
#define MQTTD_ARGUMENTS_H

#include <stdbool.h>

#include "version.h"

/**
 * struct arguments - the command line
 * @config_file: path, or NULL
 * @port: port to listen on, 0: none was given
 * @daemonise: run in the background
 * @verbose: log everything
 * @test_config: check the configuration and end
 */
struct arguments {
	const char *config_file;
	unsigned int port;
	bool daemonise;
	bool verbose;
	bool test_config;
};

/* Ends the process where there is nothing else to do. */
void arguments_parse(struct arguments *args, int argc, char **argv);

#endif /* MQTTD_ARGUMENTS_H */
