/* SPDX-License-Identifier: MIT */
/*
 * From worker to worker.
 *
 *   outbox   the sender's, one per receiver: messages for clients over there,
 *            gathered while the sender handles its events
 *   mailbox  the receiver's, under a lock: what the outboxes were emptied
 *            into, and the notices for its clients
 *
 * Messages are bounded and may be dropped; notices need no memory and are not.
 */
#ifndef MQTTD_MAILBOX_H
#define MQTTD_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

struct client;
struct delivery;
struct message;
struct worker;

/* What a client's worker has to be told about it. */
enum notice {
	NOTICE_KICK	= 1 << 0,	/* close: another connection took the client id over */
	NOTICE_READY	= 1 << 1,	/* the client id is yours now */
	NOTICE_PASS	= 1 << 2,	/* the last fence was passed */
	NOTICE_QUEUE	= 1 << 3,	/* there is something new in the session's queue */
	NOTICE_AUTH	= 1 << 4,	/* the password was checked */
	NOTICE_END	= 1 << 5,	/* close: the operator wants it */
	NOTICE_TLS	= 1 << 6,	/* the handshake is over */
};

/**
 * struct notices - a client's place in its worker's mailbox
 * @next: next client that has notices
 * @flags: enum notice bits, 0 if it is not in the mailbox
 *
 * Under the mailbox's lock. The mailbox holds a reference to the client.
 */
struct notices {
	struct client *next;
	unsigned int flags;
};

struct outbox {
	struct buffer mail;
	size_t open;		/* where the message that is being addressed begins */
	size_t pinned;		/* bytes of shared blobs */
	bool addressing;
	bool touched;		/* something was added since this was cleared */
	bool noticed;		/* there are notices, in the mailbox already */
};

struct mailbox {
	pthread_mutex_t lock;
	struct buffer mail;
	struct buffer spare;	/* the owner's: storage of mail that was handled */
	size_t pinned;
	struct client *first;	/* with notices */
	struct client **last;
	bool signaled;		/* the owner will look, or is looking now */
	int event_fd;
};

int mailbox_init(struct mailbox *box);		/* 0 or -errno */
void mailbox_discard(struct mailbox *box);	/* drops mail; passed fences make notices */
void mailbox_destroy(struct mailbox *box);	/* without mail */

/* Any thread; @client's worker gets it. */
void mailbox_notify(struct client *client, enum notice notice);

/* Likewise, but without waking that worker before outbox_post(). */
void outbox_notify(struct outbox *box, struct client *client, enum notice notice);

/*
 * Adds a receiver, at QoS 0, for the message at hand. @delivery: NULL for the plain
 * one. Returns 0 or -ENOMEM.
 */
int outbox_address(struct outbox *box, struct client *client, const struct delivery *delivery);

/*
 * Ends the list of receivers, if there is one: puts @msg behind it. Returns how
 * many receivers will not get it for lack of memory.
 */
unsigned int outbox_enclose(struct outbox *box, struct message *msg);

/*
 * Puts a fence behind the messages: once the receiver has written to its sockets
 * what came before, @client is told NOTICE_PASS. Returns 0 or -ENOMEM.
 */
int outbox_fence(struct outbox *box, struct client *client);

/* Moves everything into the mailbox. Returns how many deliveries had to be dropped. */
unsigned int outbox_post(struct outbox *from, struct mailbox *to);
void outbox_destroy(struct outbox *box);

/* Any thread: the owner's round of events ends soon. */
void mailbox_wake(struct mailbox *box);

/* By the mailbox's owner: handles what is in the box. */
void mailbox_open(struct mailbox *box, struct worker *worker);
/* The mail, but not the notices. */
void mailbox_empty(struct mailbox *box, struct worker *worker);

#endif /* MQTTD_MAILBOX_H */
