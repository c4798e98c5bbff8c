// SPDX-License-Identifier: MIT
/*
 * mqttctl trace: what becomes of messages in the kernel, a line per event.
 *
 * The kernel has a buffer per CPU. What was read from all of them is sorted, and
 * shown up to the time when reading began: all that is older has been read.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <mqtt/topic.h>

#include "mqttctl.h"
#include "trace.h"

#define PENDING_MAX	16384		/* events that wait to be shown */
#define PAUSE_MS	20		/* between two looks */

enum { POLL_SIGNALS, POLL_OUTPUT, POLL_COUNT };

/**
 * struct tracing - a run of the command
 * @ctl: for its output
 * @filter: what is wanted
 * @source: events
 * @pending: those that have been read and not shown
 * @nr_pending: how many
 * @left: lines that are still wanted
 * @err: negative errno of writing a line
 */
struct tracing {
	struct ctl *ctl;
	struct trace_filter *filter;
	struct trace_source *source;
	struct trace_event *pending;
	size_t nr_pending;
	uint64_t left;
	int err;
};

static int64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* --- lines ------------------------------------------------------------------- */

static void line_begin(struct ctl *ctl)
{
	out_init(&ctl->out, ctl->out.file, ctl->out.flags);
}

static void line_end(struct tracing *t)
{
	errno = 0;
	if (out_finish(&t->ctl->out))
		t->err = errno ? -errno : -EIO;
}

static void show_one(struct tracing *t, struct trace_event *event)
{
	const struct trace_message *from;

	if (!trace_filter_event(t->filter, event, &from) || !t->left)
		return;
	line_begin(t->ctl);
	trace_show(&t->ctl->out, event, from, now(CLOCK_REALTIME) - now(CLOCK_MONOTONIC));
	line_end(t);
	t->left--;
}

static void show_lost(struct tracing *t)
{
	uint64_t lost = trace_source_lost(t->source);

	if (!lost || !t->left)
		return;
	line_begin(t->ctl);
	trace_show_lost(&t->ctl->out, lost, now(CLOCK_REALTIME));
	line_end(t);
}

/* --- order ------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct trace_event *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Shows what is older, in order. */
static void show_until(struct tracing *t, uint64_t time)
{
	size_t n;

	qsort(t->pending, t->nr_pending, sizeof(*t->pending), compare);
	for (n = 0; n < t->nr_pending && t->pending[n].time < time && !t->err; n++)
		show_one(t, &t->pending[n]);
	t->nr_pending -= n;
	memmove(t->pending, t->pending + n, t->nr_pending * sizeof(*t->pending));
}

static int take(const struct trace_event *event, void *arg)
{
	struct tracing *t = arg;

	/* Memory is bounded; then the order may be not. */
	if (t->nr_pending == PENDING_MAX)
		show_until(t, UINT64_MAX);
	t->pending[t->nr_pending++] = *event;
	return t->err || !t->left;
}

/* Return: 0, or a negative errno. */
static int look(struct tracing *t, bool last)
{
	uint64_t begin = last ? UINT64_MAX : (uint64_t)now(CLOCK_MONOTONIC);
	int ret = trace_source_read(t->source, take, t);

	if (ret < 0)
		return ret;
	show_lost(t);
	show_until(t, begin);
	return t->err;
}

/* --- the command ------------------------------------------------------------- */

static int finish(struct tracing *t, int err, bool output_gone)
{
	if (err == -ENODEV)
		return ctl_fail("the kernel module mqtt was unloaded");
	if (err == -EPIPE || output_gone) {
		__fpurge(t->ctl->out.file);
		clearerr(t->ctl->out.file);
		err = 0;
	}
	return err ? ctl_fail(strerror(-err)) : DONE;
}

/* Return: exit status. That nobody reads on, or wants more, is a proper end. */
static int run(struct tracing *t, int signals)
{
	struct pollfd fds[POLL_COUNT] = {
		[POLL_SIGNALS] = { .fd = signals, .events = POLLIN },
		[POLL_OUTPUT] = { .fd = fileno(t->ctl->out.file) },
	};
	int err = 0;

	while (!err && t->left && !fds[POLL_SIGNALS].revents && !fds[POLL_OUTPUT].revents) {
		err = look(t, false);
		if (!err && t->left && poll(fds, POLL_COUNT, PAUSE_MS) < 0 && errno != EINTR)
			err = -errno;
	}
	if (!err && t->left && fds[POLL_SIGNALS].revents) {
		trace_source_stop(t->source);
		err = look(t, true);
	}
	return finish(t, err, fds[POLL_OUTPUT].revents);
}

static int start(struct tracing *t, const char *topic, const char *client)
{
	int signals, status = FAILED;

	t->filter = trace_filter_new(topic, client, t->ctl->statistics);
	t->pending = calloc(PENDING_MAX, sizeof(*t->pending));
	/* First, so that whatever comes finds what it makes removed. */
	signals = ctl_signals_open();
	if (!t->filter || !t->pending || signals < 0)
		ctl_fail(strerror(errno));
	else if (!trace_source_open(&t->source))
		status = run(t, signals);
	trace_source_close(t->source);
	if (signals >= 0)
		close(signals);
	free(t->pending);
	trace_filter_free(t->filter);
	return status;
}

/* What the command line says. */
struct wanted {
	const char *topic;
	const char *client;
	uint64_t count;
};

/* Return: 0, or USAGE after a sentence. */
static int argument(struct wanted *wanted, const char *word, const char *value)
{
	bool topic = ctl_is(word, "topic");
	bool client = ctl_is(word, "client"), count = ctl_is(word, "count");

	if (client && count)
		return ctl_usage("'%s' is ambiguous", word);
	if (!topic && !client && !count)
		return ctl_usage("'trace' does not take '%s'", word);
	if (!value)
		return ctl_usage("'%s' needs a value", word);
	if (count)
		return ctl_count(value, &wanted->count);
	if (topic && !mqtt_topic_filter_valid((const uint8_t *)value, strlen(value)))
		return ctl_usage("'%s' is not a topic filter", value);
	*(topic ? &wanted->topic : &wanted->client) = value;
	return 0;
}

int trace_main(struct ctl *ctl, int argc, char **argv)
{
	struct wanted wanted = { .count = UINT64_MAX };
	struct tracing t = { .ctl = ctl };
	int status = 0;

	if (argc == 1 && ctl_is(argv[0], "help")) {
		printf("Usage: mqttctl trace [ topic FILTER ] [ client CLIENT-ID ] [ count N ]\n");
		return DONE;
	}
	for (int i = 0; i < argc && !status; i += 2)
		status = argument(&wanted, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
	if (status)
		return status;
	t.left = wanted.count;
	status = start(&t, wanted.topic, wanted.client);
	/* Nothing is left to be ended. */
	line_begin(ctl);
	return status;
}
