// SPDX-License-Identifier: MIT
/* Headers of the PROXY protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy_header.h"

#define BOTH	(PROXY_V1 | PROXY_V2)
#define MARK	"\r\n\r\n\0\r\nQUIT\n"
#define FROM4	"\xc0\0\x02\x01" "\xc0\0\x02\x02" "\x12\x34" "\x07\x5b"
#define FROM6	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
		"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02" "\xff\xff" "\x07\x5b"

static const char *why;

/* From memory that ends where it does, so that the sanitizer sees reads behind it. */
static int parse(const char *data, size_t len, unsigned int versions, struct proxy_header *header)
{
	uint8_t *copy = malloc(len ? len : 1);
	int err;

	memcpy(copy, data, len);
	why = NULL;
	err = proxy_header_parse(copy, len, versions, header, &why);
	assert_true((err == -EBADMSG) == !!why);
	if (!err && header->name) {
		assert_true(header->name >= copy && header->name + header->name_len <= copy + len);
		header->name = (const uint8_t *)data + (header->name - copy);
	}
	free(copy);
	return err;
}

/* Whole, with something behind it, and each piece of its beginning. */
static void taken(const char *data, size_t len, unsigned int versions,
		   struct proxy_header *header)
{
	char more[PROXY_HEADER_MAX + 1];
	size_t i;

	for (i = 0; i < len; i++)
		assert_int_equal(parse(data, i, versions, header), -EAGAIN);
	memcpy(more, data, len);
	more[len] = 0x10;
	assert_int_equal(parse(more, len + 1, versions, header), 0);
	assert_int_equal(header->size, len);
	assert_int_equal(parse(data, len, versions, header), 0);
	assert_int_equal(header->size, len);
}

static void refuse(const char *data, size_t len, unsigned int versions)
{
	struct proxy_header header;

	assert_int_equal(parse(data, len, versions, &header), -EBADMSG);
}

static void is(const struct proxy_header *header, int family, const char *address, int port)
{
	char text[INET6_ADDRSTRLEN];

	assert_true(header->known);
	assert_int_equal(header->from.sa.sa_family, family);
	if (family == AF_INET) {
		inet_ntop(family, &header->from.in.sin_addr, text, sizeof(text));
		assert_int_equal(ntohs(header->from.in.sin_port), port);
	} else {
		inet_ntop(family, &header->from.in6.sin6_addr, text, sizeof(text));
		assert_int_equal(ntohs(header->from.in6.sin6_port), port);
	}
	assert_string_equal(text, address);
}

#define ACCEPT(text, versions) taken(text, sizeof(text) - 1, versions, &header)
#define REFUSE(text, versions) refuse(text, sizeof(text) - 1, versions)

static void test_v1(void **state)
{
	struct proxy_header header;

	(void)state;
	ACCEPT("PROXY TCP4 192.0.2.1 192.0.2.2 4660 1883\r\n", PROXY_V1);
	is(&header, AF_INET, "192.0.2.1", 4660);
	ACCEPT("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", BOTH);
	is(&header, AF_INET, "255.255.255.255", 65535);
	ACCEPT("PROXY TCP6 2001:db8::1 ::1 0 1883\r\n", BOTH);
	is(&header, AF_INET6, "2001:db8::1", 0);
	ACCEPT("PROXY UNKNOWN\r\n", PROXY_V1);
	assert_false(header.known);
	ACCEPT("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	       PROXY_V1);
	assert_false(header.known);
}

static void test_v1_wrong(void **state)
{
	(void)state;
	REFUSE("PROXY TCP4 192.0.2.1 192.0.2.2 4660 1883\n", PROXY_V1);
	REFUSE("PROXY TCP4 192.0.2.1 192.0.2.2 4660\r\n", PROXY_V1);
	REFUSE("PROXY TCP4 192.0.2.1 192.0.2.2 4660 1883 1\r\n", PROXY_V1);
	REFUSE("PROXY TCP4 192.0.2.1 192.0.2.2 4660 1883 \r\n", PROXY_V1);
	REFUSE("PROXY TCP4  192.0.2.1 192.0.2.2 4660 1883\r\n", PROXY_V1);
	REFUSE("PROXY TCP4 192.0.2.1 192.0.2 4660 1883\r\n", PROXY_V1);
	REFUSE("PROXY TCP4 192.0.2.1 ::1 4660 1883\r\n", PROXY_V1);
	REFUSE("PROXY TCP6 192.0.2.1 ::1 4660 1883\r\n", PROXY_V1);
	REFUSE("PROXY TCP4 192.0.2.1 192.0.2.2 65536 1883\r\n", PROXY_V1);
	REFUSE("PROXY TCP4 192.0.2.1 192.0.2.2 04660 1883\r\n", PROXY_V1);
	REFUSE("PROXY TCP4 192.0.2.1 192.0.2.2 +1 1883\r\n", PROXY_V1);
	REFUSE("PROXY TCP4 192.0.2.1 192.0.2.2 4294967297 1883\r\n", PROXY_V1);
	REFUSE("PROXY TCP4 192.0.2.1\0 192.0.2.2 4660 1883\r\n", PROXY_V1);
	REFUSE("PROXY TCP5 192.0.2.1 192.0.2.2 4660 1883\r\n", PROXY_V1);
	REFUSE("PROXY UDP4 192.0.2.1 192.0.2.2 4660 1883\r\n", PROXY_V1);
	REFUSE("PROXY \r\n", PROXY_V1);
	REFUSE("PROXY  UNKNOWN\r\n", PROXY_V1);
	REFUSE("proxy UNKNOWN\r\n", PROXY_V1);
	REFUSE("PROXY UNKNOWN aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	       PROXY_V1);
	REFUSE("GET / HTTP/1.1\r\n", BOTH);
	REFUSE("\x10", BOTH);
	REFUSE("PROXY UNKNOWN\r\n", PROXY_V2);
	assert_string_equal(why, "a PROXY header of another version");
	REFUSE("P", PROXY_V2);
	REFUSE("\r\n\r\n", PROXY_V1);
}

static void test_v2(void **state)
{
	struct proxy_header header;

	(void)state;
	ACCEPT(MARK "\x21\x11\0\x0c" FROM4, PROXY_V2);
	is(&header, AF_INET, "192.0.2.1", 0x1234);
	assert_false(header.tls || header.certified || header.name);
	ACCEPT(MARK "\x21\x21\0\x24" FROM6, BOTH);
	is(&header, AF_INET6, "2001:db8::1", 0xffff);
	/* The proxy's own, and whatever else is in there */
	ACCEPT(MARK "\x20\0\0\0", BOTH);
	assert_false(header.known);
	ACCEPT(MARK "\x20\x77\0\x03" "abc", BOTH);
	assert_false(header.known);
	ACCEPT(MARK "\x21\0\0\0", BOTH);
	assert_false(header.known);
	/* TLVs that mean nothing to us */
	ACCEPT(MARK "\x21\x11\0\x14" FROM4 "\x04\0\x02..\x05\0\0", BOTH);
	is(&header, AF_INET, "192.0.2.1", 0x1234);
}

static void test_v2_unix(void **state)
{
	char data[16 + 216] = MARK "\x21\x31\0\xd8" "/run/socket";
	struct proxy_header header;

	(void)state;
	taken(data, sizeof(data), PROXY_V2, &header);
	assert_true(header.known);
	assert_int_equal(header.from.sa.sa_family, AF_UNIX);
	data[15]--;
	refuse(data, sizeof(data), PROXY_V2);
}

static void test_v2_wrong(void **state)
{
	(void)state;
	REFUSE(MARK "\x11\x11\0\x0c" FROM4, PROXY_V2);
	REFUSE(MARK "\x22\x11\0\x0c" FROM4, PROXY_V2);
	REFUSE(MARK "\x21\x12\0\x0c" FROM4, PROXY_V2);
	REFUSE(MARK "\x21\x41\0\x0c" FROM4, PROXY_V2);
	REFUSE(MARK "\x21\x11\0\x0b" FROM4, PROXY_V2);
	REFUSE(MARK "\x21\x21\0\x0c" FROM4, PROXY_V2);
	REFUSE(MARK "\x21\x11\xff\xff", PROXY_V2);
	REFUSE(MARK "\x21\x11\x0f\xf1", PROXY_V2);
	/* Cut TLVs */
	REFUSE(MARK "\x21\x11\0\x0d" FROM4 "\x04", PROXY_V2);
	REFUSE(MARK "\x21\x11\0\x0f" FROM4 "\x04\0\x01", PROXY_V2);
	REFUSE(MARK "\x21\x11\0\x11" FROM4 "\x04\xff\xff..", PROXY_V2);
	REFUSE("\r\n\r\n\1", PROXY_V2);
	REFUSE(MARK "\x21\x11\0\x0c" FROM4, PROXY_V1);
}

/* The sum was computed by another program. */
static void test_v2_checksum(void **state)
{
	static const char right[] = MARK "\x21\x11\0\x13" FROM4 "\x03\0\x04" "\x10\x78\xa0\xb1";
	char wrong[sizeof(right)];
	struct proxy_header header;
	size_t i;

	(void)state;
	ACCEPT(MARK "\x21\x11\0\x13" FROM4 "\x03\0\x04" "\x10\x78\xa0\xb1", PROXY_V2);
	/* Addresses and sum: one bit that is not as it was */
	for (i = 16; i < sizeof(right) - 1; i++) {
		memcpy(wrong, right, sizeof(right));
		wrong[i] ^= 0x10;
		if (i < 28 || i > 30)
			refuse(wrong, sizeof(right) - 1, PROXY_V2);
	}
	REFUSE(MARK "\x21\x11\0\x12" FROM4 "\x03\0\x03" "\x10\x78\xa0", PROXY_V2);
}

#define SSL(len, sublen, client, verdict, name) \
	MARK "\x21\x11\0" len FROM4 "\x20\0" sublen client verdict name

static void test_v2_tls(void **state)
{
	struct proxy_header header;

	(void)state;
	ACCEPT(SSL("\x19", "\x0a", "\x07", "\0\0\0\0", "\x22\0\x02me"), PROXY_V2);
	assert_true(header.tls && header.certified && header.name_len == 2);
	assert_memory_equal(header.name, "me", 2);
	/* No certificate; one that was not good; one without TLS */
	ACCEPT(SSL("\x14", "\x05", "\x01", "\0\0\0\0", ""), PROXY_V2);
	assert_true(header.tls && !header.certified && !header.name);
	ACCEPT(SSL("\x14", "\x05", "\x07", "\0\0\0\1", ""), PROXY_V2);
	assert_true(header.tls && !header.certified);
	ACCEPT(SSL("\x14", "\x05", "\x06", "\0\0\0\0", ""), PROXY_V2);
	assert_true(!header.tls && !header.certified);
	/* Of a session */
	ACCEPT(SSL("\x14", "\x05", "\x05", "\0\0\0\0", ""), PROXY_V2);
	assert_true(header.certified);
	REFUSE(SSL("\x13", "\x04", "\x07", "\0\0\0", ""), PROXY_V2);
	REFUSE(SSL("\x19", "\x0a", "\x07", "\0\0\0\0", "\x22\0\x03me"), PROXY_V2);
	REFUSE(SSL("\x15", "\x06", "\x07", "\0\0\0\0", "\x22"), PROXY_V2);
	REFUSE(SSL("\x1c", "\x05", "\x07", "\0\0\0\0", "\x20\0\x05\7\0\0\0\0"), PROXY_V2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v1),
		cmocka_unit_test(test_v1_wrong),
		cmocka_unit_test(test_v2),
		cmocka_unit_test(test_v2_unix),
		cmocka_unit_test(test_v2_wrong),
		cmocka_unit_test(test_v2_checksum),
		cmocka_unit_test(test_v2_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
