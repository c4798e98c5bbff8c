/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Fixed headers and PUBLISH packets, spelled out byte by byte, and what has to
 * become of them: for the unit tests and for KUnit.
 */
#ifndef SELFTESTS_VECTORS_WIRE_H
#define SELFTESTS_VECTORS_WIRE_H

#include <linux/errno.h>
#include <linux/types.h>

/* MQTT 2.2.3, table 2.4 (5.0: 1.5.5, table 1-1), and what is around its edges */
static const struct {
	u32 remaining;
	u8 size;
	u8 bytes[5];
} lengths[] = {
	{ 0, 2, { 0x30, 0x00 } },
	{ 1, 2, { 0x30, 0x01 } },
	{ 126, 2, { 0x30, 0x7e } },
	{ 127, 2, { 0x30, 0x7f } },
	{ 128, 3, { 0x30, 0x80, 0x01 } },
	{ 129, 3, { 0x30, 0x81, 0x01 } },
	{ 321, 3, { 0x30, 0xc1, 0x02 } },	/* the standard's example */
	{ 16382, 3, { 0x30, 0xfe, 0x7f } },
	{ 16383, 3, { 0x30, 0xff, 0x7f } },
	{ 16384, 4, { 0x30, 0x80, 0x80, 0x01 } },
	{ 16385, 4, { 0x30, 0x81, 0x80, 0x01 } },
	{ 2097150, 4, { 0x30, 0xfe, 0xff, 0x7f } },
	{ 2097151, 4, { 0x30, 0xff, 0xff, 0x7f } },
	{ 2097152, 5, { 0x30, 0x80, 0x80, 0x80, 0x01 } },
	{ 2097153, 5, { 0x30, 0x81, 0x80, 0x80, 0x01 } },
	{ 268435454, 5, { 0x30, 0xfe, 0xff, 0xff, 0x7f } },
	{ 268435455, 5, { 0x30, 0xff, 0xff, 0xff, 0x7f } },
};

#define BODY(s) s, sizeof(s) - 1
#define BAD -EBADMSG, NULL, NULL, 0

/* The body of a packet of 3.1 or 3.1.1 */
struct publish_case {
	const char *what;
	u8 byte1;
	const char *body;
	size_t len;
	int err;
	const char *topic;
	const char *payload;
	unsigned int packet_id;
};

static const struct publish_case publishes[] = {
	/* 3.3.2.3, the standard's example */
	{ "a/b at QoS 1", 0x32, BODY("\0\3a/b\0\12"), 0, "a/b", "", 10 },
	{ "QoS 0", 0x30, BODY("\0\3a/bhello"), 0, "a/b", "hello", 0 },
	{ "QoS 2", 0x34, BODY("\0\3a/b\xff\xfehi"), 0, "a/b", "hi", 65534 },
	{ "packet identifier 1", 0x32, BODY("\0\3a/b\0\1"), 0, "a/b", "", 1 },
	{ "packet identifier 256", 0x32, BODY("\0\3a/b\1\0"), 0, "a/b", "", 256 },
	{ "DUP at QoS 1", 0x3a, BODY("\0\3a/b\0\1x"), 0, "a/b", "x", 1 },
	{ "DUP at QoS 2", 0x3c, BODY("\0\3a/b\0\1x"), 0, "a/b", "x", 1 },
	{ "RETAIN", 0x31, BODY("\0\3a/bx"), 0, "a/b", "x", 0 },
	{ "all flags", 0x3d, BODY("\0\3a/b\0\1x"), 0, "a/b", "x", 1 },
	/* 3.3.3: a zero length payload is valid */
	{ "no payload", 0x30, BODY("\0\3a/b"), 0, "a/b", "", 0 },
	{ "short topic", 0x30, BODY("\0\1/"), 0, "/", "", 0 },
	{ "topic of a word", 0x30, BODY("\0\10abcdefgh\0"), 0, "abcdefgh", "\0", 0 },
	{ "$ is for the matcher", 0x30, BODY("\0\4$SYS"), 0, "$SYS", "", 0 },
	{ "payload is no text", 0x30, BODY("\0\1a#+\xff\xc3"), 0, "a", "#+\xff\xc3", 0 },
	{ "UTF-8", 0x30, BODY("\0\5caf\xc3\xa9!"), 0, "caf\xc3\xa9", "!", 0 },

	{ "[MQTT-3.3.1-4] QoS 3", 0x36, BODY("\0\3a/b\0\12"), BAD },
	{ "[MQTT-3.3.1-4] QoS 3, DUP", 0x3e, BODY("\0\3a/b\0\12"), BAD },
	{ "[MQTT-3.3.1-2] DUP at QoS 0", 0x38, BODY("\0\3a/b"), BAD },
	{ "[MQTT-3.3.1-2] DUP, RETAIN at QoS 0", 0x39, BODY("\0\3a/b"), BAD },
	{ "nothing", 0x30, BODY(""), BAD },
	{ "half a topic length", 0x30, BODY("\0"), BAD },
	{ "half a topic length of one", 0x30, BODY("\1"), BAD },
	{ "[MQTT-4.7.3-1] empty topic", 0x30, BODY("\0\0"), BAD },
	{ "[MQTT-4.7.3-1] empty topic, payload", 0x30, BODY("\0\0hello"), BAD },
	{ "[MQTT-4.7.3-1] empty topic at QoS 1", 0x32, BODY("\0\0\0\1"), BAD },
	{ "topic does not fit", 0x30, BODY("\0\4a/b"), BAD },
	{ "topic does not fit by far", 0x30, BODY("\xff\xff" "a/b"), BAD },
	{ "topic length in the wrong order", 0x30, BODY("\3\0a/b"), BAD },
	{ "[MQTT-2.3.1-1] packet identifier 0", 0x32, BODY("\0\3a/b\0\0"), BAD },
	{ "[MQTT-2.3.1-1] packet identifier 0 at QoS 2", 0x34, BODY("\0\3a/b\0\0x"), BAD },
	{ "no packet identifier", 0x32, BODY("\0\3a/b"), BAD },
	{ "half a packet identifier", 0x32, BODY("\0\3a/b\1"), BAD },
	{ "no topic before the identifier", 0x32, BODY("\0\3"), BAD },
	{ "[MQTT-3.3.2-2] '#'", 0x30, BODY("\0\3a/#"), BAD },
	{ "[MQTT-3.3.2-2] '+'", 0x30, BODY("\0\3+/b"), BAD },
	{ "[MQTT-3.3.2-2] '+' in a level", 0x30, BODY("\0\3a+b"), BAD },
	{ "[MQTT-3.3.2-2] '#' in the last byte", 0x32, BODY("\0\12abcdefghi#\0\1"), BAD },
	{ "[MQTT-1.5.3-2] U+0000", 0x30, BODY("\0\3a\0b"), BAD },
	{ "[MQTT-1.5.3-1] surrogate", 0x30, BODY("\0\3\xed\xa0\x80"), BAD },
	{ "[MQTT-1.5.3-1] cut by the topic's end", 0x30, BODY("\0\4caf\xc3\xa9"), BAD },
};

/* Of 5.0 */
struct publish5_case {
	const char *what;
	u8 byte1;
	const char *body;
	size_t len;
	int err;
	const char *topic;
	const char *payload;
	unsigned int packet_id;
	unsigned int alias;
	unsigned int props_len;
};

#define BAD5(err) err, NULL, NULL, 0, 0, 0

static const struct publish5_case publishes5[] = {
	{ "no properties", 0x30, BODY("\0\3a/b\0hello"), 0, "a/b", "hello", 0, 0, 0 },
	{ "no payload", 0x30, BODY("\0\3a/b\0"), 0, "a/b", "", 0, 0, 0 },
	{ "the payload looks like a length", 0x30, BODY("\0\1a\0\xff\xff\xff"), 0, "a",
	  "\xff\xff\xff", 0, 0, 0 },
	{ "QoS 1", 0x32, BODY("\0\1a\0\12\2\1\1x"), 0, "a", "x", 10, 0, 2 },
	{ "QoS 2, retained", 0x35, BODY("\0\1a\1\0\0x"), 0, "a", "x", 256, 0, 0 },
	{ "topic and alias", 0x30, BODY("\0\1a\3\x23\1\2x"), 0, "a", "x", 0, 0x102, 3 },
	{ "alias only", 0x30, BODY("\0\0\3\x23\0\1x"), 0, "", "x", 0, 1, 3 },
	{ "alias only at QoS 1", 0x32, BODY("\0\0\0\1\3\x23\xff\xffx"), 0, "", "x", 1, 65535, 3 },
	{ "alias between others", 0x30, BODY("\0\0\12\1\0\x23\0\1\2\0\0\0\7x"), 0, "", "x", 0, 1,
	  10 },

	{ "nothing", 0x30, BODY(""), BAD5(-EBADMSG) },
	{ "no Property Length", 0x30, BODY("\0\3a/b"), BAD5(-EBADMSG) },
	{ "half a Property Length", 0x30, BODY("\0\1a\x80"), BAD5(-EBADMSG) },
	{ "properties do not fit", 0x30, BODY("\0\1a\3\1\1"), BAD5(-EBADMSG) },
	{ "a property of CONNECT", 0x30, BODY("\0\1a\3\x21\0\1"), BAD5(-EBADMSG) },
	{ "a property of wills", 0x30, BODY("\0\1a\5\x18\0\0\0\0"), BAD5(-EBADMSG) },
	{ "a property twice", 0x30, BODY("\0\1a\4\1\1\1\1"), BAD5(-EPROTO) },
	{ "alias 0", 0x30, BODY("\0\1a\3\x23\0\0"), BAD5(-EPROTO) },
	{ "no topic, no alias", 0x30, BODY("\0\0\0x"), BAD5(-EPROTO) },
	{ "no topic, no alias, a property", 0x30, BODY("\0\0\2\1\1x"), BAD5(-EPROTO) },
	{ "[MQTT-3.3.4-6] subscription identifier", 0x30, BODY("\0\1a\2\x0b\1"), BAD5(-EPROTO) },
	{ "[MQTT-3.3.2-2] '#'", 0x30, BODY("\0\1#\0"), BAD5(-EBADMSG) },
	{ "[MQTT-3.3.2-2] '+' with an alias", 0x30, BODY("\0\1+\3\x23\0\1"), BAD5(-EBADMSG) },
	{ "[MQTT-1.5.4-2] U+0000", 0x30, BODY("\0\1\0\0"), BAD5(-EBADMSG) },
	{ "[MQTT-2.2.1-3] packet identifier 0", 0x32, BODY("\0\1a\0\0\0"), BAD5(-EBADMSG) },
	{ "[MQTT-3.3.1-4] QoS 3", 0x36, BODY("\0\1a\0\1\0"), BAD5(-EBADMSG) },
	{ "[MQTT-3.3.1-2] DUP at QoS 0", 0x38, BODY("\0\1a\0"), BAD5(-EBADMSG) },
};

/* PUBLISH packets of 5.0 written anew */
static const struct header_case {
	const char *what;
	u8 byte1;
	const char *body;	/* as it comes, in 5.0 */
	size_t len;
	const char *topic;	/* put in if it comes without */
	const char *v5;		/* as it goes, without its payload, to 5.0 */
	size_t v5_len;
	const char *v3;
	size_t v3_len;
} headers[] = {
	{ "plain", 0x30, BODY("\0\1a\0xy"), NULL, BODY("\x30\6\0\1a\0"), BODY("\x30\5\0\1a") },
	{ "flags", 0x3d, BODY("\0\1a\0\7\0xy"), NULL, BODY("\x3d\x08\0\1a\0\7\0"),
	  BODY("\x3d\7\0\1a\0\7") },
	{ "properties", 0x30, BODY("\0\1a\6\1\1\x03\0\1t"), NULL,
	  BODY("\x30\12\0\1a\6\1\1\x03\0\1t"), BODY("\x30\3\0\1a") },
	{ "alias alone", 0x30, BODY("\0\1a\3\x23\0\1"), NULL, BODY("\x30\4\0\1a\0"),
	  BODY("\x30\3\0\1a") },
	{ "alias first", 0x30, BODY("\0\1a\5\x23\0\1\1\1"), NULL, BODY("\x30\6\0\1a\2\1\1"),
	  BODY("\x30\3\0\1a") },
	{ "alias last", 0x30, BODY("\0\1a\5\1\1\x23\0\1"), NULL, BODY("\x30\6\0\1a\2\1\1"),
	  BODY("\x30\3\0\1a") },
	{ "alias between", 0x30, BODY("\0\1a\12\1\1\x23\0\1\x26\0\0\0\0"), NULL,
	  BODY("\x30\13\0\1a\7\1\1\x26\0\0\0\0"), BODY("\x30\3\0\1a") },
	{ "topic put in", 0x30, BODY("\0\0\3\x23\0\1p"), "x/y/z", BODY("\x30\x09\0\5x/y/z\0"),
	  BODY("\x30\x08\0\5x/y/z") },
	{ "topic put in, QoS 2", 0x34, BODY("\0\0\1\2\3\x23\0\1p"), "x",
	  BODY("\x34\7\0\1x\1\2\0"), BODY("\x34\6\0\1x\1\2") },
};

#endif /* SELFTESTS_VECTORS_WIRE_H */
