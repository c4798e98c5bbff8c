// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: token buckets, by a clock of their own.
 */
#include <kunit/test.h>
#include <linux/time64.h>

#include "../bucket.h"

#define SECOND	((u64)NSEC_PER_SEC)

struct clocked {
	struct mqtt_bucket bucket;
	u32 rate;
	u64 now;
};

static struct clocked clocked(u32 rate)
{
	struct clocked c = { .rate = rate, .now = 12345 };

	mqtt_bucket_init(&c.bucket);
	mqtt_bucket_fill(&c.bucket, rate, c.now);
	return c;
}

static void pass_time(struct clocked *c, u64 ns)
{
	c->now += ns;
	mqtt_bucket_fill(&c->bucket, c->rate, c->now);
}

static bool take(struct clocked *c, u32 n)
{
	if (!mqtt_bucket_lets(&c->bucket, c->rate, n))
		return false;
	mqtt_bucket_charge(&c->bucket, n);
	return true;
}

static u64 wait_for(const struct clocked *c, u32 n)
{
	return mqtt_bucket_wait(&c->bucket, c->rate, n);
}

/* How many ones pass before the next has to wait */
static u32 drain(struct clocked *c)
{
	u32 n = 0;

	while (take(c, 1))
		n++;
	return n;
}

/* A new bucket has one second's worth, and no time makes it more. */
static void bucket_burst(struct kunit *test)
{
	struct clocked c = clocked(1000);

	KUNIT_EXPECT_EQ(test, mqtt_bucket_has(&c.bucket), 1000);
	KUNIT_EXPECT_EQ(test, drain(&c), 1000);
	KUNIT_EXPECT_EQ(test, mqtt_bucket_has(&c.bucket), 0);
	pass_time(&c, SECOND - 1);
	KUNIT_EXPECT_EQ(test, drain(&c), 999);
	pass_time(&c, 1);
	KUNIT_EXPECT_EQ(test, drain(&c), 1);
	pass_time(&c, SECOND);
	KUNIT_EXPECT_EQ(test, drain(&c), 1000);
	pass_time(&c, 3600 * SECOND);
	KUNIT_EXPECT_EQ(test, drain(&c), 1000);
}

/* One nanosecond before its time it may not pass, and then it may. */
static void bucket_wait(struct kunit *test)
{
	static const u32 rates[] = { 1, 2, 3, 7, 1000, 333333, 1000000007, U32_MAX };
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		struct clocked c = clocked(rates[i]);

		mqtt_bucket_charge(&c.bucket, min(rates[i], MQTT_BUCKET_CHARGE_MAX));
		c.bucket.level = min_t(s64, c.bucket.level, 0);
		for (n = 1; n < 10; n++) {
			u64 wait = wait_for(&c, n);

			KUNIT_ASSERT_GT(test, wait, 0);
			pass_time(&c, wait - 1);
			KUNIT_EXPECT_FALSE(test, take(&c, n));
			KUNIT_EXPECT_EQ(test, wait_for(&c, n), 1);
			pass_time(&c, 1);
			KUNIT_EXPECT_EQ(test, wait_for(&c, n), 0);
			KUNIT_EXPECT_TRUE(test, take(&c, n));
			/* what was there too much is less than one nanosecond brings */
			KUNIT_EXPECT_LT(test, c.bucket.level, rates[i]);
			c.bucket.level = 0;
		}
	}
}

/* However it is looked at, exactly the rate passes: nothing is lost to rounding. */
static void bucket_no_drift(struct kunit *test)
{
	static const u32 rates[] = { 1, 3, 7, 997, 65537 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		struct clocked c = clocked(rates[i]);
		u64 end = c.now + 7 * SECOND, step = 1;
		u32 passed = 0;

		KUNIT_EXPECT_EQ(test, drain(&c), rates[i]);
		while (c.now < end) {
			pass_time(&c, min(step, end - c.now));
			passed += drain(&c);
			step = step * 5 % 9999991 + 1;
		}
		KUNIT_EXPECT_EQ(test, passed, 7 * rates[i]);
	}
}

/* Who comes exactly in time never waits. */
static void bucket_in_time(struct kunit *test)
{
	struct clocked c = clocked(8);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, drain(&c), 8);
	for (i = 0; i < 1000; i++) {
		pass_time(&c, SECOND / 8);
		KUNIT_EXPECT_TRUE(test, take(&c, 1));
		KUNIT_EXPECT_EQ(test, wait_for(&c, 1), SECOND / 8);
	}
}

/* What is larger than the burst passes when the bucket is full, and is paid for. */
static void bucket_debt(struct kunit *test)
{
	struct clocked c = clocked(100);

	KUNIT_EXPECT_TRUE(test, take(&c, 1050));
	KUNIT_EXPECT_EQ(test, mqtt_bucket_has(&c.bucket), 0);
	KUNIT_EXPECT_EQ(test, wait_for(&c, 1), 9 * SECOND + SECOND / 2 + SECOND / 100);
	KUNIT_EXPECT_EQ(test, wait_for(&c, 100), 10 * SECOND + SECOND / 2);
	KUNIT_EXPECT_EQ(test, wait_for(&c, 1050), 10 * SECOND + SECOND / 2);
	pass_time(&c, 9 * SECOND);
	KUNIT_EXPECT_FALSE(test, take(&c, 1));
	pass_time(&c, SECOND / 2);
	KUNIT_EXPECT_FALSE(test, take(&c, 1));
	pass_time(&c, SECOND);
	KUNIT_EXPECT_TRUE(test, take(&c, 1050));
}

/* One after the other, the largest of all: on average the rate, and none starves. */
static void bucket_debt_average(struct kunit *test)
{
	struct clocked c = clocked(1);
	u64 start = c.now;
	unsigned int i;

	for (i = 0; i < 10; i++) {
		pass_time(&c, wait_for(&c, MQTT_BUCKET_CHARGE_MAX));
		KUNIT_ASSERT_TRUE(test, take(&c, MQTT_BUCKET_CHARGE_MAX));
	}
	KUNIT_EXPECT_EQ(test, c.now - start, 9 * SECOND * MQTT_BUCKET_CHARGE_MAX);
}

/* A year without a look, at the highest rate */
static void bucket_overflow(struct kunit *test)
{
	struct clocked c = clocked(U32_MAX);

	mqtt_bucket_charge(&c.bucket, MQTT_BUCKET_CHARGE_MAX);
	pass_time(&c, 365 * 86400 * SECOND);
	KUNIT_EXPECT_EQ(test, mqtt_bucket_has(&c.bucket), U32_MAX);
	c.rate = 1;
	pass_time(&c, 0);
	KUNIT_EXPECT_EQ(test, drain(&c), 1);
	mqtt_bucket_charge(&c.bucket, MQTT_BUCKET_CHARGE_MAX);
	c.rate = U32_MAX;
	pass_time(&c, U64_MAX - c.now);
	KUNIT_EXPECT_EQ(test, mqtt_bucket_has(&c.bucket), U32_MAX);
}

/* A new rate counts from the last look on; the burst is the new one's. */
static void bucket_new_rate(struct kunit *test)
{
	struct clocked c = clocked(10);

	KUNIT_EXPECT_EQ(test, drain(&c), 10);
	KUNIT_EXPECT_EQ(test, wait_for(&c, 1), SECOND / 10);
	c.rate = 1000;
	KUNIT_EXPECT_EQ(test, wait_for(&c, 1), SECOND / 1000);
	pass_time(&c, SECOND);
	KUNIT_EXPECT_EQ(test, mqtt_bucket_has(&c.bucket), 1000);
	c.rate = 5;
	pass_time(&c, 0);
	KUNIT_EXPECT_EQ(test, drain(&c), 5);
}

static struct kunit_case bucket_cases[] = {
	KUNIT_CASE(bucket_burst),
	KUNIT_CASE(bucket_wait),
	KUNIT_CASE(bucket_no_drift),
	KUNIT_CASE(bucket_in_time),
	KUNIT_CASE(bucket_debt),
	KUNIT_CASE(bucket_debt_average),
	KUNIT_CASE(bucket_overflow),
	KUNIT_CASE(bucket_new_rate),
	{}
};

static struct kunit_suite bucket_suite = {
	.name = "mqtt_bucket",
	.test_cases = bucket_cases,
};

kunit_test_suites(&bucket_suite);
