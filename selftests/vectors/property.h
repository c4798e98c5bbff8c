/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Properties of MQTT 5.0, written down a second time from section 2.2.2.2 of the
 * standard: for the unit tests and for KUnit.
 */
#ifndef SELFTESTS_VECTORS_PROPERTY_H
#define SELFTESTS_VECTORS_PROPERTY_H

#include <linux/errno.h>
#include <linux/types.h>

/*
 * Table 2-4. Packets are letters: c CONNECT, C CONNACK, P PUBLISH, w Will
 * Properties, a PUBACK, r PUBREC, l PUBREL, p PUBCOMP, s SUBSCRIBE, S SUBACK,
 * u UNSUBSCRIBE, U UNSUBACK, d DISCONNECT, A AUTH.
 */
static const char letters[] = "wcCParlpsSuU--dA";

#define VALUE(s) s, sizeof(s) - 1

static const struct row {
	unsigned int id;
	const char *packets;
	const char *value;	/* one that is allowed */
	size_t len;
	const char *again;	/* packets where it may be twice */
} rows[] = {
	{ 1, "Pw", VALUE("\1"), "" },
	{ 2, "Pw", VALUE("\0\0\0\0"), "" },
	{ 3, "Pw", VALUE("\0\4text"), "" },
	{ 8, "Pw", VALUE("\0\3a/b"), "" },
	{ 9, "Pw", VALUE("\0\3\xff\0\xfe"), "" },
	{ 11, "Ps", VALUE("\x80\1"), "P" },
	{ 17, "cCd", VALUE("\xff\xff\xff\xff"), "" },
	{ 18, "C", VALUE("\0\2id"), "" },
	{ 19, "C", VALUE("\0\0"), "" },
	{ 21, "cCA", VALUE("\0\1m"), "" },
	{ 22, "cCA", VALUE("\0\0"), "" },
	{ 23, "c", VALUE("\0"), "" },
	{ 24, "w", VALUE("\0\0\0\1"), "" },
	{ 25, "c", VALUE("\1"), "" },
	{ 26, "C", VALUE("\0\1/"), "" },
	{ 28, "Cd", VALUE("\0\1h"), "" },
	{ 31, "CarlpSUdA", VALUE("\0\3why"), "" },
	{ 33, "cC", VALUE("\0\1"), "" },
	{ 34, "cC", VALUE("\0\0"), "" },
	{ 35, "P", VALUE("\0\1"), "" },
	{ 36, "C", VALUE("\0"), "" },
	{ 37, "C", VALUE("\1"), "" },
	{ 38, "cCPwarlpsSuUdA", VALUE("\0\1n\0\2va"), "cCPwarlpsSuUdA" },
	{ 39, "cC", VALUE("\0\0\0\1"), "" },
	{ 40, "C", VALUE("\0"), "" },
	{ 41, "C", VALUE("\1"), "" },
	{ 42, "C", VALUE("\0"), "" },
};

static const struct value_case {
	const char *what;
	unsigned int type;
	const char *block;
	size_t len;
	int err;
} values[] = {
	{ "payload format 2", 3, VALUE("\x01\2"), -EPROTO },
	{ "payload format 255 of a will", 0, VALUE("\x01\xff"), -EPROTO },
	{ "request problem information 2", 1, VALUE("\x17\2"), -EPROTO },
	{ "request response information 2", 1, VALUE("\x19\2"), -EPROTO },
	{ "maximum QoS 2", 2, VALUE("\x24\2"), -EPROTO },
	{ "retain available 2", 2, VALUE("\x25\2"), -EPROTO },
	{ "wildcard subscription available 2", 2, VALUE("\x28\2"), -EPROTO },
	{ "subscription identifier available 2", 2, VALUE("\x29\2"), -EPROTO },
	{ "shared subscription available 2", 2, VALUE("\x2a\2"), -EPROTO },
	{ "receive maximum 0", 1, VALUE("\x21\0\0"), -EPROTO },
	{ "receive maximum 256", 1, VALUE("\x21\1\0"), 0 },
	{ "receive maximum 65535", 1, VALUE("\x21\xff\xff"), 0 },
	{ "topic alias 0", 3, VALUE("\x23\0\0"), -EPROTO },
	{ "topic alias 256", 3, VALUE("\x23\1\0"), 0 },
	{ "topic alias maximum 0", 1, VALUE("\x22\0\0"), 0 },
	{ "maximum packet size 0", 1, VALUE("\x27\0\0\0\0"), -EPROTO },
	{ "maximum packet size 2^24", 1, VALUE("\x27\1\0\0\0"), 0 },
	{ "maximum packet size 2^32-1", 1, VALUE("\x27\xff\xff\xff\xff"), 0 },
	{ "session expiry 0", 1, VALUE("\x11\0\0\0\0"), 0 },
	{ "subscription identifier 0", 8, VALUE("\x0b\0"), -EPROTO },
	{ "subscription identifier 0, padded", 8, VALUE("\x0b\x80\0"), -EBADMSG },
	{ "subscription identifier 1", 8, VALUE("\x0b\1"), 0 },
	{ "subscription identifier 1, padded", 8, VALUE("\x0b\x81\0"), -EBADMSG },
	{ "subscription identifier 268435455", 8, VALUE("\x0b\xff\xff\xff\x7f"), 0 },
	{ "subscription identifier in five bytes", 8, VALUE("\x0b\x80\x80\x80\x80\1"), -EBADMSG },
	{ "content type empty", 3, VALUE("\x03\0\0"), 0 },
	{ "content type with U+0000", 3, VALUE("\x03\0\3a\0b"), -EBADMSG },
	{ "content type with a surrogate", 3, VALUE("\x03\0\3\xed\xa0\x80"), -EBADMSG },
	{ "content type not UTF-8", 0, VALUE("\x03\0\1\xff"), -EBADMSG },
	{ "content type of two bytes", 3, VALUE("\x03\0\2\xc3\xa9"), 0 },
	{ "content type cut in a character", 3, VALUE("\x03\0\1\xc3"), -EBADMSG },
	{ "response topic with #", 3, VALUE("\x08\0\3a/#"), -EPROTO },
	{ "response topic with +", 0, VALUE("\x08\0\3+/b"), -EPROTO },
	{ "response topic empty", 3, VALUE("\x08\0\0"), -EPROTO },
	{ "response topic with U+0000", 3, VALUE("\x08\0\1\0"), -EBADMSG },
	{ "correlation data empty", 3, VALUE("\x09\0\0"), 0 },
	{ "user property empty", 3, VALUE("\x26\0\0\0\0"), 0 },
	{ "user property, name with U+0000", 3, VALUE("\x26\0\1\0\0\0"), -EBADMSG },
	{ "user property, value with U+0000", 3, VALUE("\x26\0\0\0\1\0"), -EBADMSG },
	{ "user property, name not UTF-8", 14, VALUE("\x26\0\1\x80\0\0"), -EBADMSG },
	{ "user property, value not UTF-8", 14, VALUE("\x26\0\0\0\1\x80"), -EBADMSG },
	{ "reason string not UTF-8", 14, VALUE("\x1f\0\1\xff"), -EBADMSG },
	{ "authentication data alone", 1, VALUE("\x16\0\1x"), -EPROTO },
	{ "authentication data before its method", 1, VALUE("\x16\0\1x\x15\0\1m"), 0 },
	{ "authentication method alone", 15, VALUE("\x15\0\1m"), 0 },
	{ "good ones around a bad one", 3, VALUE("\x01\1\x23\0\0\x02\0\0\0\1"), -EPROTO },
	{ "good ones around one of another packet", 3, VALUE("\x01\1\x21\0\1\x01\1"), -EBADMSG },
	{ "again behind others", 3, VALUE("\x01\1\x02\0\0\0\1\x01\1"), -EPROTO },
};

#endif /* SELFTESTS_VECTORS_PROPERTY_H */
