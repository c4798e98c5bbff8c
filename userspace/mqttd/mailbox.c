// SPDX-License-Identifier: MIT
/*
 * Messages and notices between workers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client.h"
#include "delivery.h"
#include "mailbox.h"
#include "message.h"
#include "worker.h"

/* Mail that one box holds: records, and bytes in blobs that they refer to. */
#define MAIL_MAX	(8u << 20)
#define PINNED_MAX	(64u << 20)
/* Storage that is kept when a box was emptied. */
#define SPARE_MAX	(1u << 20)

/**
 * struct mail - a record in a box, 8 byte aligned
 * @size: of the record, with all that follows
 * @receivers: bytes of receivers, which come first
 * @n: how many receivers
 * @len: bytes of the packet behind them, without the payload if @blob; 0 for a fence
 * @protocol: version that the packet is framed for
 * @payload: a long one, in @blob
 * @payload_len: bytes of it
 * @blob: a reference, or NULL
 */
struct mail {
	size_t size;
	size_t receivers;
	size_t n;
	size_t len;
	uint8_t protocol;
	const uint8_t *payload;
	size_t payload_len;
	struct blob *blob;
};

/**
 * struct receiver - who gets it; for a fence, the client that waits for it
 * @client: a reference
 * @retain: RETAIN flag
 * @n_ids: subscription identifiers
 * @ids: them, and a pad to 8 bytes
 */
struct receiver {
	struct client *client;
	bool retain;
	uint32_t n_ids;
	uint32_t ids[];
};

static const uint8_t padding[8];

int mailbox_init(struct mailbox *box)
{
	*box = (struct mailbox){ .event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	if (box->event_fd < 0)
		return -errno;
	pthread_mutex_init(&box->lock, NULL);
	box->last = &box->first;
	return 0;
}

/* Under the lock, so that the counter is 0 or 1: it cannot overflow. */
static void wake_locked(struct mailbox *box)
{
	uint64_t one = 1;

	if (!box->signaled)
		box->signaled = write(box->event_fd, &one, sizeof(one)) > 0;
}

void mailbox_wake(struct mailbox *box)
{
	pthread_mutex_lock(&box->lock);
	wake_locked(box);
	pthread_mutex_unlock(&box->lock);
}

static void notify_locked(struct mailbox *box, struct client *client, enum notice notice)
{
	if (!client->notices.flags) {
		client_get(client);
		client->notices.next = NULL;
		*box->last = client;
		box->last = &client->notices.next;
	}
	client->notices.flags |= notice;
}

void mailbox_notify(struct client *client, enum notice notice)
{
	struct mailbox *box = &client->worker->mailbox;

	pthread_mutex_lock(&box->lock);
	notify_locked(box, client, notice);
	wake_locked(box);
	pthread_mutex_unlock(&box->lock);
}

void outbox_notify(struct outbox *outbox, struct client *client, enum notice notice)
{
	struct mailbox *box = &client->worker->mailbox;

	pthread_mutex_lock(&box->lock);
	notify_locked(box, client, notice);
	pthread_mutex_unlock(&box->lock);
	outbox->noticed = true;
}

static struct mail *record_at(const struct buffer *buf, size_t offset)
{
	return (struct mail *)(buffer_head(buf) + offset);
}

static size_t receiver_size(uint32_t n_ids)
{
	return (sizeof(struct receiver) + n_ids * sizeof(uint32_t) + 7) & ~(size_t)7;
}

static struct receiver *first_receiver(struct mail *mail)
{
	return (struct receiver *)(mail + 1);
}

static struct receiver *next_receiver(struct receiver *to)
{
	return (struct receiver *)((uint8_t *)to + receiver_size(to->n_ids));
}

static void fence_passed(struct client *client)
{
	if (!__atomic_sub_fetch(&client->fences, 1, __ATOMIC_ACQ_REL))
		mailbox_notify(client, NOTICE_PASS);
}

static void forget_receivers(struct mail *mail)
{
	struct receiver *to = first_receiver(mail);
	size_t i;

	for (i = 0; i < mail->n; i++, to = next_receiver(to))
		client_put(to->client);
}

/* Lets go of what the record holds; a fence counts as passed. */
static unsigned int record_drop(struct mail *mail)
{
	if (!mail->len)
		fence_passed(first_receiver(mail)->client);
	forget_receivers(mail);
	blob_put(mail->blob);
	return mail->len ? mail->n : 0;
}

static unsigned int mail_drop(struct buffer *mail)
{
	unsigned int dropped = 0;
	struct mail *record;
	size_t offset;

	for (offset = 0; offset < mail->len; offset += record->size) {
		record = record_at(mail, offset);
		dropped += record_drop(record);
	}
	mail->len = 0;
	return dropped;
}

static int outbox_begin(struct outbox *box)
{
	struct mail mail = {};
	int err;

	if (box->addressing)
		return 0;
	err = buffer_append(&box->mail, &mail, sizeof(mail));
	if (err)
		return err;
	box->open = box->mail.len - sizeof(mail);
	box->addressing = true;
	box->touched = true;
	return 0;
}

int outbox_address(struct outbox *box, struct client *client, const struct delivery *delivery)
{
	struct receiver to = {
		.client = client,
		.retain = delivery && delivery->retain,
		.n_ids = delivery ? delivery->n_ids : 0,
	};
	size_t size = receiver_size(to.n_ids), start;
	struct mail *mail;
	int err;

	err = outbox_begin(box);
	if (!err)
		err = buffer_reserve(&box->mail, size, SIZE_MAX);
	if (err)
		return err;
	/* There is room: none of these fails. */
	start = box->mail.len;
	buffer_append(&box->mail, &to, sizeof(to));
	if (to.n_ids)
		buffer_append(&box->mail, delivery->ids, to.n_ids * sizeof(uint32_t));
	buffer_append(&box->mail, padding, start + size - box->mail.len);
	client_get(client);
	mail = record_at(&box->mail, box->open);
	mail->receivers += size;
	mail->n++;
	return 0;
}

/* As it came, or is to be had most easily: others are translated over there. */
static int enclose(struct outbox *box, struct message *msg)
{
	struct message_form *form = message_form(msg, msg->protocol);
	bool shares = message_shares(msg);
	struct mail *mail;
	size_t len;

	if (!form || (shares && !message_blob(msg)))
		return -ENOMEM;
	len = form->len + (shares ? 0 : msg->payload_len);
	if (buffer_reserve(&box->mail, len + sizeof(padding), SIZE_MAX))
		return -ENOMEM;
	buffer_append(&box->mail, form->head, len);
	buffer_append(&box->mail, padding, -len & 7);
	mail = record_at(&box->mail, box->open);
	mail->len = len;
	mail->protocol = msg->protocol;
	if (shares) {
		mail->payload = msg->payload;
		mail->payload_len = msg->payload_len;
		mail->blob = blob_get(msg->blob);
		box->pinned += msg->payload_len;
	}
	mail->size = box->mail.len - box->open;
	return 0;
}

unsigned int outbox_enclose(struct outbox *box, struct message *msg)
{
	struct mail *mail;
	size_t dropped;

	if (!box->addressing)
		return 0;
	box->addressing = false;
	mail = record_at(&box->mail, box->open);
	dropped = mail->n;
	if (dropped && !enclose(box, msg))
		return 0;
	forget_receivers(record_at(&box->mail, box->open));
	box->mail.len = box->open;
	return dropped;
}

int outbox_fence(struct outbox *box, struct client *client)
{
	struct mail *mail;
	int err;

	err = outbox_address(box, client, NULL);
	if (err && box->addressing)
		box->mail.len = box->open;
	box->addressing = false;
	if (err)
		return err;
	mail = record_at(&box->mail, box->open);
	mail->size = box->mail.len - box->open;
	return 0;
}

/* A box that holds nothing takes anything: one message may be larger than the limits. */
static bool has_room(const struct mailbox *box, const struct outbox *more)
{
	if (box->mail.len && box->mail.len + more->mail.len > MAIL_MAX)
		return false;
	return !box->pinned || !more->pinned || box->pinned + more->pinned <= PINNED_MAX;
}

static int post_locked(struct outbox *from, struct mailbox *to)
{
	int err;

	if (!has_room(to, from))
		return -ENOBUFS;
	err = buffer_append(&to->mail, buffer_head(&from->mail), from->mail.len);
	if (err)
		return err;
	to->pinned += from->pinned;
	wake_locked(to);
	return 0;
}

unsigned int outbox_post(struct outbox *from, struct mailbox *to)
{
	unsigned int dropped = 0;
	int err = 0;

	if (!from->mail.len && !from->noticed)
		return 0;
	pthread_mutex_lock(&to->lock);
	if (from->mail.len)
		err = post_locked(from, to);
	if (from->noticed)
		wake_locked(to);
	pthread_mutex_unlock(&to->lock);
	from->noticed = false;
	if (err)
		dropped = mail_drop(&from->mail);
	from->mail.len = 0;
	from->pinned = 0;
	return dropped;
}

static void deliver(struct mail *mail)
{
	struct receiver *to = first_receiver(mail);
	const uint8_t *packet = (const uint8_t *)to + mail->receivers;
	struct delivery delivery;
	struct message msg;
	size_t i;

	if (mail->blob)
		message_init_apart(&msg, mail->protocol, packet, mail->len, mail->payload,
				   mail->payload_len, mail->blob);
	else
		message_init(&msg, mail->protocol, packet, mail->len, NULL);
	for (i = 0; i < mail->n; i++, to = next_receiver(to)) {
		delivery = (struct delivery){
			.ids = to->ids,
			.n_ids = to->n_ids,
			.retain = to->retain,
		};
		client_deliver(to->client, &msg, &delivery);
	}
	message_done(&msg);
}

static void record_deliver(struct mail *mail, struct worker *worker)
{
	/* Its publisher's messages of before may be in the port. */
	port_drain(worker);
	if (mail->len)
		deliver(mail);
	else
		worker_flush(worker);
	record_drop(mail);
}

void mailbox_empty(struct mailbox *box, struct worker *worker)
{
	struct buffer mail;
	struct mail *record;
	size_t offset;

	pthread_mutex_lock(&box->lock);
	mail = box->mail;
	box->mail = box->spare;
	box->pinned = 0;
	pthread_mutex_unlock(&box->lock);

	for (offset = 0; offset < mail.len; offset += record->size) {
		record = record_at(&mail, offset);
		record_deliver(record, worker);
	}
	mail.len = 0;
	if (mail.size > SPARE_MAX)
		buffer_free(&mail);
	box->spare = mail;
}

/* Returns a client, with the mailbox's reference, or NULL. */
static struct client *notice_next(struct mailbox *box, unsigned int *flags)
{
	struct client *client;

	pthread_mutex_lock(&box->lock);
	client = box->first;
	if (client) {
		*flags = client->notices.flags;
		client->notices.flags = 0;
		box->first = client->notices.next;
		if (!box->first)
			box->last = &box->first;
	}
	pthread_mutex_unlock(&box->lock);
	return client;
}

void mailbox_open(struct mailbox *box, struct worker *worker)
{
	struct client *client;
	unsigned int flags;
	uint64_t count;
	ssize_t n;

	pthread_mutex_lock(&box->lock);
	n = read(box->event_fd, &count, sizeof(count));
	box->signaled = false;
	pthread_mutex_unlock(&box->lock);
	if (n < 0 && errno != EAGAIN)
		return;
	mailbox_empty(box, worker);
	while ((client = notice_next(box, &flags))) {
		client_notified(client, flags);
		client_put(client);
	}
}

void outbox_destroy(struct outbox *box)
{
	mail_drop(&box->mail);
	buffer_free(&box->mail);
}

void mailbox_discard(struct mailbox *box)
{
	struct buffer mail;

	pthread_mutex_lock(&box->lock);
	mail = box->mail;
	box->mail = (struct buffer){};
	pthread_mutex_unlock(&box->lock);
	mail_drop(&mail);
	buffer_free(&mail);
}

void mailbox_destroy(struct mailbox *box)
{
	struct client *client;
	unsigned int flags;

	while ((client = notice_next(box, &flags)))
		client_put(client);
	buffer_free(&box->spare);
	close(box->event_fd);
	pthread_mutex_destroy(&box->lock);
}
