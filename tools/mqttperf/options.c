// SPDX-License-Identifier: MIT
/* The command line. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "version.h"

const char *const scenario_names[SCENARIOS] = {
	[P2P] = "p2p",
	[FANOUT] = "fanout",
	[FANIN] = "fanin",
};

/* Options whose value is a number */
struct number {
	int letter;
	uint32_t min;
	uint32_t max;
	size_t offset;		/* of a uint32_t in struct options */
};

static const struct number numbers[] = {
	{ 'n', 1, CLIENTS_MAX, offsetof(struct options, clients) },
	{ 's', PAYLOAD_MIN, PAYLOAD_MAX, offsetof(struct options, payload) },
	{ 'c', 1, COUNT_MAX, offsetof(struct options, count) },
	{ 't', 1, 86400, offsetof(struct options, seconds) },
	{ 'u', 0, COUNT_MAX, offsetof(struct options, warmup) },
	{ 'b', 1, BATCH_MAX, offsetof(struct options, batch) },
	{ 'w', 1, COUNT_MAX, offsetof(struct options, window) },
	{ 'W', 1, 86400, offsetof(struct options, patience) },
	{ 'q', 0, 2, offsetof(struct options, qos) },
	{ 'P', 1, INT_MAX, offsetof(struct options, pid) },
	{ 0 }
};

_Static_assert(sizeof(pid_t) == sizeof(uint32_t), "-P writes a pid_t");

static const struct option names[] = {
	{ "host", required_argument, NULL, 'h' },
	{ "port", required_argument, NULL, 'p' },
	{ "clients", required_argument, NULL, 'n' },
	{ "size", required_argument, NULL, 's' },
	{ "count", required_argument, NULL, 'c' },
	{ "time", required_argument, NULL, 't' },
	{ "warm-up", required_argument, NULL, 'u' },
	{ "batch", required_argument, NULL, 'b' },
	{ "window", required_argument, NULL, 'w' },
	{ "patience", required_argument, NULL, 'W' },
	{ "qos", required_argument, NULL, 'q' },
	{ "durable", no_argument, NULL, 'D' },
	{ "mqtt", required_argument, NULL, 'V' },
	{ "pid", required_argument, NULL, 'P' },
	{ "bare", no_argument, NULL, 'B' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'H' },
	{ "version", no_argument, NULL, 'v' },
	{ 0 }
};

static const char usage[] =
	"Usage: mqttperf [OPTION...] p2p | fanout | fanin\n"
	"\n"
	"    p2p     N publishers, each with a subscriber of its own\n"
	"    fanout  one publisher, N subscribers\n"
	"    fanin   N publishers, one subscriber\n"
	"\n"
	"    -h, --host HOST      broker (127.0.0.1)\n"
	"    -p, --port PORT      its port (1883)\n"
	"    -n, --clients N      N (10)\n"
	"    -s, --size BYTES     payload, at least 16 (16)\n"
	"    -c, --count COUNT    messages of each publisher (10000)\n"
	"    -t, --time SECONDS   publish that long instead\n"
	"    -u, --warm-up COUNT  messages of each publisher before (100)\n"
	"    -b, --batch COUNT    PUBLISH packets per write (1)\n"
	"    -w, --window COUNT   messages of a publisher under way (the batch)\n"
	"    -q, --qos QOS        of messages and subscriptions: 0, 1 or 2 (0)\n"
	"    -D, --durable        the subscribers' sessions outlive connections (5.0)\n"
	"    -V, --mqtt VERSION   3.1.1 or 5.0 (3.1.1)\n"
	"    -P, --pid PID        the broker's process, to tell its CPU time\n"
	"    -W, --patience S     give up after that long without a message (10)\n"
	"    -B, --bare           no broker: sockets connected in pairs (p2p)\n"
	"    -j, --json           JSON\n"
	"        --version        show the version\n";

static enum options_result __attribute__((format(printf, 1, 2))) bad(const char *format, ...)
{
	va_list args;

	fputs("mqttperf: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("; try 'mqttperf --help'\n", stderr);
	return OPTIONS_BAD;
}

static enum options_result parse_number(struct options *opt, const struct number *number,
					const char *word)
{
	unsigned long long value;
	uint32_t result;
	char *end;

	errno = 0;
	value = strtoull(word, &end, 10);
	if (!isdigit((unsigned char)*word) || *end || errno ||
	    value < number->min || value > number->max)
		return bad("-%c needs a number from %u to %u, not '%s'", number->letter,
			   number->min, number->max, word);
	result = (uint32_t)value;
	memcpy((char *)opt + number->offset, &result, sizeof(result));
	return OPTIONS_RUN;
}

static enum options_result parse_option(struct options *opt, int letter, const char *word)
{
	const struct number *number;

	switch (letter) {
	case 'h':
		opt->host = word;
		return OPTIONS_RUN;
	case 'p':
		opt->port = word;
		return OPTIONS_RUN;
	case 'B':
		opt->bare = true;
		return OPTIONS_RUN;
	case 'D':
		opt->durable = true;
		return OPTIONS_RUN;
	case 'j':
		opt->json = true;
		return OPTIONS_RUN;
	case 'H':
		fputs(usage, stdout);
		return OPTIONS_HELP;
	case 'v':
		printf("mqttperf %s\n", MQTT_VERSION);
		return OPTIONS_HELP;
	case 'V':
		opt->version = !strcmp(word, "3.1.1") ? 4 :
			       !strcmp(word, "5.0") || !strcmp(word, "5") ? 5 : 0;
		return opt->version ? OPTIONS_RUN :
		       bad("-V needs 3.1.1 or 5.0, not '%s'", word);
	}
	for (number = numbers; number->letter; number++)
		if (number->letter == letter)
			return parse_number(opt, number, word);
	return OPTIONS_BAD;		/* getopt has said why */
}

static enum options_result parse_scenario(struct options *opt, const char *word)
{
	for (int i = 0; i < SCENARIOS; i++) {
		if (strcmp(word, scenario_names[i]))
			continue;
		opt->scenario = (enum scenario)i;
		return OPTIONS_RUN;
	}
	return bad("there is no scenario '%s'", word);
}

/* What the options are to each other */
static enum options_result check(struct options *opt)
{
	if (opt->count && opt->seconds)
		return bad("-c and -t exclude each other");
	if (!opt->count && !opt->seconds)
		opt->count = 10000;
	if (!opt->window)
		opt->window = opt->batch;
	if (opt->window < opt->batch)
		return bad("a window of %u messages has no room for a batch of %u",
			   opt->window, opt->batch);
	if ((uint64_t)opt->batch * opt->payload > BATCH_BYTES_MAX)
		return bad("a batch of %u messages with %u bytes is too large", opt->batch,
			   opt->payload);
	if (opt->bare && opt->scenario != P2P)
		return bad("--bare connects each publisher to one subscriber: it goes with p2p");
	if (opt->bare && opt->qos)
		return bad("--bare has nobody who acknowledges: it goes with -q 0");
	if (opt->qos && opt->window > IDS_MAX)
		return bad("there are only %u packet identifiers for a window of %u", IDS_MAX,
			   opt->window);
	if (opt->durable && opt->version < 5)
		return bad("-D goes with -V 5.0");
	return OPTIONS_RUN;
}

enum options_result options_parse(struct options *opt, int argc, char **argv)
{
	enum options_result result = OPTIONS_RUN;
	int letter;

	*opt = (struct options){
		.host = "127.0.0.1",
		.port = "1883",
		.clients = 10,
		.payload = PAYLOAD_MIN,
		.warmup = 100,
		.batch = 1,
		.version = 4,
		.patience = 10,
	};
	optind = 0;
	while (result == OPTIONS_RUN &&
	       (letter = getopt_long(argc, argv, "h:p:n:s:c:t:u:b:w:W:q:V:P:BDj", names,
				     NULL)) != -1)
		result = parse_option(opt, letter, optarg);
	if (result != OPTIONS_RUN)
		return result;
	if (argc - optind != 1)
		return bad(argc == optind ? "which scenario?" : "one scenario at a time");
	result = parse_scenario(opt, argv[optind]);
	return result == OPTIONS_RUN ? check(opt) : result;
}

uint32_t options_publishers(const struct options *opt)
{
	return opt->scenario == FANOUT ? 1 : opt->clients;
}

uint32_t options_subscribers(const struct options *opt)
{
	return opt->scenario == FANIN ? 1 : opt->clients;
}

uint32_t options_copies(const struct options *opt)
{
	return opt->scenario == FANOUT ? opt->clients : 1;
}
