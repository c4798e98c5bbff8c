/* SPDX-License-Identifier: MIT */
/*
 * What has to survive the process: sessions, their subscriptions, queues and
 * packet identifiers, and retained messages.
 *
 *   workers ──changes──> pending ──store thread──> one transaction per batch
 *      <── the number of the last change that is on disk ──
 *
 * A change is copied and has a number; the numbers grow in the order of the
 * calls, and changes take effect in that order. Nobody waits for the disk: what
 * may not be told to a client before a change is durable waits for its number,
 * see store_committed(). What store_begin() and store_end() enclose is one
 * transaction or nothing.
 *
 * Sessions, messages and queue entries are known by numbers that the broker
 * chooses. Two implementations: SQLite, and one in memory that keeps nothing and
 * whose changes are "durable" at once. All functions but open, load and close are
 * for any thread.
 */
#ifndef MQTTD_STORE_H
#define MQTTD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

struct store;
struct stored;

#define STORE_WHY_MAX 512

/**
 * struct store_config - how to open one
 * @path: of the database; NULL: in memory
 * @pending_max: bytes of changes that may wait for the disk before store_full()
 * @committed: called by the store's thread after each commit, and when
 *	store_full() has become false; it may not call the store, but
 *	for store_committed() and store_full()
 * @arg: for @committed
 */
struct store_config {
	const char *path;
	size_t pending_max;
	void (*committed)(void *arg);
	void *arg;
};

/**
 * struct store_session - a session, MQTT 5.0 4.1
 * @client_id: terminated
 * @username: whose it is, or NULL
 * @expiry: session expiry interval in seconds, UINT32_MAX: never
 * @expires: when it ends, milliseconds of CLOCK_REALTIME; 0 while it is connected
 *	or if it never ends
 * @will: not yet published will with a delay, or NULL
 * @will_at: when it is published, milliseconds of CLOCK_REALTIME
 * @will_retain: it is to be retained
 * @protocol: enum mqtt_protocol
 * @owned: it belongs to who is @username, be it nobody; else to the first who resumes it
 */
struct store_session {
	const char *client_id;
	const char *username;
	u64 expires;
	u64 will_at;
	const struct stored *will;
	u32 expiry;
	bool will_retain;
	u8 protocol;
	bool owned;
};

/**
 * struct store_entry - a message in a session's queue, or in flight to its client
 * @seq: place in the queue, grows; also the entry's key in its session
 * @message: id of the message, see store_message_put()
 * @ids: subscription identifiers
 * @n_ids: how many
 * @packet_id: 0 until one was chosen
 * @qos: of the delivery
 * @state: the session's own
 * @retain: RETAIN flag of the delivery
 * @share: name of the shared subscription it came by ("$share/NAME/FILTER"),
 *	terminated, or NULL
 */
struct store_entry {
	u64 seq;
	u64 message;
	const u32 *ids;
	u32 n_ids;
	u16 packet_id;
	u8 qos;
	u8 state;
	bool retain;
	const char *share;
};

/* A subscription with all that SUBSCRIBE has said of it. @filter: with "$share/..." */
struct store_sub {
	const u8 *filter;
	size_t len;
	u8 options;
	u32 id;			/* subscription identifier, 0: none */
};

enum store_access_op {
	STORE_ACCESS_PUT,
	STORE_ACCESS_DEL,
	STORE_ACCESS_CLEAR,	/* all of this kind and name */
};

/* What rows are about, and in which order they are loaded. */
enum store_access_kind {
	STORE_ROLE = 1,		/* name; priority */
	STORE_GROUP,		/* name */
	STORE_USER,		/* name */
	STORE_GRANT,		/* role's name, other: filter, access; action, priority */
	STORE_GROUP_ROLE,	/* name, other: the role's */
	STORE_USER_ROLE,	/* likewise */
	STORE_USER_GROUP,	/* name, other: the group's */
	STORE_DEFAULT,		/* name: of the access, access; action */
};

/**
 * struct store_access - something about who may do what, see roles/roles.h
 * @op: enum store_access_op
 * @kind: enum store_access_kind
 * @access: see there
 * @action: likewise
 * @priority: likewise
 * @name: terminated
 * @other: likewise, or NULL
 *
 * Kind, name, other and access are the key.
 */
struct store_access {
	u8 op;
	u8 kind;
	u8 access;
	u8 action;
	u32 priority;
	const char *name;
	const char *other;
};

/**
 * struct store_ban - an address that is not let in
 * @network: "192.0.2.0/24", terminated; its key
 * @why: terminated
 * @since: milliseconds of CLOCK_REALTIME
 * @until: likewise, 0: for ever
 */
struct store_ban {
	const char *network;
	const char *why;
	u64 since;
	u64 until;
};

/**
 * store_open() - open or make the database
 * @store: result
 * @config: copied; @path too
 * @why: STORE_WHY_MAX bytes: what is wrong, a sentence without its full stop
 *
 * A file that is not ours, is damaged, or is of a later version is left alone:
 * -EINVAL. Older versions are migrated in a transaction. Another process may not
 * have it open: -EBUSY.
 *
 * Return: 0 or -errno.
 */
int store_open(struct store **store, const struct store_config *config, char *why);

/**
 * struct store_loader - what store_load() calls for each thing that is there
 *
 * Each returns 0, or -errno, which ends the loading. Pointers are valid during
 * the call. Messages come first, then sessions, each followed by what it has;
 * entries in the order of their numbers; then retained messages, bans, and permissions in
 * the order of their kinds and names. A long payload is in a @blob, to be shared and not
 * copied.
 */
struct store_loader {
	int (*message)(void *ctx, u64 id, const struct stored *msg);
	int (*session)(void *ctx, u64 key, const struct store_session *session);
	int (*sub)(void *ctx, u64 key, const struct store_sub *sub);
	int (*entry)(void *ctx, u64 key, const struct store_entry *entry);
	int (*incoming)(void *ctx, u64 key, u16 packet_id);
	int (*retained)(void *ctx, u64 message);
	int (*ban)(void *ctx, const struct store_ban *ban);
	int (*access)(void *ctx, const struct store_access *row);
};

/* Before anything is changed. Messages that nothing refers to are deleted then. */
int store_load(struct store *store, const struct store_loader *loader, void *ctx, char *why);

/* Writes what is pending, if that is possible, and closes. NULL is fine. */
void store_close(struct store *store);

/* Is there anything that survives? Otherwise all of the following is next to nothing. */
bool store_durable(const struct store *store);

/*
 * One transaction; may be nested, which is the outer one. store_end() returns
 * the number of the last change that this thread has made in it, or 0 if there was
 * none: nothing has to be waited for.
 *
 * The outermost store_begin() may wait for other threads' groups to end: no lock is
 * held then that is taken within a group. Single changes never wait for groups.
 */
void store_begin(struct store *store);
u64 store_end(struct store *store);

/* The last change that is durable. */
u64 store_committed(const struct store *store);

/* So much is pending that clients that would add to it should not be read from. */
bool store_full(const struct store *store);

/*
 * Asks for what is pending to be written now, and the log to be brought into the
 * database (SIGUSR1); does not wait.
 */
void store_sync(struct store *store);

/*
 * Changes: the change's number, or 0 without memory: then nothing has changed and
 * the caller acknowledges nothing. The in-memory store returns 1.
 */
u64 store_session_put(struct store *store, u64 key, const struct store_session *session);
/* With all it has. */
u64 store_session_del(struct store *store, u64 key);
u64 store_sub_put(struct store *store, u64 key, const struct store_sub *sub);
u64 store_sub_del(struct store *store, u64 key, const u8 *filter, size_t len);
/* Sets @msg->store and @msg->id, once; a message that has an id is there already. */
u64 store_message_put(struct store *store, struct stored *msg);
/* By stored_put(): nothing in the store refers to it any more. */
u64 store_message_del(struct store *store, u64 id);
/* A new one: store_entry_state() changes it. */
u64 store_entry_put(struct store *store, u64 key, const struct store_entry *entry);
u64 store_entry_state(struct store *store, u64 key, u64 seq, u16 packet_id, u8 state);
u64 store_entry_del(struct store *store, u64 key, u64 seq);
u64 store_incoming_put(struct store *store, u64 key, u16 packet_id);
u64 store_incoming_del(struct store *store, u64 key, u16 packet_id);
u64 store_incoming_clear(struct store *store, u64 key);
/* The retained message of its topic, in place of another one; @msg is in the store. */
u64 store_retained_put(struct store *store, const struct stored *msg);
u64 store_retained_del(struct store *store, const u8 *topic, size_t len);
u64 store_ban_put(struct store *store, const struct store_ban *ban);
u64 store_ban_del(struct store *store, const char *network);

/* All of them, or nothing. */
u64 store_access(struct store *store, const struct store_access *rows, size_t n);

/* New numbers for sessions, above all that were loaded. */
u64 store_new_key(struct store *store);

#endif /* MQTTD_STORE_H */
