// SPDX-License-Identifier: MIT
/*
 * Subscription Identifiers: one copy of a message for each peer, with those of all its
 * subscriptions that match.
 */
#include <netlink/attr.h>
#include <stdlib.h>

#include "lib/packets.h"
#include "lib/port.h"
#include "lib/wire5.h"

#define SUBSCRIPTION_ID	0x0b
#define ID_MAX		268435455u

static struct rig_peer pub, sub;
static struct rig_port port;

static void start(unsigned int protocol)
{
	rig_start();
	rig_open_as(&pub, protocol, 0);
	rig_open_as(&sub, MQTT_PROTOCOL_V5, 0);
}

/* The oracle's: a Variable Byte Integer behind its identifier. */
static void put_id(struct bytes *props, unsigned int id)
{
	bytes_u8(props, SUBSCRIPTION_ID);
	for (; id > 127; id >>= 7)
		bytes_u8(props, 0x80 | (id & 127));
	bytes_u8(props, id);
}

static void ids_to(struct bytes *props, const unsigned int *ids, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		put_id(props, ids[i]);
}

/* What @client is to receive next: the packet with the identifiers behind other properties. */
static void expect_ids(int client, const char *topic, const struct bytes *props,
		       const unsigned int *ids, unsigned int n, const void *payload, size_t len)
{
	struct bytes all = { 0 }, packet = { 0 };

	if (props)
		bytes_put(&all, props->p, props->len);
	ids_to(&all, ids, n);
	wire5_publish(&packet, 0x30, topic, &all, payload, len);
	tcp_expect(client, packet.p, packet.len);
	bytes_free(&all);
	bytes_free(&packet);
}

static void publish(const char *topic, const struct bytes *props, const void *payload, size_t len)
{
	struct bytes b = { 0 };

	if (rig_peer_get(&pub, MQTT_A_PEER_PROTOCOL) == MQTT_PROTOCOL_V5)
		wire5_publish(&b, 0x30, topic, props, payload, len);
	else
		wire_publish(&b, 0x30, topic, payload, len);
	rig_send_bytes(&pub, &b);
	bytes_free(&b);
}

/* Of each length, short, in one piece and in pages. */
static void one_id(unsigned int protocol)
{
	static const unsigned int ids[] = { 1, 127, 128, 16383, 16384, 2097151, 2097152, ID_MAX };
	static const size_t sizes[] = { 0, 1, 130, 2000, 2100, 70000 };
	struct bytes props = { 0 };
	char *text = calloc(1, 70000);
	unsigned int i, k;

	start(protocol);
	props_pair(&props, "name", "value");
	for (i = 0; i < ARRAY_LEN(ids); i++) {
		rig_sub_id(&sub, "t/u", ids[i]);
		for (k = 0; k < ARRAY_LEN(sizes); k++) {
			publish("t/u", &props, text, sizes[k]);
			expect_ids(sub.client, "t/u", protocol == MQTT_PROTOCOL_V5 ? &props : NULL,
				   &ids[i], 1, text, sizes[k]);
		}
	}
	/* Without one again */
	rig_sub(&sub, "t/u");
	publish("t/u", NULL, "x", 1);
	expect_ids(sub.client, "t/u", NULL, NULL, 0, "x", 1);
	rig_check_balance();
	free(text);
}

static void one_id_from_311(void)
{
	one_id(MQTT_PROTOCOL_V311);
}

static void one_id_from_5(void)
{
	one_id(MQTT_PROTOCOL_V5);
}

/* What the next packet has; it is one of short topic and payload. */
static unsigned int take_ids(struct packets *in, unsigned int *ids, unsigned int room)
{
	const unsigned char *p, *end;
	unsigned int n = 0, shift;
	size_t len;

	while (!(len = wire_length(packets_data(in), packets_left(in))) || len > packets_left(in))
		packets_wait(in);
	p = packets_data(in);
	end = p + len;
	while (*++p & 0x80)
		;
	p += 3 + (p[1] << 8 | p[2]);
	/* Property Length; all of the properties are identifiers */
	for (len = 0, shift = 0; *p & 0x80; shift += 7)
		len |= (*p++ & 127) << shift;
	len |= *p++ << shift;
	CHECK(p + len <= end);
	for (end = p + len; p < end;) {
		CHECK_EQ(*p++, SUBSCRIPTION_ID);
		CHECK(n < room);
		for (ids[n] = 0, shift = 0; *p & 0x80; shift += 7)
			ids[n] |= (*p++ & 127) << shift;
		ids[n++] |= *p++ << shift;
	}
	in->taken += wire_length(packets_data(in), packets_left(in));
	return n;
}

static int compare(const void *a, const void *b)
{
	const unsigned int *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Of 128 filters that match and have identifiers, and as many without. */
static void all_ids(void)
{
	unsigned int ids[256], i, k, n;
	struct packets in = { 0 };
	char filter[16];

	start(MQTT_PROTOCOL_V5);
	in.fd = sub.client;
	for (i = 0; i < 256; i++) {
		for (k = 0; k < 8; k++)
			memcpy(filter + 2 * k, i >> k & 1 ? "+/" : "a/", 2);
		filter[15] = 0;
		if (i & 1)
			rig_sub_id(&sub, filter, 1000 + i);
		else
			rig_sub(&sub, filter);
	}
	for (k = 0; k < 3; k++) {
		publish("a/a/a/a/a/a/a/a", NULL, "x", 1);
		n = take_ids(&in, ids, ARRAY_LEN(ids));
		CHECK_EQ(n, 128);
		qsort(ids, n, sizeof(ids[0]), compare);
		for (i = 0; i < n; i++)
			CHECK_EQ(ids[i], 1000 + 2 * i + 1);
	}
	/* Those with a wildcard at the end */
	publish("a/a/a/a/a/a/a/b", NULL, "x", 1);
	CHECK_EQ(take_ids(&in, ids, ARRAY_LEN(ids)), 64);
	CHECK_EQ(packets_left(&in), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_ENQUEUED), 4);
	rig_check_balance();
}

/*
 * So many receivers that there is no room for them without an allocation, some with
 * one identifier for all, some with their own, some with none, on two filters.
 */
static void many_receivers(void)
{
	enum { PEERS = 400 };
	struct rig_peer *peers = calloc(PEERS, sizeof(*peers));
	struct packets in = { 0 };
	unsigned int i, n, ids[4];

	start(MQTT_PROTOCOL_V5);
	for (i = 0; i < PEERS; i++) {
		rig_open_as(&peers[i], i % 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311, 0);
		if (i % 5 == 0 || i % 5 == 3) {
			rig_sub(&peers[i], "m/#");
			rig_sub(&peers[i], "m/n");
			continue;
		}
		rig_sub_id(&peers[i], "m/#", 5);
		rig_sub_id(&peers[i], "m/n", i % 5 == 1 ? 6 : 100 + i);
	}
	publish("m/n", NULL, "x", 1);
	for (i = 0; i < PEERS; i++) {
		if (i % 5 == 0) {
			struct bytes b = { 0 };

			wire_message(&b, "m/n", "x");
			tcp_expect(peers[i].client, b.p, b.len);
			bytes_free(&b);
			continue;
		}
		in.fd = peers[i].client;
		n = take_ids(&in, ids, ARRAY_LEN(ids));
		CHECK_EQ(packets_left(&in), 0);
		CHECK_EQ(n, i % 5 == 3 ? 0 : 2);
		if (!n)
			continue;
		qsort(ids, n, sizeof(ids[0]), compare);
		CHECK_EQ(ids[0], 5);
		CHECK_EQ(ids[1], i % 5 == 1 ? 6 : 100 + i);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_ENQUEUED), PEERS);
	/* Only one of the lists matches: nothing has to be written down. */
	publish("m/o", NULL, "y", 1);
	for (i = 0; i < PEERS; i++)
		if (i % 5 && i % 5 != 3)
			expect_ids(peers[i].client, "m/o", NULL, (unsigned int[]){ 5 }, 1, "y", 1);
	free(peers);
}

/* Several packets in one go: each of them has the identifiers. */
static void trains(void)
{
	struct bytes b = { 0 };
	char text[40];
	unsigned int i;

	start(MQTT_PROTOCOL_V311);
	rig_sub_id(&sub, "t/u", 77);
	rig_sub_id(&sub, "#", 300);
	for (i = 0; i < 150; i++) {
		snprintf(text, sizeof(text), "%*u", 1 + i % 30, i);
		wire_message(&b, "t/u", text);
	}
	rig_send_bytes(&pub, &b);
	for (i = 0; i < 150; i++) {
		snprintf(text, sizeof(text), "%*u", 1 + i % 30, i);
		expect_ids(sub.client, "t/u", NULL, (unsigned int[]){ 300, 77 }, 2, text,
			   strlen(text));
	}
	rig_check_balance();
}

/* Each packet has so many that all of them would be more than 64 KiB in one piece. */
static void long_trains(void)
{
	enum { FILTERS = 256, PACKETS = 60 };
	unsigned int ids[FILTERS], first[FILTERS], i, k, n;
	struct packets in = { 0 };
	struct bytes b = { 0 };
	char filter[16];

	start(MQTT_PROTOCOL_V5);
	in.fd = sub.client;
	for (i = 0; i < FILTERS; i++) {
		for (k = 0; k < 8; k++)
			memcpy(filter + 2 * k, i >> k & 1 ? "+/" : "a/", 2);
		filter[15] = 0;
		rig_sub_id(&sub, filter, ID_MAX - i);
	}
	for (i = 0; i < PACKETS; i++)
		wire5_publish(&b, 0x30, "a/a/a/a/a/a/a/a", NULL, "x", 1);
	rig_send_bytes(&pub, &b);
	for (i = 0; i < PACKETS; i++) {
		n = take_ids(&in, ids, ARRAY_LEN(ids));
		CHECK_EQ(n, FILTERS);
		if (!i)
			memcpy(first, ids, sizeof(ids));
		CHECK(!memcmp(first, ids, sizeof(ids)));
	}
	CHECK_EQ(packets_left(&in), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_ENQUEUED), PACKETS);
	rig_check_balance();
	bytes_free(&b);
}

/* With its identifier it is longer than the client takes. */
static void maximum_packet(void)
{
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V5, .max_packet = 20 };
	struct bytes b = { 0 };

	start(MQTT_PROTOCOL_V5);
	rig_connect(&sub, NULL);
	rig_attach_with(&sub, &attach);
	rig_sub_id(&sub, "t/u", ID_MAX);
	publish("t/u", NULL, "12345678", 8);	/* 16 bytes, 21 with it */
	wire5_publish(&b, 0x30, "t/u", NULL, "1", 1);
	wire5_publish(&b, 0x30, "t/u", NULL, "12345678", 8);
	wire5_publish(&b, 0x30, "t/u", NULL, "3", 1);
	rig_send_bytes(&pub, &b);
	expect_ids(sub.client, "t/u", NULL, (unsigned int[]){ ID_MAX }, 1, "1", 1);
	expect_ids(sub.client, "t/u", NULL, (unsigned int[]){ ID_MAX }, 1, "3", 1);
	CHECK_EQ(rig_peer_stat(&sub, MQTT_A_PEER_STATS_DROP_TOO_LARGE), 2);
}

/* A subscription of one's own that is no-local does not count. */
static void no_local(void)
{
	struct mqtt_nl_filter f = {
		.filter = (const void *)"n/+", .len = 3, .id = 9,
		.options = MQTT_SUB_OPTION_NO_LOCAL,
	};
	struct bytes b = { 0 };

	start(MQTT_PROTOCOL_V5);
	CHECK_EQ(mqtt_nl_sub_add(rig_nl, sub.id, &f, 1), 0);
	rig_sub_id(&sub, "n/#", 8);
	publish("n/x", NULL, "1", 1);
	expect_ids(sub.client, "n/x", NULL, (unsigned int[]){ 8, 9 }, 2, "1", 1);
	wire5_message(&b, "n/x", "2");
	rig_send_bytes(&sub, &b);
	expect_ids(sub.client, "n/x", NULL, (unsigned int[]){ 8 }, 1, "2", 1);
	rig_unsub(&sub, "n/#");
	rig_send_bytes(&sub, &b);
	rig_fence(&sub);
}

/* A hosted peer's records have them, also when it was offloaded before. */
static void out_of_a_port(void)
{
	struct bytes props = { 0 }, with = { 0 }, plain = { 0 };
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V5, .client_id = "h" };
	const struct mqtt_port_record *record;
	struct rig_peer same, other;
	unsigned int n;

	start(MQTT_PROTOCOL_V5);
	rig_port_open(&port, 0);
	attach.port = port.id;
	CHECK_EQ(mqtt_nl_peer_attach(rig_nl, &attach, &same.id), 0);
	CHECK_EQ(mqtt_nl_peer_attach(rig_nl, &attach, &other.id), 0);
	rig_sub(&other, "h/#");
	rig_connect(&sub, NULL);
	CHECK_EQ(mqtt_nl_peer_attach(rig_nl, &attach, &sub.id), 0);
	rig_sub_id(&same, "h/#", 4);
	rig_sub_id(&sub, "h/#", 4);
	put_id(&props, 4);
	wire5_publish(&with, 0x30, "h/x", &props, "x", 1);
	wire5_message(&plain, "h/x", "x");
	publish("h/x", NULL, "x", 1);
	/* The same copy for two is one record. */
	record = rig_port_wait(&port);
	rig_port_receivers(record, &n);
	if (n == 1) {
		CHECK_EQ(*rig_port_receivers(record, &n), other.id);
		record = rig_port_wait(&port);
	} else {
		rig_port_expect(&port, &plain, &other);
	}
	rig_port_receivers(record, &n);
	CHECK_EQ(n, 2);
	CHECK_EQ(rig_port_source(record), pub.id);
	rig_unsub(&same, "h/#");
	rig_unsub(&other, "h/#");
	rig_offload(&sub, true);
	rig_port_expect_mark(&port, &sub);
	publish("h/x", NULL, "x", 1);
	rig_host(&sub, &port);
	rig_port_expect(&port, &with, &sub);
}

struct shown {
	unsigned int n;
	unsigned int id;
	unsigned int options;
	bool has_id;
};

static int show(struct nlattr **attrs, void *arg)
{
	struct shown *shown = arg;

	shown->n++;
	shown->options = nla_get_u8(attrs[MQTT_A_SUB_OPTIONS]);
	shown->has_id = attrs[MQTT_A_SUB_ID];
	shown->id = shown->has_id ? nla_get_u32(attrs[MQTT_A_SUB_ID]) : 0;
	CHECK(!attrs[MQTT_A_SUB_GROUP]);
	return 0;
}

static struct shown dump(void)
{
	struct shown shown = { 0 };

	CHECK_EQ(mqtt_nl_sub_dump(rig_nl, sub.id, show, &shown), 0);
	CHECK_EQ(shown.n, 1);
	return shown;
}

static void shown_and_replaced(void)
{
	struct mqtt_nl_filter f = {
		.filter = (const void *)"a", .len = 1, .id = 5,
		.options = MQTT_SUB_OPTION_RETAIN_AS_PUBLISHED,
	};

	start(MQTT_PROTOCOL_V5);
	CHECK_EQ(mqtt_nl_sub_add(rig_nl, sub.id, &f, 1), 0);
	CHECK_EQ(dump().id, 5);
	CHECK_EQ(dump().options, MQTT_SUB_OPTION_RETAIN_AS_PUBLISHED);
	rig_sub_id(&sub, "a", ID_MAX);
	CHECK_EQ(dump().id, ID_MAX);
	CHECK_EQ(dump().options, 0);
	rig_sub(&sub, "a");
	CHECK(!dump().has_id);
}

static void refused(void)
{
	struct mqtt_nl_filter f[] = {
		{ .filter = (const void *)"a", .len = 1 },
		{ .filter = (const void *)"b", .len = 1, .id = ID_MAX + 1 },
	};
	struct rig_peer old;

	start(MQTT_PROTOCOL_V5);
	rig_open_as(&old, MQTT_PROTOCOL_V311, 0);
	CHECK_EQ(mqtt_nl_sub_add(rig_nl, sub.id, f, 2), -ERANGE);
	f[1].id = 1;
	CHECK_EQ(mqtt_nl_sub_add(rig_nl, old.id, f, 2), -EINVAL);
	CHECK(strstr(mqtt_nl_error(rig_nl), "MQTT 5.0"));
	CHECK_EQ(rig_peer_get(&old, MQTT_A_PEER_SUBSCRIPTIONS), 0);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_SUBSCRIPTIONS), 0);
}

/* Identifiers come and go under traffic: each message comes once, with one set or another. */
static void churn(void)
{
	struct traffic t = { .from = &pub, .topic = "c/c", .source = 1, .payload = 8,
			     .n = ksft_scale(20000, 2000), .batch = 400, .cpu = 1 };
	unsigned int changes = 0, i, n, ids[4];
	struct packets in = { 0 };

	start(MQTT_PROTOCOL_V5);
	rig_close(&pub);
	rig_open_as(&pub, MQTT_PROTOCOL_V311, 0);
	in.fd = sub.client;
	rig_sub(&sub, "c/#");
	traffic_start(&t);
	for (i = 0; i < t.n; i++) {
		if (i % 64 == 0) {
			changes++;
			if (changes % 4 == 1)
				rig_sub_id(&sub, "c/c", 2);
			else if (changes % 4 == 2)
				rig_sub_id(&sub, "c/#", 3);
			else if (changes % 4 == 3)
				rig_unsub(&sub, "c/c");
			else
				rig_sub(&sub, "c/#");
		}
		n = take_ids(&in, ids, ARRAY_LEN(ids));
		CHECK(n <= 2);
	}
	traffic_join(&t);
	CHECK_EQ(t.sent, t.n);
	CHECK_EQ(packets_left(&in), 0);
	rig_fence(&sub);
	rig_check_balance();
}

static const struct ksft_case cases[] = {
	{ "one_id_from_311", one_id_from_311 },
	{ "one_id_from_5", one_id_from_5 },
	{ "all_ids", all_ids },
	{ "many_receivers", many_receivers },
	{ "trains", trains },
	{ "long_trains", long_trains },
	{ "maximum_packet", maximum_packet },
	{ "no_local", no_local },
	{ "out_of_a_port", out_of_a_port },
	{ "shown_and_replaced", shown_and_replaced },
	{ "refused", refused },
	{ "churn", churn },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
