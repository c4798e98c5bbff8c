// SPDX-License-Identifier: MIT
/*
 * Tracepoints: a message can be followed by its id to each of its receivers; every
 * counted drop has its event with the reason; what comes from strangers is cut and
 * escaped; the module can be unloaded while it is traced.
 */
#include <unistd.h>

#include "lib/module.h"
#include "lib/packets.h"
#include "lib/port.h"
#include "lib/rig.h"
#include "lib/tracing.h"

static struct rig_peer pub, sub, other;

static void start(void)
{
	tcp_netns_new();
	rig_start();
	tracing_start();
}

static void end(void)
{
	tracing_enable(false);
	tracing_stop();
}

static void open_as(struct rig_peer *p, const char *client_id, struct mqtt_nl_attach with)
{
	struct tcp_options small = { .family = AF_INET, .client_rcvbuf = 4096 };

	rig_connect(p, &small);
	with.fd = p->fd;
	with.protocol = MQTT_PROTOCOL_V311;
	with.client_id = client_id;
	CHECK_EQ(mqtt_nl_peer_attach(rig_nl, &with, &p->id), 0);
}

/* "field=number", in one of a few buffers */
static const char *part(const char *field, unsigned long long number)
{
	static char texts[8][64];
	static unsigned int n;
	char *text = texts[n++ % 8];

	snprintf(text, sizeof(texts[0]), "%s=%llu", field, number);
	return text;
}

/* --- the way of a message ------------------------------------------------------ */

static void check_way_to(const struct rig_peer *p, const char *client, unsigned long long id)
{
	const char *peer = part("peer", p->id), *line;

	line = tracing_nth(0, "mqtt_enqueue", part("id", id), peer, client, "port=0", NULL);
	CHECK(strstr(line, " topic=\"a/b\" topic_len=3 "));
	CHECK(tracing_number(line, "queue_bytes") > 0);
	line = tracing_nth(0, "mqtt_tx", part("id", id), peer, client, "port=0", "packets=1", NULL);
	CHECK(strstr(line, " topic=\"a/b\" topic_len=3 "));
	CHECK_EQ(tracing_number(line, "bytes"), 2 + 2 + 3 + 5);
	/* The clocks of two CPUs may differ: not above 0 in any case */
	CHECK(tracing_number(line, "delay") < 1000000000000ULL);
}

static void way(void)
{
	unsigned long long first, id;
	const char *line;

	start();
	open_as(&pub, "pub", (struct mqtt_nl_attach){ 0 });
	open_as(&sub, "one", (struct mqtt_nl_attach){ 0 });
	open_as(&other, "two", (struct mqtt_nl_attach){ 0 });
	rig_sub(&sub, "a/+");
	rig_sub(&sub, "a/b");
	rig_sub(&other, "#");
	rig_say(&pub, "a/b", "hello");
	rig_hear(&sub, "a/b", "hello");
	rig_hear(&other, "a/b", "hello");
	rig_say(&pub, "a/b", "again");
	rig_hear(&sub, "a/b", "again");
	rig_hear(&other, "a/b", "again");
	rig_say(&pub, "b", "third");
	rig_hear(&other, "b", "third");

	tracing_read();
	CHECK_EQ(tracing_count("mqtt_rx", NULL), 3);
	line = tracing_nth(0, "mqtt_rx", part("peer", pub.id), "client=\"pub\"", "topic=\"a/b\"",
			   "topic_len=3", "packets=1", "bytes=12", "port=0", NULL);
	first = tracing_number(line, "id");
	id = tracing_number(tracing_nth(1, "mqtt_rx", "topic=\"a/b\"", NULL), "id");
	CHECK(first && id && first != id);
	for (int i = 0; i < 2; i++, first = id) {
		line = tracing_nth(0, "mqtt_match", part("id", first), NULL);
		CHECK_EQ(tracing_number(line, "receivers"), 2);
		CHECK_EQ(tracing_number(line, "cached"), i);
		CHECK_EQ(tracing_count("mqtt_tx", part("id", first), NULL), 2);
		check_way_to(&sub, "client=\"one\"", first);
		check_way_to(&other, "client=\"two\"", first);
	}
	CHECK_EQ(tracing_number(tracing_nth(0, "mqtt_match", "topic=\"b\"", NULL), "receivers"), 1);
	CHECK_EQ(tracing_count("mqtt_drop", NULL), 0);
	end();
}

/* What a receiver costs beside being one is not a receiver. */
static void receivers(void)
{
	start();
	rig_open(&pub);
	rig_open_as(&sub, MQTT_PROTOCOL_V5, 0);
	rig_sub_id(&sub, "i/#", 7);
	rig_open(&other);
	rig_sub_group(&other, "g", "i/+", 0);
	rig_say(&pub, "i/j", "hello");
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_MATCHED) == 1);
	tracing_read();
	CHECK_EQ(tracing_count("mqtt_match", "topic=\"i/j\"", "receivers=2", NULL), 1);
	end();
}

/* Nobody has it: it still has its match. */
static void unmatched(void)
{
	start();
	rig_open(&pub);
	rig_say(&pub, "nobody", "hello");
	tracing_read();
	CHECK_EQ(tracing_count("mqtt_match", "topic=\"nobody\"", "receivers=0", NULL), 1);
	CHECK_EQ(tracing_count("mqtt_tx", NULL), 0);
	end();
}

/* Twins and trains keep the id, and all packets are counted. */
static void trains(void)
{
	struct packets got = { 0 };
	struct bytes b = { 0 };
	struct rig_peer v5;

	start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	rig_open_as(&v5, MQTT_PROTOCOL_V5, 0);
	rig_sub(&v5, "t/u");
	for (unsigned int i = 0; i < 20; i++)
		wire_numbered(&b, 0x30, "t/u", 1, i, 8);
	rig_send_bytes(&pub, &b);
	got.fd = sub.client;
	packets_expect(&got, 1, 0, 20);
	WAIT_UNTIL(rig_peer_stat(&v5, MQTT_A_PEER_STATS_TX_PACKETS) == 20);
	tracing_read();
	CHECK_EQ(tracing_sum("packets", "mqtt_rx", part("peer", pub.id)), 20);
	CHECK(tracing_count("mqtt_rx", NULL) < 20);
	CHECK_EQ(tracing_sum("packets", "mqtt_tx", part("peer", sub.id)), 20);
	CHECK_EQ(tracing_sum("packets", "mqtt_tx", part("peer", v5.id)), 20);
	for (unsigned int i = 0; i < tracing_count("mqtt_rx", NULL); i++) {
		unsigned long long id = tracing_number(tracing_nth(i, "mqtt_rx", NULL), "id");

		CHECK_EQ(tracing_count("mqtt_tx", part("id", id), NULL), 2);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_TX_PACKETS), tracing_sum("packets", "mqtt_tx", "port=0"));
	end();
}

static void ports(void)
{
	struct rig_port *port = calloc(1, sizeof(*port));
	struct rig_peer hosted = { 0 };
	unsigned long long id;

	start();
	rig_port_open(port, 0);
	rig_attach_hosted(&hosted, port);
	rig_sub(&hosted, "t");
	rig_open(&pub);
	rig_say(&pub, "t", "down");
	CHECK(rig_port_wait(port));
	tracing_read();
	id = tracing_number(tracing_nth(0, "mqtt_rx", NULL), "id");
	tracing_nth(0, "mqtt_attach", part("peer", hosted.id), part("port", port->id), NULL);
	tracing_nth(0, "mqtt_enqueue", part("id", id), part("peer", hosted.id),
		    part("port", port->id), "client=\"hosted\"", NULL);
	tracing_nth(0, "mqtt_tx", part("id", id), part("peer", hosted.id), part("port", port->id),
		    NULL);
	end();
}

static void from_port(void)
{
	struct rig_port *port = calloc(1, sizeof(*port));
	struct bytes packet = { 0 }, records = { 0 };
	struct rig_peer hosted = { 0 };

	start();
	rig_port_open(port, 0);
	rig_attach_hosted(&hosted, port);
	rig_open_sub(&sub, "#");
	wire_message(&packet, "up", "hello");
	rig_record(&records, &packet, hosted.id);
	rig_record(&records, &packet, 0);
	rig_port_write(port, &records);
	rig_hear(&sub, "up", "hello");
	rig_hear(&sub, "up", "hello");
	tracing_read();
	tracing_nth(0, "mqtt_rx", part("peer", hosted.id), "client=\"hosted\"", "port=1", NULL);
	tracing_nth(0, "mqtt_rx", "peer=0", "client=\"\"", "port=1", NULL);
	CHECK_EQ(tracing_count("mqtt_tx", part("peer", sub.id), NULL), 2);
	end();
}

/* --- the histogram ------------------------------------------------------------- */

struct delays {
	unsigned long long count[MQTT_DELAYS];
};

static int take_delays(struct nlattr **attrs, void *arg)
{
	CHECK(attrs[MQTT_A_STATS_TX_DELAY]);
	CHECK_EQ(nla_len(attrs[MQTT_A_STATS_TX_DELAY]), sizeof(struct delays));
	memcpy(arg, nla_data(attrs[MQTT_A_STATS_TX_DELAY]), sizeof(struct delays));
	return 0;
}

static unsigned long long delays_sum(struct delays *delays)
{
	unsigned long long sum = 0;

	CHECK_EQ(mqtt_nl_stats_get(rig_nl, take_delays, delays), 0);
	for (unsigned int i = 0; i < MQTT_DELAYS; i++)
		sum += delays->count[i];
	return sum;
}

/* Each packet sent is in one place of it: the one for what its event tells. */
static void histogram(void)
{
	struct delays delays, wanted = { 0 };
	struct packets got = { 0 };
	struct bytes b = { 0 };

	start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	CHECK_EQ(delays_sum(&delays), 0);
	for (unsigned int i = 0; i < 200; i++) {
		wire_numbered(&b, 0x30, "t/u", 1, i, 8 + i * 20);
		if (i % 3)
			continue;
		rig_send_bytes(&pub, &b);
		bytes_free(&b);
	}
	rig_send_bytes(&pub, &b);
	got.fd = sub.client;
	packets_expect(&got, 1, 0, 200);
	WAIT_UNTIL(delays_sum(&delays) == 200);
	CHECK_EQ(rig_stat(MQTT_A_STATS_TX_PACKETS), 200);
	tracing_read();
	for (unsigned int i = 0; i < tracing_count("mqtt_tx", NULL); i++) {
		const char *line = tracing_nth(i, "mqtt_tx", NULL);
		unsigned long long delay = tracing_number(line, "delay"), below = 1024;
		unsigned int place = 0;

		for (; delay >= below && place < MQTT_DELAYS - 1; below *= 2)
			place++;
		wanted.count[place] += tracing_number(line, "packets");
	}
	for (unsigned int i = 0; i < MQTT_DELAYS; i++)
		CHECK_EQ(delays.count[i], wanted.count[i]);
	end();
}

/* --- drops ------------------------------------------------------------------ */

/* What is counted has been told. */
static void check_drops(int attr, const char *reason)
{
	char text[64];

	snprintf(text, sizeof(text), "reason=%s", reason);
	tracing_read();
	CHECK(rig_stat(attr) > 0);
	CHECK_EQ(tracing_sum("packets", "mqtt_drop", text), rig_stat(attr));
}

static void fill(unsigned int messages)
{
	struct bytes b = { 0 };

	for (unsigned int i = 0; i < messages; i++) {
		wire_publish_of(&b, 0x30, "t/u", 4000, i);
		rig_send_bytes(&pub, &b);
		bytes_free(&b);
	}
}

static void drop_queue_full(void)
{
	start();
	rig_open(&pub);
	open_as(&sub, "slow", (struct mqtt_nl_attach){ .limits.queue_bytes = 20000 });
	rig_sub(&sub, "t/u");
	fill(2000);
	check_drops(MQTT_A_STATS_DROP_QUEUE_FULL, "queue-full");
	tracing_nth(0, "mqtt_drop", part("peer", sub.id), "client=\"slow\"", "topic=\"t/u\"",
		    "reason=queue-full", "publisher=0", NULL);
	end();
}

static void drop_peer_gone(void)
{
	start();
	rig_open(&pub);
	open_as(&sub, "gone", (struct mqtt_nl_attach){ 0 });
	rig_sub(&sub, "t/u");
	fill(2000);
	CHECK(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS) > 0);
	rig_detach(&sub);
	check_drops(MQTT_A_STATS_DROP_PEER_GONE, "peer-gone");
	tracing_nth(0, "mqtt_drop", "client=\"gone\"", "topic=\"t/u\"", "reason=peer-gone", NULL);
	end();
}

static void drop_too_large(void)
{
	struct bytes b = { 0 };

	start();
	rig_open(&pub);
	open_as(&sub, "small", (struct mqtt_nl_attach){ .max_packet = 20 });
	rig_sub(&sub, "t");
	rig_say(&pub, "t", "this is longer than what it takes");
	/* In a train, with others that fit */
	wire_message(&b, "t", "short");
	wire_message(&b, "t", "this is longer than what it takes, too");
	wire_message(&b, "t", "brief");
	rig_send_bytes(&pub, &b);
	rig_hear(&sub, "t", "short");
	rig_hear(&sub, "t", "brief");
	check_drops(MQTT_A_STATS_DROP_TOO_LARGE, "too-large");
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_TOO_LARGE), 2);
	CHECK_EQ(tracing_count("mqtt_drop", "client=\"small\"", "topic=\"t\"", "id=0", NULL), 0);
	end();
}

static void drop_port_full(void)
{
	struct rig_port *port = calloc(1, sizeof(*port));
	struct rig_peer hosted = { 0 };

	start();
	rig_open(&pub);
	rig_port_open(port, 20000);
	rig_attach_hosted(&hosted, port);
	rig_sub(&hosted, "t/u");
	fill(20);
	check_drops(MQTT_A_STATS_DROP_PORT_FULL, "port-full");
	/* And what is lost with the port */
	close(port->fd);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_DROP_PEER_GONE) > 0);
	check_drops(MQTT_A_STATS_DROP_PEER_GONE, "peer-gone");
	tracing_nth(0, "mqtt_detach", part("peer", hosted.id), "reason=close", NULL);
	end();
}

/* 2^12 filters of a bomb; a topic that would visit all their nodes */
static void drop_budget(void)
{
	enum { LEVELS = 12, FILTERS = 1 << LEVELS };
	static char texts[FILTERS][2 * LEVELS + 1];
	static struct mqtt_nl_filter filters[FILTERS];
	char topic[2 * LEVELS];

	start();
	rig_open(&pub);
	rig_open(&sub);
	for (unsigned int i = 0; i < FILTERS; i++) {
		for (unsigned int level = 0; level < LEVELS; level++) {
			texts[i][2 * level] = i >> level & 1 ? '+' : 'a';
			texts[i][2 * level + 1] = '/';
		}
		filters[i].filter = (const uint8_t *)texts[i];
		filters[i].len = 2 * LEVELS - 1;
	}
	CHECK_EQ(mqtt_nl_sub_add(rig_nl, sub.id, filters, FILTERS), 0);
	memcpy(topic, texts[0], sizeof(topic) - 1);
	topic[sizeof(topic) - 1] = '\0';
	rig_say(&pub, topic, "boom");
	check_drops(MQTT_A_STATS_DROP_BUDGET, "budget");
	tracing_nth(0, "mqtt_drop", part("peer", pub.id), "publisher=1", "reason=budget", NULL);
	end();
}

/* A queue's limits, by policy */
static void drop_by(unsigned int policy, int attr, const char *reason)
{
	start();
	rig_open(&pub);
	open_as(&sub, "slow", (struct mqtt_nl_attach){
		.limits.queue_packets = 5, .limits.queue_policy = policy,
	});
	rig_sub(&sub, "t/u");
	fill(2000);
	check_drops(attr, reason);
	CHECK_EQ(tracing_sum("packets", "mqtt_drop", "client=\"slow\""), rig_stat(attr));
	end();
}

static void drop_old(void)
{
	drop_by(MQTT_QUEUE_POLICY_DROP_OLD, MQTT_A_STATS_DROP_OLD, "old");
}

static void drop_conflated(void)
{
	drop_by(MQTT_QUEUE_POLICY_CONFLATE, MQTT_A_STATS_DROP_CONFLATED, "conflated");
}

static void drop_slow(void)
{
	drop_by(MQTT_QUEUE_POLICY_DISCONNECT, MQTT_A_STATS_DROP_SLOW, "slow");
}

static void drop_rate(void)
{
	struct bytes b = { 0 };

	start();
	open_as(&pub, "fast", (struct mqtt_nl_attach){
		.limits.rate_packets = 1, .limits.rate_policy = MQTT_RATE_POLICY_DROP,
	});
	/* One by one, and in trains */
	for (unsigned int i = 0; i < 40; i++) {
		wire_message(&b, "t", "hello");
		if (i % 10 > 3)
			continue;
		rig_send_bytes(&pub, &b);
		bytes_free(&b);
	}
	check_drops(MQTT_A_STATS_DROP_RATE, "rate");
	tracing_nth(0, "mqtt_drop", part("peer", pub.id), "client=\"fast\"", "publisher=1", NULL);
	end();
}

/* --- peers ------------------------------------------------------------------- */

static void comings_and_goings(void)
{
	struct rig_port *port = calloc(1, sizeof(*port));
	unsigned int id;

	start();
	rig_port_open(port, 0);
	open_as(&pub, "detached", (struct mqtt_nl_attach){ 0 });
	rig_detach(&pub);
	open_as(&sub, "closed", (struct mqtt_nl_attach){ 0 });
	rig_close(&sub);
	open_as(&other, "moved", (struct mqtt_nl_attach){ 0 });
	id = other.id;
	rig_host(&other, port);
	rig_offload(&other, false);
	WAIT_UNTIL(rig_peer_count() == 1);
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
	tracing_read();
	CHECK_EQ(tracing_count("mqtt_attach", "protocol=4", "port=0", NULL), 4);
	CHECK_EQ(tracing_count("mqtt_attach", part("peer", id), NULL), 2);
	CHECK_EQ(tracing_count("mqtt_detach", "client=\"detached\"", "reason=detach", NULL), 1);
	CHECK_EQ(tracing_count("mqtt_detach", "client=\"closed\"", "reason=close", NULL), 1);
	CHECK_EQ(tracing_count("mqtt_detach", "client=\"moved\"", "reason=detach", NULL), 1);
	CHECK_EQ(tracing_count("mqtt_detach", "client=\"moved\"", "reason=router-end", NULL), 1);
	CHECK_EQ(tracing_count("mqtt_detach", NULL), 4);
	end();
}

static void slow(void)
{
	struct bytes b = { 0 };
	size_t len;

	start();
	open_as(&pub, "pub", (struct mqtt_nl_attach){ 0 });
	wire_publish(&b, 0x33, "t", "\0\1x", 3);
	wire_puback(&b, 1);
	len = b.len;
	wire_subscribe(&b, "t");
	rig_send_bytes(&pub, &b);
	tracing_read();
	CHECK_EQ(tracing_count("mqtt_slow", NULL), 3);
	tracing_nth(0, "mqtt_slow", part("peer", pub.id), "client=\"pub\"", "type=PUBLISH",
		    "flags=0x3", "barrier=0", NULL);
	tracing_nth(0, "mqtt_slow", "type=PUBACK", "bytes=4", "barrier=0", NULL);
	tracing_nth(0, "mqtt_slow", "type=SUBSCRIBE", part("bytes", b.len - len), "barrier=1",
		    NULL);
	end();
}

/* --- strangers' bytes ---------------------------------------------------------- */

static void cut_and_escaped(void)
{
	char topic[300], wanted[160], client[MQTT_CLIENT_ID_MAX];
	const char *line;

	start();
	memset(client, 'c', sizeof(client) - 1);
	client[sizeof(client) - 1] = '\0';
	open_as(&pub, client, (struct mqtt_nl_attach){ 0 });
	rig_open_sub(&sub, "#");
	memset(topic, 'x', sizeof(topic) - 1);
	topic[sizeof(topic) - 1] = '\0';
	rig_say(&pub, topic, "long");
	rig_say(&pub, "\n mqtt_tx: \" \\ \x1b[31m\xc3\xa9", "bad");
	rig_say(&pub, "", "");	/* no topic: the stream is the daemon's from here on */
	tracing_read();
	snprintf(wanted, sizeof(wanted), "topic=\"%.128s\"", topic);
	tracing_nth(0, "mqtt_rx", wanted, "topic_len=299", NULL);
	snprintf(wanted, sizeof(wanted), "client=\"%.128s\"", client);
	tracing_nth(0, "mqtt_attach", wanted, NULL);
	line = tracing_nth(1, "mqtt_rx", NULL);
	if (!strstr(line, " topic=\"\\x0a mqtt_tx: \\\" \\\\ \\x1b[31m\\xc3\\xa9\" "))
		FAIL("%s", line);
	CHECK_EQ(tracing_count("mqtt_rx", NULL), 2);
	end();
}

/* --- unloading ---------------------------------------------------------------- */

/* The module goes while its events are on, and comes back, and nothing is wrong. */
static void unload(void)
{
	module_need_file();
	start();
	rig_open(&pub);
	rig_open_sub(&sub, "t");
	rig_say(&pub, "t", "before");
	rig_hear(&sub, "t", "before");
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
	mqtt_nl_close(rig_nl);
	rig_close(&pub);
	rig_close(&sub);
	module_unload();
	tracing_read();		/* no event of it is left, or none that is known */
	CHECK(access(TRACING "/events/mqtt", F_OK));
	module_load();

	rig_start();
	tracing_enable(true);
	rig_open(&pub);
	rig_open_sub(&sub, "t");
	rig_say(&pub, "t", "after");
	rig_hear(&sub, "t", "after");
	tracing_read();
	CHECK(tracing_count("mqtt_rx", NULL) > 0);
	end();
}

static const struct ksft_case cases[] = {
	{ "way", way },
	{ "receivers", receivers },
	{ "unmatched", unmatched },
	{ "trains", trains },
	{ "ports", ports },
	{ "from_port", from_port },
	{ "histogram", histogram },
	{ "drop_queue_full", drop_queue_full },
	{ "drop_peer_gone", drop_peer_gone },
	{ "drop_too_large", drop_too_large },
	{ "drop_port_full", drop_port_full },
	{ "drop_budget", drop_budget },
	{ "drop_old", drop_old },
	{ "drop_conflated", drop_conflated },
	{ "drop_slow", drop_slow },
	{ "drop_rate", drop_rate },
	{ "comings_and_goings", comings_and_goings },
	{ "slow", slow },
	{ "cut_and_escaped", cut_and_escaped },
	{ "unload", unload },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
