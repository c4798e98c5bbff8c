/* SPDX-License-Identifier: MIT */
/* The few MQTT packets that a load generator sends and understands. */
#ifndef MQTTPERF_PACKET_H
#define MQTTPERF_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include <mqtt/wire.h>

#define PACKET_NAME_MAX	64		/* of client ids and topics, with the 0 */
#define PACKET_MAX	160		/* of what is written here */

/* Each writes a packet of up to PACKET_MAX bytes and returns how many. */
/* @expiry: session expiry interval in seconds, with MQTT 5.0 */
size_t pkt_connect(uint8_t *buf, uint32_t version, const char *client_id, uint32_t expiry);
size_t pkt_subscribe(uint8_t *buf, uint32_t version, const char *filter, uint32_t qos);

/* A PUBLISH as far as its payload, which has @payload bytes. */
size_t pkt_publish(uint8_t *buf, uint32_t version, const char *topic, uint32_t qos,
		   uint32_t payload);

/* Where the packet identifier is in it, if it has one; then it is 0 there. */
size_t pkt_publish_id(const char *topic, uint32_t payload, uint32_t version);

/* PUBACK and its like, PKT_ACK_SIZE bytes; and the end of a session (5.0). */
#define PKT_ACK_SIZE	4
void pkt_ack(uint8_t *buf, enum mqtt_packet_type type, uint16_t id);
size_t pkt_end_session(uint8_t *buf);

/* The reason that is in a whole CONNACK or SUBACK, or -1 if it is neither. */
int pkt_reason(const uint8_t *packet, uint32_t version, const struct mqtt_fixed_header *fh);

/*
 * The packet identifier of a PUBACK or its like, or 0 if it is malformed or says
 * that something was refused.
 */
uint16_t pkt_ack_id(const uint8_t *body, uint32_t remaining);

/**
 * pkt_payload() - where a PUBLISH's payload begins
 * @body: the packet behind its fixed header
 * @remaining: bytes at @body
 * @version: protocol level
 * @qos: of the packet
 * @id: result: packet identifier, if @qos is not 0
 *
 * Return: bytes before it, or 0 if the packet is malformed
 */
uint32_t pkt_payload(const uint8_t *body, uint32_t remaining, uint32_t version, uint32_t qos,
		     uint16_t *id);

#endif /* MQTTPERF_PACKET_H */
