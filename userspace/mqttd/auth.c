// SPDX-License-Identifier: MIT
/*
 * Asking mqttd-auth.
 *
 *   worker: auth_check() ──> socket ──> mqttd-auth
 *   worker: NOTICE_AUTH <── thread <── socket <──┘
 *
 * Whatever it does, or does not, each question has one answer, in time.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>

#include "auth.h"
#include "auth/chain.h"
#include "auth/wire.h"
#include "client.h"
#include "config.h"
#include "listener.h"
#include "log.h"
#include "mailbox.h"
#include "timer.h"

/* Questions that have no answer: a power of two. mqttd-auth lets fewer wait. */
#define QUESTIONS_MAX	1024
/* Reading files at the start, which nobody waits for but the operator. */
#define START_SECONDS	60
/* What a reload waits at most, whatever auth_timeout is: the watchdog is patient for 30. */
#define RELOAD_SECONDS	10
/* How long it is waited for room for an order before it is tried anyway. */
#define ORDER_AGAIN_MS	100

/**
 * struct question - who is that?
 * @client: who waits, a reference; NULL: there is none
 * @id: number of the question; what is left of it is its place
 * @deadline: milliseconds of CLOCK_MONOTONIC
 * @next: the one that was asked after it, or a free one
 * @link: what points to this one
 */
struct question {
	struct client *client;
	uint64_t id;
	uint64_t deadline;
	struct question *next;
	struct question **link;
};

/**
 * struct auth - all there is
 * @lock: protects @ready to @beginning
 * @prepared: mqttd-auth has answered the main thread
 * @ready: it is there
 * @asked: how many questions there have been
 * @first: that have no answer, the oldest one
 * @last: their end
 * @free: the others
 * @preparing: number of what the main thread waits for, 0: nothing
 * @error: the answer, -errno
 * @beginning: what the last one said when it began, likewise
 * @conf: settings
 * @fd: socket, or -1
 * @event_fd: there is something to wait for, or the end has come
 * @stop: it has
 * @running: @thread is valid
 * @thread: reads answers
 * @message: one of them
 * @questions: all
 */
struct auth {
	pthread_mutex_t lock;
	pthread_cond_t prepared;
	bool ready;
	uint64_t asked;
	struct question *first;
	struct question **last;
	struct question *free;
	uint64_t preparing;
	int error;
	int beginning;
	const struct config *conf;
	int fd;
	int event_fd;
	bool stop;
	bool running;
	pthread_t thread;
	u8 message[WIRE_REPLY_MAX];
	struct question questions[QUESTIONS_MAX];
};

/* --- questions ------------------------------------------------------------------- */

static void question_put(struct auth *auth, struct question *question)
{
	*question->link = question->next;
	if (question->next)
		question->next->link = question->link;
	else
		auth->last = question->link;
	question->client = NULL;
	question->next = auth->free;
	auth->free = question;
}

/* NULL if there are too many. */
static struct question *question_get(struct auth *auth)
{
	struct question *question = auth->free;

	if (!question)
		return NULL;
	auth->free = question->next;
	question->id = ++auth->asked * QUESTIONS_MAX + (question - auth->questions);
	question->next = NULL;
	question->link = auth->last;
	*auth->last = question;
	auth->last = &question->next;
	return question;
}

static struct question *question_find(struct auth *auth, uint64_t id)
{
	struct question *question = &auth->questions[id % QUESTIONS_MAX];

	return question->client && question->id == id ? question : NULL;
}

/* What @grant and @why hold is the client's. The mailbox's lock puts it before what reads it. */
static void tell(struct client *client, enum auth_result result, struct auth_grant *grant,
		 char *why)
{
	client->auth = result;
	client->grant = grant;
	client->auth_why = why;
	mailbox_notify(client, NOTICE_AUTH);
	client_put(client);
}

static void tell_all(struct auth *auth, uint64_t until, enum auth_result result)
{
	struct question *question;
	struct client *client;

	while ((question = auth->first) && question->deadline <= until) {
		client = question->client;
		question_put(auth, question);
		tell(client, result, NULL, NULL);
	}
}

/* --- answers --------------------------------------------------------------------- */

static bool grant_empty(const struct auth_grant *grant)
{
	return !grant->username && !grant->client_id && !grant->n_roles && !grant->n_claims &&
	       !grant->expires;
}

static enum auth_result result_of(u8 answer)
{
	switch (answer) {
	case WIRE_GRANTED:
		return AUTH_OK;
	case WIRE_DENIED:
		return AUTH_DENIED;
	case WIRE_BUSY:
		return AUTH_BUSY;
	default:
		return AUTH_UNAVAILABLE;
	}
}

static void answered(struct auth *auth, struct wire_reply *reply)
{
	enum auth_result result = result_of(reply->answer);
	struct question *question = question_find(auth, reply->id);
	struct auth_grant *grant = NULL;
	struct client *client;

	/* It was too late, or nobody has asked. */
	if (!question)
		return;
	client = question->client;
	question_put(auth, question);
	if (result == AUTH_OK && !grant_empty(&reply->grant)) {
		grant = malloc(sizeof(*grant));
		if (grant) {
			*grant = reply->grant;
			reply->grant = (struct auth_grant){};
		} else {
			result = AUTH_UNAVAILABLE;
		}
	}
	tell(client, result, grant, result != AUTH_OK && reply->text ? strdup(reply->text) : NULL);
}

static void prepared(struct auth *auth, const struct wire_reply *reply)
{
	if (!auth->preparing || reply->id != auth->preparing)
		return;
	auth->preparing = 0;
	auth->error = reply->error ? -EINVAL : 0;
	pthread_cond_signal(&auth->prepared);
}

/* Nobody answers what has been asked, unless another one is asked it. */
static void lost(struct auth *auth)
{
	auth->ready = false;
	tell_all(auth, UINT64_MAX, AUTH_UNAVAILABLE);
	if (auth->preparing) {
		auth->preparing = 0;
		auth->error = -ECONNRESET;
		pthread_cond_signal(&auth->prepared);
	}
}

static void came(struct auth *auth, const struct wire_reply *reply)
{
	lost(auth);
	auth->ready = !reply->error;
	auth->beginning = -(int)(reply->error & 0xfff);
	if (reply->error)
		log_printf(LOG_TYPE_ERROR, "Error: mqttd-auth cannot begin: %s.",
			   strerror(reply->error & 0xfff));
	else if (auth->running)
		log_printf(LOG_TYPE_NOTICE, "mqttd-auth is there again.");
}

static void gone(struct auth *auth)
{
	lost(auth);
	log_limited(LOG_TYPE_ERROR,
		    "Error: mqttd-auth has ended: clients that need it are refused until it is there again.");
}

/* Control characters are gone when the line is written. */
static void log_line(const struct wire_reply *reply)
{
	log_limited(reply->level, "%s", reply->text);
}

static void handle(struct auth *auth, struct wire_reply *reply)
{
	pthread_mutex_lock(&auth->lock);
	switch (reply->type) {
	case WIRE_ANSWER:
		answered(auth, reply);
		break;
	case WIRE_PREPARED:
		prepared(auth, reply);
		break;
	case WIRE_HELLO:
		came(auth, reply);
		break;
	case WIRE_GONE:
		gone(auth);
		break;
	case WIRE_LOG:
		log_line(reply);
		break;
	}
	pthread_mutex_unlock(&auth->lock);
	auth_grant_clear(&reply->grant);
}

/* Returns the type of what has come, 0: nothing that makes sense, or -errno: nothing will. */
static int receive(struct auth *auth, int flags)
{
	ssize_t len = wire_receive(auth->fd, auth->message, sizeof(auth->message), flags);
	struct wire_reply reply;

	if (len == -EAGAIN)
		return 0;
	if (len == -EMSGSIZE ||
	    (len > 0 && wire_parse_reply(&reply, auth->message, len) == -EBADMSG)) {
		log_limited(LOG_TYPE_ERROR,
			    "Error: mqttd-auth says what makes no sense: it is not listened to.");
		return 0;
	}
	if (len <= 0)
		return len ? len : -ECONNRESET;
	handle(auth, &reply);
	return reply.type;
}

/* --- the thread ------------------------------------------------------------------ */

/* Milliseconds until somebody has waited too long, -1: nobody waits. */
static int patience(struct auth *auth)
{
	uint64_t now = timer_now(), left = 0;
	int ms = -1;

	pthread_mutex_lock(&auth->lock);
	tell_all(auth, now, AUTH_UNAVAILABLE);
	if (auth->first) {
		left = auth->first->deadline - now;
		ms = left > INT32_MAX ? INT32_MAX : left;
	}
	pthread_mutex_unlock(&auth->lock);
	return ms;
}

static void forget_socket(struct auth *auth)
{
	pthread_mutex_lock(&auth->lock);
	lost(auth);
	pthread_mutex_unlock(&auth->lock);
	log_printf(LOG_TYPE_ERROR,
		   "Error: mqttd-auth and mqttd-keeper are gone: clients that need them are refused until a restart.");
}

static void *run(void *arg)
{
	struct auth *auth = arg;
	struct pollfd fds[] = {
		{ .fd = auth->event_fd, .events = POLLIN },
		{ .fd = auth->fd, .events = POLLIN },
	};
	uint64_t count;

	rcu_register_thread();
	while (!__atomic_load_n(&auth->stop, __ATOMIC_ACQUIRE)) {
		poll(fds, 2, patience(auth));
		if (fds[0].revents && read(auth->event_fd, &count, sizeof(count)) < 0)
			continue;
		if (fds[1].revents && receive(auth, MSG_DONTWAIT) < 0) {
			forget_socket(auth);
			fds[1].fd = -1;
			fds[1].revents = 0;
		}
	}
	rcu_unregister_thread();
	return NULL;
}

static void wake(struct auth *auth)
{
	uint64_t one = 1;

	while (write(auth->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

int auth_start(struct auth *auth)
{
	int err;

	if (auth->fd < 0)
		return 0;
	auth->stop = false;
	auth->running = true;
	err = pthread_create(&auth->thread, NULL, run, auth);
	if (err)
		auth->running = false;
	else
		pthread_setname_np(auth->thread, "mqttd/auth");
	return -err;
}

void auth_stop(struct auth *auth)
{
	struct question *question;
	struct client *client;

	if (!auth->running)
		return;
	__atomic_store_n(&auth->stop, true, __ATOMIC_RELEASE);
	wake(auth);
	pthread_join(auth->thread, NULL);
	auth->running = false;
	pthread_mutex_lock(&auth->lock);
	auth->ready = false;
	while ((question = auth->first)) {
		client = question->client;
		question_put(auth, question);
		client_put(client);
	}
	pthread_mutex_unlock(&auth->lock);
}

/* --- beginning and end -------------------------------------------------------------- */

/* Lines of the log come before it. */
static int await_hello(struct auth *auth)
{
	const struct timeval long_time = { .tv_sec = START_SECONDS }, none = {};
	int type;

	setsockopt(auth->fd, SOL_SOCKET, SO_RCVTIMEO, &long_time, sizeof(long_time));
	do {
		type = receive(auth, 0);
	} while (type == WIRE_LOG);
	setsockopt(auth->fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
	if (type == WIRE_HELLO)
		return auth->beginning;
	log_printf(LOG_TYPE_ERROR, "Error: mqttd-auth does not begin.");
	return type < 0 ? type : -ETIMEDOUT;
}

int auth_open(struct auth **result, const struct config *conf, int fd)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	unsigned int i;
	int err = 0;

	*result = auth;
	if (!auth) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	pthread_mutex_init(&auth->lock, NULL);
	pthread_cond_init(&auth->prepared, NULL);
	auth->conf = conf;
	auth->fd = fd;
	auth->last = &auth->first;
	for (i = 0; i < QUESTIONS_MAX; i++) {
		auth->questions[i].next = auth->free;
		auth->free = &auth->questions[i];
	}
	auth->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (auth->event_fd < 0)
		err = -errno;
	if (!err && fd >= 0)
		err = await_hello(auth);
	if (err) {
		auth_close(auth);
		*result = NULL;
	}
	return err;
}

void auth_close(struct auth *auth)
{
	if (!auth)
		return;
	if (auth->fd >= 0)
		close(auth->fd);
	if (auth->event_fd >= 0)
		close(auth->event_fd);
	pthread_cond_destroy(&auth->prepared);
	pthread_mutex_destroy(&auth->lock);
	free(auth);
}

/* --- reload ----------------------------------------------------------------------- */

static unsigned int reload_seconds(const struct auth *auth)
{
	return min_t(int64_t, auth->conf->auth_timeout, RELOAD_SECONDS);
}

static int await_prepared(struct auth *auth)
{
	struct timespec limit;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += reload_seconds(auth);
	while (auth->preparing && !err)
		err = pthread_cond_timedwait(&auth->prepared, &auth->lock, &limit);
	if (!auth->preparing)
		return auth->error;
	auth->preparing = 0;
	return -ETIMEDOUT;
}

static int order(struct auth *auth, u8 type, uint64_t id)
{
	const struct wire_request request = { .type = type, .id = id };

	return wire_send_request(auth->fd, &request);
}

int auth_prepare(struct auth *auth)
{
	int err = -ENOTCONN;

	if (auth->fd < 0)
		return 0;
	pthread_mutex_lock(&auth->lock);
	auth->preparing = ++auth->asked;
	if (auth->ready)
		err = order(auth, WIRE_PREPARE, auth->preparing);
	if (!err)
		err = await_prepared(auth);
	auth->preparing = 0;
	pthread_mutex_unlock(&auth->lock);
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: mqttd-auth does not take its files: %s.",
			   err == -EINVAL ? "see above" : strerror(-err));
	return err;
}

/* While it read files questions may have filled the socket; now it reads that again. */
static int order_when_read(struct auth *auth, u8 type)
{
	const uint64_t limit = timer_now() + reload_seconds(auth) * 1000;
	struct pollfd room = { .fd = auth->fd, .events = POLLOUT };
	int err;

	for (;;) {
		err = order(auth, type, 0);
		if (err != -EAGAIN || timer_now() >= limit)
			return err;
		poll(&room, 1, ORDER_AGAIN_MS);
	}
}

int auth_commit(struct auth *auth)
{
	int err = auth->fd < 0 ? 0 : order_when_read(auth, WIRE_COMMIT);

	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: mqttd-auth keeps its files as they were: %s.",
			   strerror(-err));
	return err;
}

void auth_cancel(struct auth *auth)
{
	if (auth->fd >= 0)
		order_when_read(auth, WIRE_CANCEL);
}

/* --- questions ------------------------------------------------------------------- */

static u32 number_of(const struct config *conf, const struct listener_config *wanted)
{
	const struct listener_config *listener;
	u32 number = 0;

	for (listener = conf->listeners; listener && listener != wanted; listener = listener->next)
		number++;
	return number;
}

static enum auth_result ask_locked(struct auth *auth, struct client *client,
				   struct wire_request *request)
{
	bool alone = !auth->first;
	struct question *question;
	int err;

	if (!auth->ready)
		return AUTH_UNAVAILABLE;
	question = question_get(auth);
	if (!question)
		return AUTH_BUSY;
	request->id = question->id;
	err = wire_send_request(auth->fd, request);
	question->client = client;
	if (err) {
		question_put(auth, question);
		return err == -EAGAIN || err == -ENOBUFS ? AUTH_BUSY : AUTH_UNAVAILABLE;
	}
	client_get(client);
	question->deadline = timer_now() + auth->conf->auth_timeout * 1000;
	if (alone)
		wake(auth);
	return AUTH_PENDING;
}

static enum auth_result ask(struct auth *auth, struct client *client, struct wire_request *request)
{
	enum auth_result result;

	pthread_mutex_lock(&auth->lock);
	result = ask_locked(auth, client, request);
	pthread_mutex_unlock(&auth->lock);
	return result;
}

enum auth_result auth_check(struct auth *auth, struct client *client, const char *client_id,
			    const char *username, const u8 *password, size_t len)
{
	const struct listener_config *listener = client->endpoint->conf;
	struct wire_request request = {
		.type = WIRE_ASK,
		.listener = number_of(auth->conf, listener),
		.ask = {
			.client_id = client_id,
			.username = username,
			.password = password,
			.password_len = len,
			.address = client_address(client),
		},
	};

	if ((!username && !password) || !auth_chain_method(listener, 0))
		return listener->allow_anonymous ? AUTH_OK : AUTH_ANONYMOUS;
	return ask(auth, client, &request);
}

void auth_forget(struct client *client)
{
	if (client->grant)
		auth_grant_clear(client->grant);
	free(client->grant);
	free(client->auth_why);
	client->grant = NULL;
	client->auth_why = NULL;
}
