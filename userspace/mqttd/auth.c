// SPDX-License-Identifier: MIT
/*
 * Checking passwords.
 *
 *   worker: auth_check()  ->  queue  ->  threads: hash  ->  NOTICE_AUTH to the worker
 *
 * A question has the password file of the time when it was asked with it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rcupdate.h>

#include "auth.h"
#include "client.h"
#include "config.h"
#include "listener.h"
#include "log.h"
#include "mailbox.h"
#include "password_file.h"

/* What may wait: more would not have its turn before its client has lost patience. */
#define QUESTIONS_MAX	1000
#define BYTES_MAX	(16 << 20)

/**
 * struct source - a file that is configured
 * @next: in the list of all
 * @path: of it, in the configuration
 * @file: what it says; under the lock
 */
struct source {
	struct source *next;
	const char *path;
	struct password_file *file;
};

/**
 * struct question - is this the password?
 * @next: in the queue
 * @client: who waits; a reference
 * @file: a reference, for @password
 * @password: to compare with
 * @known: the right password lets the client in
 * @len: bytes of @secret
 * @secret: what the client sent
 */
struct question {
	struct question *next;
	struct client *client;
	struct password_file *file;
	const struct password *password;
	bool known;
	size_t len;
	u8 secret[];
};

/**
 * struct auth - all there is
 * @lock: protects @first to @stop, and the sources' files
 * @asked: a question has come, or the end
 * @first: queue
 * @last: its end
 * @questions: in it
 * @bytes: of secrets in it
 * @stop: threads end, and nothing is queued
 * @sources: files
 * @threads: as many as @n_threads
 * @n_threads: that run
 * @wanted: how many there should be
 */
struct auth {
	pthread_mutex_t lock;
	pthread_cond_t asked;
	struct question *first;
	struct question **last;
	unsigned int questions;
	size_t bytes;
	bool stop;
	struct source *sources;
	pthread_t threads[CONFIG_WORKERS_MAX];
	unsigned int n_threads;
	unsigned int wanted;
};

/* --- files -------------------------------------------------------------------- */

static struct source *source_find(const struct auth *auth, const char *path)
{
	struct source *source = auth->sources;

	while (source && strcmp(source->path, path))
		source = source->next;
	return source;
}

static int source_read(struct source *source, struct password_file **file)
{
	int err = password_file_load(file, source->path);

	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot read password_file %s: %s.",
			   source->path, strerror(-err));
	return err;
}

static int source_add(struct auth *auth, const char *path)
{
	struct source *source;
	int err;

	if (!path || source_find(auth, path))
		return 0;
	source = calloc(1, sizeof(*source));
	if (!source)
		return -ENOMEM;
	source->path = path;
	err = source_read(source, &source->file);
	if (err) {
		free(source);
		return err;
	}
	source->next = auth->sources;
	auth->sources = source;
	return 0;
}

int auth_open(struct auth **auth, const struct config *conf)
{
	const struct listener_config *listener;
	int err = 0;

	*auth = calloc(1, sizeof(**auth));
	if (!*auth)
		return -ENOMEM;
	pthread_mutex_init(&(*auth)->lock, NULL);
	pthread_cond_init(&(*auth)->asked, NULL);
	(*auth)->last = &(*auth)->first;
	(*auth)->wanted = conf->auth_threads;
	(*auth)->stop = true;
	for (listener = conf->listeners; listener && !err; listener = listener->next)
		err = source_add(*auth, listener->password_file);
	if (err) {
		auth_close(*auth);
		*auth = NULL;
	}
	return err;
}

void auth_reload(struct auth *auth)
{
	struct password_file *fresh, *old;
	struct source *source;

	for (source = auth->sources; source; source = source->next) {
		if (source_read(source, &fresh))
			continue;
		pthread_mutex_lock(&auth->lock);
		old = source->file;
		source->file = fresh;
		pthread_mutex_unlock(&auth->lock);
		password_file_put(old);
	}
}

void auth_close(struct auth *auth)
{
	struct source *source;

	if (!auth)
		return;
	while ((source = auth->sources)) {
		auth->sources = source->next;
		password_file_put(source->file);
		free(source);
	}
	pthread_cond_destroy(&auth->asked);
	pthread_mutex_destroy(&auth->lock);
	free(auth);
}

/* --- threads -------------------------------------------------------------------- */

static void question_free(struct question *question)
{
	explicit_bzero(question->secret, question->len);
	password_file_put(question->file);
	client_put(question->client);
	free(question);
}

/* NULL if there is none. */
static struct question *question_take(struct auth *auth)
{
	struct question *question = auth->first;

	if (!question)
		return NULL;
	auth->first = question->next;
	if (!auth->first)
		auth->last = &auth->first;
	auth->questions--;
	auth->bytes -= question->len;
	return question;
}

static void answer(struct question *question)
{
	bool same = password_is(question->password, question->secret, question->len);

	/* the mailbox's lock puts it before what the worker reads */
	question->client->auth = same && question->known ? AUTH_OK : AUTH_DENIED;
	mailbox_notify(question->client, NOTICE_AUTH);
	question_free(question);
}

static void *run(void *arg)
{
	struct auth *auth = arg;
	struct question *question;

	rcu_register_thread();
	pthread_mutex_lock(&auth->lock);
	while (!auth->stop) {
		question = question_take(auth);
		if (!question) {
			pthread_cond_wait(&auth->asked, &auth->lock);
			continue;
		}
		pthread_mutex_unlock(&auth->lock);
		answer(question);
		pthread_mutex_lock(&auth->lock);
	}
	pthread_mutex_unlock(&auth->lock);
	rcu_unregister_thread();
	return NULL;
}

int auth_start(struct auth *auth)
{
	int err;

	if (!auth->sources)
		return 0;
	auth->stop = false;
	while (auth->n_threads < auth->wanted) {
		err = pthread_create(&auth->threads[auth->n_threads], NULL, run, auth);
		if (err) {
			auth_stop(auth);
			return -err;
		}
		pthread_setname_np(auth->threads[auth->n_threads++], "mqttd/auth");
	}
	return 0;
}

void auth_stop(struct auth *auth)
{
	struct question *question;

	pthread_mutex_lock(&auth->lock);
	auth->stop = true;
	pthread_cond_broadcast(&auth->asked);
	pthread_mutex_unlock(&auth->lock);
	while (auth->n_threads)
		pthread_join(auth->threads[--auth->n_threads], NULL);
	while ((question = question_take(auth)))
		question_free(question);
}

/* --- questions ------------------------------------------------------------------- */

/* Takes @question over if it fits. */
static bool ask(struct auth *auth, struct question *question)
{
	bool room;

	pthread_mutex_lock(&auth->lock);
	room = !auth->stop && auth->questions < QUESTIONS_MAX &&
	       auth->bytes + question->len <= BYTES_MAX;
	if (room) {
		*auth->last = question;
		auth->last = &question->next;
		auth->questions++;
		auth->bytes += question->len;
		pthread_cond_signal(&auth->asked);
	}
	pthread_mutex_unlock(&auth->lock);
	return room;
}

static struct password_file *file_get(struct auth *auth, const char *path)
{
	struct password_file *file;

	pthread_mutex_lock(&auth->lock);
	file = password_file_get(source_find(auth, path)->file);
	pthread_mutex_unlock(&auth->lock);
	return file;
}

/* Copies all that it is given. NULL without memory. */
static struct question *question_new(struct auth *auth, struct client *client,
				     const char *username, const u8 *secret, size_t len)
{
	struct question *question = calloc(1, sizeof(*question) + len);

	if (!question)
		return NULL;
	client_get(client);
	question->client = client;
	question->file = file_get(auth, client->endpoint->conf->password_file);
	question->password = password_file_find(question->file, username, &question->known);
	question->len = len;
	memcpy(question->secret, secret, len);
	return question;
}

enum auth_result auth_check(struct auth *auth, struct client *client, const char *username,
			    const u8 *password, size_t len)
{
	const struct listener_config *listener = client->endpoint->conf;
	enum auth_result result = AUTH_BUSY;
	struct question *question;

	if (!username || !listener->password_file)
		return listener->allow_anonymous ? AUTH_OK : AUTH_ANONYMOUS;
	if (!password)
		return AUTH_DENIED;
	question = question_new(auth, client, username, password, len);
	if (!question)
		return AUTH_BUSY;
	if (!question->password)
		result = AUTH_DENIED;
	else if (ask(auth, question))
		return AUTH_PENDING;
	question_free(question);
	return result;
}
