// SPDX-License-Identifier: MIT
/* Rounds: whoever is readable is read, whoever got room in its window publishes. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

#define EVENTS		256
#define READ_SIZE	(256u << 10)
#define NS_PER_S	1000000000u

int loop_fail(struct loop *loop, const struct conn *conn, const char *format, ...)
{
	va_list args;

	loop->failed = true;
	fputs("mqttperf: ", stderr);
	if (conn)
		fprintf(stderr, "%s %u: ", conn->publisher ? "publisher" : "subscriber",
			conn->index);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return -1;
}

uint64_t loop_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/*
 * Making and unmaking
 */

static int new_conn(struct loop *loop, struct conn *conn, uint32_t index)
{
	*conn = (struct conn){ .fd = -1, .index = index, .carry = malloc(loop->room_size) };
	return conn->carry ? 0 : loop_fail(loop, conn, "no memory");
}

static int new_publisher(struct loop *loop, uint32_t index)
{
	struct publisher *pub = &loop->publishers[index];

	if (new_conn(loop, &pub->conn, index))
		return -1;
	pub->conn.publisher = true;
	pub->topic_len = (uint32_t)snprintf(pub->topic, sizeof(pub->topic), "perf/%d/%u",
					    (int)getpid(), index);
	return send_prepare(loop, pub);
}

static int new_subscriber(struct loop *loop, uint32_t index)
{
	struct subscriber *sub = &loop->subscribers[index];

	if (new_conn(loop, &sub->conn, index))
		return -1;
	sub->first = loop->opt->scenario == P2P ? index : 0;
	sub->stream_count = loop->opt->scenario == FANIN ? loop->opt->clients : 1;
	sub->streams = calloc(sub->stream_count, sizeof(*sub->streams));
	return sub->streams ? 0 : loop_fail(loop, &sub->conn, "no memory");
}

static int loop_init(struct loop *loop, const struct options *opt)
{
	uint32_t publishers = options_publishers(opt), subscribers = options_subscribers(opt);

	*loop = (struct loop){
		.opt = opt,
		.epoll = epoll_create1(EPOLL_CLOEXEC),
		.room_size = READ_SIZE + 2 * ((size_t)opt->payload + PACKET_MAX),
	};
	if (loop->epoll < 0)
		return loop_fail(loop, NULL, "epoll_create1: %s", strerror(errno));
	loop->publishers = calloc(publishers, sizeof(*loop->publishers));
	loop->subscribers = calloc(subscribers, sizeof(*loop->subscribers));
	loop->ready = calloc(publishers, sizeof(*loop->ready));
	loop->pattern = payload_pattern(opt->payload);
	loop->room = malloc(loop->room_size);
	if (!loop->publishers || !loop->subscribers || !loop->ready || !loop->pattern ||
	    !loop->room)
		return loop_fail(loop, NULL, "no memory");
	for (uint32_t i = 0; i < publishers; i++)
		if (new_publisher(loop, i))
			return -1;
	for (uint32_t i = 0; i < subscribers; i++)
		if (new_subscriber(loop, i))
			return -1;
	return 0;
}

static int watch(struct loop *loop, struct conn *conn)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLET | (conn->publisher || loop->opt->qos ? EPOLLOUT : 0),
		.data.ptr = conn,
	};

	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, conn->fd, &event))
		return loop_fail(loop, conn, "epoll_ctl: %s", strerror(errno));
	return 0;
}

int loop_connect(struct loop *loop, const struct options *opt)
{
	if (loop_init(loop, opt) || connect_all(loop))
		return -1;
	for (uint32_t i = 0; i < options_subscribers(opt); i++)
		if (watch(loop, &loop->subscribers[i].conn))
			return -1;
	for (uint32_t i = 0; i < options_publishers(opt); i++)
		if (watch(loop, &loop->publishers[i].conn))
			return -1;
	return 0;
}

static void close_conn(const struct loop *loop, struct conn *conn)
{
	uint8_t packet[PACKET_MAX];
	size_t len = pkt_end_session(packet);

	if (conn->fd >= 0) {
		/* in vain if something is in front of it that was not sent */
		if (loop->opt->durable && !conn->publisher)
			send(conn->fd, packet, len, MSG_NOSIGNAL);
		close(conn->fd);
	}
	free(conn->carry);
	free(conn->acks);
}

void loop_free(struct loop *loop)
{
	for (uint32_t i = 0; loop->publishers && i < options_publishers(loop->opt); i++) {
		close_conn(loop, &loop->publishers[i].conn);
		free(loop->publishers[i].batch);
	}
	for (uint32_t i = 0; loop->subscribers && i < options_subscribers(loop->opt); i++) {
		close_conn(loop, &loop->subscribers[i].conn);
		free(loop->subscribers[i].streams);
	}
	free(loop->publishers);
	free(loop->subscribers);
	free(loop->ready);
	free(loop->pattern);
	free(loop->room);
	if (loop->epoll >= 0)
		close(loop->epoll);
}

/*
 * Running
 */

static void handle(struct loop *loop, const struct epoll_event *event)
{
	struct conn *conn = event->data.ptr;

	if (event->events & ~EPOLLOUT)
		receive_packets(loop, conn);
	if (!(event->events & EPOLLOUT))
		return;
	if (conn->publisher) {
		send_pending(loop, (struct publisher *)conn);
		send_window(loop, (struct publisher *)conn);
	}
	acks_send(loop, conn);
}

void loop_ready(struct loop *loop, struct publisher *pub)
{
	if (pub->queued)
		return;
	pub->queued = true;
	loop->ready[loop->ready_count++] = pub->conn.index;
}

/* False if nothing has happened for too long */
static bool loop_round(struct loop *loop)
{
	struct epoll_event events[EVENTS];
	int n;

	n = epoll_wait(loop->epoll, events, EVENTS, (int)loop->opt->patience * 1000);
	if (n < 0 && errno != EINTR)
		loop_fail(loop, NULL, "epoll_wait: %s", strerror(errno));
	loop->now = loop_clock();
	for (int i = 0; i < n && !loop->failed; i++)
		handle(loop, &events[i]);
	for (uint32_t i = 0; i < loop->ready_count; i++) {
		struct publisher *pub = &loop->publishers[loop->ready[i]];

		pub->queued = false;
		send_window(loop, pub);
	}
	loop->ready_count = 0;
	return n && !loop->failed;
}

static void set_targets(struct loop *loop, uint32_t count)
{
	for (uint32_t i = 0; i < options_publishers(loop->opt); i++) {
		struct publisher *pub = &loop->publishers[i];

		loop->to_send -= pub->target - pub->sent;
		loop->to_send += count;
		pub->target = pub->sent + count;
		send_window(loop, pub);
	}
}

void loop_run(struct loop *loop, uint32_t count, uint32_t seconds)
{
	uint64_t end;

	loop->now = loop_clock();
	end = loop->now + (uint64_t)seconds * NS_PER_S;
	set_targets(loop, count ? count : COUNT_MAX);
	while (loop->to_send || loop->under_way || loop->unacked) {
		if (!loop_round(loop))
			break;
		if (seconds && loop->now >= end) {
			set_targets(loop, 0);
			seconds = 0;
		}
	}
	if (loop->under_way && !loop->failed)
		loop_fail(loop, NULL, "%llu deliveries did not come in %u s",
			  (unsigned long long)loop->under_way, loop->opt->patience);
	if (loop->unacked && !loop->failed)
		loop_fail(loop, NULL, "%llu acknowledgements did not come in %u s",
			  (unsigned long long)loop->unacked, loop->opt->patience);
	loop->tally.lost += loop->under_way;
}

void loop_reset(struct loop *loop)
{
	loop->tally = (struct tally){ 0 };
	loop->latency = (struct histogram){ 0 };
	loop->published = 0;
	loop->writes = 0;
	loop->reads = 0;
}
