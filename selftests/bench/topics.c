// SPDX-License-Identifier: MIT
/*
 * topics [N [PART...]]: what the kernel's topic table takes and costs: N subscriptions
 * (a million), churn, filters made to be expensive, and idle peers. PARTs are idle,
 * churn, bombs, prefixes and first-levels; all by default. To be run as root, with the
 * module loaded, in the virtual machine that counts instructions: `make bench-table`
 * (Documentation/performance.rst).
 *
 * The program is the daemon and all clients. Instructions are the time that all tasks
 * have run; memory is what has become less of the free one. Filters and messages are
 * written down before it is measured what is done with them.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/mqtt.h>
#include "../../tools/mqttperf/mark.h"
#include "netlink.h"

#define PEERS		100	/* that the subscriptions belong to */
#define IDLE		10000
#define SUBS_MAX	1000000
#define LOAD_BATCH	500	/* filters per call */
#define MESSAGES	30000	/* of one measurement */
#define WRITE		2500	/* messages */
#define PAIRS		10	/* publishers and subscribers of the routing under churn */
#define CHURN		10000	/* changes per second */

struct peer {
	int client;
	int fd;
	uint32_t id;
};

static struct mqtt_nl *nl;
static struct peer peers[PEERS], publisher;
static int listener;

static void must(int ret, const char *what)
{
	if (ret)
		errx(1, "%s: %s", what, mqtt_nl_error(nl));
}

/*
 * Nanoseconds, here instructions, that tasks have run since boot. The time of one is
 * counted when it leaves the CPU.
 */
static uint64_t busy(void)
{
	FILE *f = fopen("/proc/schedstat", "r");
	unsigned long long sum = 0, ns;
	char line[512];

	if (!f)
		err(1, "/proc/schedstat");
	usleep(1);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "cpu%*d %*d %*d %*d %*d %*d %*d %llu", &ns) == 1)
			sum += ns;
	fclose(f);
	return sum;
}

/*
 * The end of what began with mark_begin(): @what was done @n times. Of this
 * selftests/bench/topic-table counts the instructions by function.
 */
static void counted(const char *set, const char *what, unsigned int n)
{
	mark_end();
	if (getenv("PROFILE"))
		printf("{\"broker\":\"table\",\"cell\":\"%s-%s\",\"result\":{\"messages\":"
		       "{\"delivered\":%u}}}\n", set, what, n);
}

/* After boot the kernel tests its ciphers, and frees what it has needed. */
static void wait_for_idle(void)
{
	uint64_t before;

	do {
		before = busy();
		sleep(1);
	} while (busy() - before > 50000000);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* Bytes. What was freed before comes back within a second. */
static uint64_t memory_free(void)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *f;

	wait_for_idle();
	f = fopen("/proc/meminfo", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %llu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024;
}

static void pair(struct peer *p)
{
	struct sockaddr_in to;
	socklen_t len = sizeof(to);
	int one = 1;

	getsockname(listener, (struct sockaddr *)&to, &len);
	p->client = socket(AF_INET, SOCK_STREAM, 0);
	if (p->client < 0 || connect(p->client, (struct sockaddr *)&to, len))
		err(1, "connect");
	p->fd = accept(listener, NULL, NULL);
	if (p->fd < 0)
		err(1, "accept");
	setsockopt(p->client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void attach(struct peer *p, uint64_t queue_bytes, bool hold)
{
	const struct mqtt_nl_attach with = {
		.fd = p->fd, .protocol = MQTT_PROTOCOL_V311, .client_id = "client",
		.limits.queue_bytes = queue_bytes, .tx_hold = hold,
	};

	must(mqtt_nl_peer_attach(nl, &with, &p->id), "attach");
}

static void open_peer(struct peer *p)
{
	pair(p);
	attach(p, 0, false);
}

static void close_peer(struct peer *p)
{
	close(p->client);
	close(p->fd);
}

static void subscribe(const struct peer *p, const char *filter)
{
	struct mqtt_nl_filter f = { .filter = (const uint8_t *)filter, .len = strlen(filter) };

	must(mqtt_nl_sub_add(nl, p->id, &f, 1), filter);
}

/* --- messages -------------------------------------------------------------- */

static size_t put(unsigned char *p, const char *topic, size_t payload)
{
	size_t len = strlen(topic);

	p[0] = 0x30;
	p[1] = 2 + len + payload;
	p[2] = 0;
	p[3] = len;
	memcpy(p + 4, topic, len);
	memset(p + 4 + len, 'x', payload);
	return 4 + len + payload;
}

static void send_all(int fd, const unsigned char *p, size_t len)
{
	while (len) {
		ssize_t n = send(fd, p, len, 0);

		if (n < 0)
			err(1, "send");
		p += n;
		len -= n;
	}
}

static unsigned int next_random(unsigned int below)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (state >> 33) % below;
}

/* --- many subscriptions ---------------------------------------------------- */

/* The @i-th of @n filters or topics; each function is a set. */
typedef void (*name_fn)(char *text, unsigned int i, unsigned int n);

static void prefixes(char *text, unsigned int i, unsigned int n)
{
	unsigned int side = 1;

	while (side * side < n)
		side++;
	sprintf(text, "p%03u/q%03u/state", i / side, i % side);
}

static void first_levels(char *text, unsigned int i, unsigned int n)
{
	(void)n;
	sprintf(text, "device%06u/state", i);
}

static char names[SUBS_MAX][24];
static unsigned char messages[MESSAGES * 32];

static void write_names(name_fn name, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		name(names[i], i, n);
}

static void load(unsigned int n)
{
	static struct mqtt_nl_filter filters[LOAD_BATCH];
	unsigned int i, j, each = n / PEERS;

	for (i = 0; i < n; i += j) {
		for (j = 0; j < LOAD_BATCH && i + j < n && (!j || (i + j) % each); j++) {
			filters[j].filter = (const uint8_t *)names[i + j];
			filters[j].len = strlen(names[i + j]);
		}
		must(mqtt_nl_sub_add(nl, peers[i / each % PEERS].id, filters, j), "load");
	}
}

static double load_cost(const char *set, unsigned int n)
{
	uint64_t before = busy();

	mark_begin();
	load(n);
	counted(set, "load", n);
	return (double)(busy() - before) / n;
}

/* Instructions per message, of random topics of the first @n names. */
static double publish_random(const char *set, const char *what, unsigned int n)
{
	static size_t ends[MESSAGES / WRITE];
	size_t len = 0, begin = 0;
	unsigned int i;
	uint64_t before;

	for (i = 0; i < MESSAGES; i++) {
		len += put(messages + len, names[next_random(n)], 1);
		ends[i / WRITE] = len;
	}
	before = busy();
	mark_begin();
	for (i = 0; i < MESSAGES / WRITE; begin = ends[i++]) {
		send_all(publisher.client, messages + begin, ends[i] - begin);
		usleep(10000);	/* till all are through */
	}
	counted(set, what, MESSAGES);
	return (double)(busy() - before) / MESSAGES;
}

/* Likewise, of one topic, and each written by itself, or it would be a train. */
static double publish_same(const char *set, const char *what)
{
	uint64_t before;
	unsigned int i;
	size_t len;

	len = put(messages, names[0], 1);
	before = busy();
	mark_begin();
	for (i = 0; i < MESSAGES; i++)
		send_all(publisher.client, messages, len);
	counted(set, what, MESSAGES);
	return (double)(busy() - before) / MESSAGES;
}

static void open_peers(void)
{
	unsigned int i;

	wait_for_idle();
	must(mqtt_nl_router_new(nl, &(struct mqtt_nl_router){ 0 }), "router");
	/* whose queues are soon full: what it takes to be matched, not to be sent */
	for (i = 0; i < PEERS; i++) {
		pair(&peers[i]);
		attach(&peers[i], 4096, true);
	}
	open_peer(&publisher);
}

static void close_peers(void)
{
	unsigned int i;

	for (i = 0; i < PEERS; i++)
		close_peer(&peers[i]);
	close_peer(&publisher);
	must(mqtt_nl_router_del(nl), "router");
}

static void many(const char *set, name_fn name, unsigned int n)
{
	double each, empty, few, most, few_same, most_same;
	uint64_t taken;

	open_peers();
	write_names(name, 1000);
	empty = publish_random(set, "empty", 1000);
	load(1000);
	publish_random(set, "warm", 1000);	/* fills the queues */
	few = publish_random(set, "few", 1000);
	few_same = publish_same(set, "few-same");
	close_peers();

	open_peers();
	write_names(name, n);
	taken = memory_free();
	each = load_cost(set, n);
	taken -= memory_free();
	publish_random(set, "warm", n);
	most = publish_random(set, "most", n);
	most_same = publish_same(set, "most-same");
	printf("%s: %u subscriptions: %.0f instructions to load one, %.0f bytes each\n",
	       set, n, each, (double)taken / n);
	printf("%s: a message to a random topic takes %.0f, with 1000 %.0f, with none %.0f; "
	       "to the same topic, written by itself, %.0f, with 1000 %.0f\n",
	       set, most, few, empty, most_same, few_same);
	fflush(stdout);
	close_peers();
}

/* --- churn ----------------------------------------------------------------- */

static struct peer from[PAIRS], to[PAIRS];

static size_t drain(int fd)
{
	static unsigned char buf[64 << 10];
	size_t sum = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		sum += n;
	return sum;
}

static void change(unsigned int number)
{
	char text[32];
	struct mqtt_nl_filter f = {
		.filter = (const uint8_t *)text,
		.len = sprintf(text, "p%03u/churn/%u", number / 2 % 30, number / 2 % 1000),
	};

	must(number % 2 ? mqtt_nl_sub_del(nl, peers[0].id, &f, 1) :
			  mqtt_nl_sub_add(nl, peers[0].id, &f, 1), "churn");
}

/* Instructions of one, if nothing else goes on */
static double change_cost(void)
{
	uint64_t before = busy();
	unsigned int i;

	mark_begin();
	for (i = 0; i < CHURN; i++)
		change(i);
	counted("churn", "change", CHURN);
	return (double)(busy() - before) / i;
}

/* Instructions per delivery with @batch messages per write. */
static double route(unsigned int batch, bool churn, unsigned int *changes)
{
	unsigned char buf[64 * 64];
	uint64_t before, begin;
	size_t len = 0, got = 0, each = 0;
	unsigned int i, j, done = 0, rounds = batch == 1 ? 3000 : 500;
	char topic[32];

	before = busy();
	begin = now();
	for (i = 0; i < rounds; i++) {
		for (j = 0; j < PAIRS; j++) {
			sprintf(topic, "run/%u", j);
			for (len = 0, each = 0; each < batch; each++)
				len += put(buf + len, topic, 16);
			send_all(from[j].client, buf, len);
		}
		for (j = 0; j < PAIRS; j++)
			got += drain(to[j].client);
		while (churn && done < (now() - begin) * CHURN / 1000000000)
			change(done++);
	}
	*changes = done;
	if (got != (size_t)rounds * PAIRS * len)
		errx(1, "%zu bytes instead of %zu", got, (size_t)rounds * PAIRS * len);
	return (double)(busy() - before) / (rounds * PAIRS * batch);
}

static void churned(void)
{
	static const unsigned int batches[] = { 1, 32 };
	double quiet, all, own, one;
	unsigned int i, changes;
	char topic[32];

	open_peers();
	write_names(prefixes, 1000);
	load(1000);
	for (i = 0; i < PAIRS; i++) {
		open_peer(&from[i]);
		open_peer(&to[i]);
		sprintf(topic, "run/%u", i);
		subscribe(&to[i], topic);
	}
	change_cost();
	one = change_cost();
	for (i = 0; i < 2; i++) {
		route(batches[i], false, &changes);
		quiet = route(batches[i], false, &changes);
		all = route(batches[i], true, &changes);
		own = one * changes / (batches[i] * PAIRS * (batches[i] == 1 ? 3000 : 500));
		printf("churn: %u per write: %.0f instructions per delivery, with %u changes a "
		       "second %.0f, of which %.0f are the changes themselves (%.0f each): "
		       "routing takes %.1f %% more\n",
		       batches[i], quiet, CHURN, all, own, one, 100 * (all - own - quiet) / quiet);
	}
	fflush(stdout);
	for (i = 0; i < PAIRS; i++) {
		close_peer(&from[i]);
		close_peer(&to[i]);
	}
	close_peers();
}

/* --- bombs ----------------------------------------------------------------- */

static void bomb(unsigned int levels)
{
	static unsigned char buf[64 * 128];
	char topic[64] = "", filter[64];
	unsigned int i, j, n = 1u << levels;
	uint64_t before, spent;
	size_t len = 0;

	open_peers();
	for (i = 0; i < n; i++) {
		for (j = 0; j < levels; j++)
			sprintf(filter + 2 * j, "%c/", i >> j & 1 ? '+' : 'a');
		filter[2 * levels - 1] = '\0';
		subscribe(&peers[i % PEERS], filter);
	}
	memset(topic, '/', 2 * levels - 1);
	for (j = 0; j < levels; j++)
		topic[2 * j] = 'a';
	for (i = 0; i < 64; i++) {
		/* the last level changes, or all would be one train */
		topic[2 * levels - 2] = i % 2 ? 'a' : 'b';
		len += put(buf + len, topic, 1);
	}
	for (i = 0; i < 5; i++)
		send_all(publisher.client, buf, len);
	before = busy();
	mark_begin();
	send_all(publisher.client, buf, len);
	usleep(20000);
	counted("bomb", levels == 10 ? "10" : "12", 64);
	spent = busy() - before;
	printf("{+,a}^%u: %u subscriptions, %.0f instructions per message\n", levels, n,
	       (double)spent / 64);
	fflush(stdout);
	close_peers();
}

/* --- idle peers ------------------------------------------------------------ */

static void idle(void)
{
	static struct peer all[IDLE];
	uint64_t taken;
	unsigned int i;

	must(mqtt_nl_router_new(nl, &(struct mqtt_nl_router){ 0 }), "router");
	for (i = 0; i < IDLE; i++)
		pair(&all[i]);
	taken = memory_free();
	for (i = 0; i < IDLE; i++)
		attach(&all[i], 0, false);
	taken -= memory_free();
	printf("idle peer: %.0f bytes beside its socket, of %u\n", (double)taken / IDLE, IDLE);
	fflush(stdout);
	for (i = 0; i < IDLE; i++)
		close_peer(&all[i]);
	must(mqtt_nl_router_del(nl), "router");
}

static bool wanted(char **parts, const char *part)
{
	if (!*parts)
		return true;
	for (; *parts; parts++)
		if (!strcmp(*parts, part))
			return true;
	return false;
}

static void measure(unsigned int n, char **parts)
{
	if (wanted(parts, "idle"))
		idle();
	if (wanted(parts, "churn"))
		churned();
	if (wanted(parts, "bombs")) {
		bomb(10);
		bomb(12);
	}
	if (wanted(parts, "prefixes"))
		many("prefixes", prefixes, n);
	if (wanted(parts, "first-levels"))
		many("first-levels", first_levels, n);
}

int main(int argc, char **argv)
{
	const struct rlimit files = { 3 * IDLE, 3 * IDLE };
	unsigned int n = argc > 1 ? atoi(argv[1]) : SUBS_MAX;
	struct sockaddr_in any = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001),
	};

	if (n < 1000 || n > SUBS_MAX)
		errx(2, "1000 to 1000000 subscriptions");
	if (setrlimit(RLIMIT_NOFILE, &files))
		err(1, "setrlimit");
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&any, sizeof(any)) || listen(listener, 128))
		err(1, "listen");
	if (mqtt_nl_open(&nl))
		errx(1, "there is no module");
	measure(n, argv + (argc > 1 ? 2 : 1));
	return 0;
}
