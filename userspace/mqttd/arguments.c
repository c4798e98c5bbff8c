// SPDX-License-Identifier: MIT
/*
 * The command line.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"

static const char help[] =
	"mqttd is a broker for MQTT 3.1, 3.1.1 and 5.0.\n"
	"\n"
	"Usage: mqttd [-c FILE] [-d] [-h] [-p PORT] [-v]\n"
	"\n"
	"  -c, --config-file FILE  read the configuration from FILE\n"
	"  -d, --daemon            run in the background\n"
	"  -h, --help              show this\n"
	"  -p, --port PORT         listen on PORT\n"
	"  -v, --verbose           log everything\n"
	"      --test-config       check the configuration and exit\n"
	"      --version           show the version\n"
	"\n"
	"Without a configuration file mqttd listens on port 1883 of the loopback\n"
	"addresses. See mqttd(8) and mqttd.conf(5).\n";

enum {
	OPT_TEST_CONFIG = 256,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "config-file", required_argument, NULL, 'c' },
	{ "daemon", no_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ "port", required_argument, NULL, 'p' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "test-config", no_argument, NULL, OPT_TEST_CONFIG },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ }
};

static unsigned int parse_port(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	if (end == text || *end || port < 1 || port > 65535) {
		fprintf(stderr, "Error: '%s' is not a port number from 1 to 65535.\n", text);
		exit(EXIT_FAILURE);
	}
	return port;
}

void arguments_parse(struct arguments *args, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:dhp:v", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			args->config_file = optarg;
			break;
		case 'd':
			args->daemonise = true;
			break;
		case 'p':
			args->port = parse_port(optarg);
			break;
		case 'v':
			args->verbose = true;
			break;
		case OPT_TEST_CONFIG:
			args->test_config = true;
			break;
		case OPT_VERSION:
			printf("mqttd %s\n", MQTT_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			fputs(help, stdout);
			exit(EXIT_SUCCESS);
		default:
			fputs("Try 'mqttd --help'.\n", stderr);
			exit(EXIT_FAILURE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "Error: unknown argument '%s'. Try 'mqttd --help'.\n",
			argv[optind]);
		exit(EXIT_FAILURE);
	}
}
