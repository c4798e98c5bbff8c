// SPDX-License-Identifier: MIT
/* mqttctl stat delay: how long packets were in the kernel. */
#include <inttypes.h>
#include <string.h>

#include <linux/mqtt.h>

#include "mqttctl.h"

/* What the first number counts is below; see the specification's tx-delay. */
#define FIRST_BELOW	1024ULL		/* nanoseconds */

static void show_below(struct ctl *ctl, uint64_t ns)
{
	double value = (double)ns / 1000;
	const char *unit = "us";
	char text[32];

	if (ctl->out.flags & OUT_JSON) {
		out_count(&ctl->out, "below-ns", ns);
		return;
	}
	if (value >= 1e6) {
		value /= 1e6;
		unit = "s";
	} else if (value >= 1e3) {
		value /= 1e3;
		unit = "ms";
	}
	snprintf(text, sizeof(text), "%.4g%s", value, unit);
	out_word(&ctl->out, "below", text);
}

static void show_one(struct ctl *ctl, unsigned int i, uint64_t packets)
{
	out_object_begin(&ctl->out, NULL, OUT_ROW);
	/* The last one has no end. */
	if (i < MQTT_DELAYS - 1)
		show_below(ctl, FIRST_BELOW << i);
	out_count(&ctl->out, "packets", packets);
	out_object_end(&ctl->out);
}

/* With -s all, else from the first to the last that is not 0. */
static int show(struct nlattr **attrs, void *arg)
{
	const struct nlattr *attr = attrs[MQTT_A_STATS_TX_DELAY];
	unsigned int first = 0, end = MQTT_DELAYS;
	uint64_t packets[MQTT_DELAYS] = { 0 };
	struct ctl *ctl = arg;

	if (attr && (size_t)nla_len(attr) <= sizeof(packets))
		memcpy(packets, nla_data(attr), (size_t)nla_len(attr));
	while (!ctl->statistics && first < end && !packets[first])
		first++;
	while (!ctl->statistics && end > first && !packets[end - 1])
		end--;
	out_array_begin(&ctl->out, NULL);
	for (unsigned int i = first; i < end; i++)
		show_one(ctl, i, packets[i]);
	out_array_end(&ctl->out);
	return 0;
}

int stat_delay(struct ctl *ctl, int argc, char **argv)
{
	if (argc)
		return ctl_usage("'stat delay' does not take '%s'", argv[0]);
	if (ctl_open(ctl))
		return FAILED;
	return ctl_result(ctl, mqtt_nl_stats_get(ctl->nl, show, ctl));
}
