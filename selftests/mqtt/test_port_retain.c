// SPDX-License-Identifier: MIT
/*
 * Messages with RETAIN that the daemon writes to a port: peers get them as ordinary
 * messages, but for those with a subscription that is retain-as-published; and ports
 * tell how they were written.
 */
#include <stdlib.h>

#include "lib/port.h"
#include "lib/wire5.h"

static struct rig_port port, other_port;
static struct rig_peer sub, hosted, hosted_5;

static void start(void)
{
	rig_start();
	rig_port_open(&port, 0);
	rig_attach_hosted(&hosted, &port);
	rig_sub(&hosted, "t/#");
}

/* The record that comes is @packet for @peer, and was written with RETAIN or without. */
static void expect_record(struct rig_port *port, const struct bytes *packet, bool retain,
			  const struct rig_peer *peer)
{
	const struct mqtt_port_record *record = rig_port_wait(port);
	unsigned int n;

	CHECK_EQ(record->flags, retain ? MQTT_PORT_RECORD_RETAIN : 0);
	CHECK_EQ(*rig_port_receivers(record, &n), peer->id);
	CHECK_EQ(n, 1);
	CHECK_EQ(record->packet_len, packet->len);
	tcp_compare("record", rig_port_packet(record), packet->p, packet->len);
}

/* Between two others, so that nothing but its own flag changes. */
static void pass(unsigned int payload)
{
	struct bytes plain = { 0 }, retained = { 0 }, records = { 0 };

	wire_publish_of(&plain, 0x30, "t/u", payload, 7);
	wire_publish_of(&retained, 0x31, "t/u", payload, 7);
	rig_record(&records, &plain, 0);
	rig_record(&records, &retained, 0);
	rig_record(&records, &plain, 0);
	rig_port_write(&port, &records);
	tcp_expect(sub.client, plain.p, plain.len);
	tcp_expect(sub.client, plain.p, plain.len);
	tcp_expect(sub.client, plain.p, plain.len);
	expect_record(&port, &plain, false, &hosted);
	expect_record(&port, &plain, true, &hosted);
	expect_record(&port, &plain, false, &hosted);
}

/* In one piece, and in pages. */
static void of_all_sizes(void)
{
	start();
	rig_open_sub(&sub, "t/#");
	pass(5);
	pass(2000);
	pass(2100);
	pass(200000);
	rig_port_expect_empty(&port);
}

/* The same to receivers of the other framing. */
static void translated(const char *text, size_t payload)
{
	struct bytes plain = { 0 }, retained = { 0 }, plain_5 = { 0 }, records = { 0 };

	wire_publish(&retained, 0x31, "t/u", text, payload);
	wire5_publish(&plain_5, 0x30, "t/u", NULL, text, payload);
	wire_publish(&plain, 0x30, "t/u", text, payload);
	rig_record(&records, &retained, 0);
	rig_port_write(&port, &records);
	tcp_expect(sub.client, plain_5.p, plain_5.len);
	expect_record(&other_port, &plain_5, true, &hosted_5);
	expect_record(&port, &plain, true, &hosted);
}

static void to_another_version(void)
{
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V5, .client_id = "five" };
	char text[5000];

	start();
	rig_port_open(&other_port, 0);
	attach.port = other_port.id;
	CHECK_EQ(mqtt_nl_peer_attach(rig_nl, &attach, &hosted_5.id), 0);
	rig_sub(&hosted_5, "t/u");
	rig_open_as(&sub, MQTT_PROTOCOL_V5, 0);
	rig_sub(&sub, "t/u");
	memset(text, 'p', sizeof(text));
	translated(text, 1);
	translated(text, sizeof(text));
}

#define RAP MQTT_SUB_OPTION_RETAIN_AS_PUBLISHED

/* One that wants it, one of whose subscriptions wants it, and one that does not. */
static void as_published(void)
{
	struct bytes b = { 0 }, plain = { 0 }, retained = { 0 }, records = { 0 };
	struct rig_peer wants, both, rap_elsewhere;
	size_t sizes[] = { 3, 2200, 100000 };
	char *text = calloc(1, 100000);
	unsigned int i;

	start();
	rig_open(&wants);
	rig_sub_with(&wants, "r/u", RAP);
	rig_open(&both);
	rig_sub(&both, "r/#");
	rig_sub_with(&both, "r/+", RAP);
	rig_open(&rap_elsewhere);
	rig_sub_with(&rap_elsewhere, "elsewhere", RAP);
	rig_sub(&rap_elsewhere, "r/#");
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		plain.len = 0;
		retained.len = 0;
		wire_publish(&plain, 0x30, "r/u", text, sizes[i]);
		wire_publish(&retained, 0x31, "r/u", text, sizes[i]);
		rig_record(&records, &retained, 0);
		rig_record(&records, &plain, 0);
		rig_port_write(&port, &records);
		tcp_expect(wants.client, retained.p, retained.len);
		tcp_expect(wants.client, plain.p, plain.len);
		tcp_expect(both.client, retained.p, retained.len);
		tcp_expect(both.client, plain.p, plain.len);
		tcp_expect(rap_elsewhere.client, plain.p, plain.len);
		tcp_expect(rap_elsewhere.client, plain.p, plain.len);
	}
	/* What passes through the kernel alone never has it. */
	wire_message(&b, "r/u", "fast");
	rig_open(&sub);
	rig_send_bytes(&sub, &b);
	tcp_expect(wants.client, b.p, b.len);
	tcp_expect(both.client, b.p, b.len);
	/* The option is gone again. */
	rig_sub(&wants, "r/u");
	rig_record(&records, &retained, 0);
	rig_port_write(&port, &records);
	tcp_expect(wants.client, plain.p, plain.len);
	tcp_expect(both.client, retained.p, retained.len);
	free(text);
}

/* Hosted peers get it as they want it as well. */
static void hosted_as_published(void)
{
	struct bytes plain = { 0 }, retained = { 0 }, records = { 0 };
	struct rig_peer wants;

	start();
	rig_port_open(&other_port, 0);
	rig_attach_hosted(&wants, &other_port);
	rig_sub_with(&wants, "t/u", RAP);
	wire_publish(&plain, 0x30, "t/u", "x", 1);
	wire_publish(&retained, 0x31, "t/u", "x", 1);
	rig_record(&records, &retained, wants.id);
	rig_port_write(&port, &records);
	rig_port_expect(&other_port, &retained, &wants);
	rig_port_expect(&port, &plain, &hosted);
}

/* It waits in the queue of an offloaded peer that becomes hosted. */
static void handed_over(void)
{
	struct bytes plain = { 0 }, retained = { 0 }, records = { 0 };

	start();
	rig_connect(&sub, NULL);
	rig_attach_hosted(&sub, &port);
	rig_sub(&sub, "s");
	rig_sub_with(&sub, "wants", RAP);
	rig_offload(&sub, true);
	rig_port_expect_mark(&port, &sub);
	wire_publish_of(&plain, 0x30, "s", 10, 7);
	wire_publish_of(&retained, 0x31, "s", 10, 7);
	rig_record(&records, &retained, 0);
	retained.len = 0;
	wire_publish_of(&retained, 0x31, "wants", 10, 7);
	rig_record(&records, &retained, 0);
	rig_port_write(&port, &records);
	rig_port_expect_empty(&port);
	rig_host(&sub, &port);
	expect_record(&port, &plain, true, &sub);
	expect_record(&port, &retained, true, &sub);
}

static const struct ksft_case cases[] = {
	{ "of_all_sizes", of_all_sizes },
	{ "to_another_version", to_another_version },
	{ "as_published", as_published },
	{ "hosted_as_published", hosted_as_published },
	{ "handed_over", handed_over },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
