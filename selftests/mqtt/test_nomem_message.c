// SPDX-License-Identifier: MIT
/*
 * Each single allocation on a message's way fails once, in whatever context; and all
 * from each on. Only those receivers lose the message whose allocation failed, it is
 * counted, and what was put off goes on by itself.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/packets.h"
#include "lib/port.h"
#include "lib/sites.h"
#include "lib/wire5.h"

static struct rig_port port;

enum { OLD, NEW, SMALL, HOSTED, IDS, RECEIVERS };

static const char *const receiver_names[] = { "3.1.1", "5.0", "small", "hosted", "ids" };
static unsigned int nr_receivers = IDS;
static const char *topic = "t/u";

struct receiver {
	struct rig_peer peer;
	struct packets in;
	unsigned int got;
};

static struct receiver receivers[RECEIVERS];
static struct rig_peer publisher;

struct counts {
	unsigned long long pub;			/* lost before anybody's turn */
	unsigned long long lost[RECEIVERS];
	unsigned long long too_large[RECEIVERS];
	unsigned int got[RECEIVERS];
};

static void receive(struct receiver *r)
{
	size_t len;

	for (;;) {
		len = wire_length(packets_data(&r->in), packets_left(&r->in));
		if (!len || len > packets_left(&r->in)) {
			if (!packets_read(&r->in))
				return;
			CHECK(!r->in.ended);
			continue;
		}
		packets_take(&r->in, packets_data(&r->in), len);
		r->got++;
	}
}

static void receive_hosted(struct receiver *r)
{
	const struct mqtt_port_record *record;

	while ((record = rig_port_next(&port)))
		r->got += record->nr_peers - !!(record->flags & MQTT_PORT_RECORD_SOURCE);
}

/* Nothing is on its way to anybody. */
static bool all_came(void)
{
	unsigned int i;

	receive_hosted(&receivers[HOSTED]);
	for (i = 0; i < nr_receivers; i++) {
		if (i == HOSTED)
			continue;
		receive(&receivers[i]);
		if (rig_peer_get(&receivers[i].peer, MQTT_A_PEER_QUEUE_PACKETS) ||
		    rig_peer_stat(&receivers[i].peer, MQTT_A_PEER_STATS_TX_PACKETS) !=
		    receivers[i].got)
			return false;
	}
	return true;
}

static void count(struct counts *c)
{
	const int no_memory = MQTT_A_PEER_STATS_DROP_NO_MEMORY;
	const int too_large = MQTT_A_PEER_STATS_DROP_TOO_LARGE;
	unsigned int i;

	c->pub = rig_peer_stat(&publisher, no_memory);
	for (i = 0; i < nr_receivers; i++) {
		c->lost[i] = rig_peer_stat(&receivers[i].peer, no_memory);
		c->too_large[i] = rig_peer_stat(&receivers[i].peer, too_large);
		c->got[i] = receivers[i].got;
	}
}

/* Each receiver has got all, or there is a reason. Returns whether any was lost. */
static bool check_counts(const struct counts *before, unsigned int n, bool once)
{
	bool lost = false, old, new;
	struct counts now;
	unsigned int i;

	count(&now);
	for (i = 0; i < nr_receivers; i++) {
		unsigned long long missing = now.lost[i] - before->lost[i];

		if (now.got[i] - before->got[i] + missing + now.too_large[i] -
		    before->too_large[i] + now.pub - before->pub != n)
			FAIL("%s: %u came, %llu lost, %llu too large, %llu by the publisher, of %u",
			     receiver_names[i], now.got[i] - before->got[i], missing,
			     now.too_large[i] - before->too_large[i], now.pub - before->pub, n);
		lost |= missing || now.pub != before->pub;
	}
	if (nr_receivers > IDS)
		return lost;
	/* One translation is for all of a version; and the other version has its own. */
	old = now.lost[OLD] != before->lost[OLD] || now.lost[HOSTED] != before->lost[HOSTED];
	new = now.lost[NEW] != before->lost[NEW] || now.lost[SMALL] != before->lost[SMALL];
	if (once)
		CHECK(old + new + (now.pub != before->pub) <= 1);
	return lost;
}

static void receiver_open(int i, unsigned int protocol, unsigned int max_packet)
{
	struct rig_peer *p = &receivers[i].peer;

	rig_connect(p, NULL);
	rig_attach_with(p, &(struct mqtt_nl_attach){
		.protocol = protocol, .max_packet = max_packet,
	});
	rig_sub(p, topic);
	receivers[i].in.fd = p->client;
}

static void receivers_open(unsigned int protocol, unsigned int alias_max)
{
	faults_need();
	rig_start_with(1ull << 30, 0);
	rig_port_open(&port, 1ull << 30);
	rig_open_as(&publisher, protocol, alias_max);
	receiver_open(OLD, MQTT_PROTOCOL_V311, 0);
	receiver_open(NEW, MQTT_PROTOCOL_V5, 0);
	receiver_open(SMALL, MQTT_PROTOCOL_V5, 60);
	rig_attach_hosted(&receivers[HOSTED].peer, &port);
	rig_sub(&receivers[HOSTED].peer, topic);
}

/* What is tried: @send() sends @n messages, or none. */
static struct {
	const struct bytes *b;
	unsigned int n;
	void (*prepare)(void);
	unsigned int (*send)(void);
	unsigned int sent;
	unsigned int lost;
	struct counts before;
} now;

static unsigned int send_packets(void)
{
	rig_send_bytes(&publisher, now.b);
	WAIT_UNTIL(!tcp_unread(publisher.fd));
	return now.n;
}

static void try_prepare(void *arg)
{
	(void)arg;
	if (now.prepare)
		now.prepare();
	count(&now.before);
}

static void try_run(void *arg)
{
	(void)arg;
	now.sent = now.send();
}

static void try_check(void *arg, bool once)
{
	(void)arg;
	/* To look needs memory. What was put off goes on by itself. */
	WAIT_UNTIL(all_came());
	now.lost += check_counts(&now.before, now.sent, once);
}

static void each_message(const char *name, const struct bytes *b, unsigned int n)
{
	static const struct faults_try try = { try_prepare, try_run, try_check, NULL };
	unsigned int steps;

	now.b = b;
	now.n = n;
	if (!now.send)
		now.send = send_packets;
	steps = faults_walk(&try);
	ksft_note("%s: failed at %u places and times, messages were lost %u times, put off %llu",
		  name, steps, now.lost, rig_stat(MQTT_A_STATS_TX_RETRIES));
	CHECK(now.lost && now.lost < steps);
	/* and now none does */
	now.lost = 0;
	try_prepare(NULL);
	try_run(NULL);
	try_check(NULL, true);
	CHECK_EQ(now.sent, n);
	CHECK_EQ(now.lost, 0);
	CHECK_EQ(rig_peer_get(&publisher, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
}

static void short_message(void)
{
	struct bytes b = { 0 };

	receivers_open(MQTT_PROTOCOL_V311, 0);
	wire_message(&b, "t/u", "hello");
	each_message("short", &b, 1);
}

static void long_message(void)
{
	struct bytes b = { 0 };

	receivers_open(MQTT_PROTOCOL_V311, 0);
	wire_publish_of(&b, 0x30, "t/u", 20000, 1);
	each_message("long", &b, 1);
}

static void again(void)
{
	rig_detach(&publisher);
	rig_attach_as(&publisher, MQTT_PROTOCOL_V311, 0);
}

/* In a part of a large page, which the publisher, a new one each time, has to pay for */
static void pinned_message(void)
{
	struct bytes b = { 0 };

	receivers_open(MQTT_PROTOCOL_V311, 0);
	wire_publish_of(&b, 0x30, "t/u", 5000, 1);
	now.prepare = again;
	each_message("pinned", &b, 1);
}

/* Short ones, some too long for one of the receivers */
static void train(void)
{
	struct bytes b = { 0 };
	unsigned int i;

	receivers_open(MQTT_PROTOCOL_V5, 0);
	for (i = 0; i < 10; i++)
		wire5_message(&b, "t/u", i % 3 ? "short" :
			      "long enough that somebody who takes sixty bytes does not take it");
	each_message("train", &b, 10);
}

static void topic_alias(void)
{
	struct bytes b = { 0 };

	receivers_open(MQTT_PROTOCOL_V5, 5);
	wire5_alias(&b, 0x30, "t/u", 1, "told");
	rig_send_bytes(&publisher, &b);
	rig_daemon_expect(&publisher, &b);
	tcp_expect_again(publisher.fd);
	b.len = 0;
	wire5_alias(&b, 0x30, "", 1, "used");
	each_message("alias", &b, 1);
}

/*
 * An alias that could not be learnt makes what uses it the daemon's: nothing is lost.
 */

static struct bytes earlier, told, used;
static unsigned int by_daemon;

static void learn_prepare(void *arg)
{
	(void)arg;
	rig_detach(&publisher);
	rig_attach_as(&publisher, MQTT_PROTOCOL_V5, 5);
	if (!earlier.len)
		return;
	/* So far it is that of a topic that nobody has subscribed to. */
	rig_send_bytes(&publisher, &earlier);
	rig_daemon_expect(&publisher, &earlier);
	tcp_expect_again(publisher.fd);
}

static void learn_run(void *arg)
{
	(void)arg;
	rig_send_bytes(&publisher, &told);
}

static void learn_check(void *arg, bool once)
{
	struct counts before;

	(void)arg;
	(void)once;
	rig_daemon_expect(&publisher, &told);
	tcp_expect_again(publisher.fd);
	count(&before);
	rig_send_bytes(&publisher, &used);
	/* It may have arrived, and not been looked at. */
	WAIT_UNTIL(!tcp_unread(publisher.fd) || tcp_is_readable(publisher.fd));
	if (tcp_unread(publisher.fd)) {
		rig_daemon_expect(&publisher, &used);
		tcp_expect_again(publisher.fd);
		by_daemon++;
	} else {
		WAIT_UNTIL(all_came());
		CHECK(!check_counts(&before, 1, true));
	}
}

static void aliases_are_learnt(void)
{
	static const struct faults_try try = { learn_prepare, learn_run, learn_check, NULL };
	static const unsigned int ways[] = { 0x30, 0x32 };
	unsigned int i, n;

	receivers_open(MQTT_PROTOCOL_V5, 5);
	wire5_alias(&used, 0x30, "", 1, "used");
	for (i = 0; i < 2 * ARRAY_LEN(ways); i++) {
		if (i == ARRAY_LEN(ways))
			wire5_alias(&earlier, 0x30, "another", 1, "told earlier");
		told.len = 0;
		wire5_alias(&told, ways[i % 2], "t/u", 1, "told");
		by_daemon = 0;
		n = faults_walk(&try);
		ksft_note("learnt at QoS %u: failed at %u places and times, used by the daemon %u",
			  i % 2, n, by_daemon);
		/* Each allocation is needed to learn it; with all of them it has been learnt. */
		CHECK(by_daemon && by_daemon <= n);
	}
}

/* One of the receivers has forty subscriptions with identifiers. */
static void identifiers(void)
{
	static const char *const levels[] = { "t", "u", "v", "w", "x", "y" };
	char filter[32];
	struct bytes b = { 0 };
	unsigned int i, k;

	topic = "t/u/v/w/x/y";
	receivers_open(MQTT_PROTOCOL_V311, 0);
	receiver_open(IDS, MQTT_PROTOCOL_V5, 0);
	nr_receivers = RECEIVERS;
	for (i = 0; i < 40; i++) {
		filter[0] = '\0';
		for (k = 0; k < ARRAY_LEN(levels); k++) {
			strcat(filter, k ? "/" : "");
			strcat(filter, i & 1 << k ? "+" : levels[k]);
		}
		rig_sub_id(&receivers[IDS].peer, filter, 1000 + i);
	}
	wire_message(&b, topic, "hello");
	each_message("identifiers", &b, 1);
}

/* By a port: all of it is routed, or nothing, and write() tells. */
static unsigned int write_record(void)
{
	ssize_t len = write(port.fd, now.b->p, now.b->len);

	if (len == (ssize_t)now.b->len)
		return now.n;
	CHECK_EQ(len, -1);
	CHECK_EQ(errno, ENOMEM);
	return 0;
}

static void injected(void)
{
	struct bytes b = { 0 }, record = { 0 };

	receivers_open(MQTT_PROTOCOL_V311, 0);
	wire_publish_of(&b, 0x30, "t/u", 9000, 1);
	rig_record(&record, &b, 0);
	now.send = write_record;
	each_message("injected", &record, 1);
}

static const struct ksft_case cases[] = {
	{ "short_message", short_message },
	{ "long_message", long_message },
	{ "pinned_message", pinned_message },
	{ "train", train },
	{ "topic_alias", topic_alias },
	{ "aliases_are_learnt", aliases_are_learnt },
	{ "identifiers", identifiers },
	{ "injected", injected },
};

int main(int argc, char **argv)
{
	sites_begin(argv[0]);
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
