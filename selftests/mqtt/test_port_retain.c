// SPDX-License-Identifier: MIT
/*
 * Messages with RETAIN that the daemon writes to a port: offloaded peers get
 * them as ordinary messages, and ports as they were written.
 */
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
	rig_port_expect(&port, &plain, &hosted);
	rig_port_expect(&port, &retained, &hosted);
	rig_port_expect(&port, &plain, &hosted);
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
	struct bytes retained = { 0 }, plain_5 = { 0 }, retained_5 = { 0 }, records = { 0 };

	wire_publish(&retained, 0x31, "t/u", text, payload);
	wire5_publish(&plain_5, 0x30, "t/u", NULL, text, payload);
	wire5_publish(&retained_5, 0x31, "t/u", NULL, text, payload);
	rig_record(&records, &retained, 0);
	rig_port_write(&port, &records);
	tcp_expect(sub.client, plain_5.p, plain_5.len);
	rig_port_expect(&other_port, &retained_5, &hosted_5);
	rig_port_expect(&port, &retained, &hosted);
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

/* It waits in the queue of an offloaded peer that becomes hosted. */
static void handed_over(void)
{
	struct bytes b = { 0 }, records = { 0 };

	start();
	rig_connect(&sub, NULL);
	rig_attach_hosted(&sub, &port);
	rig_sub(&sub, "s");
	rig_offload(&sub, true);
	rig_port_expect_mark(&port, &sub);
	wire_publish_of(&b, 0x31, "s", 10, 7);
	rig_record(&records, &b, 0);
	rig_port_write(&port, &records);
	rig_port_expect_empty(&port);
	rig_host(&sub, &port);
	rig_port_expect(&port, &b, &sub);
}

static const struct ksft_case cases[] = {
	{ "of_all_sizes", of_all_sizes },
	{ "to_another_version", to_another_version },
	{ "handed_over", handed_over },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
