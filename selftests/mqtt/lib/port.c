// SPDX-License-Identifier: MIT
/*
 * Ports. See port.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "port.h"
#include "wire5.h"

static void nl_check(int ret, const char *what)
{
	if (ret)
		FAIL("%s: %s (%s)", what, strerror(-ret), mqtt_nl_error(rig_nl));
}

void rig_port_open(struct rig_port *port, unsigned long long queue_limit)
{
	memset(port, 0, sizeof(*port));
	nl_check(mqtt_nl_port_add(rig_nl, queue_limit, &port->id, &port->fd), "port add");
}

static int count_port(struct nlattr **attrs, void *arg)
{
	(void)attrs;
	++*(int *)arg;
	return 0;
}

int rig_port_count(struct mqtt_nl *nl)
{
	int n = 0;

	CHECK_EQ(mqtt_nl_port_dump(nl, count_port, &n), 0);
	return n;
}

void rig_attach_hosted(struct rig_peer *p, struct rig_port *port)
{
	struct mqtt_nl_attach attach = {
		.port = port->id,
		.protocol = MQTT_PROTOCOL_V311,
		.client_id = "hosted",
	};

	nl_check(mqtt_nl_peer_attach(rig_nl, &attach, &p->id), "peer attach, hosted");
}

void rig_host(struct rig_peer *p, struct rig_port *port)
{
	nl_check(mqtt_nl_peer_host(rig_nl, p->id, port->id), "peer detach to a port");
}

int rig_try_offload(struct rig_peer *p, bool hold, unsigned int rx_skip)
{
	struct mqtt_nl_attach attach = {
		.id = p->id,
		.fd = p->fd,
		.tx_hold = hold,
		.rx_skip = rx_skip,
	};
	unsigned int id;

	return mqtt_nl_peer_attach(rig_nl, &attach, &id);
}

void rig_offload(struct rig_peer *p, bool hold)
{
	nl_check(rig_try_offload(p, hold, 0), "peer attach of a hosted peer");
}

void rig_release(struct rig_peer *p)
{
	const uint8_t no = 0;
	const struct mqtt_nl_peer_set set = { .tx_hold = &no };

	nl_check(mqtt_nl_peer_set(rig_nl, p->id, &set), "peer set");
}

static bool port_read(struct rig_port *port)
{
	ssize_t n = read(port->fd, port->buf, sizeof(port->buf));

	if (n < 0 && errno == EAGAIN)
		return false;
	CHECK_SYS(n);
	port->len = n;
	port->taken = 0;
	return n > 0;
}

const struct mqtt_port_record *rig_port_next(struct rig_port *port)
{
	const struct mqtt_port_record *record;
	size_t left;

	if (port->taken == port->len && !port_read(port))
		return NULL;
	record = (const void *)(port->buf + port->taken);
	left = port->len - port->taken;
	CHECK(left >= sizeof(*record) && record->len <= left && record->len % 8 == 0);
	CHECK(sizeof(*record) + 4 * record->nr_peers + record->packet_len <= record->len);
	CHECK_EQ(record->reserved, 0);
	port->taken += record->len;
	return record;
}

const struct mqtt_port_record *rig_port_wait(struct rig_port *port)
{
	const struct mqtt_port_record *record = rig_port_next(port);

	while (!record) {
		tcp_wait(port->fd, POLLIN);
		record = rig_port_next(port);
	}
	return record;
}

const unsigned char *rig_port_packet(const struct mqtt_port_record *record)
{
	return (const void *)(record->peers + record->nr_peers);
}

unsigned int rig_port_source(const struct mqtt_port_record *record)
{
	return record->flags & MQTT_PORT_RECORD_SOURCE ? record->peers[0] : 0;
}

const unsigned int *rig_port_receivers(const struct mqtt_port_record *record, unsigned int *n)
{
	unsigned int skip = record->flags & MQTT_PORT_RECORD_SOURCE ? 1 : 0;

	*n = record->nr_peers - skip;
	return record->peers + skip;
}

void rig_port_expect(struct rig_port *port, const struct bytes *packet,
		     const struct rig_peer *p)
{
	const struct mqtt_port_record *record = rig_port_wait(port);
	const unsigned int *ids;
	unsigned int n;

	CHECK_EQ(record->flags & MQTT_PORT_RECORD_OFFLOADED, 0);
	ids = rig_port_receivers(record, &n);
	CHECK_EQ(n, 1);
	CHECK_EQ(ids[0], p->id);
	CHECK_EQ(record->packet_len, packet->len);
	tcp_compare("record", rig_port_packet(record), packet->p, packet->len);
}

void rig_port_expect_mark(struct rig_port *port, const struct rig_peer *p)
{
	const struct mqtt_port_record *record = rig_port_wait(port);

	CHECK_EQ(record->flags, MQTT_PORT_RECORD_OFFLOADED);
	CHECK_EQ(record->nr_peers, 1);
	CHECK_EQ(record->packet_len, 0);
	CHECK_EQ(record->peers[0], p->id);
}

void rig_port_expect_empty(struct rig_port *port)
{
	CHECK(!rig_port_next(port));
	CHECK(!tcp_is_readable(port->fd));
}

void rig_record(struct bytes *b, const struct bytes *packet, unsigned int source)
{
	static const unsigned char zero[8];
	struct mqtt_port_record head = {
		.packet_len = packet->len,
		.nr_peers = source ? 1 : 0,
		.protocol = MQTT_PROTOCOL_V311,
	};
	size_t len = sizeof(head) + 4 * head.nr_peers + packet->len;

	head.len = (len + 7) & ~7u;
	bytes_put(b, &head, sizeof(head));
	if (source)
		bytes_put(b, &source, sizeof(source));
	bytes_put(b, packet->p, packet->len);
	bytes_put(b, zero, head.len - len);
}

void rig_port_write(struct rig_port *port, struct bytes *b)
{
	CHECK_EQ(CHECK_SYS(write(port->fd, b->p, b->len)), b->len);
	b->len = 0;
}

void rig_fence(struct rig_peer *sub)
{
	static struct rig_port *fence_port;
	static unsigned int number;
	struct bytes b = { 0 }, record = { 0 };
	char text[16];

	if (!fence_port) {
		fence_port = malloc(sizeof(*fence_port));
		rig_port_open(fence_port, 0);
	}
	if (!sub->fenced)
		rig_sub(sub, "$fence");
	sub->fenced = true;
	sprintf(text, "fence %u", ++number);
	wire_message(&b, "$fence", text);
	rig_record(&record, &b, 0);
	rig_port_write(fence_port, &record);
	bytes_free(&record);
	if (rig_peer_get(sub, MQTT_A_PEER_PROTOCOL) == MQTT_PROTOCOL_V5) {
		bytes_free(&b);
		wire5_message(&b, "$fence", text);
	}
	tcp_expect(sub->client, b.p, b.len);
	bytes_free(&b);
}
