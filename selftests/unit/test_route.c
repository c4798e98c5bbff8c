// SPDX-License-Identifier: MIT
/* Who gets a message, and how: overlapping filters, groups, other workers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/mqtt.h>
#include <cmocka.h>

#include "broker.h"
#include "client.h"
#include "delivery.h"
#include "listener.h"
#include "message.h"
#include "publish.h"
#include "route.h"
#include "session.h"
#include "store.h"
#include "subscribe.h"
#include "worker.h"

#define PEOPLE	8
#define NL	FILTER_NO_LOCAL
#define RAP	FILTER_RETAIN_AS_PUBLISHED

static struct config conf;
static struct listener_config listener;
static struct endpoint endpoint;
static struct broker broker;
static struct worker workers[2];
static struct client clients[PEOPLE];
static struct session *sessions[PEOPLE];

/* What sessions got at QoS 1 and 2, or without a connection: "session:qos:r:ids:share" */
static char queued[4096];
static int room[PEOPLE];
/* Who ends when the next message comes for him */
static int ending = -1;

static int number(const struct session *session)
{
	int i;

	for (i = 0; i < PEOPLE && sessions[i] != session; i++)
		;
	return i;
}

int __wrap_session_enqueue(struct worker *worker, struct session *session, struct stored *msg,
			   const struct delivery *delivery)
{
	size_t len = strlen(queued);
	u32 i;

	assert_ptr_equal(worker, &workers[0]);
	assert_int_equal(msg->payload_len, 1);
	if (number(session) == ending)
		session->dead = true;
	if (session->dead)
		return -ESHUTDOWN;
	len += sprintf(queued + len, "%d:%u", number(session), delivery->qos);
	if (delivery->retain)
		len += sprintf(queued + len, "r");
	for (i = 0; i < delivery->n_ids; i++)
		len += sprintf(queued + len, "%c%u", i ? ',' : ':', delivery->ids[i]);
	if (delivery->share)
		len += sprintf(queued + len, ":%s", delivery->share);
	sprintf(queued + len, " ");
	return 0;
}

bool __wrap_session_has_room(struct session *session)
{
	return room[number(session)];
}

static void assert_enqueued(const char *want)
{
	assert_string_equal(queued, want);
	*queued = 0;
}

static int setup(void **state)
{
	char why[STORE_WHY_MAX];
	int i;

	(void)state;
	conf = (struct config){ .output_bytes = 1 << 20 };
	listener = (struct listener_config){ .max_qos = 2 };
	endpoint = (struct endpoint){ .conf = &listener };
	broker = (struct broker){ .conf = &conf, .workers = workers, .n_workers = 2 };
	for (i = 0; i < 2; i++) {
		workers[i] = (struct worker){ .broker = &broker, .index = i };
		workers[i].outboxes = calloc(2, sizeof(*workers[i].outboxes));
		if (!workers[i].outboxes || mailbox_init(&workers[i].mailbox))
			return -1;
	}
	for (i = 0; i < PEOPLE; i++) {
		sessions[i] = calloc(1, sizeof(*sessions[i]) + 2 * sizeof(u64));
		if (!sessions[i])
			return -1;
		clients[i] = (struct client){
			.worker = &workers[i / (PEOPLE - 1)],	/* the last is another's */
			.endpoint = &endpoint,
			.session = sessions[i],
			.id = "id",
			.protocol = MQTT_PROTOCOL_V5,
			.state = CLIENT_CONNECTED,
			.refs = 1,
			.blocked = true,
		};
		sessions[i]->broker = &broker;
		sessions[i]->client = &clients[i];
		sessions[i]->owner = &clients[i];
		room[i] = true;
	}
	*queued = 0;
	agent_init(&broker.agent);
	return route_table_init(&broker.routes, &conf) ||
	       store_open(&broker.store, &(struct store_config){}, why);
}

static int teardown(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < PEOPLE; i++) {
		session_unsubscribe_all(sessions[i]);
		outq_clear(&clients[i].out);
	}
	for (i = 0; i < 2; i++)
		worker_discard_mail(&workers[i]);
	for (i = 0; i < 2; i++) {
		mailbox_destroy(&workers[i].mailbox);
		route_memory_free(&workers[i].route);
		free(workers[i].outboxes);
	}
	rcu_barrier();
	for (i = 0; i < PEOPLE; i++)
		free(sessions[i]);
	route_table_destroy(&broker.routes);
	rcu_barrier();
	agent_destroy(&broker.agent);
	store_close(broker.store);
	return 0;
}

static void subscribe(int who, const char *filter, u8 options, u32 id)
{
	struct session_filter f = {
		.filter = (const u8 *)filter, .len = strlen(filter), .options = options, .id = id,
	};

	assert_int_equal(session_resubscribe(sessions[who], &f), 0);
}

static void unsubscribe(int who, const char *filter)
{
	struct session_filter f = { .filter = (const u8 *)filter, .len = strlen(filter) };

	session_unsubscribe(&clients[who], &f, 1);
	assert_int_equal(f.code, REASON_SUCCESS);
}

static void offline(int who)
{
	sessions[who]->client = NULL;
}

static struct message begin(u8 qos, bool retain)
{
	struct mqtt_publish pub = {
		.topic = (const u8 *)"a/b", .topic_len = 3,
		.payload = (const u8 *)"x", .payload_len = 1,
		.qos = qos, .retain = retain,
	};
	struct message msg;

	message_init_publish(&msg, MQTT_PROTOCOL_V311, &pub, NULL, NULL);
	return msg;
}

static int publish_from(int who, u8 qos, bool retain)
{
	struct message msg = begin(qos, retain);
	int ret;

	msg.from = who < 0 ? NULL : sessions[who];
	ret = route_deliver(&workers[0], &msg);
	message_done(&msg);
	return ret;
}

static int publish(u8 qos)
{
	return publish_from(-1, qos, false);
}

static void assert_got(int who, const char *want, size_t len)
{
	u8 buf[8192];
	struct iovec iov[8];
	int n = outq_iov(&clients[who].out, iov, 8), i;
	size_t have = 0;

	for (i = 0; i < n; i++) {
		memcpy(buf + have, iov[i].iov_base, iov[i].iov_len);
		have += iov[i].iov_len;
	}
	assert_int_equal(have, len);
	assert_memory_equal(buf, want, len);
	outq_clear(&clients[who].out);
}

#define ASSERT_GOT(who, literal) assert_got(who, literal, sizeof(literal) - 1)
#define PLAIN "\x30\7\0\3a/b\0x"

static void test_one_filter(void **state)
{
	(void)state;
	subscribe(0, "a/b", 0, 0);
	subscribe(1, "a/b", 0, 9);
	subscribe(2, "a/b", 1, 0);
	subscribe(3, "a/b", 2 | RAP, 0);
	subscribe(4, "a/c", 2, 0);
	assert_int_equal(publish(0), 4);
	ASSERT_GOT(0, PLAIN);
	ASSERT_GOT(1, "\x30\x9\0\3a/b\2\x0b\x9x");
	ASSERT_GOT(2, PLAIN);
	ASSERT_GOT(3, PLAIN);
	ASSERT_GOT(4, "");
	assert_enqueued("");
	/* the lower QoS; and the packet at QoS 0 of a message that is not */
	assert_int_equal(publish_from(-1, 2, true), 4);
	ASSERT_GOT(0, PLAIN);
	ASSERT_GOT(1, "\x30\x9\0\3a/b\2\x0b\x9x");
	assert_enqueued("3:2r 2:1 ");
	assert_int_equal(publish(1), 4);
	assert_enqueued("3:1 2:1 ");
}

/* MQTT-3.3.4-2..4: once, at the highest QoS, with all identifiers */
static void test_overlap(void **state)
{
	(void)state;
	subscribe(0, "a/+", 0, 5);
	subscribe(0, "a/#", 2, 0);
	subscribe(0, "a/b", 1 | RAP, 200);
	subscribe(1, "#", 1, 7);
	assert_int_equal(publish_from(-1, 2, true), 2);
	assert_non_null(strstr(queued, "1:1:7 "));
	assert_true(strstr(queued, "0:2r:5,200 ") || strstr(queued, "0:2r:200,5 "));
	*queued = 0;
	assert_int_equal(publish(0), 2);
	ASSERT_GOT(1, "\x30\x9\0\3a/b\2\x0b\7x");
	assert_int_equal(clients[0].out.bytes, 7 + 2 + 2 + 3);
	outq_clear(&clients[0].out);
	/* changed and gone */
	subscribe(0, "a/#", 0, 0);
	subscribe(0, "a/b", 0, 0);
	unsubscribe(0, "a/+");
	unsubscribe(1, "#");
	assert_int_equal(publish(2), 1);
	ASSERT_GOT(0, PLAIN);
	unsubscribe(0, "a/#");
	unsubscribe(0, "a/b");
	assert_int_equal(publish(2), 0);
}

static void test_many_filters(void **state)
{
	char filter[16];
	int i;

	(void)state;
	/* "+" and "#" in all places; those that match have an identifier */
	for (i = 0; i < 200; i++) {
		snprintf(filter, sizeof(filter), "a/b%d", i);
		subscribe(0, filter, 0, 1);
	}
	subscribe(0, "#", 0, 1);
	subscribe(0, "+/#", 0, 2);
	subscribe(0, "+/+", 1, 3);
	subscribe(0, "+/b", 0, 4);
	subscribe(0, "+/+/#", 0, 5);
	subscribe(0, "a/b/#", 0, 6);
	assert_int_equal(publish(1), 1);
	assert_int_equal(strlen(queued), strlen("0:1:1,2,3,4,5,6 "));
	assert_null(strchr(queued, '7'));
	for (i = 1; i <= 6; i++)
		assert_non_null(strchr(queued + 3, '0' + i));
}

static void test_no_local(void **state)
{
	(void)state;
	subscribe(0, "a/b", NL, 3);
	subscribe(1, "a/b", NL, 0);
	assert_int_equal(publish_from(0, 0, false), 1);
	ASSERT_GOT(0, "");
	ASSERT_GOT(1, PLAIN);
	/* another one lets it through, without that one's identifier */
	subscribe(0, "a/#", 0, 4);
	assert_int_equal(publish_from(0, 0, false), 2);
	ASSERT_GOT(0, "\x30\x9\0\3a/b\2\x0b\4x");
}

static void test_offline(void **state)
{
	struct message msg;

	(void)state;
	subscribe(0, "a/b", 1, 0);
	subscribe(1, "a/b", 0, 0);
	offline(0);
	offline(1);
	publish(1);
	assert_enqueued("0:1 ");
	publish(0);
	assert_enqueued("");
	conf.queue_qos0_messages = 1;
	publish(0);
	assert_enqueued("1:0 0:0 ");
	conf.upgrade_outgoing_qos = 1;
	publish(0);
	assert_enqueued("1:0 0:1 ");

	/* the kernel has delivered to those who are connected */
	subscribe(2, "a/b", 0, 0);
	subscribe(3, "$share/g/a/b", 0, 0);
	msg = begin(0, false);
	assert_int_equal(route_deliver_kept(&workers[0], &msg), 3);
	message_done(&msg);
	assert_enqueued("1:0 0:1 ");
	ASSERT_GOT(2, "");
	ASSERT_GOT(3, PLAIN);
}

/* Only to some, each in its own way */
static void test_deliver_to(void **state)
{
	struct client *some[] = { &clients[0], &clients[2], &clients[4] };
	struct message msg = begin(0, true);

	(void)state;
	subscribe(0, "a/b", RAP, 1);
	subscribe(0, "a/#", 0, 2);
	subscribe(1, "a/b", RAP, 1);
	subscribe(2, "+/b", 0, 0);
	subscribe(3, "$share/g/a/b", 0, 0);
	assert_int_equal(route_deliver_to(&workers[0], &msg, some, 3), 2);
	message_done(&msg);
	assert_int_equal(clients[0].out.bytes, 7 + 2 + 2 + 2);
	outq_clear(&clients[0].out);
	ASSERT_GOT(2, PLAIN);
	ASSERT_GOT(1, "");
	ASSERT_GOT(3, "");
}

/* What goes by another worker comes out there as it went in. */
static void test_other_worker(void **state)
{
	static const u8 packet[] = "\x30\7\0\3a/b\0x";
	int far = PEOPLE - 1;
	struct message msg;

	(void)state;
	subscribe(far, "a/b", 0, 0);
	subscribe(0, "a/b", 0, 0);
	assert_int_equal(publish(0), 2);
	subscribe(far, "a/b", 0, 300);
	publish(0);
	subscribe(far, "a/b", RAP, 1);
	subscribe(far, "a/#", 0, 1);
	publish_from(-1, 0, true);
	message_init(&msg, MQTT_PROTOCOL_V5, packet, sizeof(packet) - 1, NULL);
	route_deliver(&workers[0], &msg);
	message_done(&msg);
	ASSERT_GOT(0, PLAIN PLAIN PLAIN PLAIN);
	ASSERT_GOT(far, "");
	worker_post(&workers[0], 1);
	mailbox_empty(&workers[1].mailbox, &workers[1]);
	ASSERT_GOT(far, PLAIN
		   "\x30\x0a\0\3a/b\3\x0b\xac\2x"
		   "\x31\x0b\0\3a/b\4\x0b\1\x0b\1x"
		   "\x30\x0b\0\3a/b\4\x0b\1\x0b\1x");
	assert_int_equal(clients[far].refs, 1);
}

/* MQTT 5.0 4.8.2 */
static void test_share(void **state)
{
	int i, n[4] = {};

	(void)state;
	for (i = 0; i < 3; i++)
		subscribe(i, "$share/g/a/b", 1, i);
	subscribe(3, "$share/g/a/+", 1, 0);
	for (i = 0; i < 6; i++)
		assert_int_equal(publish(1), 2);
	for (i = 0; queued[i]; i++)
		if (queued[i + 1] == ':' && (!i || queued[i - 1] == ' '))
			n[queued[i] - '0']++;
	assert_int_equal(n[0], 2);
	assert_int_equal(n[1], 2);
	assert_int_equal(n[2], 2);
	assert_int_equal(n[3], 6);
	assert_non_null(strstr(queued, "2:1:2:$share/g/a/b "));
	*queued = 0;
	unsubscribe(3, "$share/g/a/+");

	/* besides a match of its own */
	unsubscribe(1, "$share/g/a/b");
	unsubscribe(2, "$share/g/a/b");
	subscribe(0, "a/#", 2, 9);
	assert_int_equal(publish(2), 2);
	assert_string_equal(queued, "0:1:$share/g/a/b 0:2:9 ");
	*queued = 0;
	unsubscribe(0, "$share/g/a/b");
	assert_int_equal(broker.routes.shares.by_name.count, 0);
	assert_int_equal(publish(0), 1);
}

/* Those who are connected and have room, or else are connected, or else anybody */
static void test_share_choice(void **state)
{
	struct message msg;
	int i;

	(void)state;
	for (i = 0; i < 5; i++)
		subscribe(i, "$share/g/a/#", 1, 0);
	for (i = 0; i < 5; i++)
		if (i != 2)
			room[i] = false;
	for (i = 0; i < 3; i++)
		publish(1);
	assert_enqueued("2:1:$share/g/a/# 2:1:$share/g/a/# 2:1:$share/g/a/# ");
	offline(2);
	for (i = 0; i < 5; i++)
		if (i != 4)
			offline(i);
	publish(1);
	publish(1);
	assert_enqueued("4:1:$share/g/a/# 4:1:$share/g/a/# ");
	offline(4);
	assert_int_equal(publish(1), 1);
	*queued = 0;

	/* anew, but not to who has left it */
	for (i = 0; i < 4; i++)
		unsubscribe(i, "$share/g/a/#");
	msg = begin(1, false);
	share_redeliver(&workers[0], message_stored(&msg), "$share/g/a/#", sessions[4]);
	assert_enqueued("");
	share_redeliver(&workers[0], message_stored(&msg), "$share/g/a/#", sessions[3]);
	assert_enqueued("4:1:$share/g/a/# ");
	share_redeliver(&workers[0], message_stored(&msg), "$share/h/a/#", NULL);
	assert_enqueued("");
	message_done(&msg);
}

/* Between the choice and the queue a member's session can end. */
static void test_share_ends(void **state)
{
	struct message msg;
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		subscribe(i, "$share/g/a/#", 1, 0);
	ending = 0;
	assert_int_equal(publish(1), 1);
	assert_enqueued("1:1:$share/g/a/# ");
	ending = 2;
	msg = begin(1, false);
	share_redeliver(&workers[0], message_stored(&msg), "$share/g/a/#", NULL);
	message_done(&msg);
	assert_enqueued("1:1:$share/g/a/# ");
	ending = 1;
	assert_int_equal(publish(1), 0);
	assert_enqueued("");
	ending = -1;
}

static void test_share_dollar(void **state)
{
	struct mqtt_publish pub = {
		.topic = (const u8 *)"$d/x", .topic_len = 4,
		.payload = (const u8 *)"x", .payload_len = 1, .qos = 1,
	};
	struct message msg;

	(void)state;
	subscribe(0, "$share/g/$d/#", 1, 0);
	subscribe(1, "$share/g/#", 1, 0);
	message_init_publish(&msg, MQTT_PROTOCOL_V311, &pub, NULL, NULL);
	assert_int_equal(route_deliver(&workers[0], &msg), 1);
	message_done(&msg);
	assert_enqueued("0:1:$share/g/$d/# ");
}

/* Members come and go in any order. */
static void test_share_members(void **state)
{
	unsigned int seed = 1;
	bool in[PEOPLE] = {};
	int i, who, n = 0;

	(void)state;
	for (i = 0; i < 2000; i++) {
		who = rand_r(&seed) % PEOPLE;
		if (in[who])
			unsubscribe(who, "$share/g/a/b");
		else
			subscribe(who, "$share/g/a/b", 1, 0);
		n += in[who] ? -1 : 1;
		in[who] = !in[who];
		assert_int_equal(publish(1), n ? 1 : 0);
		if (n)
			assert_true(in[*queued - '0']);
		*queued = 0;
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_filter), TEST(test_overlap), TEST(test_many_filters),
		TEST(test_no_local), TEST(test_offline), TEST(test_deliver_to),
		TEST(test_other_worker), TEST(test_share), TEST(test_share_choice),
		TEST(test_share_ends),
		TEST(test_share_dollar), TEST(test_share_members),
	};
	int failed;

	rcu_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_unregister_thread();
	return failed;
}
