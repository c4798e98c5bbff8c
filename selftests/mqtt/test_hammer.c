// SPDX-License-Identifier: MIT
/*
 * Two CPUs in the router at once, for as much of the time as can be: each publisher sends
 * blocks of messages whose topics alternate, so each message is routed by itself, and
 * nothing else is done in between. Meanwhile the daemon asks and changes what messages
 * look at. For a kernel that finds data races; others see that all is accounted for.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/acl.h"
#include "lib/port.h"

#define PUBLISHERS	2
#define BLOCK		200	/* messages of one send() */

enum { PLAIN, TRANSLATED, CONFLATED, ASKED, HOSTED, CHANGED, RECEIVERS };

static struct rig_peer publishers[PUBLISHERS], receivers[RECEIVERS];
static struct rig_port port;
static unsigned int blocks;
static bool stop;

static void *publish_main(void *arg)
{
	struct rig_peer *p = arg;
	struct bytes b = { 0 };
	unsigned int i, k;
	char topic[8];

	ksft_run_on(p - publishers);
	for (i = 0; i < blocks; i++) {
		b.len = 0;
		for (k = 0; k < BLOCK; k++) {
			snprintf(topic, sizeof(topic), "t/%u", (i + k) % 8);
			wire_numbered(&b, 0x30, topic, p - publishers, i * BLOCK + k, 10);
		}
		tcp_send_all(p->client, b.p, b.len);
		p->sent += b.len;
	}
	bytes_free(&b);
	return NULL;
}

/* Takes what comes, wherever it comes. */
static void *receive_main(void *arg)
{
	struct pollfd fds[RECEIVERS];
	static char buf[1 << 18];
	int i;

	(void)arg;
	for (i = 0; i < RECEIVERS; i++) {
		fds[i] = (struct pollfd){
			.fd = i == HOSTED ? port.fd : receivers[i].client, .events = POLLIN,
		};
	}
	while (!ksft_flag(&stop)) {
		if (CHECK_SYS(poll(fds, RECEIVERS, 10)) == 0)
			continue;
		for (i = 0; i < RECEIVERS; i++) {
			if (fds[i].revents)
				CHECK_SYS(read(fds[i].fd, buf, sizeof(buf)));
		}
	}
	return NULL;
}

static int show_nothing(struct nlattr **attrs, void *arg)
{
	(void)attrs;
	(void)arg;
	return 0;
}

static void *ask_main(void *arg)
{
	struct mqtt_nl *nl;

	(void)arg;
	ksft_run_on(1);
	CHECK_EQ(mqtt_nl_open(&nl), 0);
	while (!ksft_flag(&stop)) {
		CHECK_EQ(mqtt_nl_stats_get(nl, show_nothing, NULL), 0);
		CHECK_EQ(mqtt_nl_peer_dump(nl, show_nothing, NULL), 0);
		CHECK_EQ(mqtt_nl_port_dump(nl, show_nothing, NULL), 0);
		CHECK_EQ(mqtt_nl_sub_dump(nl, 0, show_nothing, NULL), 0);
	}
	mqtt_nl_close(nl);
	return NULL;
}

/* What a message looks at on its way, of a peer of its own and of publishers */
static void change(struct mqtt_nl *nl, unsigned int i)
{
	static const uint8_t policies[] = {
		MQTT_QUEUE_POLICY_DROP_NEW, MQTT_QUEUE_POLICY_DROP_OLD,
		MQTT_QUEUE_POLICY_CONFLATE,
	};
	const struct mqtt_nl_filter filters[] = {
		{ .filter = (const uint8_t *)"t/+", .len = 3, .id = 7 },
		{ .filter = (const uint8_t *)"t/3", .len = 3,
		  .group = (const uint8_t *)"g", .group_len = 1 },
	};
	const struct mqtt_nl_acl_rule may = rule(i & 2 ? "t/#" : "t/+", ALLOW, PUB | RECV);
	const unsigned int acls[MQTT_PEER_ACLS_MAX] = { i & 1 };
	const uint32_t packets = 100 + i % 50;
	const uint64_t queue_limit = 4096 << i % 6;
	const uint16_t keep_alive = i % 3 * 100;
	const struct mqtt_nl_peer_set set = {
		.queue_limit = &queue_limit, .queue_packets = &packets,
		.queue_policy = &policies[i % ARRAY_LEN(policies)],
	};
	const struct mqtt_nl_peer_set all = { .acls = acls, .keep_alive = &keep_alive };

	CHECK_EQ(mqtt_nl_peer_set(nl, receivers[CHANGED].id, &set), 0);
	CHECK_EQ(mqtt_nl_peer_set(nl, receivers[ASKED].id, &all), 0);
	CHECK_EQ(mqtt_nl_peer_set(nl, publishers[i % PUBLISHERS].id, &all), 0);
	CHECK_EQ(mqtt_nl_acl_set(nl, 1, PASS, &may, 1), 0);
	CHECK_EQ(mqtt_nl_sub_add(nl, receivers[CHANGED].id, filters, ARRAY_LEN(filters)), 0);
	CHECK_EQ(mqtt_nl_sub_del(nl, receivers[CHANGED].id, filters, ARRAY_LEN(filters)), 0);
}

static void *change_main(void *arg)
{
	struct mqtt_nl *nl;
	unsigned int i;

	(void)arg;
	CHECK_EQ(mqtt_nl_open(&nl), 0);
	for (i = 0; !ksft_flag(&stop); i++)
		change(nl, i);
	mqtt_nl_close(nl);
	ksft_note("%u changes", i);
	return NULL;
}

static void open_receivers(void)
{
	struct mqtt_nl_attach with[RECEIVERS] = {
		[TRANSLATED] = { .protocol = MQTT_PROTOCOL_V5 },
		[CHANGED] = { .protocol = MQTT_PROTOCOL_V5 },
	};
	const uint8_t conflate = MQTT_QUEUE_POLICY_CONFLATE;
	const struct mqtt_nl_peer_set set = { .queue_policy = &conflate };
	int i;

	rig_port_open(&port, 0);
	for (i = 0; i < RECEIVERS; i++) {
		if (i == HOSTED) {
			rig_attach_hosted(&receivers[i], &port);
		} else {
			rig_connect(&receivers[i], NULL);
			rig_attach_with(&receivers[i], &with[i]);
		}
		if (i != CHANGED)
			rig_sub(&receivers[i], i % 2 ? "t/#" : "t/+");
	}
	rig_sub_group(&receivers[PLAIN], "g", "t/3", 0);
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, receivers[CONFLATED].id, &set), 0);
	SET_ACL(1, PASS, rule("t/#", ALLOW, PUB | RECV));
}

static void everything_at_once(void)
{
	void *(*const others[])(void *) = { receive_main, ask_main, change_main };
	pthread_t threads[PUBLISHERS + ARRAY_LEN(others)];
	unsigned int i;

	alarm(ksft_scale(120, 600));
	blocks = ksft_scale(400, 20);
	rig_start();
	for (i = 0; i < PUBLISHERS; i++)
		rig_open(&publishers[i]);
	open_receivers();
	for (i = 0; i < ARRAY_LEN(others); i++)
		CHECK(!pthread_create(&threads[PUBLISHERS + i], NULL, others[i], NULL));
	for (i = 0; i < PUBLISHERS; i++)
		CHECK(!pthread_create(&threads[i], NULL, publish_main, &publishers[i]));
	for (i = 0; i < PUBLISHERS; i++) {
		CHECK(!pthread_join(threads[i], NULL));
		rig_wait_arrived(&publishers[i]);
		WAIT_UNTIL(!tcp_unread(publishers[i].fd));
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PACKETS), (long long)PUBLISHERS * blocks * BLOCK);
	WAIT_UNTIL(!rig_peer_get(&receivers[PLAIN], MQTT_A_PEER_QUEUE_PACKETS));
	ksft_flag_set(&stop);
	for (i = PUBLISHERS; i < ARRAY_LEN(threads); i++)
		CHECK(!pthread_join(threads[i], NULL));
}

static const struct ksft_case cases[] = {
	{ "everything_at_once", everything_at_once },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
