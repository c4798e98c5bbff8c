// SPDX-License-Identifier: MIT
/*
 * mqttperf: puts load on an MQTT broker and tells what a delivery costs and how
 * long it takes. Every message is checked: a fast broker that loses, repeats,
 * reorders or changes something has not won.
 */
#include <stdio.h>

#include "loop.h"
#include "mark.h"
#include "options.h"
#include "report.h"

enum status {
	GOOD,
	BAD,			/* messages were lost, or there was no measurement */
	USAGE,
};

static void measure(struct loop *loop, struct result *result)
{
	const struct options *opt = loop->opt;
	uint64_t machine, broker, start;

	broker = opt->pid ? cpu_process(opt->pid) : CPU_UNKNOWN;
	machine = cpu_machine();
	start = loop_clock();
	mark_begin();
	loop_run(loop, opt->count, opt->seconds);
	mark_end();
	result->elapsed = loop_clock() - start;
	result->machine = cpu_between(machine, cpu_machine());
	result->broker = cpu_between(broker, opt->pid ? cpu_process(opt->pid) : CPU_UNKNOWN);
}

static enum status run(struct loop *loop)
{
	struct result result;

	if (loop->opt->warmup)
		loop_run(loop, loop->opt->warmup, 0);
	if (!report_is_good(loop)) {
		fputs("mqttperf: the warm-up went wrong\n", stderr);
		return BAD;
	}
	loop_reset(loop);
	measure(loop, &result);
	if (report(loop, &result)) {
		perror("mqttperf: cannot write the result");
		return BAD;
	}
	return report_is_good(loop) ? GOOD : BAD;
}

int main(int argc, char **argv)
{
	enum status status = BAD;
	static struct loop loop;
	struct options opt;

	switch (options_parse(&opt, argc, argv)) {
	case OPTIONS_RUN:
		break;
	case OPTIONS_HELP:
		return GOOD;
	case OPTIONS_BAD:
		return USAGE;
	}
	if (!loop_connect(&loop, &opt))
		status = run(&loop);
	loop_free(&loop);
	return status;
}
