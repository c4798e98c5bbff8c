/* SPDX-License-Identifier: MIT */
/*
 * What is read from and written to a port: struct mqtt_port_record of
 * linux/mqtt.h, put together and taken apart. Pure: no descriptor, no client.
 */
#ifndef MQTTD_PORT_RECORD_H
#define MQTTD_PORT_RECORD_H

#include <stddef.h>
#include <sys/types.h>
#include <linux/mqtt.h>
#include <linux/types.h>

#include "buffer.h"

/**
 * struct port_record - a record that was read; points into the bytes
 * @peers: ids of the peers that the packet is for
 * @source: id of the peer that has published it, 0: none, or not known
 * @packet: PUBLISH at QoS 0, not there in a record with a flag
 * @nr_peers: how many
 * @packet_len: bytes at @packet
 * @protocol: enum mqtt_protocol, as the packet is framed
 * @flags: MQTT_PORT_RECORD_*
 */
struct port_record {
	const u32 *peers;
	const u8 *packet;
	u32 nr_peers;
	u32 source;
	u32 packet_len;
	u8 protocol;
	u8 flags;
};

/**
 * port_record_next() - the first record
 * @data: 8 byte aligned
 * @len: bytes there
 * @record: result
 *
 * Return: bytes of the record; -EBADMSG if they are not a whole, sound record.
 */
ssize_t port_record_next(const void *data, size_t len, struct port_record *record);

/* How the daemon may frame what it writes: MQTT 3.1 has the packets of 3.1.1. */
u8 port_record_protocol(u8 protocol);

/* Bytes behind the packet. */
size_t port_record_padding(u32 nr_peers, size_t packet_len);

#define PORT_RECORD_HEAD_MAX (sizeof(struct mqtt_port_record) + sizeof(u32))

/*
 * Writes what stands in front of a packet of the peer @from, 0: of nobody, to
 * @head, which has room for PORT_RECORD_HEAD_MAX bytes. Returns how many it wrote.
 */
size_t port_record_head(void *head, u8 protocol, u32 from, size_t packet_len);

/* Adds a record. Returns 0, or -ENOMEM and has added nothing. */
int port_record_append(struct buffer *buf, u8 protocol, u32 from, const u8 *packet,
		       size_t packet_len);

#endif /* MQTTD_PORT_RECORD_H */
