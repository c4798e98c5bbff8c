// SPDX-License-Identifier: MIT
/*
 * Each single allocation of the module fails once, an earlier or a later one of an
 * operation; and all from some one on.
 * An operation is done or is not, and can be done again. Of messages only those
 * receivers lose one whose allocation failed, it is counted, and what was put off
 * goes on by itself.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/packets.h"
#include "lib/port.h"
#include "lib/wire5.h"

#define PLENTY (1u << 30)

static struct rig_peer peer, hosted;
static struct rig_port port;

static int ignore(struct nlattr **attrs, void *arg)
{
	(void)attrs;
	(void)arg;
	return 0;
}

/*
 * Operations of the daemon
 */

static const char puback[] = "\x40\x02\x00\x03";

struct op {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);	/* 0 or a negative errno */
	void (*failed)(void);	/* checks that nothing has changed */
	void (*undo)(void);	/* what run() has done */
};

static int attach_run(void)
{
	struct mqtt_nl_attach attach = {
		.fd = peer.fd, .protocol = MQTT_PROTOCOL_V5, .client_id = "each",
		.rx_residue = puback, .rx_residue_len = 4, .keep_alive = 60,
		.topic_alias_max = 10,
	};

	return mqtt_nl_peer_attach(rig_nl, &attach, &peer.id);
}

static void attach_prepare(void)
{
	char buf[4];

	rig_send(&peer, puback, 4);
	tcp_recv_all(peer.fd, buf, 4);
}

static void attach_failed(void)
{
	CHECK_EQ(rig_peer_count(), 0);
	tcp_expect_again(peer.fd);
}

static void attach_undo(void)
{
	rig_detach(&peer);
	tcp_expect(peer.fd, puback, 4);
}

static int hosted_run(void)
{
	struct mqtt_nl_attach attach = {
		.port = port.id, .protocol = MQTT_PROTOCOL_V311, .client_id = "hosted",
	};

	return mqtt_nl_peer_attach(rig_nl, &attach, &hosted.id);
}

static void hosted_failed(void)
{
	CHECK_EQ(rig_peer_count(), 0);
}

static void hosted_undo(void)
{
	rig_detach(&hosted);
}

static uint32_t new_port;
static int new_fd;

static int port_run(void)
{
	return mqtt_nl_port_add(rig_nl, 0, &new_port, &new_fd);
}

static void port_undo(void)
{
	close(new_fd);
}

static struct mqtt_nl_filter filters[12];

/* Deep ones, wildcards, and enough on one level to be hashed */
static void filters_fill(void)
{
	static char text[12][64];
	size_t i;

	strcpy(text[0], "a/b/c/d/e/f");
	strcpy(text[1], "a/+/c/#");
	strcpy(text[2], "+/+/x");
	for (i = 0; i < 12; i++) {
		if (i > 2)
			snprintf(text[i], sizeof(text[i]), "n/%zu/longer than a word", i);
		filters[i] = (struct mqtt_nl_filter){
			.filter = (const uint8_t *)text[i], .len = strlen(text[i]),
		};
	}
}

static int sub_run(void)
{
	return mqtt_nl_sub_add(rig_nl, peer.id, filters, ARRAY_LEN(filters));
}

static void sub_failed(void)
{
	CHECK_EQ(rig_peer_get(&peer, MQTT_A_PEER_SUBSCRIPTIONS), 0);
}

static void sub_undo(void)
{
	CHECK_EQ(rig_peer_get(&peer, MQTT_A_PEER_SUBSCRIPTIONS), ARRAY_LEN(filters));
	CHECK_EQ(mqtt_nl_sub_del(rig_nl, peer.id, filters, ARRAY_LEN(filters)), 0);
}

static int host_run(void)
{
	return mqtt_nl_peer_host(rig_nl, peer.id, port.id);
}

static void host_failed(void)
{
	CHECK(rig_peer_get(&peer, MQTT_A_PEER_STATE) != MQTT_PEER_STATE_HOSTED);
}

static void offload_again(void)
{
	int err;

	WAIT_UNTIL((err = rig_try_offload(&peer, false, 0)) != -EBUSY);
	CHECK_EQ(err, 0);
	rig_port_expect_mark(&port, &peer);
}

static int offload_run(void)
{
	return rig_try_offload(&peer, false, 0);
}

static void offload_failed(void)
{
	CHECK_EQ(rig_peer_get(&peer, MQTT_A_PEER_STATE), MQTT_PEER_STATE_HOSTED);
	rig_port_expect_empty(&port);
}

static void offload_undo(void)
{
	rig_port_expect_mark(&port, &peer);
	CHECK_EQ(host_run(), 0);
}

static int set_run(void)
{
	const uint16_t keep_alive = 50;
	const uint8_t hold = 1;
	struct mqtt_nl_peer_set set = { .keep_alive = &keep_alive, .tx_hold = &hold };

	return mqtt_nl_peer_set(rig_nl, peer.id, &set);
}

static int get_run(void)
{
	return mqtt_nl_peer_get(rig_nl, peer.id, ignore, NULL);
}

static int dump_run(void)
{
	return mqtt_nl_peer_dump(rig_nl, ignore, NULL) ?:
	       mqtt_nl_sub_dump(rig_nl, 0, ignore, NULL) ?:
	       mqtt_nl_port_dump(rig_nl, ignore, NULL);
}

static int numbers_run(void)
{
	return mqtt_nl_stats_get(rig_nl, ignore, NULL) ?:
	       mqtt_nl_router_get(rig_nl, ignore, NULL) ?:
	       mqtt_nl_port_get(rig_nl, port.id, ignore, NULL);
}

static int router_run(void)
{
	return mqtt_nl_router_new(rig_nl, &(struct mqtt_nl_router){ 0 });
}

static void router_failed(void)
{
	CHECK_EQ(mqtt_nl_stats_get(rig_nl, ignore, NULL), -ENODEV);
}

static void router_undo(void)
{
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
}

static bool each_try(const struct op *op, unsigned int slab, unsigned int pages)
{
	bool came;
	int ret;

	if (op->prepare)
		op->prepare();
	faults_after(slab, pages, true);
	ret = op->run();
	came = faults_came();
	if (ret && !(came && (ret == -ENOMEM || ret == -ENOBUFS)))
		FAIL("%s, %u bytes and %u pages: %s", op->name, slab, pages, strerror(-ret));
	if (ret && op->failed)
		op->failed();
	else if (!ret && op->undo)
		op->undo();
	return ret;
}

/* How often each operation is tried: the more, the surer each allocation fails once. */
static unsigned int tries(void)
{
	const char *env = getenv("MQTT_TRIES");

	return env ? strtoul(env, NULL, 0) : 16;
}

/* Bytes that it takes, and a little more */
static unsigned int each_needs(const struct op *op)
{
	unsigned int bytes;

	if (op->prepare)
		op->prepare();
	faults_after(PLENTY, PLENTY, true);
	CHECK_EQ(op->run(), 0);
	bytes = PLENTY - faults_space();
	CHECK(!faults_came());
	if (op->undo)
		op->undo();
	return bytes + 64;
}

/* Memory ends somewhere, at the latest when the operation needs no more. */
static void each(const struct op *op)
{
	unsigned int needs = each_needs(op), refused = each_try(op, 0, PLENTY), i;

	for (i = 0; i < tries(); i++)
		refused += each_try(op, needs * i / tries() + ksft_random(needs / tries() + 1),
				    PLENTY);
	for (i = 0; i < 3; i++)
		refused += each_try(op, PLENTY, i);
	ksft_note("%s: %u bytes, refused %u times of %u", op->name, needs, refused,
		  i + 1 + tries());
}

static void operations_attach(void)
{
	static const struct op attach = {
		"attach", attach_prepare, attach_run, attach_failed, attach_undo,
	};

	faults_need();
	rig_start();
	rig_port_open(&port, 0);
	rig_connect(&peer, NULL);
	each(&attach);
}

static void operations_of_a_port(void)
{
	static const struct op hosted_attach = {
		"attach, hosted", NULL, hosted_run, hosted_failed, hosted_undo,
	};
	static const struct op port_add = { "port", NULL, port_run, NULL, port_undo };

	faults_need();
	rig_start();
	rig_port_open(&port, 0);
	each(&hosted_attach);
	each(&port_add);
}

static void operations_of_a_peer(void)
{
	static const struct op sub = { "subscribe", NULL, sub_run, sub_failed, sub_undo };
	static const struct op set = { "set", NULL, set_run, NULL, NULL };
	static const struct op get = { "get", NULL, get_run, NULL, NULL };

	faults_need();
	filters_fill();
	rig_start();
	rig_open(&peer);
	each(&sub);
	each(&set);
	each(&get);
}

static void moves_and_dumps(void)
{
	static const struct op host = { "host", NULL, host_run, host_failed, offload_again };
	static const struct op offload = {
		"offload", NULL, offload_run, offload_failed, offload_undo,
	};
	static const struct op dump = { "dump", NULL, dump_run, NULL, NULL };
	static const struct op numbers = { "numbers", NULL, numbers_run, NULL, NULL };

	faults_need();
	rig_start();
	rig_port_open(&port, 0);
	rig_open_sub(&peer, "a/b");
	each(&dump);
	each(&numbers);
	each(&host);
	CHECK_EQ(host_run(), 0);
	each(&offload);
}

static void operations_of_a_router(void)
{
	static const struct op router = {
		"router", NULL, router_run, router_failed, router_undo,
	};

	faults_need();
	rig_start();
	router_undo();
	each(&router);
}

/*
 * Messages, in whatever context they are handled
 */

enum { OLD, NEW, SMALL, HOSTED, RECEIVERS };

static const char *const receiver_names[] = { "3.1.1", "5.0", "small", "hosted" };

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
	int i;

	receive_hosted(&receivers[HOSTED]);
	for (i = 0; i < HOSTED; i++) {
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
	int i;

	c->pub = rig_peer_stat(&publisher, no_memory);
	for (i = 0; i < RECEIVERS; i++) {
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
	int i;

	count(&now);
	for (i = 0; i < RECEIVERS; i++) {
		unsigned long long missing = now.lost[i] - before->lost[i];

		if (now.got[i] - before->got[i] + missing + now.too_large[i] -
		    before->too_large[i] + now.pub - before->pub != n)
			FAIL("%s: %u came, %llu lost, %llu too large, %llu by the publisher, of %u",
			     receiver_names[i], now.got[i] - before->got[i], missing,
			     now.too_large[i] - before->too_large[i], now.pub - before->pub, n);
		lost |= missing || now.pub != before->pub;
	}
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
	rig_sub(p, "t/u");
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
	rig_sub(&receivers[HOSTED].peer, "t/u");
}

/* One try: memory ends behind so much. Returns whether any message was lost. */
static bool try_once(const struct bytes *b, unsigned int n, unsigned int slab,
		     unsigned int pages, bool once)
{
	struct counts before;

	count(&before);
	faults_after(slab, pages, once);
	rig_send_bytes(&publisher, b);
	WAIT_UNTIL(!tcp_unread(publisher.fd));
	/* To look needs memory. What was put off goes on by itself. */
	faults_set(0);
	WAIT_UNTIL(all_came());
	return check_counts(&before, n, once);
}

static void each_message(const char *name, const struct bytes *b, unsigned int n,
			 unsigned int max_pages)
{
	unsigned int i, lost = 0, slab, pages;

	for (i = 0; i < tries(); i++) {
		slab = i ? ksft_random(i % 4 ? 3000 : 12000) : 0;
		lost += try_once(b, n, slab, PLENTY, i % 3);
	}
	for (pages = 0; pages <= max_pages; pages++, i++)
		lost += try_once(b, n, PLENTY, pages, pages % 3);
	ksft_note("%s: messages were lost in %u of %u tries, %llu times put off", name, lost, i,
		  rig_stat(MQTT_A_STATS_TX_RETRIES));
	CHECK(lost && lost < i);
	CHECK(!try_once(b, n, PLENTY, PLENTY, true));
	CHECK_EQ(rig_peer_get(&publisher, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
}

static void short_message(void)
{
	struct bytes b = { 0 };

	receivers_open(MQTT_PROTOCOL_V311, 0);
	wire_message(&b, "t/u", "hello");
	each_message("short", &b, 1, 2);
}

static void long_message(void)
{
	struct bytes b = { 0 };

	receivers_open(MQTT_PROTOCOL_V311, 0);
	wire_publish_of(&b, 0x30, "t/u", 20000, 1);
	each_message("long", &b, 1, 8);
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
	each_message("train", &b, 10, 2);
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
	each_message("alias", &b, 1, 2);
}

static const struct ksft_case cases[] = {
	{ "operations_attach", operations_attach },
	{ "operations_of_a_port", operations_of_a_port },
	{ "operations_of_a_peer", operations_of_a_peer },
	{ "moves_and_dumps", moves_and_dumps },
	{ "operations_of_a_router", operations_of_a_router },
	{ "short_message", short_message },
	{ "long_message", long_message },
	{ "train", train },
	{ "topic_alias", topic_alias },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
