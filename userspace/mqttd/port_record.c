// SPDX-License-Identifier: MIT
/*
 * Records of a port.
 */
#include <errno.h>
#include <string.h>

#include "port_record.h"

#define ALIGNMENT 8

ssize_t port_record_next(const void *data, size_t len, struct port_record *record)
{
	const struct mqtt_port_record *head = data;
	size_t peers, sources;

	if (len < sizeof(*head) || head->len < sizeof(*head) || head->len > len ||
	    head->len % ALIGNMENT)
		return -EBADMSG;
	peers = (size_t)head->nr_peers * sizeof(head->peers[0]);
	if (peers > head->len - sizeof(*head) ||
	    head->packet_len > head->len - sizeof(*head) - peers)
		return -EBADMSG;
	if (!head->packet_len != !!(head->flags & MQTT_PORT_RECORD_OFFLOADED))
		return -EBADMSG;
	sources = head->flags & MQTT_PORT_RECORD_SOURCE ? 1 : 0;
	if (head->nr_peers < sources)
		return -EBADMSG;
	*record = (struct port_record){
		.peers = head->peers + sources,
		.source = sources ? head->peers[0] : 0,
		.packet = (const u8 *)data + sizeof(*head) + peers,
		.nr_peers = head->nr_peers - sources,
		.packet_len = head->packet_len,
		.protocol = head->protocol,
		.flags = head->flags,
	};
	return head->len;
}

u8 port_record_protocol(u8 protocol)
{
	return protocol == MQTT_PROTOCOL_V5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311;
}

static size_t unpadded(u32 nr_peers, size_t packet_len)
{
	return sizeof(struct mqtt_port_record) + nr_peers * sizeof(u32) + packet_len;
}

size_t port_record_padding(u32 nr_peers, size_t packet_len)
{
	return -unpadded(nr_peers, packet_len) & (ALIGNMENT - 1);
}

size_t port_record_head(void *head, u8 protocol, u32 from, size_t packet_len)
{
	u32 nr_peers = from ? 1 : 0;
	struct mqtt_port_record record = {
		.len = unpadded(nr_peers, packet_len) + port_record_padding(nr_peers, packet_len),
		.packet_len = packet_len,
		.nr_peers = nr_peers,
		.protocol = port_record_protocol(protocol),
	};

	memcpy(head, &record, sizeof(record));
	if (from)
		memcpy((u8 *)head + sizeof(record), &from, sizeof(from));
	return sizeof(record) + nr_peers * sizeof(from);
}

int port_record_append(struct buffer *buf, u8 protocol, u32 from, const u8 *packet,
		       size_t packet_len)
{
	u8 head[PORT_RECORD_HEAD_MAX], padding[ALIGNMENT] = {};
	size_t size = port_record_head(head, protocol, from, packet_len);
	size_t rest = port_record_padding(from ? 1 : 0, packet_len);

	if (buffer_reserve(buf, size + packet_len + rest, SIZE_MAX))
		return -ENOMEM;
	/* There is room: none of these fails. */
	buffer_append(buf, head, size);
	buffer_append(buf, packet, packet_len);
	buffer_append(buf, padding, rest);
	return 0;
}
