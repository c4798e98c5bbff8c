// SPDX-License-Identifier: MIT
/*
 * Log lines as messages.
 *
 * A line may be written by any thread, with any lock held: it is put into a ring, from
 * where the first worker publishes it. Of a flood the oldest lines are lost.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <linux/container_of.h>

#include "broker.h"
#include "log.h"
#include "log_topic.h"
#include "publish.h"
#include "store.h"
#include "stored.h"
#include "worker.h"

#define LINES		64
#define LINE_BYTES	1280	/* the longest, with its time stamp */

struct line {
	enum log_type type;
	size_t len;
	char text[LINE_BYTES];
};

/**
 * struct log_topic - lines on their way
 * @source: readiness of @event_fd
 * @worker: who publishes
 * @event_fd: there are lines
 * @lock: protects the rest
 * @first: number of the first line that was not published
 * @next: number of the next line; it goes to @next % LINES
 * @lines: them
 */
struct log_topic {
	struct event_source source;
	struct worker *worker;
	int event_fd;
	pthread_mutex_t lock;
	unsigned int first;
	unsigned int next;
	struct line lines[LINES];
};

static const char *topic_name(enum log_type type)
{
	switch (type) {
	case LOG_TYPE_ERROR:
		return "$SYS/broker/log/E";
	case LOG_TYPE_WARNING:
		return "$SYS/broker/log/W";
	case LOG_TYPE_NOTICE:
		return "$SYS/broker/log/N";
	case LOG_TYPE_SUBSCRIBE:
		return "$SYS/broker/log/M/subscribe";
	case LOG_TYPE_UNSUBSCRIBE:
		return "$SYS/broker/log/M/unsubscribe";
	case LOG_TYPE_DEBUG:
		return "$SYS/broker/log/D";
	default:
		return "$SYS/broker/log/I";
	}
}

static void take(void *arg, enum log_type type, const char *text, size_t len)
{
	struct log_topic *topic = arg;
	uint64_t one = 1;
	struct line *line;

	pthread_mutex_lock(&topic->lock);
	if (topic->next - topic->first == LINES)
		topic->first++;
	line = &topic->lines[topic->next++ % LINES];
	line->type = type;
	line->len = len < LINE_BYTES ? len : LINE_BYTES;
	memcpy(line->text, text, line->len);
	pthread_mutex_unlock(&topic->lock);
	/* It fails only if it was ready before. */
	if (write(topic->event_fd, &one, sizeof(one)) < 0)
		return;
}

static bool next_line(struct log_topic *topic, struct line *line)
{
	bool found;

	pthread_mutex_lock(&topic->lock);
	found = topic->first != topic->next;
	if (found)
		*line = topic->lines[topic->first++ % LINES];
	pthread_mutex_unlock(&topic->lock);
	return found;
}

/* What cannot be published is lost: it would be one more line to say so. */
static void publish(struct worker *worker, const struct line *line)
{
	const char *topic = topic_name(line->type);
	struct stored from = {
		.client_id = "",
		.topic = (const u8 *)topic,
		.topic_len = strlen(topic),
		.payload = (const u8 *)line->text,
		.payload_len = line->len,
		.qos = 2,
	};
	struct stored *msg = stored_new(&from, NULL);

	if (!msg)
		return;
	store_begin(worker->broker->store);
	publish_stored(worker, msg, false, NULL);
	store_end(worker->broker->store);
	stored_put(msg);
}

/* Those that publishing provokes wait for the next round. */
static void publish_lines(struct event_source *source, uint32_t events)
{
	struct log_topic *topic = container_of(source, struct log_topic, source);
	struct line line;
	uint64_t count;
	int i;

	(void)events;
	if (read(topic->event_fd, &count, sizeof(count)) != sizeof(count))
		return;
	for (i = 0; i < LINES && next_line(topic, &line); i++)
		publish(topic->worker, &line);
}

int log_topic_start(struct log_topic **result, struct broker *broker)
{
	struct log_topic *topic = calloc(1, sizeof(*topic));
	int err;

	*result = NULL;
	if (!topic)
		return -ENOMEM;
	topic->source.handle = publish_lines;
	topic->worker = &broker->workers[0];
	topic->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (topic->event_fd < 0) {
		err = -errno;
		goto fail_event;
	}
	err = worker_watch(topic->worker, topic->event_fd, EPOLLIN, &topic->source);
	if (err)
		goto fail_watch;
	pthread_mutex_init(&topic->lock, NULL);
	log_set_taker(take, topic);
	*result = topic;
	return 0;

fail_watch:
	close(topic->event_fd);
fail_event:
	free(topic);
	return err;
}

void log_topic_stop(struct log_topic *topic)
{
	if (!topic)
		return;
	log_set_taker(NULL, NULL);
	close(topic->event_fd);
	pthread_mutex_destroy(&topic->lock);
	free(topic);
}
