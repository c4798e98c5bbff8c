/* SPDX-License-Identifier: MIT */
/*
 * The server's side of WebSocket's opening handshake (RFC 6455 4.2): what is asked for, and
 * the answer. Pure code.
 */
#ifndef MQTTD_WEBSOCKET_UPGRADE_H
#define MQTTD_WEBSOCKET_UPGRADE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct http_request;
struct networks;

/* Bytes of an answer */
#define UPGRADE_ANSWER_MAX	512
/* Base64 of SHA-1 */
#define UPGRADE_ACCEPT_LEN	28

/**
 * struct upgrade_rules - what a listener wants
 * @path: the only one there is, or NULL for any
 * @origins: pages' origins, with blanks in between: nobody else may; NULL: anybody
 * @trusted: proxies that are believed whom they forward for; NULL: none
 */
struct upgrade_rules {
	const char *path;
	const char *origins;
	const struct networks *trusted;
};

union upgrade_address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/**
 * struct upgrade - what is answered
 * @status: of HTTP; 101: yes
 * @why: otherwise: for people, constant
 * @protocol: of the subprotocols that were offered; constant
 * @accept: what shows that we are no other kind of server
 * @forwarded: a proxy that is believed has said that the client's address is @from; also
 *	if the answer is no
 * @from: without a port
 */
struct upgrade {
	unsigned int status;
	const char *why;
	const char *protocol;
	char accept[UPGRADE_ACCEPT_LEN + 1];
	bool forwarded;
	union upgrade_address from;
};

/**
 * upgrade_decide() - look at a request
 * @request: a whole head
 * @rules: of the listener
 * @peer: who sends it
 * @upgrade: result
 */
void upgrade_decide(const struct http_request *request, const struct upgrade_rules *rules,
		    const struct sockaddr *peer, struct upgrade *upgrade);

/* A request that could not be read. */
void upgrade_refuse(struct upgrade *upgrade, unsigned int status, const char *why);

/* Returns bytes. */
size_t upgrade_answer(const struct upgrade *upgrade, char text[UPGRADE_ANSWER_MAX]);

#endif /* MQTTD_WEBSOCKET_UPGRADE_H */
