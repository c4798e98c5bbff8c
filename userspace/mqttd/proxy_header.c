// SPDX-License-Identifier: MIT
/*
 * Headers of the PROXY protocol. What is not as the text has it is refused: a proxy that
 * makes one mistake may have made others, and what it says is believed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "proxy_header.h"

/* "PROXY TCP6 ... \r\n" */
#define V1_MAX		107
#define V1_WORDS	6
#define V2_FIXED	16
#define V2_CHECKSUM	3	/* types of TLV */
#define V2_SSL		0x20
#define SSL_FIXED	5	/* bytes: client, verdict */
#define SSL_COMMON_NAME	0x22
#define SSL_CLIENT	0x01	/* bits of the client field */
#define SSL_CERTIFIED	0x06	/* in this connection, or in this session */

static const char v1_mark[] = "PROXY ";
static const uint8_t v2_mark[12] = { '\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T',
				     '\n' };

static int bad(const char **why, const char *what)
{
	*why = what;
	return -EBADMSG;
}

/* --- version 1 ------------------------------------------------------------------ */

/* 0 to 65535 without signs and leading zeros, or -1. */
static int v1_port(const char *text)
{
	int n = 0;

	if (!*text || (*text == '0' && text[1]) || strlen(text) > 5)
		return -1;
	for (; *text >= '0' && *text <= '9'; text++)
		n = 10 * n + *text - '0';
	return *text || n > UINT16_MAX ? -1 : n;
}

/* Words with one blank in between. Returns how many, @max + 1: more. */
static unsigned int v1_cut(char *line, char *words[], unsigned int max)
{
	unsigned int n = 0;

	while (line && n < max) {
		words[n++] = line;
		line = strchr(line, ' ');
		if (line)
			*line++ = 0;
	}
	return line ? max + 1 : n;
}

static int v1_addresses(char *words[], struct proxy_header *header, const char **why)
{
	int family = !strcmp(words[1], "TCP4") ? AF_INET : AF_INET6;
	int port = v1_port(words[4]);
	struct in6_addr to;
	void *from = family == AF_INET ? (void *)&header->from.in.sin_addr :
					 (void *)&header->from.in6.sin6_addr;

	if (strcmp(words[1], family == AF_INET ? "TCP4" : "TCP6"))
		return bad(why, "a PROXY header of an unknown family");
	if (inet_pton(family, words[2], from) != 1 || inet_pton(family, words[3], &to) != 1)
		return bad(why, "a PROXY header with a wrong address");
	if (port < 0 || v1_port(words[5]) < 0)
		return bad(why, "a PROXY header with a wrong port");
	header->known = true;
	header->from.sa.sa_family = family;
	if (family == AF_INET)
		header->from.in.sin_port = htons(port);
	else
		header->from.in6.sin6_port = htons(port);
	return 0;
}

static int v1_parse(const char *data, size_t len, struct proxy_header *header, const char **why)
{
	const char *end = memchr(data, '\n', len < V1_MAX ? len : V1_MAX);
	char line[V1_MAX], *words[V1_WORDS];
	unsigned int n;

	if (!end)
		return len < V1_MAX ? -EAGAIN : bad(why, "a PROXY header without an end");
	header->size = end + 1 - data;
	if (end[-1] != '\r' || memchr(data, 0, header->size))
		return bad(why, "a malformed PROXY header");
	memcpy(line, data, header->size - 2);
	line[header->size - 2] = 0;
	n = v1_cut(line, words, V1_WORDS);
	/* What follows is nobody's business. */
	if (n >= 2 && !strcmp(words[1], "UNKNOWN"))
		return 0;
	if (n != V1_WORDS)
		return bad(why, "a malformed PROXY header");
	return v1_addresses(words, header, why);
}

/* --- version 2 ------------------------------------------------------------------ */

/**
 * struct tlv - one of them
 * @type: of it
 * @value: bytes
 * @len: of them
 */
struct tlv {
	uint8_t type;
	const uint8_t *value;
	size_t len;
};

/* The next one, which *@at and *@len are moved behind. False if it is cut. */
static bool tlv_next(const uint8_t **at, size_t *len, struct tlv *tlv)
{
	if (*len < 3)
		return false;
	tlv->type = (*at)[0];
	tlv->len = (*at)[1] << 8 | (*at)[2];
	if (tlv->len > *len - 3)
		return false;
	tlv->value = *at + 3;
	*at += 3 + tlv->len;
	*len -= 3 + tlv->len;
	return true;
}

static uint32_t crc32c_byte(uint32_t crc, uint8_t byte)
{
	int i;

	crc ^= byte;
	for (i = 0; i < 8; i++)
		crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	return crc;
}

/* Of the header, as if the checksum in it were 0. */
static bool v2_sum_is_right(const uint8_t *data, const struct proxy_header *header,
			    const uint8_t *sum)
{
	uint32_t crc = ~0u, said;
	size_t i;

	for (i = 0; i < header->size; i++)
		crc = crc32c_byte(crc, data + i >= sum && data + i < sum + 4 ? 0 : data[i]);
	memcpy(&said, sum, sizeof(said));
	return ~crc == ntohl(said);
}

static int v2_ssl(const struct tlv *ssl, struct proxy_header *header, const char **why)
{
	const uint8_t *at;
	uint32_t verdict;
	struct tlv tlv;
	size_t len;

	if (ssl->len < SSL_FIXED)
		return bad(why, "a PROXY header with a short TLV");
	at = ssl->value + SSL_FIXED;
	len = ssl->len - SSL_FIXED;
	memcpy(&verdict, ssl->value + 1, sizeof(verdict));
	header->tls = ssl->value[0] & SSL_CLIENT;
	header->certified = header->tls && ssl->value[0] & SSL_CERTIFIED && !verdict;
	while (len) {
		if (!tlv_next(&at, &len, &tlv))
			return bad(why, "a PROXY header with a cut TLV");
		if (tlv.type != SSL_COMMON_NAME)
			continue;
		header->name = tlv.value;
		header->name_len = tlv.len;
	}
	return 0;
}

static int v2_tlvs(const uint8_t *data, size_t at, struct proxy_header *header, const char **why)
{
	const uint8_t *next = data + at;
	size_t left = header->size - at;
	bool seen_ssl = false;
	struct tlv tlv;
	int err = 0;

	while (left && !err) {
		if (!tlv_next(&next, &left, &tlv))
			return bad(why, "a PROXY header with a cut TLV");
		if (tlv.type == V2_CHECKSUM &&
		    (tlv.len != 4 || !v2_sum_is_right(data, header, tlv.value)))
			return bad(why, "a PROXY header with a wrong checksum");
		if (tlv.type != V2_SSL)
			continue;
		if (seen_ssl)
			return bad(why, "a PROXY header that tells twice of TLS");
		seen_ssl = true;
		err = v2_ssl(&tlv, header, why);
	}
	return err;
}

/* Bytes of the addresses, or -EBADMSG. The byte is family and transport. */
static int v2_address_len(uint8_t family)
{
	switch (family) {
	case 0x00:
		return 0;
	case 0x11:
		return 12;
	case 0x21:
		return 36;
	case 0x31:
		return 216;
	default:
		return -EBADMSG;
	}
}

static void v2_address(const uint8_t *at, uint8_t family, struct proxy_header *header)
{
	header->known = family;
	switch (family) {
	case 0x11:
		header->from.in.sin_family = AF_INET;
		memcpy(&header->from.in.sin_addr, at, 4);
		memcpy(&header->from.in.sin_port, at + 8, 2);
		break;
	case 0x21:
		header->from.in6.sin6_family = AF_INET6;
		memcpy(&header->from.in6.sin6_addr, at, 16);
		memcpy(&header->from.in6.sin6_port, at + 32, 2);
		break;
	case 0x31:
		header->from.sa.sa_family = AF_UNIX;
		break;
	}
}

static int v2_parse(const uint8_t *data, size_t len, struct proxy_header *header,
		    const char **why)
{
	int addresses;

	if (len < V2_FIXED)
		return -EAGAIN;
	header->size = V2_FIXED + (data[14] << 8 | data[15]);
	if (header->size > PROXY_HEADER_MAX)
		return bad(why, "a PROXY header that is too long");
	if (data[12] != 0x20 && data[12] != 0x21)
		return bad(why, "a PROXY header of an unknown version or command");
	if (len < header->size)
		return -EAGAIN;
	/* The proxy's own: LOCAL. What else there is has no meaning. */
	if (data[12] == 0x20)
		return 0;
	addresses = v2_address_len(data[13]);
	if (addresses < 0)
		return bad(why, "a PROXY header of an unknown family");
	if (header->size < V2_FIXED + (size_t)addresses)
		return bad(why, "a PROXY header that is too short");
	v2_address(data + V2_FIXED, data[13], header);
	return v2_tlvs(data, V2_FIXED + addresses, header, why);
}

/* --- both ----------------------------------------------------------------------- */

static bool begins(const uint8_t *data, size_t len, const void *mark, size_t size)
{
	return !memcmp(data, mark, len < size ? len : size);
}

int proxy_header_parse(const uint8_t *data, size_t len, unsigned int versions,
		       struct proxy_header *header, const char **why)
{
	size_t v1_len = sizeof(v1_mark) - 1;

	*header = (struct proxy_header){};
	if (!len)
		return -EAGAIN;
	if (versions & PROXY_V1 && begins(data, len, v1_mark, v1_len))
		return v1_parse((const char *)data, len, header, why);
	if (versions & PROXY_V2 && begins(data, len, v2_mark, sizeof(v2_mark)))
		return v2_parse(data, len, header, why);
	if (begins(data, len, v1_mark, v1_len) || begins(data, len, v2_mark, sizeof(v2_mark)))
		return bad(why, "a PROXY header of another version");
	return bad(why, "no PROXY header");
}
