// SPDX-License-Identifier: MIT
/* The result, as text or as JSON. */
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "report.h"

static const struct {
	const char *name;
	unsigned int per_mille;
} quantiles[] = {
	{ "p50", 500 },
	{ "p90", 900 },
	{ "p99", 990 },
	{ "p99.9", 999 },
	{ "max", 1000 },
};

/* Lines of a column after the first */
static void count(struct out *out, const char *name, uint64_t value)
{
	out_line(out);
	out_count(out, name, value);
}

static void report_options(struct out *out, const struct options *opt)
{
	out_word(out, "scenario", scenario_names[opt->scenario]);
	out_word(out, "mqtt", opt->bare ? "none" : opt->version == 5 ? "5.0" : "3.1.1");
	out_count(out, "qos", opt->qos);
	out_count(out, "publishers", options_publishers(opt));
	out_count(out, "subscribers", options_subscribers(opt));
	out_line(out);
	out_count(out, "payload", opt->payload);
	out_count(out, "batch", opt->batch);
	out_count(out, "window", opt->window);
	out_line(out);
}

static void report_messages(struct out *out, const struct loop *loop,
			    const struct result *result)
{
	const struct tally *tally = &loop->tally;

	out_object_begin(out, "messages", OUT_COLUMN);
	out_count(out, "published", loop->published);
	count(out, "delivered", tally->received);
	count(out, "lost", tally->lost);
	count(out, "duplicates", tally->duplicates);
	count(out, "late", tally->late);
	count(out, "corrupt", tally->corrupt);
	count(out, "writes", loop->writes);
	count(out, "reads", loop->reads);
	count(out, "elapsed-ns", result->elapsed);
	if (result->elapsed)
		count(out, "delivered-per-s",
		      (uint64_t)((double)tally->received * 1e9 / (double)result->elapsed));
	out_object_end(out);
}

static void report_latency(struct out *out, const struct histogram *latency)
{
	out_line(out);
	out_object_begin(out, "latency-ns", OUT_COLUMN);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		if (i)
			out_line(out);
		out_count(out, quantiles[i].name,
			  histogram_quantile(latency, quantiles[i].per_mille));
	}
	out_object_end(out);
}

static void report_cpu(struct out *out, const char *name, uint64_t ns, uint64_t deliveries)
{
	if (ns == CPU_UNKNOWN || !deliveries)
		return;
	out_line(out);
	out_object_begin(out, name, OUT_COLUMN);
	out_count(out, "cpu-ns", ns);
	count(out, "cpu-ns-per-delivery", (ns + deliveries / 2) / deliveries);
	out_object_end(out);
}

int report(const struct loop *loop, const struct result *result)
{
	struct out out;

	out_init(&out, stdout, loop->opt->json ? OUT_JSON : 0);
	out_object_begin(&out, NULL, OUT_ROW);
	report_options(&out, loop->opt);
	report_messages(&out, loop, result);
	report_latency(&out, &loop->latency);
	report_cpu(&out, "machine", result->machine, loop->tally.received);
	report_cpu(&out, "broker", result->broker, loop->tally.received);
	out_object_end(&out);
	return out_finish(&out) ? -1 : 0;
}

bool report_is_good(const struct loop *loop)
{
	const struct tally *tally = &loop->tally;

	return !loop->failed && !tally->lost && !tally->duplicates && !tally->late &&
	       !tally->corrupt;
}
