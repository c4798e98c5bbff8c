/* SPDX-License-Identifier: MIT */
/*
 * MQTT 3.1.1 packets, built and measured by hand: the tests' oracle. It
 * shares no code and no header with what is under test.
 */
#ifndef SELFTESTS_WIRE_H
#define SELFTESTS_WIRE_H

#include <stddef.h>

struct bytes {
	unsigned char *p;
	size_t len;
	size_t size;
};

void bytes_put(struct bytes *b, const void *data, size_t len);
void bytes_u8(struct bytes *b, unsigned int value);
void bytes_u16(struct bytes *b, unsigned int value);
void bytes_free(struct bytes *b);	/* empties it, too */

/* Each appends one packet and returns its length. */
size_t wire_packet(struct bytes *b, unsigned int byte1, const void *body, size_t len);
size_t wire_publish(struct bytes *b, unsigned int byte1, const char *topic,
		    const void *payload, size_t len);
size_t wire_message(struct bytes *b, const char *topic, const char *text); /* QoS 0 */
size_t wire_subscribe(struct bytes *b, const char *filter);
size_t wire_unsubscribe(struct bytes *b, const char *filter);
size_t wire_disconnect(struct bytes *b);
size_t wire_pingreq(struct bytes *b);
size_t wire_puback(struct bytes *b, unsigned int id);

/* A PUBLISH whose Remaining Length is @remaining, its payload a pattern. */
size_t wire_publish_of(struct bytes *b, unsigned int byte1, const char *topic,
		       size_t remaining, unsigned int pattern);

/* Length of the packet at @p, 0 if @len bytes are too few to tell. */
size_t wire_length(const unsigned char *p, size_t len);

/*
 * Numbered messages, to check order and loss by: payload is source (1 byte),
 * number (4 bytes), then a pattern that depends on both.
 */
size_t wire_numbered(struct bytes *b, unsigned int byte1, const char *topic,
		     unsigned int source, unsigned int number, size_t payload);
/* Checks the pattern of a whole packet; returns its number, sets @source. */
unsigned int wire_number(const unsigned char *packet, size_t len, unsigned int *source);

#endif /* SELFTESTS_WIRE_H */
