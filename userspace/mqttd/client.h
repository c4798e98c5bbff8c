/* SPDX-License-Identifier: MIT */
/*
 * A client: a connection from accept() to close(), pinned to one worker. All
 * functions are for that worker's thread unless they say otherwise.
 */
#ifndef MQTTD_CLIENT_H
#define MQTTD_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <linux/rcupdate.h>

#include "address.h"
#include "alias.h"
#include "buffer.h"
#include "hash.h"
#include "mailbox.h"
#include "outq.h"
#include "timer.h"
#include "transport.h"
#include "worker.h"

struct acl_rules;
struct auth_grant;
struct client_expiry;
struct client_pause;
struct client_rate;
struct client_roles;
struct client_slow;
struct delivery;
struct endpoint;
struct message;
struct replays;
struct session;
struct session_will;
struct stored;

enum client_state {
	CLIENT_NEW,		/* CONNECT has not come */
	CLIENT_WAITING,		/* to be let in, and for its session */
	CLIENT_CONNECTED,	/* CONNACK was queued */
};

/* Reasons to leave packets unread for a while. */
enum client_hold {
	HOLD_SESSION	= 1 << 0,	/* CONNACK waits for another connection, or the store */
	HOLD_ATTACH	= 1 << 1,	/* CONNACK has to leave, then the kernel takes the socket */
	HOLD_FENCE	= 1 << 2,	/* what the kernel did not take is not on all sockets yet */
	HOLD_AUTH	= 1 << 3,	/* the password is being checked */
	HOLD_STORE	= 1 << 4,	/* the store has too much to write */
	HOLD_RATE	= 1 << 5,	/* it publishes faster than message_rate or byte_rate */
	HOLD_PLANE	= 1 << 6,	/* the kernel shall give it back: nothing is sent either */
	HOLD_PAUSE	= 1 << 7,	/* a subscriber does not keep up with it */
	HOLD_HANDSHAKE	= 1 << 8,	/* what comes before MQTT, see client_begin.c */
};

enum close_reason {
	CLOSE_NONE,
	CLOSE_DISCONNECT,	/* the client sent DISCONNECT: no will */
	CLOSE_WITH_WILL,	/* likewise, and wants its will published */
	CLOSE_EOF,
	CLOSE_SOCKET,		/* socket error */
	CLOSE_DENIED,		/* its address, which a proxy has told, may not come now */
	CLOSE_PROXY,		/* no PROXY header, or what it says is not enough */
	CLOSE_HANDSHAKE,	/* of TLS, which has failed */
	CLOSE_TLS,		/* what came later is not TLS */
	CLOSE_UPGRADE,		/* an HTTP request that was refused */
	CLOSE_WEBSOCKET,	/* what came later are no frames */
	CLOSE_MALFORMED,	/* a packet that is none */
	CLOSE_PROTOCOL,		/* one that must not come, or not so */
	CLOSE_TOPIC_NAME,	/* wildcards in it */
	CLOSE_TOPIC_ALIAS,	/* above what was granted */
	CLOSE_RECEIVE_MAXIMUM,	/* more QoS 1 and 2 at once than was granted */
	CLOSE_ADMINISTRATIVE,	/* the operator wants it */
	CLOSE_QOS,		/* above max_qos */
	CLOSE_RETAIN,
	CLOSE_SUBSCRIPTION_ID,
	CLOSE_TOO_LARGE,
	CLOSE_REFUSED,		/* CONNACK said no */
	CLOSE_CONNECT_TIMEOUT,
	CLOSE_KEEPALIVE,
	CLOSE_EXPIRED,		/* what it was let in with */
	CLOSE_TAKEN_OVER,
	CLOSE_NOT_READING,	/* does not take the answers to its requests */
	CLOSE_SLOW,		/* nor messages, and slow_consumer_policy is disconnect */
	CLOSE_NO_MEMORY,
	CLOSE_NOT_ATTACHED,	/* the kernel data plane is on but cannot reach it */
	CLOSE_SHUTDOWN,
	CLOSE_COUNT
};

/**
 * struct terms - what was agreed upon with CONNECT and CONNACK
 * @clean: no old session was wanted
 * @session_present: there was one
 * @id_assigned: the client id is the broker's choice
 * @keepalive_limited: the client wanted a longer one, or none
 * @expiry_limited: likewise, of the session
 * @no_problem_info: no reason strings
 * @receive_max: messages of QoS 1 and 2 that it takes at once
 * @session_expiry: seconds, SESSION_NEVER: for ever
 * @max_packet: longest packet that the client takes, 0 for any
 */
struct terms {
	bool clean;
	bool session_present;
	bool id_assigned;
	bool keepalive_limited;
	bool expiry_limited;
	bool no_problem_info;
	uint16_t receive_max;
	uint32_t session_expiry;
	uint32_t max_packet;
};

/**
 * struct client - a connection
 * @source: readiness of the socket
 * @conn: transport
 * @worker: whose it is; constant
 * @endpoint: how it came in; constant
 * @session: from CONNECT on
 * @id: client id, NULL before CONNECT
 * @username: NULL if there is none, or before CONNECT
 * @terms: from CONNECT on
 * @aliases: topic aliases of the client
 * @rules: what its listener's list says that the client may do; NULL: there is none
 * @roles: likewise, its roles; NULL: they do not count there
 * @acls: what the router's sets of them are, 0 behind the last one
 * @acls_refused: the router does not have them
 * @aliases_out: topic aliases of the broker's
 * @tailored: no packet for it may be as it is for others, for client_publish.c
 * @tailored_known: that was found out
 * @replays: filters whose retained messages it is still to get
 * @next_replay: in the worker's list of those that can go on with that, see replay.h
 * @will: from CONNECT until the session has it, or NULL
 * @connect_ticket: change of the store that has to be durable before CONNACK, or 0
 * @serial: number of its CONNECT among those of all clients
 * @unclaimed: it may not have its session before the store is no longer full
 * @answers: those that wait for the store
 * @next_storing: in the worker's list of those who wait for it, if @storing; with a
 *	reference
 * @next_pump: in the worker's list of those whose queue has something new, if @pumping
 * @receiving: messages of QoS 1 and 2 from the client that it has no answer to
 * @protocol: version, enum mqtt_protocol; from CONNECT on
 * @keepalive: seconds, 0 for none
 * @refs: the connection's own, and one per mailbox it is in; any thread
 * @fences: workers that have not yet passed; any thread
 * @state: enum client_state
 * @identified: the user name is @identity, whatever CONNECT says, and no password is asked
 *	for; from the handshake on, as is
 * @identity: by certificate or key, NULL if it has none
 * @tls_why: why its handshake has failed, or NULL; to be read when NOTICE_TLS has come
 * @near: who has connected is on this machine, or @address is a proxy's word for it
 * @attempt: the password is one that is checked
 * @answer_waits: for @answer_at, milliseconds, with @auth, see client_attempt.c
 * @auth: enum auth_result, to be read when NOTICE_AUTH has come, as the next two
 * @grant: what it was let in as, see auth/method.h; NULL: as who it said it is
 * @auth_why: why not, for the log, or NULL
 * @closing: enum close_reason
 * @close_detail: text for the client, or NULL
 * @holds: enum client_hold bits
 * @events: what epoll watches
 * @by_peer: in its worker's port, if it is a peer
 * @borders: records of the port that end its time as a hosted client, to come
 * @tx_held: the kernel is waiting to be told to send
 * @backlog: a queue of the kernel's is being added to its own
 * @host_only: its connection cannot be attached
 * @needs: what the kernel cannot do for it, bits of enum client_need; any thread
 * @unsettled: in the worker's list @next_unsettled of clients that are to be moved
 * @busy: how often the kernel was busy when it was to take it
 * @attaching: in the worker's list @next_attaching of those whose CONNACK has left
 * @dirty: in the worker's list @next_dirty
 * @blocked: the socket takes no more; epoll tells when it does
 * @congested: the session's queue waits for @out to become short
 * @again: in the worker's list @next_again of those with more to read, see conn->more
 * @parsing: packets are being handled, one after the other
 * @in: received, not handled
 * @need: bytes of the first packet in @in, 0 while unknown
 * @out: not sent
 * @slow: what else waits for it, see client_slow.c; NULL: nothing
 * @pause_until: who publishes to it has to wait until then, milliseconds; any thread
 * @limits_seen: number of the limits that the kernel has been told
 * @answers_out: bytes of answers that were queued there, see client_send()
 * @answers_behind: bytes of @out up to the first of them
 * @timer: until CONNECT, then keep-alive unless the kernel watches it
 * @rate: see client_rate.c; NULL: it has not published, or there is no limit
 * @expiry: see client_expiry.c; NULL: it may stay
 * @pause: see client_pause.c; NULL: it never had to wait
 * @notices: in the worker's mailbox
 * @next: in the worker's list of all
 * @link: what points to this client there
 * @since: when it came, milliseconds of CLOCK_MONOTONIC
 * @address: of the other side
 */
struct client {
	struct event_source source;
	struct conn conn;
	struct worker *worker;
	struct endpoint *endpoint;
	struct session *session;
	char *id;
	char *username;
	struct terms terms;
	struct alias_table aliases;
	struct acl_rules *rules;
	struct client_roles *roles;
	uint32_t acls[MQTT_PEER_ACLS_MAX];
	struct alias_out aliases_out;
	struct replays *replays;
	struct client *next_replay;
	struct session_will *will;
	uint64_t connect_ticket;
	uint64_t serial;
	struct buffer answers;
	struct client *next_storing;
	struct client *next_pump;
	uint32_t receiving;
	uint8_t protocol;
	uint16_t keepalive;
	uint32_t refs;
	uint32_t fences;
	uint8_t state;
	uint8_t auth;
	uint8_t closing;
	bool identified;
	bool near;
	bool attempt;
	bool answer_waits;
	uint16_t holds;
	char *identity;
	uint64_t answer_at;
	struct auth_grant *grant;
	char *auth_why;
	const char *tls_why;
	bool tx_held;
	bool backlog;
	bool host_only;
	bool acls_refused;
	bool unsettled;
	bool attaching;
	uint8_t busy;
	bool dirty;
	bool blocked;
	bool storing;
	bool unclaimed;
	bool pumping;
	bool congested;
	bool again;
	bool parsing;
	bool tailored;
	bool tailored_known;
	bool replaying;
	const char *close_detail;
	struct hash_node by_peer;
	unsigned int borders;
	unsigned int needs;
	struct client *next_unsettled;
	struct client *next_attaching;
	uint32_t events;
	struct buffer in;
	size_t need;
	struct outq out;
	struct client_slow *slow;
	uint64_t pause_until;
	unsigned int limits_seen;
	size_t answers_out;
	size_t answers_behind;
	struct timer timer;
	struct client_rate *rate;
	struct client_expiry *expiry;
	struct client_pause *pause;
	struct notices notices;
	struct client *next;
	struct client **link;
	struct client *next_dirty;
	struct client *next_closing;
	struct client *next_again;
	struct rcu_head rcu;
	uint64_t since;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address;
};

#define CLIENT_ADDRESS_MAX ADDRESS_MAX

/*
 * Takes @fd over if it succeeds; the caller keeps it on -errno; -ESHUTDOWN: the broker
 * ends. @address is as accept() left it.
 */
int client_new(struct worker *worker, struct endpoint *endpoint, int fd,
	       const struct sockaddr *address, socklen_t len);

/* Any thread. client_get_live() under RCU: false if the client is being freed. */
bool client_get_live(struct client *client);
void client_get(struct client *client);
void client_put(struct client *client);

/* For log lines: valid until the thread's next call. */
const char *client_name(const struct client *client);
const char *client_address(const struct client *client);

/*
 * The connection is to end at the end of this round; what is queued is sent
 * if the socket takes it. The first reason counts. @detail, a constant text
 * or NULL, goes into the log line, and to a client with MQTT 5.0 that is told
 * with DISCONNECT.
 */
void client_close(struct client *client, enum close_reason reason, const char *detail);

/* "has exceeded timeout, disconnecting": constant. */
const char *client_close_text(enum close_reason reason);

/* Does it, by the worker at the end of the round. */
void client_destroy(struct client *client);

/* Handles notices from other workers; by the owner of the mailbox. */
void client_notified(struct client *client, unsigned int notices);

/* Stops reading packets; and goes on, with those that were read before. */
void client_hold(struct client *client, enum client_hold hold);
void client_release(struct client *client, enum client_hold hold);

/* Sets the keep-alive timer; closes the client if that is impossible. */
void client_keepalive_start(struct client *client);

/*
 * Queues a control packet that answers the client. Closes the client if it
 * does not read or does not take packets so long, or if there is no memory.
 */
void client_send(struct client *client, const void *packet, size_t len);

/* The session's queue has something new: session_pump() at the end of this round. */
void client_pump_later(struct client *client);
void client_pump_cancel(struct client *client);		/* it is about to be destroyed */

/* Below: client_stored.c */

/*
 * An answer that promises something: sent once change number @ticket is durable,
 * 0: now, and in the order of the calls. Without @packet there is only what
 * follows from it: while the store is full the client is not read from, if
 * @ticket is not 0.
 */
void client_answer(struct client *client, const void *packet, size_t len, u64 ticket);

/* After the next commit it is looked at again: its session's queue among others. */
void client_wait_stored(struct client *client);

/*
 * A PUBLISH at QoS 1 or 2 has come, which PUBACK, PUBCOMP, or a PUBREC that says no will
 * end. Returns false if the client was closed, as there are too many of them.
 */
bool client_take_quota(struct client *client);

/* Below: client.c */

/*
 * Queues a message at QoS 0; drops it, and counts that, if the queue is full or the
 * client does not take packets so long. Not if the client may not read it.
 * @delivery: NULL for the plain one.
 */
void client_deliver(struct client *client, struct message *msg,
		    const struct delivery *delivery);

/**
 * client_publish() - queue a PUBLISH packet
 * @client: connected
 * @msg: what it carries
 * @delivery: how
 * @packet_id: packet identifier, at QoS 1 and 2
 * @dup: it was sent before
 *
 * Return: 0; -ENOMEM; or it is not for this client: -ETIME: it has expired;
 * -EMSGSIZE: the client takes no packets so long, counted; -EACCES: it may not read
 * the topic.
 */
int client_publish(struct client *client, const struct stored *msg,
		   const struct delivery *delivery, u16 packet_id, bool dup);

/* Below: client_begin.c */

/* Waits for what its listener wants first. 0, or -errno and nothing waits. */
int client_begin(struct client *client);
void client_begin_end(struct client *client);	/* it is about to be destroyed */

/* It has connect_timeout from now on. 0 or -ENOMEM. */
int client_await_connect(struct client *client);

/* The handshake is over, with success or not. */
void client_secured(struct client *client);

/* Below: client_io.c */

/* Reading or writing has failed with @err, an errno. */
void client_failed(struct client *client, int err);
void client_handle(struct event_source *source, uint32_t events);
void client_flush(struct client *client);
void client_add_dirty(struct client *client);	/* for client_make_dirty() */
void client_parse_held(struct client *client);
void client_watch(struct client *client);
void client_read_again(struct worker *worker);	/* those whose worker's list it is */

/* There is something to flush. */
static inline void client_make_dirty(struct client *client)
{
	if (!client->dirty)
		client_add_dirty(client);
}

/* Longer than the packets that the client takes [MQTT-3.1.2-24]? */
static inline bool client_too_long(const struct client *client, size_t len)
{
	return client->terms.max_packet && len > client->terms.max_packet;
}

#endif /* MQTTD_CLIENT_H */
