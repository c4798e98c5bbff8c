// SPDX-License-Identifier: MIT
/*
 * Options of subscriptions: no-local, MQTT 5.0 3.8.3.1.
 */
#include "lib/rawnl.h"
#include "lib/rig.h"
#include "lib/wire5.h"

#define NO_LOCAL	MQTT_SUB_OPTION_NO_LOCAL

static struct rig_peer one, other;

static void start(void)
{
	rig_start();
	rig_open_as(&one, MQTT_PROTOCOL_V5, 0);
	rig_open_as(&other, MQTT_PROTOCOL_V5, 0);
}

static void publish(struct rig_peer *p, const char *topic, const char *text)
{
	struct bytes b = { 0 };

	wire5_message(&b, topic, text);
	rig_send_bytes(p, &b);
	bytes_free(&b);
}

static void expect(struct rig_peer *p, const char *topic, const char *text)
{
	struct bytes b = { 0 };

	wire5_message(&b, topic, text);
	tcp_expect(p->client, b.p, b.len);
	bytes_free(&b);
}

static void not_to_itself(void)
{
	start();
	rig_sub_with(&one, "t/#", NO_LOCAL);
	rig_sub(&other, "t/#");
	publish(&one, "t/u", "mine");
	expect(&other, "t/u", "mine");
	publish(&other, "t/u", "the other's");
	expect(&one, "t/u", "the other's");
	expect(&other, "t/u", "the other's");
	/* alone: for nobody */
	publish(&one, "t/v", "mine");
	expect(&other, "t/v", "mine");
	rig_unsub(&other, "t/#");
	publish(&one, "t/w", "mine");
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_UNMATCHED) == 1);
	rig_fence(&one);
	rig_fence(&other);
}

/* One of several filters without the option is enough, and it is one copy. */
static void overlapping(void)
{
	start();
	rig_sub_with(&one, "t/u", NO_LOCAL);
	rig_sub_with(&one, "t/#", NO_LOCAL);
	rig_sub_with(&one, "#", NO_LOCAL);
	publish(&one, "t/u", "mine");
	publish(&other, "t/u", "the other's");
	expect(&one, "t/u", "the other's");
	rig_sub(&one, "+/u");
	publish(&one, "t/u", "mine, by one filter");
	expect(&one, "t/u", "mine, by one filter");
	publish(&other, "t/u", "by four");
	expect(&one, "t/u", "by four");
	rig_sub(&one, "t/+");
	publish(&one, "t/u", "mine, by two");
	expect(&one, "t/u", "mine, by two");
	rig_fence(&one);
}

static int see_options(struct nlattr **attrs, void *arg)
{
	int *options = arg;

	CHECK(attrs[MQTT_A_SUB_OPTIONS]);
	CHECK_EQ(*options, -1);
	*options = nla_get_u8(attrs[MQTT_A_SUB_OPTIONS]);
	return 0;
}

static void check_shown(struct rig_peer *p, int want)
{
	int options = -1;

	CHECK_EQ(mqtt_nl_sub_dump(rig_nl, p->id, see_options, &options), 0);
	CHECK_EQ(options, want);
}

/* A filter that is added again gets the new options. */
static void replaced(void)
{
	start();
	rig_sub(&one, "t");
	check_shown(&one, 0);
	publish(&one, "t", "1");
	expect(&one, "t", "1");
	rig_sub_with(&one, "t", NO_LOCAL);
	check_shown(&one, NO_LOCAL);
	publish(&one, "t", "2");
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_UNMATCHED) == 1);
	rig_sub(&one, "t");
	check_shown(&one, 0);
	publish(&one, "t", "3");
	expect(&one, "t", "3");
	CHECK_EQ(rig_peer_get(&one, MQTT_A_PEER_SUBSCRIPTIONS), 1);
	rig_fence(&one);
}

/* Twice in one request: the last counts. */
static void twice_in_a_request(void)
{
	const struct mqtt_nl_filter f[] = {
		{ .filter = (const void *)"t", .len = 1 },
		{ .filter = (const void *)"t", .len = 1, .options = NO_LOCAL },
	};

	start();
	CHECK_EQ(mqtt_nl_sub_add(rig_nl, one.id, f, 2), 0);
	check_shown(&one, NO_LOCAL);
	CHECK_EQ(rig_peer_get(&one, MQTT_A_PEER_SUBSCRIPTIONS), 1);
}

/* A request that is refused changes no options. */
static void all_or_none(void)
{
	struct mqtt_nl_filter f[] = {
		{ .filter = (const void *)"t", .len = 1, .options = NO_LOCAL },
		{ .filter = (const void *)"t/#/u", .len = 5 },
	};

	start();
	rig_sub(&one, "t");
	CHECK_EQ(mqtt_nl_sub_add(rig_nl, one.id, f, 2), -EINVAL);
	check_shown(&one, 0);
	f[1].len = 3;
	f[1].options = NO_LOCAL | 1;
	CHECK_EQ(mqtt_nl_sub_add(rig_nl, one.id, f, 2), -EINVAL);
	ksft_note("%s", mqtt_nl_error(rig_nl));
	check_shown(&one, 0);
}

/* Of a subscription that goes its options are of no interest. */
static void not_for_sub_del(void)
{
	struct rawnl_answer answer;
	struct bytes req = { 0 };
	struct rawnl nl;
	size_t nest, at;

	start();
	rig_sub_with(&one, "t", NO_LOCAL);
	rawnl_open(&nl);
	rawnl_begin(&nl, &req, MQTT_CMD_SUB_DEL, 0);
	nest = rawnl_nest(&req, MQTT_A_PEER);
	rawnl_put_u32(&req, MQTT_A_PEER_ID, one.id);
	rawnl_nest_end(&req, nest);
	nest = rawnl_nest(&req, MQTT_A_SUB);
	rawnl_put(&req, MQTT_A_SUB_FILTER, "t", 1);
	at = rawnl_put_u8(&req, MQTT_A_SUB_OPTIONS, NO_LOCAL);
	rawnl_nest_end(&req, nest);
	rawnl_call(&nl, &req, &answer);
	CHECK_EQ(answer.error, EINVAL);
	CHECK_EQ(answer.offset, at);
	check_shown(&one, NO_LOCAL);
	rig_unsub(&one, "t");
}

int main(int argc, char **argv)
{
	static const struct ksft_case cases[] = {
		{ "not_to_itself", not_to_itself },
		{ "overlapping", overlapping },
		{ "replaced", replaced },
		{ "twice_in_a_request", twice_in_a_request },
		{ "all_or_none", all_or_none },
		{ "not_for_sub_del", not_for_sub_del },
	};

	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
