// SPDX-License-Identifier: MIT
/*
 * Hosted peers: what is read from a port and written to one, and peers that
 * become offloaded and hosted again without losing a message or its place.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/port.h"
#include "lib/rig.h"

static struct rig_port port, other_port;
static struct rig_peer pub, sub, hosted;

static void start(void)
{
	rig_start();
	rig_port_open(&port, 0);
	rig_open(&pub);
	rig_attach_hosted(&hosted, &port);
	rig_sub(&hosted, "t/#");
}

static void a_message_comes_down(void)
{
	struct bytes b = { 0 };

	start();
	rig_port_expect_empty(&port);
	wire_message(&b, "t/u", "hello");
	rig_send_bytes(&pub, &b);
	CHECK(tcp_wait(port.fd, POLLIN) & POLLIN);
	rig_port_expect(&port, &b, &hosted);
	rig_port_expect_empty(&port);
	CHECK_EQ(rig_stat(MQTT_A_STATS_PORT_TX_PACKETS), 1);
	CHECK_EQ(rig_peer_get(&hosted, MQTT_A_PEER_STATE), MQTT_PEER_STATE_HOSTED);
	CHECK_EQ(rig_peer_get(&hosted, MQTT_A_PEER_PORT), port.id);
}

/* Of all sizes, with pages and without. */
static void large_messages_come_down(void)
{
	static const size_t sizes[] = { 10, 2000, 2100, 4096, 70000, 200000 };
	struct bytes b = { 0 };
	size_t i;

	start();
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		b.len = 0;
		wire_publish_of(&b, 0x30, "t/u", sizes[i], i);
		rig_send_bytes(&pub, &b);
		rig_port_expect(&port, &b, &hosted);
	}
}

/* One record names many, and each of two ports has its own. */
static void one_record_for_many(void)
{
	enum { PEERS = 100 };
	struct rig_peer many[PEERS];
	struct bytes b = { 0 };
	bool seen[PEERS] = { 0 };
	unsigned int left = PEERS, records = 0, n, i, j;
	const unsigned int *ids;

	start();
	rig_port_open(&other_port, 0);
	for (i = 0; i < PEERS; i++) {
		rig_attach_hosted(&many[i], &other_port);
		rig_sub(&many[i], "t/u");
	}
	wire_message(&b, "t/u", "to all");
	rig_send_bytes(&pub, &b);
	rig_port_expect(&port, &b, &hosted);
	for (; left; records++) {
		const struct mqtt_port_record *record = rig_port_wait(&other_port);

		CHECK_EQ(record->packet_len, b.len);
		tcp_compare("record", rig_port_packet(record), b.p, b.len);
		CHECK_EQ(rig_port_source(record), pub.id);
		ids = rig_port_receivers(record, &n);
		for (i = 0; i < n; i++) {
			for (j = 0; j < PEERS && many[j].id != ids[i]; j++)
				;
			CHECK(j < PEERS && !seen[j]);
			seen[j] = true;
			left--;
		}
	}
	CHECK(records <= 2);
	rig_port_expect_empty(&other_port);
	rig_port_expect_empty(&port);
}

static void messages_go_up(void)
{
	struct bytes b = { 0 }, records = { 0 };
	unsigned int i;

	start();
	rig_open_sub(&sub, "t/u");
	for (i = 0; i < 100; i++) {
		b.len = 0;
		wire_numbered(&b, 0x30, "t/u", 1, i, 5 + 40 * i);
		rig_record(&records, &b, i % 2 ? hosted.id : 0);
	}
	rig_port_write(&port, &records);
	for (i = 0; i < 100; i++) {
		b.len = 0;
		wire_numbered(&b, 0x30, "t/u", 1, i, 5 + 40 * i);
		tcp_expect(sub.client, b.p, b.len);
		rig_port_expect(&port, &b, &hosted);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_PORT_RX_PACKETS), 100);
	b.len = 0;
	wire_publish_of(&b, 0x30, "t/u", 200000, 3);
	rig_record(&records, &b, 0);
	rig_port_write(&port, &records);
	tcp_expect(sub.client, b.p, b.len);
}

static void refuse(struct bytes *records, int want)
{
	CHECK_REFUSED(write(port.fd, records->p, records->len));
	CHECK_EQ(errno, want);
	records->len = 0;
}

static void bad_records_are_refused(void)
{
	static const unsigned int first_bytes[] = { 0x32, 0x33, 0x38, 0x39, 0x20, 0xc0 };
	struct mqtt_port_record *head;
	struct bytes b = { 0 }, r = { 0 };
	size_t i;

	start();
	rig_open_sub(&sub, "#");
	wire_message(&b, "t/u", "text");
	for (i = 0; i < sizeof(*head) + b.len; i++) {	/* truncated */
		rig_record(&r, &b, 0);
		r.len = i;
		if (i)
			refuse(&r, i < sizeof(*head) ? EFAULT : EBADMSG);
	}
	for (i = 0; i < ARRAY_LEN(first_bytes); i++) {
		rig_record(&r, &b, 0);
		r.p[sizeof(*head)] = first_bytes[i];
		refuse(&r, EBADMSG);
	}
	for (i = 0; i < 7; i++) {
		rig_record(&r, &b, 0);
		head = (void *)r.p;
		head->len += i == 0 ? 8 : i == 1 ? -1 : 0;
		head->packet_len += i == 2;
		head->nr_peers += i == 3 ? 2 : 0;
		head->flags = i == 4;
		head->reserved = i == 5;
		head->protocol += i == 6 ? 2 : 0;
		refuse(&r, EBADMSG);
	}
	rig_record(&r, &b, 0);
	head = (void *)r.p;
	head->packet_len = 0xfffffff0;
	refuse(&r, EBADMSG);
	rig_record(&r, &b, 0);
	r.p[sizeof(*head) + 2] = 0x7f;			/* topic length */
	refuse(&r, EBADMSG);
	b.len = 0;
	wire_message(&b, "t/+", "wildcard");
	rig_record(&r, &b, 0);
	refuse(&r, EBADMSG);
	b.len = 0;
	wire_publish_of(&b, 0x30, "t/u", 300000, 3);
	rig_record(&r, &b, 0);
	refuse(&r, EMSGSIZE);
	/* What is good before it is routed. */
	b.len = 0;
	wire_message(&b, "t/u", "good");
	rig_record(&r, &b, 0);
	i = r.len;
	rig_record(&r, &b, 0);
	r.p[i + sizeof(*head)] = 0x32;
	CHECK_EQ(write(port.fd, r.p, r.len), i);
	tcp_expect(sub.client, b.p, b.len);
	CHECK_EQ(rig_stat(MQTT_A_STATS_PORT_RX_PACKETS), 1);
	rig_fence(&sub);
}

static void small_buffers(void)
{
	struct bytes b = { 0 };
	char buf[64], *pages;
	void *nowhere = (void *)strtoul("8", NULL, 0);

	start();
	wire_publish_of(&b, 0x30, "t/u", 100, 1);
	rig_send_bytes(&pub, &b);
	CHECK_REFUSED(read(port.fd, buf, sizeof(buf)));
	CHECK_EQ(errno, EMSGSIZE);
	CHECK_REFUSED(read(port.fd, nowhere, 4096));
	CHECK_EQ(errno, EFAULT);
	/* memory that ends in the middle of the packet */
	pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(pages != MAP_FAILED);
	CHECK_SYS(munmap(pages + 4096, 4096));
	CHECK_REFUSED(read(port.fd, pages + 4096 - 100, 4096));
	CHECK_EQ(errno, EFAULT);
	rig_port_expect(&port, &b, &hosted);
}

/* A port that is not read is bounded, and says what it has dropped. */
static void a_port_that_is_not_read(void)
{
	struct rig_peer p = { 0 };
	struct bytes b = { 0 };
	unsigned int n = 0, i;

	start();
	rig_port_open(&other_port, 16384);
	rig_attach_hosted(&p, &other_port);
	rig_sub(&p, "x");
	wire_publish_of(&b, 0x30, "x", 1000, 1);
	for (i = 0; i < 100; i++)
		rig_send_bytes(&pub, &b);
	CHECK(rig_stat(MQTT_A_STATS_DROP_PORT_FULL) >= 84);
	while (rig_port_next(&other_port))
		n++;
	CHECK_EQ(n + rig_stat(MQTT_A_STATS_DROP_PORT_FULL), 100);
	rig_send_bytes(&pub, &b);
	rig_port_expect(&other_port, &b, &p);
}

static void expect_numbers(struct packets *p, unsigned int *next)
{
	while (packets_take_number(p, 1, *next))
		++*next;
}

/* Numbered message @number for @sub comes out of the port. */
static unsigned int take_record(const struct mqtt_port_record *record)
{
	unsigned int source, number, n;

	CHECK_EQ(record->flags, MQTT_PORT_RECORD_SOURCE);
	CHECK_EQ(rig_port_source(record), pub.id);
	CHECK_EQ(*rig_port_receivers(record, &n), sub.id);
	CHECK_EQ(n, 1);
	number = wire_number(rig_port_packet(record), record->packet_len, &source);
	CHECK_EQ(source, 1);
	return number;
}

/* A backlog of a subscriber that does not read goes into the port. */
static void a_backlog_is_handed_over(void)
{
	unsigned int messages = ksft_scale(2000, 400);
	struct packets in = { 0 };
	struct bytes b = { 0 };
	unsigned int next = 0, i;

	start();
	rig_open_sub(&sub, "s");
	in.fd = sub.client;
	for (i = 0; i < messages; i++) {
		b.len = 0;
		wire_numbered(&b, 0x30, "s", 1, i, 3000);
		rig_send_bytes(&pub, &b);
	}
	CHECK(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS) > 100);
	rig_host(&sub, &port);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_PACKETS), 0);
	b.len = 0;
	wire_numbered(&b, 0x30, "s", 1, i, 3000);
	rig_send_bytes(&pub, &b);

	tcp_nonblock(sub.client, true);
	while (packets_read(&in) || tcp_unread(sub.client))
		expect_numbers(&in, &next);
	CHECK(next > 0 && next < messages);
	/* Whatever TCP has not given us yet is before what the port has. */
	while (next <= messages) {
		const struct mqtt_port_record *record = rig_port_next(&port);
		unsigned int number = record ? take_record(record) : messages;

		while (next < number) {
			packets_wait(&in);
			expect_numbers(&in, &next);
		}
		CHECK_EQ(next, number);
		next++;
	}
	rig_port_expect_empty(&port);
	CHECK_EQ(packets_left(&in), 0);
}

/* PINGRESPs behind a backlog: they come down behind it, each. */
static void owed_answers_are_handed_over(void)
{
	struct tcp_options small = {
		.family = AF_INET, .client_rcvbuf = 4096, .server_sndbuf = 8192,
	};
	const struct mqtt_port_record *record;
	struct bytes b = { 0 };
	unsigned int n;
	int i, answers = 0;

	start();
	rig_open_with(&sub, &small);
	rig_sub(&sub, "s");
	wire_numbered(&b, 0x30, "s", 1, 0, 3000);
	for (i = 0; i < 200; i++)
		rig_send_bytes(&pub, &b);
	for (i = 0; i < 3; i++)
		rig_send(&sub, "\xc0\x00", 2);
	rig_host(&sub, &port);
	while ((record = rig_port_next(&port))) {
		CHECK_EQ(*rig_port_receivers(record, &n), sub.id);
		if (rig_port_packet(record)[0] == 0x30) {
			CHECK(!answers);
			continue;
		}
		CHECK_EQ(record->packet_len, 2);
		tcp_compare("answer", rig_port_packet(record), "\xd0\x00", 2);
		answers += n;
	}
	CHECK_EQ(answers, 3);
}

static void a_hosted_peer_is_offloaded(void)
{
	struct bytes first = { 0 }, second = { 0 }, third = { 0 };

	start();
	rig_connect(&sub, NULL);
	rig_attach_hosted(&sub, &port);
	rig_sub(&sub, "s");
	wire_message(&first, "s", "first");
	wire_message(&second, "s", "second");
	wire_message(&third, "s", "third");
	rig_send_bytes(&pub, &first);
	rig_offload(&sub, true);
	CHECK_EQ(rig_try_offload(&sub, false, 0), -EBUSY);
	rig_send_bytes(&pub, &third);
	rig_port_expect(&port, &first, &sub);
	rig_port_expect_mark(&port, &sub);
	rig_port_expect_empty(&port);
	/* The daemon may be in the middle of a packet when it attaches. */
	tcp_send_all(sub.fd, second.p, 3);
	CHECK(!tcp_is_readable(sub.client) || tcp_unread(sub.client) == 3);
	tcp_send_all(sub.fd, second.p + 3, second.len - 3);
	rig_release(&sub);
	tcp_expect(sub.client, second.p, second.len);
	tcp_expect(sub.client, third.p, third.len);
	rig_send_bytes(&pub, &first);
	tcp_expect(sub.client, first.p, first.len);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_SUBSCRIPTIONS), 1);
	rig_fence(&sub);
}

/* The rest of a packet that the daemon has begun to receive stays its own. */
static void the_rest_of_a_packet(void)
{
	struct bytes large = { 0 }, small = { 0 };
	size_t had = 50000;

	start();
	rig_open_sub(&sub, "t/u");
	rig_connect(&hosted, NULL);
	rig_attach_hosted(&hosted, &port);
	wire_publish_of(&large, 0x30, "t/u", 250000, 1);
	wire_message(&small, "t/u", "small");
	tcp_send_all(hosted.client, large.p, had);
	tcp_expect(hosted.fd, large.p, had);
	CHECK_EQ(rig_try_offload(&hosted, false, large.len - had), 0);
	CHECK_EQ(rig_peer_get(&hosted, MQTT_A_PEER_STATE), MQTT_PEER_STATE_BARRIER);
	tcp_send_all(hosted.client, large.p + had, 100);
	tcp_expect(hosted.fd, large.p + had, 100);
	had += 100;
	tcp_expect_again(hosted.fd);
	hosted.sent = had;
	tcp_send_all(hosted.client, large.p + had, 1000);
	tcp_expect(hosted.fd, large.p + had, 1000);
	had += 1000;
	bytes_put(&large, small.p, small.len);
	tcp_nonblock(hosted.client, true);
	while (had < large.len - small.len) {
		ssize_t n = send(hosted.client, large.p + had, large.len - had, MSG_DONTWAIT);

		if (n < 0)
			FAIL("send: %s", strerror(errno));
		n = n < (ssize_t)(large.len - small.len - had) ? n :
			(ssize_t)(large.len - small.len - had);
		tcp_expect(hosted.fd, large.p + had, n);
		had += n;
		if (had == large.len - small.len)
			break;
	}
	rig_fence(&sub);	/* the small one waits */
	tcp_expect_again(hosted.fd);
	tcp_expect(sub.client, small.p, small.len);
}

/* The daemon of the next case: passes on what is hosted, and flips @sub. */
static unsigned int pump_port(bool *offloaded)
{
	const struct mqtt_port_record *record;
	unsigned int n = 0, m;

	while ((record = rig_port_next(&port))) {
		if (record->flags & MQTT_PORT_RECORD_OFFLOADED) {
			CHECK(*offloaded);
			rig_release(&sub);
			return n + 1;
		}
		CHECK_EQ(*rig_port_receivers(record, &m), sub.id);
		tcp_send_all(sub.fd, rig_port_packet(record), record->packet_len);
		n++;
	}
	return n;
}

static void flip(bool *offloaded)
{
	int err;

	if (*offloaded) {
		rig_host(&sub, &port);
		*offloaded = false;
		return;
	}
	err = rig_try_offload(&sub, true, 0);
	CHECK(!err || err == -EBUSY);
	if (err)
		return;
	*offloaded = true;
	while (rig_peer_get(&sub, MQTT_A_PEER_TX_HOLD))
		pump_port(offloaded);
}

static void flips_under_traffic(void)
{
	unsigned int messages = ksft_scale(20000, 800), flips = 0, next = 0;
	struct traffic t = { .from = &pub, .topic = "s", .source = 1, .payload = 20,
			     .n = messages, .batch = 30, .cpu = -1 };
	struct packets in = { 0 };
	bool offloaded = true;

	start();
	rig_open_sub(&sub, "s");
	in.fd = sub.client;
	traffic_start(&t);
	while (next < messages) {
		flip(&offloaded);
		flips++;
		pump_port(&offloaded);
		while (packets_read(&in))
			expect_numbers(&in, &next);
	}
	traffic_join(&t);
	CHECK_EQ(t.sent, messages);
	CHECK(flips > 4);
	ksft_note("%u flips, %u messages", flips, messages);
	CHECK_EQ(packets_left(&in), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_PORT_FULL), 0);
}

static void the_end_of_a_port(void)
{
	struct bytes b = { 0 };

	start();
	CHECK_EQ(rig_peer_count(), 2);
	wire_message(&b, "t/u", "lost");
	rig_send_bytes(&pub, &b);
	close(port.fd);
	CHECK_EQ(rig_peer_count(), 1);
	rig_send_bytes(&pub, &b);
	CHECK_EQ(rig_stat(MQTT_A_STATS_UNMATCHED), 1);
}

/* Of a train that was read in part the rest is dropped, for each of its receivers. */
static void the_end_of_a_port_in_a_train(void)
{
	struct mqtt_port_record head;
	struct rig_peer another;
	struct bytes b = { 0 };
	char record[64];
	unsigned int i;

	start();
	rig_attach_hosted(&another, &port);
	rig_sub(&another, "t/#");
	for (i = 0; i < 5; i++)
		wire_message(&b, "t/u", "of a train");
	rig_send_bytes(&pub, &b);
	for (i = 0; i < 2; i++) {
		CHECK(read(port.fd, record, sizeof(record)) > 0);
		memcpy(&head, record, sizeof(head));
		CHECK_EQ(head.packet_len, b.len / 5);
		CHECK_EQ(rig_stat(MQTT_A_STATS_PORT_TX_PACKETS), 2 * (i + 1));
	}
	close(port.fd);
	CHECK_EQ(rig_stat(MQTT_A_STATS_ENQUEUED), 10);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_PEER_GONE), 6);
}

static void the_end_of_the_router(void)
{
	struct bytes b = { 0 }, r = { 0 };
	char buf[4096];

	start();
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
	CHECK(tcp_wait(port.fd, POLLIN) & POLLHUP);
	CHECK_EQ(read(port.fd, buf, sizeof(buf)), 0);
	wire_message(&b, "t/u", "late");
	rig_record(&r, &b, 0);
	refuse(&r, ENODEV);
}

static const struct ksft_case cases[] = {
	{ "a message comes down", a_message_comes_down },
	{ "large messages come down", large_messages_come_down },
	{ "one record for many receivers", one_record_for_many },
	{ "messages go up", messages_go_up },
	{ "bad records are refused", bad_records_are_refused },
	{ "small buffers", small_buffers },
	{ "a port that is not read", a_port_that_is_not_read },
	{ "a backlog is handed over", a_backlog_is_handed_over },
	{ "owed answers are handed over", owed_answers_are_handed_over },
	{ "a hosted peer is offloaded", a_hosted_peer_is_offloaded },
	{ "the rest of a packet", the_rest_of_a_packet },
	{ "flips under traffic", flips_under_traffic },
	{ "the end of a port", the_end_of_a_port },
	{ "the end of a port in a train", the_end_of_a_port_in_a_train },
	{ "the end of the router", the_end_of_the_router },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
