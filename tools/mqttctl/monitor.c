// SPDX-License-Identifier: MIT
/* mqttctl monitor: what happens in the router, a line per event. */
#include <errno.h>
#include <poll.h>
#include <stdio_ext.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/mqtt.h>

#include "events.h"
#include "mqttctl.h"

enum { POLL_EVENTS, POLL_SIGNALS, POLL_OUTPUT, POLL_COUNT };

/* The time in a form that suits the reader: the day is known to people. */
static void show_time(struct ctl *ctl)
{
	char seconds[32], text[64];
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ctl->out.flags & OUT_JSON) {
		gmtime_r(&now.tv_sec, &tm);
		strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(text, sizeof(text), "%s.%06ldZ", seconds, now.tv_nsec / 1000);
	} else {
		localtime_r(&now.tv_sec, &tm);
		strftime(seconds, sizeof(seconds), "%H:%M:%S", &tm);
		snprintf(text, sizeof(text), "%s.%03ld", seconds, now.tv_nsec / 1000000);
	}
	out_word(&ctl->out, "time", text);
}

static void line_begin(struct ctl *ctl, const char *event)
{
	out_init(&ctl->out, ctl->out.file, ctl->out.flags);
	out_object_begin(&ctl->out, NULL, OUT_ROW);
	show_time(ctl);
	out_word(&ctl->out, "event", event);
}

/* Return: 0, or a negative errno if the line could not be written. */
static int line_end(struct ctl *ctl)
{
	out_object_end(&ctl->out);
	errno = 0;
	if (!out_finish(&ctl->out))
		return 0;
	return errno ? -errno : -EIO;
}

static const char *event_name(const struct nlattr *attr)
{
	static const char * const names[] = {
		[MQTT_EVENT_TYPE_ROUTER_NEW]		= "router-new",
		[MQTT_EVENT_TYPE_ROUTER_END]		= "router-end",
		[MQTT_EVENT_TYPE_PEER_ATTACH]		= "peer-attach",
		[MQTT_EVENT_TYPE_PEER_DETACH]		= "peer-detach",
		[MQTT_EVENT_TYPE_PEER_CLOSE]		= "peer-close",
		[MQTT_EVENT_TYPE_PEER_QUEUE_FULL]	= "peer-queue-full",
		[MQTT_EVENT_TYPE_PEER_MALFORMED]	= "peer-malformed",
		[MQTT_EVENT_TYPE_PEER_URGENT]		= "peer-urgent",
		[MQTT_EVENT_TYPE_PEER_KEEP_ALIVE]	= "peer-keep-alive",
	};

	if (!attr || nla_get_u8(attr) >= sizeof(names) / sizeof(names[0]))
		return "unknown";
	return names[nla_get_u8(attr)];
}

static int show(struct nlattr **attrs, void *arg)
{
	struct ctl *ctl = arg;

	line_begin(ctl, event_name(attrs[MQTT_A_EVENT_TYPE]));
	ctl_show_u32(ctl, "peer-id", attrs[MQTT_A_EVENT_PEER_ID]);
	ctl_show_string(ctl, "client-id", attrs[MQTT_A_EVENT_CLIENT_ID]);
	ctl_show_address(ctl, "remote", attrs[MQTT_A_EVENT_REMOTE]);
	if (ctl->statistics) {
		ctl_show_address(ctl, "local", attrs[MQTT_A_EVENT_LOCAL]);
		ctl_show_protocol(ctl, attrs[MQTT_A_EVENT_PROTOCOL]);
	}
	return line_end(ctl);
}

static int show_lost(struct ctl *ctl)
{
	line_begin(ctl, "lost");
	return line_end(ctl);
}

/* Shows all that is there. @lost is only an errno of receiving while nothing failed here. */
static int show_all(struct ctl *ctl, struct mqtt_events *events)
{
	int err;

	do {
		err = mqtt_events_receive(events, show, ctl);
		if (err == -ENOBUFS)
			err = show_lost(ctl) ? : -ENOBUFS;
	} while (err == -ENOBUFS);
	return err;
}

/* Return: exit status. That nobody reads on, or wants more, is a proper end. */
static int run(struct ctl *ctl, struct mqtt_events *events, int signals)
{
	struct pollfd fds[POLL_COUNT] = {
		[POLL_EVENTS] = { .fd = mqtt_events_fd(events), .events = POLLIN },
		[POLL_SIGNALS] = { .fd = signals, .events = POLLIN },
		[POLL_OUTPUT] = { .fd = fileno(ctl->out.file) },
	};
	int err = 0;

	while (!err && !fds[POLL_SIGNALS].revents && !fds[POLL_OUTPUT].revents) {
		if (poll(fds, POLL_COUNT, -1) < 0)
			err = errno == EINTR ? 0 : -errno;
		else if (fds[POLL_EVENTS].revents)
			err = show_all(ctl, events);
	}
	if (err == -EPIPE || fds[POLL_OUTPUT].revents) {
		__fpurge(ctl->out.file);
		clearerr(ctl->out.file);
		err = 0;
	}
	return err ? ctl_fail(strerror(-err)) : DONE;
}

int monitor_main(struct ctl *ctl, int argc, char **argv)
{
	struct mqtt_events *events;
	int signals, status;

	if (argc == 1 && ctl_is(argv[0], "help")) {
		printf("Usage: mqttctl monitor\n");
		return DONE;
	}
	if (argc)
		return ctl_usage("'monitor' does not take '%s'", argv[0]);
	status = ctl_opened(mqtt_events_open(&events));
	if (status)
		return status;
	signals = ctl_signals_open();
	status = signals < 0 ? ctl_fail(strerror(errno)) : run(ctl, events, signals);
	if (signals >= 0)
		close(signals);
	mqtt_events_close(events);
	/* Nothing is left to be ended. */
	out_init(&ctl->out, ctl->out.file, ctl->out.flags);
	return status;
}
