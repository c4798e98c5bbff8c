/* SPDX-License-Identifier: MIT */
/*
 * PUBLISH packets of MQTT 5.0, built by hand like those of wire.h. Properties
 * are the bytes behind their length, as they stand in the packet.
 */
#ifndef SELFTESTS_WIRE5_H
#define SELFTESTS_WIRE5_H

#include "wire.h"

/* Append one property. */
void props_byte(struct bytes *b, unsigned int id, unsigned int value);
void props_u16(struct bytes *b, unsigned int id, unsigned int value);
void props_u32(struct bytes *b, unsigned int id, unsigned int value);
void props_text(struct bytes *b, unsigned int id, const char *text);
void props_pair(struct bytes *b, const char *name, const char *value);
/* User properties until there are @len bytes, which are 0 or at least 5. */
void props_fill(struct bytes *b, size_t len);

/* Each appends one packet and returns its length; @props may be NULL. */
size_t wire5_publish(struct bytes *b, unsigned int byte1, const char *topic,
		     const struct bytes *props, const void *payload, size_t len);
size_t wire5_message(struct bytes *b, const char *topic, const char *text);
/* With a topic alias only; @topic "" for none. */
size_t wire5_alias(struct bytes *b, unsigned int byte1, const char *topic, unsigned int alias,
		   const char *text);

#endif /* SELFTESTS_WIRE5_H */
