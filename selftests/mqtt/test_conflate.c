// SPDX-License-Identifier: MIT
/*
 * Conflation: what a queue at its limit keeps is the newest message of each topic; the
 * others are counted.
 */
#include "lib/port.h"
#include "lib/queue.h"

/* As it comes: t0 t1 t2 t3 t0 t1, and from then on each in its place. */
static void in_place(void)
{
	queue_topics = 4;
	queue_start_held(MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	queue_publish(0, 6, 20);
	queue_check_drops(6, 0, 0, 0, 0);
	queue_publish(6, 94, 20);
	CHECK_EQ(queue_length(), 4);
	queue_check_drops(100, 0, 0, 96, 0);
	rig_release(&sub);
	queue_expect(98, 2);
	queue_expect(96, 2);
	queue_check_end();
}

/* More topics than there is room for: the oldest go. */
static void many_topics(void)
{
	queue_topics = 12;
	queue_start_held(MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	queue_publish(0, 48, 20);
	queue_check_drops(48, 0, 40, 0, 0);
	queue_topics = 2;
	queue_publish(48, 10, 20);		/* none of t/0 and t/1 waits */
	queue_check_drops(58, 0, 42, 8, 0);
	rig_release(&sub);
	queue_expect(42, 6);
	queue_expect(56, 2);
	queue_check_end();
}

static void trains(void)
{
	queue_start_held(MQTT_QUEUE_POLICY_CONFLATE, 100, 0);
	queue_publish_train(0, 50, 20);
	queue_publish_train(50, 50, 20);
	queue_check_drops(100, 0, 0, 0, 0);
	queue_publish_train(100, 50, 20);
	queue_check_drops(150, 0, 0, 149, 0);
	rig_release(&sub);
	queue_expect(149, 1);
	queue_check_end();
}

static void train_too_long(void)
{
	queue_start_held(MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	queue_publish_train(0, 50, 20);
	queue_check_drops(50, 0, 0, 49, 0);
	rig_release(&sub);
	queue_expect(49, 1);
	queue_check_end();
}

/* It begins anew each time, and below the mark all messages are kept. */
static void again_and_again(void)
{
	unsigned int round, conflated = 0;

	queue_topics = 4;
	queue_start_held(MQTT_QUEUE_POLICY_CONFLATE, 80, 0);
	for (round = 0; round < 5; round++) {
		queue_publish(round * 100, 60, 20);
		queue_check_drops(round * 100 + 60, 0, 0, conflated, 0);
		queue_publish(round * 100 + 60, 40, 20);
		/* two of them make 4 of 60, a chunk each; below 40 all are kept again */
		conflated += 58;
		queue_check_drops((round + 1) * 100, 0, 0, conflated, 0);
		rig_release(&sub);
		queue_expect(round * 100 + 60, 2);
		queue_expect(round * 100 + 58, 2);
		queue_expect(round * 100 + 62, 38);
		queue_hold(&sub);
	}
	rig_release(&sub);
	queue_check_end();
}

/* A real slow client: of each topic in order, and the last one in the end */
static void while_it_is_sent(void)
{
	unsigned int n = ksft_scale(30000, 5000), seen = 0, source, i, last[16] = { 0 };
	struct bytes b = { 0 };
	long number;

	queue_topics = ARRAY_LEN(last);
	queue_start(&queue_small);
	queue_limit(&sub, MQTT_QUEUE_POLICY_CONFLATE, 0, 65536);
	queue_got.read_size = 700;
	tcp_nonblock(sub.client, true);
	for (i = 0; i < n; i++) {
		queue_put(&b, i, 100 + i % 7);
		if (ksft_random(20) && i + 1 < n)
			continue;
		rig_send_bytes(&pub, &b);
		b.len = 0;
		if (!ksft_random(3))
			packets_read(&queue_got);
	}
	while (seen < n - rig_stat(MQTT_A_STATS_DROP_CONFLATED)) {
		number = packets_take_any(&queue_got, &source);
		if (number < 0) {
			packets_wait(&queue_got);
			continue;
		}
		CHECK(number >= last[number % queue_topics]);
		last[number % queue_topics] = number;
		seen++;
	}
	for (i = 0; i < queue_topics; i++)
		CHECK_EQ(last[(n - 1 - i) % queue_topics], n - 1 - i);
	ksft_note("%u of %u arrived", seen, n);
	queue_check_drops(n, 0, 0, n - seen, 0);
	tcp_nonblock(sub.client, false);
	queue_check_end();
}

/* What was found by its topic is not, and then is again. */
static void with_a_break(void)
{
	queue_topics = 4;
	queue_start_held(MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	queue_publish(0, 10, 20);
	queue_limit(&sub, MQTT_QUEUE_POLICY_DROP_NEW, 0, 0);
	queue_publish(10, 4, 20);
	CHECK_EQ(queue_length(), 8);
	queue_limit(&sub, MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	queue_publish(14, 1, 20);
	queue_check_drops(15, 0, 0, 11, 0);
	rig_release(&sub);
	queue_expect(14, 1);
	queue_expect(11, 3);
	queue_check_end();
}

static const struct ksft_case cases[] = {
	{ "in_place", in_place },
	{ "many_topics", many_topics },
	{ "trains", trains },
	{ "train_too_long", train_too_long },
	{ "again_and_again", again_and_again },
	{ "while_it_is_sent", while_it_is_sent },
	{ "with_a_break", with_a_break },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
