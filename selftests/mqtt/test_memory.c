// SPDX-License-Identifier: MIT
/*
 * What all queues of a router may hold together: slow peers are bounded by it,
 * and nobody else notices.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "events.h"
#include "lib/packets.h"
#include "lib/port.h"

#define LIMIT	(512 << 10)
#define FREE	(64 << 10)		/* of each queue, not counted */
#define SLOW	4
#define SOURCE	1

static struct rig_peer pub, fast, slow[SLOW];
static struct packets got;
static struct mqtt_events *events;

static int take_memory(struct nlattr **attrs, void *arg)
{
	uint64_t *memory = arg;

	CHECK(attrs[MQTT_A_ROUTER_MEMORY_LIMIT] && attrs[MQTT_A_ROUTER_MEMORY_BYTES]);
	memory[0] = nla_get_u64(attrs[MQTT_A_ROUTER_MEMORY_LIMIT]);
	memory[1] = nla_get_u64(attrs[MQTT_A_ROUTER_MEMORY_BYTES]);
	return 0;
}

static uint64_t memory_limit(void)
{
	uint64_t memory[2];

	CHECK_EQ(mqtt_nl_router_get(rig_nl, take_memory, memory), 0);
	return memory[0];
}

static uint64_t memory_bytes(void)
{
	uint64_t memory[2];

	CHECK_EQ(mqtt_nl_router_get(rig_nl, take_memory, memory), 0);
	return memory[1];
}

static void set_memory(uint64_t limit)
{
	CHECK_EQ(mqtt_nl_router_set(rig_nl, &(struct mqtt_nl_router){ .memory_limit = limit }),
		 0);
	CHECK_EQ(memory_limit(), limit);
}

static void open_slow(struct rig_peer *p, uint8_t policy)
{
	const uint8_t yes = 1;
	const struct mqtt_nl_peer_set set = { .tx_hold = &yes, .queue_policy = &policy };

	rig_open_sub(p, "t/u");
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, p->id, &set), 0);
}

static void start(void)
{
	rig_start();
	set_memory(LIMIT);
	rig_open(&pub);
	rig_open_sub(&fast, "t/u");
	got.fd = fast.client;
}

/* The fast peer gets each message at once. */
static void publish(unsigned int from, unsigned int n)
{
	struct bytes b = { 0 };

	for (; n; n--, from++) {
		b.len = 0;
		wire_numbered(&b, 0x30, "t/u", SOURCE, from, 1000);
		rig_send_bytes(&pub, &b);
		packets_expect(&got, SOURCE, from, 1);
	}
	bytes_free(&b);
}

static void limits(void)
{
	struct mqtt_nl_router low = { .memory_limit = 65535 };

	rig_start();
	CHECK(memory_limit() >= 16 << 20);
	CHECK_EQ(memory_bytes(), 0);
	CHECK_EQ(mqtt_nl_router_set(rig_nl, &low), -ERANGE);
	set_memory(65536);
	set_memory(-1ULL);
}

/* Who holds little is not counted. */
static void little(void)
{
	start();
	open_slow(&slow[0], MQTT_QUEUE_POLICY_DROP_NEW);
	publish(0, 20);
	CHECK(rig_peer_get(&slow[0], MQTT_A_PEER_QUEUE_BYTES) > 20000);
	CHECK_EQ(memory_bytes(), 0);
	publish(20, 40);
	CHECK(rig_peer_get(&slow[0], MQTT_A_PEER_QUEUE_BYTES) > FREE);
	CHECK_EQ(memory_bytes(), FREE);
	rig_release(&slow[0]);
	WAIT_UNTIL(!rig_peer_get(&slow[0], MQTT_A_PEER_QUEUE_PACKETS));
	CHECK_EQ(memory_bytes(), 0);
}

static unsigned long long sum(int attr, bool stat)
{
	unsigned long long n = 0;
	int i;

	for (i = 0; i < SLOW; i++)
		n += stat ? rig_peer_stat(&slow[i], attr) : rig_peer_get(&slow[i], attr);
	return n;
}

/* All that is in its queue arrives. */
static void drain(struct rig_peer *p)
{
	unsigned int left = rig_peer_get(p, MQTT_A_PEER_QUEUE_PACKETS), from;
	struct packets in = { .fd = p->client };

	rig_release(p);
	tcp_nonblock(p->client, true);
	while (left) {
		if (packets_take_any(&in, &from) >= 0)
			left--;
		else
			packets_wait(&in);
	}
	CHECK_EQ(packets_left(&in), 0);
}

static void several_slow_ones(void)
{
	unsigned int i, n = 400;
	unsigned long long full;

	start();
	for (i = 0; i < SLOW; i++)
		open_slow(&slow[i], MQTT_QUEUE_POLICY_DROP_NEW);
	for (i = 0; i < n; i += 50) {
		publish(i, 50);
		CHECK(memory_bytes() <= LIMIT);
		CHECK(sum(MQTT_A_PEER_QUEUE_BYTES, false) <= LIMIT + SLOW * FREE);
	}
	for (i = 0; i < SLOW; i++)
		CHECK(rig_peer_get(&slow[i], MQTT_A_PEER_QUEUE_BYTES) > FREE - 4096);
	CHECK_EQ(memory_bytes(), LIMIT);
	CHECK(sum(MQTT_A_PEER_QUEUE_BYTES, false) > LIMIT + SLOW * (FREE - 4096));
	full = sum(MQTT_A_PEER_STATS_DROP_ROUTER_FULL, true);
	CHECK(full > 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_ROUTER_FULL), full);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL), 0);
	CHECK_EQ(sum(MQTT_A_PEER_QUEUE_PACKETS, false) + full, n * SLOW);
	CHECK_EQ(rig_peer_stat(&fast, MQTT_A_PEER_STATS_DROP_ROUTER_FULL), 0);

	/* One that leaves makes room for others. */
	rig_close(&slow[0]);
	WAIT_UNTIL(memory_bytes() < LIMIT);
	publish(n, 10);
	CHECK(rig_stat(MQTT_A_STATS_DROP_ROUTER_FULL) < full + (SLOW - 1) * 10);
	for (i = 1; i < SLOW; i++)
		drain(&slow[i]);
	WAIT_UNTIL(!memory_bytes());
	rig_check_balance();
}

/* The oldest of its own make room, as they would at its own limit. */
static void drop_old(void)
{
	unsigned int n = 600, left;

	start();
	open_slow(&slow[0], MQTT_QUEUE_POLICY_DROP_OLD);
	publish(0, n);
	CHECK_EQ(memory_bytes(), LIMIT);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_ROUTER_FULL), 0);
	left = n - rig_stat(MQTT_A_STATS_DROP_OLD);
	CHECK_EQ(rig_peer_get(&slow[0], MQTT_A_PEER_QUEUE_PACKETS), left);
	CHECK(left > LIMIT / 2200 && left < n - 100);
	got.fd = slow[0].client;
	rig_release(&slow[0]);
	packets_expect(&got, SOURCE, n - left, left);
	rig_fence(&slow[0]);
	WAIT_UNTIL(!memory_bytes());
}

/* A queue is too long when it is at its own limit, not when others' are. */
static void disconnect(void)
{
	start();
	open_slow(&slow[0], MQTT_QUEUE_POLICY_DISCONNECT);
	publish(0, 600);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_SLOW), 0);
	CHECK(rig_peer_stat(&slow[0], MQTT_A_PEER_STATS_DROP_ROUTER_FULL) > 0);
	tcp_expect_again(slow[0].fd);
}

/* What it has reserved moves with it, even above the limit. */
static void host(void)
{
	static struct rig_port port;
	unsigned int i, queued, full;

	start();
	rig_port_open(&port, 0);
	open_slow(&slow[0], MQTT_QUEUE_POLICY_DROP_NEW);
	open_slow(&slow[1], MQTT_QUEUE_POLICY_DROP_NEW);
	publish(0, 400);
	CHECK_EQ(memory_bytes(), LIMIT);
	full = rig_stat(MQTT_A_STATS_DROP_ROUTER_FULL);
	queued = 800 - full;
	rig_host(&slow[0], &port);
	rig_host(&slow[1], &port);
	CHECK(memory_bytes() >= LIMIT);
	CHECK_EQ(rig_peer_get(&slow[0], MQTT_A_PEER_QUEUE_BYTES), 0);
	publish(400, 1);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_ROUTER_FULL), full + 2);
	CHECK_EQ(rig_peer_stat(&slow[1], MQTT_A_PEER_STATS_DROP_ROUTER_FULL) +
		 rig_peer_stat(&slow[0], MQTT_A_PEER_STATS_DROP_ROUTER_FULL), full + 2);
	for (i = 0; i < queued; i++)
		CHECK(rig_port_wait(&port)->packet_len > 1000);
	rig_port_expect_empty(&port);
	CHECK_EQ(memory_bytes(), 0);
}

static void lowered(void)
{
	start();
	open_slow(&slow[0], MQTT_QUEUE_POLICY_DROP_NEW);
	publish(0, 150);
	CHECK(memory_bytes() > 2 * FREE);
	set_memory(FREE);
	publish(150, 200);
	CHECK(memory_bytes() > 2 * FREE);
	CHECK(rig_stat(MQTT_A_STATS_DROP_ROUTER_FULL) > 100);
	rig_release(&slow[0]);
	WAIT_UNTIL(!memory_bytes());
}

/* --- a memory cgroup ------------------------------------------------------------- */

#define CGROUPS	"/tmp/mqtt-cgroups"

static bool file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return done;
}

static long long cgroup_bytes(void)
{
	FILE *f = fopen(CGROUPS "/publisher/memory.current", "r");
	long long bytes = -1;

	CHECK(f);
	CHECK_EQ(fscanf(f, "%lld", &bytes), 1);
	fclose(f);
	return bytes;
}

static void cgroup_enter(const char *name)
{
	char path[128], pid[16];

	snprintf(path, sizeof(path), CGROUPS "%s/cgroup.procs", name);
	snprintf(pid, sizeof(pid), "%d", getpid());
	CHECK(file_write(path, pid));
}

static void cgroup_begin(void)
{
	mkdir(CGROUPS, 0700);
	if (mount("none", CGROUPS, "cgroup2", 0, NULL) && errno != EBUSY)
		ksft_skip("no cgroup2");
	if (!file_write(CGROUPS "/cgroup.subtree_control", "+memory"))
		ksft_skip("no memory controller");
	CHECK(!mkdir(CGROUPS "/publisher", 0700) || errno == EEXIST);
}

/*
 * The publisher's connection is accepted in the cgroup, which then pays for what
 * its messages take while they wait for the slow peer. At the cgroup's limit they
 * are dropped, and those of others are not.
 */
static void cgroup(void)
{
	struct rig_peer other;
	unsigned int i, lost;
	struct bytes b = { 0 };
	char limit[32];
	long long most;

	if (ksft_slow())
		ksft_skip("a checker's memory is charged to cgroups, too");
	cgroup_begin();
	rig_start_with(1 << 30, 0);
	cgroup_enter("/publisher");
	rig_connect(&pub, NULL);
	cgroup_enter("");
	rig_attach(&pub);
	rig_open(&other);
	open_slow(&slow[0], MQTT_QUEUE_POLICY_DROP_NEW);
	most = cgroup_bytes() + (4 << 20);
	snprintf(limit, sizeof(limit), "%lld", most);
	CHECK(file_write(CGROUPS "/publisher/memory.max", limit));
	for (i = 0; i < 100; i++)
		wire_numbered(&b, 0x30, "t/u", SOURCE, i, 1000);
	for (i = 0; !rig_stat(MQTT_A_STATS_DROP_NO_MEMORY); i++) {
		CHECK(i < 100);
		rig_send_bytes(&pub, &b);
	}
	CHECK(i > 15);
	for (i = 0; i < 30; i++)
		rig_send_bytes(&pub, &b);
	lost = rig_stat(MQTT_A_STATS_DROP_NO_MEMORY);
	/*
	 * TCP may exceed the limit for a moment, and what it gives back then some
	 * messages get: so not all are lost.
	 */
	CHECK(lost > 1500);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_DROP_NO_MEMORY) +
		 rig_peer_stat(&slow[0], MQTT_A_PEER_STATS_DROP_NO_MEMORY), lost);
	ksft_note("limit %lld, now %lld, lost %u", most, cgroup_bytes(), lost);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL), 0);

	i = rig_peer_get(&slow[0], MQTT_A_PEER_QUEUE_PACKETS);
	rig_send_bytes(&other, &b);
	CHECK_EQ(rig_peer_get(&slow[0], MQTT_A_PEER_QUEUE_PACKETS), i + 100);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_NO_MEMORY), lost);

	/* What is sent is the cgroup's no more, and it can publish again. */
	drain(&slow[0]);
	rig_send_bytes(&pub, &b);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_NO_MEMORY), lost);
	WAIT_UNTIL(!rig_peer_get(&slow[0], MQTT_A_PEER_QUEUE_PACKETS));
	rig_check_balance();
}

struct seen {
	unsigned int full;
	unsigned int slow;
	unsigned int slow_peer;
};

static int take_event(struct nlattr **attrs, void *arg)
{
	struct seen *seen = arg;
	int type = nla_get_u8(attrs[MQTT_A_EVENT_TYPE]);

	if (type == MQTT_EVENT_TYPE_ROUTER_FULL) {
		CHECK(!attrs[MQTT_A_EVENT_PEER_ID]);
		seen->full++;
	} else if (type == MQTT_EVENT_TYPE_PEER_SLOW) {
		seen->slow++;
		seen->slow_peer = nla_get_u32(attrs[MQTT_A_EVENT_PEER_ID]);
		CHECK(attrs[MQTT_A_EVENT_REMOTE]);
	}
	return 1;
}

static void told(void)
{
	const uint32_t packets = 600;
	struct seen seen = { 0 };
	long long begin;

	tcp_netns_new();
	CHECK_EQ(mqtt_events_open(&events), 0);
	start();
	open_slow(&slow[0], MQTT_QUEUE_POLICY_DROP_NEW);
	begin = ksft_now_ms();
	publish(0, 600);
	CHECK(rig_stat(MQTT_A_STATS_DROP_ROUTER_FULL) > 100);
	while (mqtt_events_receive(events, take_event, &seen))
		;
	CHECK(seen.full >= 1);
	CHECK(seen.full <= 2 + (ksft_now_ms() - begin) / 1000);

	set_memory(16 << 20);
	open_slow(&slow[1], MQTT_QUEUE_POLICY_DISCONNECT);
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, slow[1].id,
				  &(struct mqtt_nl_peer_set){ .queue_packets = &packets }), 0);
	publish(600, 610);
	while (mqtt_events_receive(events, take_event, &seen))
		;
	CHECK_EQ(seen.slow, 1);
	CHECK_EQ(seen.slow_peer, slow[1].id);
}

static const struct ksft_case cases[] = {
	{ "limits", limits },
	{ "little", little },
	{ "several slow ones", several_slow_ones },
	{ "drop-old", drop_old },
	{ "disconnect", disconnect },
	{ "host", host },
	{ "lowered", lowered },
	{ "cgroup", cgroup },
	{ "told", told },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
