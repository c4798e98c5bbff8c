// SPDX-License-Identifier: MIT
/*
 * Queues of messages that may be dropped, against a model: an array that is walked from its
 * beginning for every question, and moved up whenever something leaves it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mqtt/wire.h>

#include "slowq.h"

#define MODEL_MAX	4000
#define PACKET_MAX	6000

static const siphash_key_t key = { { 1, 2 } };

/* A PUBLISH at QoS 0: its payload is its number and some more. */
static size_t build(uint8_t *to, const char *topic, unsigned int number, size_t more)
{
	uint32_t len = strlen(topic), remaining = 2 + len + sizeof(number) + more;
	size_t head = 1 + mqtt_varint_write(to + 1, remaining);

	to[0] = 0x30;
	to[head] = len >> 8;
	to[head + 1] = len;
	memcpy(to + head + 2, topic, len);
	memcpy(to + head + 2 + len, &number, sizeof(number));
	memset(to + head + 2 + len + sizeof(number), 'x', more);
	return head + remaining;
}

static unsigned int number_of(const uint8_t *packet, size_t *size)
{
	struct mqtt_fixed_header fh;
	unsigned int number;
	uint16_t len;

	assert_int_equal(mqtt_fixed_header_parse(packet, 5, &fh), 0);
	len = packet[fh.size] << 8 | packet[fh.size + 1];
	memcpy(&number, packet + fh.size + 2 + len, sizeof(number));
	*size = fh.size + fh.remaining;
	return number;
}

/* The naive queue */

struct model_message {
	unsigned int number;
	unsigned int topic;
	size_t charge;
};

struct model {
	struct model_message list[MODEL_MAX];
	unsigned int n;
	struct slowq_drops drops;
};

static size_t model_bytes(const struct model *model)
{
	size_t bytes = 0;
	unsigned int i;

	for (i = 0; i < model->n; i++)
		bytes += model->list[i].charge;
	return bytes;
}

static void model_remove(struct model *model, unsigned int at)
{
	model->n--;
	memmove(&model->list[at], &model->list[at + 1], (model->n - at) * sizeof(*model->list));
}

static bool model_over(const struct model *model, const struct slowq_limits *limits, size_t more,
		       unsigned int one, unsigned int part)
{
	if (limits->beside + model_bytes(model) + more > limits->bytes - limits->bytes / 4 * part)
		return true;
	return limits->messages &&
	       model->n + one > limits->messages - limits->messages / 4 * part;
}

/* All of the topic but the newest go, and that makes place for @message. Was there one? */
static bool model_conflate(struct model *model, const struct model_message *message)
{
	bool found = false;
	unsigned int i;

	for (i = model->n; i-- > 0;) {
		if (model->list[i].topic != message->topic || model->list[i].number ==
		    message->number)
			continue;
		model->drops.conflated++;
		if (found)
			model_remove(model, i);
		else
			model->list[i] = *message;
		found = true;
	}
	return found;
}

static int model_add(struct model *model, const struct slowq_limits *limits,
		     struct model_message message)
{
	unsigned int i;

	model->drops = (struct slowq_drops){};
	if (limits->beside + message.charge > limits->bytes)
		return -ENOBUFS;
	if (limits->policy == SLOWQ_KEEP && model_over(model, limits, message.charge, 1, 0))
		return -ENOBUFS;
	if (limits->policy != SLOWQ_CONFLATE ||
	    !model_over(model, limits, message.charge, 1, 1) ||
	    !model_conflate(model, &message))
		model->list[model->n++] = message;
	for (i = 0; limits->policy != SLOWQ_KEEP && model_over(model, limits, 0, 0, 0);) {
		if (model->list[i].number == message.number) {
			i++;
			continue;
		}
		model_remove(model, i);
		model->drops.old++;
	}
	return 0;
}

/* Both */

static unsigned int seed;

static unsigned int random_below(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

/* Short ones in one piece, long ones in two. */
static struct outq packet_of(const uint8_t *bytes, size_t len)
{
	size_t first = len > 300 ? 200 : len;
	struct outq packet = {};

	assert_int_equal(outq_copy_alone(&packet, bytes, first), 0);
	if (first < len)
		assert_int_equal(outq_copy_alone(&packet, bytes + first, len - first), 0);
	return packet;
}

static void add_both(struct slowq *q, struct model *model, const struct slowq_limits *limits,
		     unsigned int number, unsigned int topics)
{
	struct model_message message = { .number = number, .topic = random_below(topics) };
	static uint8_t bytes[PACKET_MAX];
	struct slowq_drops drops = {};
	struct outq packet;
	char topic[16];
	size_t len;
	int err;

	snprintf(topic, sizeof(topic), "t/%u", message.topic);
	len = build(bytes, topic, number, random_below(8) ? random_below(20) : random_below(4000));
	packet = packet_of(bytes, len);
	message.charge = slowq_charge(&packet);
	err = slowq_add(q, limits, &packet, &drops);
	assert_int_equal(err, model_add(model, limits, message));
	if (err) {
		assert_int_equal(packet.bytes, len);
		outq_clear(&packet);
	}
	assert_int_equal(drops.old, model->drops.old);
	assert_int_equal(drops.conflated, model->drops.conflated);
	assert_int_equal(q->messages, model->n);
	assert_int_equal(q->bytes, model_bytes(model));
}

/* What leaves the queue is whole, and what the model has. */
static void send_both(struct slowq *q, struct model *model, size_t bytes)
{
	static uint8_t all[MODEL_MAX * 64 + PACKET_MAX];
	size_t len = 0, at = 0, size;
	struct outq out = {};
	struct iovec iov[64];
	int n, i;

	slowq_send(q, &out, bytes);
	while (!outq_empty(&out)) {
		n = outq_iov(&out, iov, 64);
		for (i = 0; i < n; i++) {
			assert_true(len + iov[i].iov_len <= sizeof(all));
			memcpy(all + len, iov[i].iov_base, iov[i].iov_len);
			len += iov[i].iov_len;
			size = iov[i].iov_len;
			outq_sent(&out, size);
		}
	}
	while (at < len) {
		assert_true(model->n > 0);
		assert_int_equal(number_of(all + at, &size), model->list[0].number);
		model_remove(model, 0);
		at += size;
		assert_true(at >= bytes || at < len || !model->n);
	}
	assert_int_equal(q->messages, model->n);
}

static void compare(const struct slowq_limits *limits, unsigned int topics, unsigned int steps)
{
	struct slowq_limits now = *limits;
	static struct model model;
	struct slowq q;
	unsigned int i;

	model.n = 0;
	slowq_init(&q, &key);
	for (i = 1; i <= steps; i++) {
		now.beside = random_below(10) ? limits->beside : random_below(4000);
		add_both(&q, &model, &now, i, topics);
		if (!random_below(50))
			send_both(&q, &model, random_below(5000));
		/* The configuration may change at any time. */
		if (!random_below(500))
			now.bytes = 4096 + random_below(limits->bytes);
		if (!random_below(500))
			now.messages = random_below(2) ? limits->messages : 1 + random_below(20);
	}
	while (model.n)
		send_both(&q, &model, 3000);
	assert_int_equal(q.bytes, 0);
	add_both(&q, &model, limits, 1, topics);
	slowq_clear(&q);
	assert_int_equal(q.bytes, 0);
}

static void test_model(void **state)
{
	static const enum slowq_policy policies[] = { SLOWQ_KEEP, SLOWQ_DROP_OLD, SLOWQ_CONFLATE };
	static const unsigned int topics[] = { 1, 3, 40, 100000 };
	size_t i, j, k;

	(void)state;
	for (i = 0; i < 3; i++) {
		for (j = 0; j < 4; j++) {
			for (k = 0; k < 3; k++) {
				struct slowq_limits limits = {
					.policy = policies[i],
					.bytes = k == 2 ? 200000 : 20000,
					.messages = k == 1 ? 17 : 0,
				};

				seed = 1 + i * 100 + j * 10 + k;
				compare(&limits, topics[j], 3000);
			}
		}
	}
}

/* A value that often changes does not keep others from their turn, nor loses its own. */
static void test_turns(void **state)
{
	const struct slowq_limits limits = { .policy = SLOWQ_CONFLATE, .bytes = 1 << 20,
					     .messages = 4 };
	static const char *const topics[] = { "a", "b", "c", "a", "a", "b", "a" };
	static const unsigned int left[] = { 7, 6, 3 };
	struct slowq_drops drops;
	struct outq packet, out = {};
	uint8_t bytes[64];
	struct slowq q;
	size_t size, i;

	(void)state;
	slowq_init(&q, &key);
	for (i = 0; i < 7; i++) {
		packet = packet_of(bytes, build(bytes, topics[i], i + 1, 0));
		assert_int_equal(slowq_add(&q, &limits, &packet, &drops), 0);
		assert_int_equal(drops.conflated, i > 2);
		assert_int_equal(drops.old, 0);
	}
	slowq_send(&q, &out, 1 << 20);
	for (i = 0; i < 3; i++) {
		assert_int_equal(number_of(outq_front(&out, &size), &size), left[i]);
		outq_sent(&out, size);
	}
	assert_true(outq_empty(&out));
	slowq_clear(&q);
}

/* What is on its way counts, but cannot be dropped: nor is anything else in vain. */
static void test_hopeless(void **state)
{
	struct slowq_limits limits = { .policy = SLOWQ_DROP_OLD, .bytes = 10000 };
	struct slowq_drops drops;
	static uint8_t bytes[PACKET_MAX];
	struct outq packet;
	struct slowq q;

	(void)state;
	slowq_init(&q, &key);
	packet = packet_of(bytes, build(bytes, "t", 1, 0));
	assert_int_equal(slowq_add(&q, &limits, &packet, &drops), 0);
	limits.beside = 9000;
	packet = packet_of(bytes, build(bytes, "t", 2, 1000));
	assert_int_equal(slowq_add(&q, &limits, &packet, &drops), -ENOBUFS);
	assert_int_equal(q.messages, 1);
	limits.beside = 8000;
	assert_int_equal(slowq_add(&q, &limits, &packet, &drops), 0);
	assert_int_equal(drops.old, 0);
	packet = packet_of(bytes, build(bytes, "t", 3, 1000));
	assert_int_equal(slowq_add(&q, &limits, &packet, &drops), 0);
	assert_int_equal(drops.old, 2);
	assert_int_equal(q.messages, 1);
	slowq_clear(&q);
}

/* Entries of one policy are those of the next. */
static void test_policies(void **state)
{
	static struct model model;
	struct slowq_limits limits = { .bytes = 20000 };
	unsigned int i;
	struct slowq q;

	(void)state;
	model.n = 0;
	seed = 7;
	slowq_init(&q, &key);
	for (i = 1; i < 20000; i++) {
		if (!random_below(300))
			limits.policy = random_below(3);
		add_both(&q, &model, &limits, i, 30);
		if (!random_below(100))
			send_both(&q, &model, random_below(3000));
	}
	slowq_clear(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_hopeless),
		cmocka_unit_test(test_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
