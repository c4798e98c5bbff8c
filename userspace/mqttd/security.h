/* SPDX-License-Identifier: MIT */
/*
 * Security events: what somebody who watches over the broker wants to know. Each is
 * counted, and written as a line of JSON to where security_log says, unless there are
 * too many of its kind.
 *
 *   any thread: security_event()  ──>  ring of lines  ──>  thread: file, or syslog
 *
 * Nobody waits for the disk: what does not fit into the ring is lost, and counted.
 */
#ifndef MQTTD_SECURITY_H
#define MQTTD_SECURITY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct client;
struct security;

enum security_kind {
	SECURITY_AUTH_FAILED,	/* wrong password, bad token, no permission to be there at all */
	SECURITY_AUTH_DELAYED,	/* an attempt after too many that have failed */
	SECURITY_DENIED,	/* to publish, to subscribe, or to have a will */
	SECURITY_NOT_OWNER,	/* somebody else's session */
	SECURITY_TAKEN_OVER,	/* a connection, by another one of the same identity */
	SECURITY_FLAPPING,	/* a client id that connects again and again */
	SECURITY_TLS_FAILED,	/* a handshake */
	SECURITY_CERTIFICATE,	/* one that will expire soon, ours or a client's */
	SECURITY_UNPROTECTED,	/* a secret was sent over a connection without TLS */
	SECURITY_BAN,		/* an address was banned, or no longer is */
	SECURITY_BANNED,	/* a connection of a banned address was refused or ended */
	SECURITY_EXPIRED,	/* the time of who was let in is over, as with tokens */
	SECURITY_PEER,		/* a proxy's header, or a request for a WebSocket, was refused */
	SECURITY_KINDS
};

/**
 * struct security_event - one of them; all but @kind and @why may be left out
 * @kind: which
 * @why: constant text
 * @detail: more about it, no secret, or NULL
 * @client_id: terminated, any UTF-8
 * @username: likewise
 * @address: of the other side, as text
 * @port: of the listener
 * @method: by which somebody was to be known: "password", "token", ...
 * @topic: of a message, or the filter of a subscription: bytes
 * @topic_len: of them
 * @access: what was to be done with it: "publish", "subscribe", "will"
 * @subject: of a certificate, or why there is a ban
 * @at: seconds since 1970 when something ends or expires
 * @count: of connections, attempts
 *
 * Never a password, a token or a key, nor any part of one.
 */
struct security_event {
	enum security_kind kind;
	const char *why;
	const char *detail;
	const char *client_id;
	const char *username;
	const char *address;
	unsigned int port;
	const char *method;
	const void *topic;
	size_t topic_len;
	const char *access;
	const char *subject;
	int64_t at;
	uint64_t count;
};

/*
 * @where: a file, "syslog", "none" or NULL. Opens the file, and what follows is only
 * gathered. 0 or -errno, which for the file the log has spoken of.
 */
int security_open(struct security **security, const char *where);
int security_start(struct security *security);		/* the thread; 0 or -errno */
void security_stop(struct security *security);		/* writes the rest; NULL is fine */
void security_close(struct security *security);		/* NULL is fine */

/* Whom the file belongs to, before the process becomes this user: 0 or -errno. */
int security_give(struct security *security, uid_t uid, gid_t gid);

/* Makes the file anew if it was moved away. The log says what is wrong. */
void security_reopen(struct security *security);

/* Any thread, with any lock held. @security: NULL: nobody wants to know. */
void security_event(struct security *security, const struct security_event *event);

/* Likewise, about a client: adds all that is known of it. By its worker. */
void security_client_event(const struct client *client, struct security_event event);

/* How many there were of a kind, written or not. Any thread. */
uint64_t security_count(const struct security *security, enum security_kind kind);

/* "auth-failed": constant. */
const char *security_kind_name(enum security_kind kind);

#endif /* MQTTD_SECURITY_H */
