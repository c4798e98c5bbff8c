/* SPDX-License-Identifier: MIT */
/* What the user asks for. */
#ifndef MQTTPERF_OPTIONS_H
#define MQTTPERF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum scenario {
	P2P,			/* N publishers, each with a subscriber of its own */
	FANOUT,			/* one publisher, N subscribers */
	FANIN,			/* N publishers, one subscriber */
	SCENARIOS
};

extern const char *const scenario_names[SCENARIOS];

/* The payload's head: whose it is, its number, when it was sent (see payload.h) */
#define PAYLOAD_MIN	16u
#define PAYLOAD_MAX	(16u << 20)
#define CLIENTS_MAX	10000u
#define COUNT_MAX	1000000000u	/* sequence numbers have 32 bits */
#define IDS_MAX		65535u		/* packet identifiers */
#define BATCH_MAX	65536u
#define BATCH_BYTES_MAX	(256u << 20)

/**
 * struct options - a measurement
 * @scenario: who publishes to whom
 * @host: the broker's, name or address
 * @port: a number or a service
 * @clients: N
 * @payload: bytes of each application message
 * @count: messages that each publisher sends; 0: @seconds say how many
 * @seconds: how long the publishers send; 0: @count says
 * @warmup: messages that each publisher sends before, which are not measured
 * @batch: PUBLISH packets per write
 * @window: messages that a publisher may have under way
 * @qos: of messages and subscriptions
 * @version: protocol level, 4 (3.1.1) or 5 (5.0)
 * @patience: seconds without a message after which what is missing is lost
 * @pid: the broker's process, or 0
 * @durable: the subscribers' sessions outlive their connections
 * @bare: no broker: each publisher's socket is connected to its subscriber's
 * @json: print JSON
 */
struct options {
	enum scenario scenario;
	const char *host;
	const char *port;
	uint32_t clients;
	uint32_t payload;
	uint32_t count;
	uint32_t seconds;
	uint32_t warmup;
	uint32_t batch;
	uint32_t window;
	uint32_t qos;
	uint32_t version;
	uint32_t patience;
	pid_t pid;
	bool durable;
	bool bare;
	bool json;
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_HELP,		/* it was asked for and printed */
	OPTIONS_BAD,		/* what is wrong was printed to stderr */
};

enum options_result options_parse(struct options *opt, int argc, char **argv);

/* Publishers, subscribers, and subscribers that each message goes to. */
uint32_t options_publishers(const struct options *opt);
uint32_t options_subscribers(const struct options *opt);
uint32_t options_copies(const struct options *opt);

#endif /* MQTTPERF_OPTIONS_H */
