// SPDX-License-Identifier: MIT
/*
 * What mqttd-auth does.
 *
 *   socket -> main thread -> queue -> threads: ask the methods -> socket
 *
 * The main thread also opens what is in files anew, and never takes long: who waits for
 * that longer than auth_timeout has been answered by the daemon itself.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "auth/chain.h"
#include "auth/helper.h"
#include "auth/wire.h"
#include "config.h"
#include "log.h"
#include "sandbox.h"
#include "timer.h"

/* What may wait: more would not have its turn before its client has lost patience. */
#define QUESTIONS_MAX	1000
#define BYTES_MAX	(16 << 20)
/* A daemon that does not read for so long gets no answer. */
#define SEND_SECONDS	5

/**
 * struct question - who is that?
 * @next: in the queue
 * @chains: of the time when it came; a reference
 * @request: points into @message
 * @came: milliseconds of CLOCK_MONOTONIC
 * @len: bytes of @message
 * @message: as it came
 */
struct question {
	struct question *next;
	struct auth_chains *chains;
	struct wire_request request;
	uint64_t came;
	size_t len;
	u8 message[];
};

/**
 * struct helper - the process
 * @lock: protects @first to @stop
 * @asked: a question has come, or the end
 * @first: queue
 * @last: its end
 * @questions: in it
 * @bytes: of messages in it
 * @stop: threads end
 * @conf: as it was when the daemon began
 * @fd: socket
 * @chains: whom to ask; the main thread's, as the next
 * @fresh: the next ones, or NULL
 * @message: that was received
 * @threads: as many as @n_threads
 * @n_threads: that run
 */
struct helper {
	pthread_mutex_t lock;
	pthread_cond_t asked;
	struct question *first;
	struct question **last;
	unsigned int questions;
	size_t bytes;
	bool stop;
	const struct config *conf;
	int fd;
	struct auth_chains *chains;
	struct auth_chains *fresh;
	u8 *message;
	pthread_t threads[CONFIG_WORKERS_MAX];
	unsigned int n_threads;
};

/* --- answers -------------------------------------------------------------------- */

/* One that is not taken is missed by nobody for longer than auth_timeout. */
static void reply(struct helper *helper, const struct wire_reply *what)
{
	wire_send_reply(helper->fd, what);
}

/* The log's taker: the daemon writes the lines. */
static void tell(void *arg, enum log_type type, const char *line, size_t len)
{
	struct wire_reply what = { .type = WIRE_LOG, .level = type };
	char text[WIRE_LINE_MAX];

	if (len > sizeof(text) - 1)
		len = sizeof(text) - 1;
	memcpy(text, line, len);
	text[len] = '\0';
	what.text = text;
	reply(arg, &what);
}

static enum wire_answer answer_of(enum auth_verdict verdict)
{
	switch (verdict) {
	case AUTH_VERDICT_GRANTED:
		return WIRE_GRANTED;
	case AUTH_VERDICT_FAILED:
		return WIRE_FAILED;
	default:
		return WIRE_DENIED;
	}
}

static void answer(struct helper *helper, struct question *question)
{
	struct wire_reply what = { .type = WIRE_ANSWER, .id = question->request.id };
	enum auth_verdict verdict;

	verdict = auth_chains_check(question->chains, question->request.listener,
				    &question->request.ask, &what.grant, &what.text);
	what.answer = answer_of(verdict);
	if (wire_send_reply(helper->fd, &what) == -EMSGSIZE) {
		/* A method has granted more than there is room for. */
		auth_grant_clear(&what.grant);
		what.answer = WIRE_FAILED;
		what.text = NULL;
		reply(helper, &what);
	}
	auth_grant_clear(&what.grant);
}

static void question_free(struct question *question)
{
	explicit_bzero(question->message, question->len);
	auth_chains_put(question->chains);
	free(question);
}

/* NULL if there is none. */
static struct question *question_take(struct helper *helper)
{
	struct question *question = helper->first;

	if (!question)
		return NULL;
	helper->first = question->next;
	if (!helper->first)
		helper->last = &helper->first;
	helper->questions--;
	helper->bytes -= question->len;
	return question;
}

static void *run(void *arg)
{
	struct helper *helper = arg;
	struct question *question;

	pthread_mutex_lock(&helper->lock);
	while (!helper->stop) {
		question = question_take(helper);
		if (!question) {
			pthread_cond_wait(&helper->asked, &helper->lock);
			continue;
		}
		pthread_mutex_unlock(&helper->lock);
		/* The client has been told no already. */
		if (timer_now() - question->came < (uint64_t)helper->conf->auth_timeout * 1000)
			answer(helper, question);
		question_free(question);
		pthread_mutex_lock(&helper->lock);
	}
	pthread_mutex_unlock(&helper->lock);
	return NULL;
}

/* --- questions ------------------------------------------------------------------- */

/* Takes @question over if it fits. */
static bool queue(struct helper *helper, struct question *question)
{
	bool room;

	pthread_mutex_lock(&helper->lock);
	room = helper->questions < QUESTIONS_MAX && helper->bytes + question->len <= BYTES_MAX;
	if (room) {
		*helper->last = question;
		helper->last = &question->next;
		helper->questions++;
		helper->bytes += question->len;
		pthread_cond_signal(&helper->asked);
	}
	pthread_mutex_unlock(&helper->lock);
	return room;
}

static void ask(struct helper *helper, const struct wire_request *request, size_t len)
{
	const struct wire_reply busy = {
		.type = WIRE_ANSWER, .id = request->id, .answer = WIRE_BUSY,
	};
	struct question *question = calloc(1, sizeof(*question) + len);

	if (!question) {
		reply(helper, &busy);
		return;
	}
	memcpy(question->message, helper->message, len);
	question->len = len;
	question->came = timer_now();
	question->chains = auth_chains_get(helper->chains);
	/* It was fine before it was copied. */
	if (!wire_parse_request(&question->request, question->message, len) &&
	    queue(helper, question))
		return;
	question_free(question);
	reply(helper, &busy);
}

static int open_chains(struct helper *helper, struct auth_chains **chains)
{
	int err = auth_chains_open(chains, helper->conf);

	if (err)
		return err;
	err = auth_chains_start(*chains);
	if (err) {
		log_printf(LOG_TYPE_ERROR, "Error: mqttd-auth cannot make threads: %s.",
			   strerror(-err));
		auth_chains_put(*chains);
		*chains = NULL;
	}
	return err;
}

static void prepare(struct helper *helper, uint64_t id)
{
	struct wire_reply what = { .type = WIRE_PREPARED, .id = id };

	auth_chains_put(helper->fresh);
	what.error = -open_chains(helper, &helper->fresh);
	reply(helper, &what);
}

static void commit(struct helper *helper)
{
	if (!helper->fresh)
		return;
	auth_chains_put(helper->chains);
	helper->chains = helper->fresh;
	helper->fresh = NULL;
}

static void handle(struct helper *helper, size_t len)
{
	struct wire_request request;

	if (wire_parse_request(&request, helper->message, len)) {
		log_limited(LOG_TYPE_ERROR, "Error: mqttd-auth does not understand mqttd.");
		return;
	}
	switch (request.type) {
	case WIRE_ASK:
		ask(helper, &request, len);
		explicit_bzero(helper->message, len);
		break;
	case WIRE_PREPARE:
		prepare(helper, request.id);
		break;
	case WIRE_COMMIT:
		commit(helper);
		break;
	case WIRE_CANCEL:
		auth_chains_put(helper->fresh);
		helper->fresh = NULL;
		break;
	}
}

/* --- beginning and end --------------------------------------------------------------- */

static int start_threads(struct helper *helper)
{
	int err;

	while (helper->n_threads < helper->conf->auth_threads) {
		err = pthread_create(&helper->threads[helper->n_threads], NULL, run, helper);
		if (err)
			return -err;
		helper->n_threads++;
	}
	return 0;
}

static void stop_threads(struct helper *helper)
{
	struct question *question;

	pthread_mutex_lock(&helper->lock);
	helper->stop = true;
	pthread_cond_broadcast(&helper->asked);
	pthread_mutex_unlock(&helper->lock);
	while (helper->n_threads)
		pthread_join(helper->threads[--helper->n_threads], NULL);
	while ((question = question_take(helper)))
		question_free(question);
}

static int enter_sandbox(const struct config *conf)
{
	int err = conf->seccomp ? sandbox_auth(auth_wants_network(conf)) : 0;

	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: mqttd-auth has no seccomp filter: %s.",
			   strerror(-err));
	return err;
}

static int begin(struct helper *helper)
{
	struct wire_reply hello = { .type = WIRE_HELLO };
	int err;

	helper->message = malloc(WIRE_ASK_MAX);
	err = helper->message ? enter_sandbox(helper->conf) : -ENOMEM;
	if (!err)
		err = open_chains(helper, &helper->chains);
	if (!err)
		err = start_threads(helper);
	/* What a former process was asked, and has not read, nobody waits for any more. */
	while (!err && wire_receive(helper->fd, helper->message, WIRE_ASK_MAX, MSG_DONTWAIT) > 0)
		;
	hello.error = -err;
	reply(helper, &hello);
	return err;
}

int auth_helper_run(const struct config *conf, int fd)
{
	const struct log_config log = { .types = conf->log_types, .dests = LOG_DEST_TOPIC };
	const struct timeval patience = { .tv_sec = SEND_SECONDS };
	struct helper helper = { .conf = conf, .fd = fd };
	ssize_t len;
	int err;

	pthread_mutex_init(&helper.lock, NULL);
	pthread_cond_init(&helper.asked, NULL);
	helper.last = &helper.first;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	log_set_taker(tell, &helper);
	log_configure(&log);
	err = begin(&helper);
	while (!err) {
		len = wire_receive(fd, helper.message, WIRE_ASK_MAX, 0);
		if (len > 0)
			handle(&helper, len);
		else if (len != -EMSGSIZE)
			break;
	}
	stop_threads(&helper);
	auth_chains_put(helper.fresh);
	auth_chains_put(helper.chains);
	log_set_taker(NULL, NULL);
	free(helper.message);
	pthread_cond_destroy(&helper.asked);
	pthread_mutex_destroy(&helper.lock);
	return err;
}
