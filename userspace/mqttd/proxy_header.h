/* SPDX-License-Identifier: MIT */
/*
 * The header of the PROXY protocol, versions 1 and 2, as HAProxy's proxy-protocol.txt has
 * it: who a connection is from that a proxy has accepted. Pure code.
 */
#ifndef MQTTD_PROXY_HEADER_H
#define MQTTD_PROXY_HEADER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Bytes of the longest header. Version 2 allows more, which nobody sends. */
#define PROXY_HEADER_MAX	4096

/**
 * enum proxy_version - what a listener takes; bits
 */
enum proxy_version {
	PROXY_V1	= 1 << 0,
	PROXY_V2	= 1 << 1,
};

/**
 * struct proxy_header - what one says
 * @size: bytes of it
 * @known: whom the connection is from is in @from; otherwise it is the proxy's own
 * @from: of AF_INET, AF_INET6, or AF_UNIX without a name
 * @tls: the client has TLS to the proxy
 * @certified: with a certificate, which the proxy has found to be good
 * @name: the certificate's common name, in the header's bytes, or NULL
 * @name_len: bytes at @name
 */
struct proxy_header {
	size_t size;
	bool known;
	bool tls;
	bool certified;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} from;
	const uint8_t *name;
	size_t name_len;
};

/**
 * proxy_header_parse() - read one
 * @data: the beginning of a stream
 * @len: bytes at @data
 * @versions: that are allowed, bits of enum proxy_version
 * @header: result
 * @why: for -EBADMSG: constant text
 *
 * Return: 0; -EAGAIN: all of @data is in the header, and there is more of it; -EBADMSG.
 */
int proxy_header_parse(const uint8_t *data, size_t len, unsigned int versions,
		       struct proxy_header *header, const char **why);

#endif /* MQTTD_PROXY_HEADER_H */
