/* SPDX-License-Identifier: MIT */
/*
 * An event loop with the connections that belong to it. It shares nothing with
 * anything else, so that there can be one per thread: a scenario is divided by
 * giving each loop whole publishers with their subscribers.
 *
 * Nothing is done per message that can be done per round: one epoll_wait() and
 * one look at the clock for all sockets that are ready, one read for all that a
 * socket has.
 */
#ifndef MQTTPERF_LOOP_H
#define MQTTPERF_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"
#include "options.h"
#include "packet.h"
#include "payload.h"

/**
 * struct conn - a connection; the first member of what it belongs to
 * @fd: nonblocking once the broker has accepted us; -1: none
 * @index: among those of its kind
 * @publisher: it is embedded in a publisher, else in a subscriber
 * @carry: the beginning of a packet whose end has not come yet
 * @carry_len: bytes of it
 * @acks: acknowledgements that the socket has not taken; they wait for the end
 *	of a batch
 * @acks_len: bytes of them
 * @acks_size: bytes that they have room for
 */
struct conn {
	int fd;
	uint32_t index;
	bool publisher;
	uint8_t *carry;
	size_t carry_len;
	uint8_t *acks;
	size_t acks_len;
	size_t acks_size;
};

/**
 * struct publisher - who sends
 * @conn: the connection
 * @topic: what it publishes to
 * @topic_len: bytes of @topic
 * @queued: in the loop's list of those that may be able to send
 * @sent: messages so far, which is the next one's sequence number
 * @target: messages after which it stops
 * @settled: deliveries of its messages that have come, or never will
 * @received: at QoS 2: messages that PUBREC has come for
 * @acked: at QoS 1 and 2: messages that the broker is done with
 * @batch: room for a batch of packets; all but the payloads is in it for good
 * @packet: bytes of each packet
 * @id: the packet identifier's place in it
 * @offset: the payload's place in it
 * @pending: the part of the batch that the socket did not take
 * @pending_len: bytes of it; nothing else is sent before them
 */
struct publisher {
	struct conn conn;
	char topic[PACKET_NAME_MAX];
	uint32_t topic_len;
	bool queued;
	uint32_t sent;
	uint32_t target;
	uint64_t settled;
	uint32_t received;
	uint32_t acked;
	uint8_t *batch;
	size_t packet;
	size_t id;
	size_t offset;
	const uint8_t *pending;
	size_t pending_len;
};

/**
 * struct subscriber - who receives
 * @conn: the connection
 * @first: the first publisher whose messages it gets
 * @streams: one for each of these publishers
 * @stream_count: how many
 */
struct subscriber {
	struct conn conn;
	uint32_t first;
	struct stream *streams;
	uint32_t stream_count;
};

/**
 * struct loop - all of it
 * @opt: what to do
 * @epoll: the descriptor
 * @now: the time at the beginning of this round, ns
 * @publishers: options_publishers() of them
 * @subscribers: options_subscribers() of them
 * @ready: publishers that may be able to send
 * @ready_count: how many
 * @pattern: of the payloads
 * @room: where a read ends up
 * @room_size: bytes of it; the largest packet and a good read fit
 * @tally: what came
 * @latency: how long it took
 * @to_send: messages that publishers have not sent yet
 * @under_way: deliveries that have not come and are not known to be lost
 * @unacked: messages that the broker has not acknowledged, at QoS 1 and 2
 * @published: messages that were sent
 * @writes: calls of send()
 * @reads: calls of recv()
 * @failed: something was said to stderr, and there is no point in going on
 */
struct loop {
	const struct options *opt;
	int epoll;
	uint64_t now;
	struct publisher *publishers;
	struct subscriber *subscribers;
	uint32_t *ready;
	uint32_t ready_count;
	uint8_t *pattern;
	uint8_t *room;
	size_t room_size;
	struct tally tally;
	struct histogram latency;
	uint64_t to_send;
	uint64_t under_way;
	uint64_t unacked;
	uint64_t published;
	uint64_t writes;
	uint64_t reads;
	bool failed;
};

/* Says what went wrong, and sets @loop->failed. Always -1. */
int loop_fail(struct loop *loop, const struct conn *conn, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Connects everybody and subscribes, subscribers first. Return: 0, or -1 after
 * it has said why. loop_free() in either case.
 */
int loop_connect(struct loop *loop, const struct options *opt);
void loop_free(struct loop *loop);

/*
 * Publishes @count messages each, or for @seconds if @count is 0, and waits
 * until all that is under way has come or nothing comes any more. What is
 * missing then is in @loop->tally.lost.
 */
void loop_run(struct loop *loop, uint32_t count, uint32_t seconds);

/* Forgets what was counted and measured so far. */
void loop_reset(struct loop *loop);

/* Monotonic, ns */
uint64_t loop_clock(void);

/* The publisher may be able to send: it will be asked at the end of the round. */
void loop_ready(struct loop *loop, struct publisher *pub);

/* receive.c: everything that a subscriber's, or a publisher's socket has. */
void receive_packets(struct loop *loop, struct conn *conn);

/* acks.c: of QoS 1 and 2. A packet from the broker other than PUBLISH; */
void acks_take(struct loop *loop, struct conn *conn, const struct mqtt_fixed_header *fh,
	       const uint8_t *body);
/* one to it, sent with others by acks_send(). */
void acks_add(struct loop *loop, struct conn *conn, enum mqtt_packet_type type, uint16_t id);
void acks_send(struct loop *loop, struct conn *conn);

static inline uint16_t acks_id(uint32_t sequence)
{
	return (uint16_t)(sequence % IDS_MAX + 1);
}

/* send.c */
int send_prepare(struct loop *loop, struct publisher *pub);
void send_window(struct loop *loop, struct publisher *pub);
void send_pending(struct loop *loop, struct publisher *pub);

/* connect.c */
int connect_all(struct loop *loop);

#endif /* MQTTPERF_LOOP_H */
