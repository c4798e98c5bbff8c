// SPDX-License-Identifier: MIT
/*
 * More receivers with Subscription Identifiers than there are places for without memory:
 * each gets its copy, or has lost it and that is counted.
 */
#include "lib/fault.h"
#include "lib/rig.h"
#include "lib/sites.h"
#include "lib/wire.h"

#define RECEIVERS 24

static struct rig_peer pub, subs[RECEIVERS];
static struct bytes packet;
static unsigned long long before, lost;

/* Messages that each has got or lost; the publisher's losses are everybody's. */
static unsigned long long least(void)
{
	unsigned long long n, min = -1ull;
	int i;

	for (i = 0; i < RECEIVERS; i++) {
		n = rig_peer_stat(&subs[i], MQTT_A_PEER_STATS_TX_PACKETS) +
		    rig_peer_stat(&subs[i], MQTT_A_PEER_STATS_DROP_NO_MEMORY);
		min = n < min ? n : min;
	}
	return min + rig_peer_stat(&pub, MQTT_A_PEER_STATS_DROP_NO_MEMORY);
}

static void prepare(void *arg)
{
	(void)arg;
	before = least();
}

static void publish(void *arg)
{
	(void)arg;
	rig_send_bytes(&pub, &packet);
	WAIT_UNTIL(!tcp_unread(pub.fd));
}

static void check(void *arg, bool once)
{
	(void)arg;
	(void)once;
	WAIT_UNTIL(least() == before + 1);
}

static void many_copies(void)
{
	static const struct faults_try try = { prepare, publish, check, NULL };
	unsigned int i, n;

	faults_need();
	rig_start();
	rig_open(&pub);
	for (i = 0; i < RECEIVERS; i++) {
		rig_open_as(&subs[i], MQTT_PROTOCOL_V5, 0);
		rig_sub_id(&subs[i], "t/u", 1 + i);
		rig_sub_id(&subs[i], "t/+", 100);
	}
	wire_message(&packet, "t/u", "hello");
	n = faults_walk(&try);
	for (i = 0; i < RECEIVERS; i++)
		lost += rig_peer_stat(&subs[i], MQTT_A_PEER_STATS_DROP_NO_MEMORY);
	ksft_note("failed at %u places and times, %llu copies were lost", n, lost);
	CHECK(lost);
	rig_check_balance();
}

static const struct ksft_case cases[] = {
	{ "many_copies", many_copies },
};

int main(int argc, char **argv)
{
	sites_begin(argv[0]);
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
