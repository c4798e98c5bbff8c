// SPDX-License-Identifier: MIT
/*
 * Keys that a web server publishes.
 *
 *                    max-age, at most jwks_refresh
 *               .-----------------------------------.
 *               v                                   |
 *   start --> fetch -- fine --> these and no others-'
 *               |  ^
 *             fails|  jwks_retry, with those that are there until they are older than
 *               '--'  jwks_max_age
 *
 * Somebody who shows a key that is not known brings the next time forward, but no nearer
 * to the last one than jwks_retry.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/jwks_fetch.h"
#include "auth/jwks_remote.h"
#include "log.h"

#define WAIT_MS		2000

/**
 * struct jwks_remote - an URL
 * @next: in the list of all
 * @refs: under its lock, as is @next
 * @url: of it
 * @cafile: see struct jwt_config
 * @allow_http: likewise
 * @shown: the URL for the log, without what may be a secret
 * @lock: protects all below
 * @changed: something was fetched, or should be, or never will
 * @timeout: seconds, see struct jwt_config
 * @refresh: likewise
 * @retry: likewise
 * @max_age: likewise
 * @keys: NULL if there are none
 * @generation: counts them
 * @attempts: to fetch them that have ended
 * @fetched: when they were there, milliseconds of CLOCK_BOOTTIME
 * @stale: they are too old, as the log says
 * @tried: when the last attempt began, milliseconds of CLOCK_MONOTONIC; 0: never
 * @due: when the next one is, likewise
 * @fetching: an attempt is under way
 * @waiting: a thread waits for its end
 * @failing: the last one has failed, as the log says
 * @stop: the thread ends
 * @running: there is a thread
 * @thread: which fetches
 * @fetcher: its own
 */
struct jwks_remote {
	struct jwks_remote *next;
	unsigned int refs;
	char *url;
	char *cafile;
	bool allow_http;
	char *shown;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int64_t timeout;
	int64_t refresh;
	int64_t retry;
	int64_t max_age;
	struct jwks *keys;
	unsigned int generation;
	unsigned int attempts;
	uint64_t fetched;
	bool stale;
	uint64_t tried;
	uint64_t due;
	bool fetching;
	bool waiting;
	bool failing;
	bool stop;
	bool running;
	pthread_t thread;
	struct jwks_fetcher *fetcher;
};

static pthread_mutex_t remotes_lock = PTHREAD_MUTEX_INITIALIZER;
static struct jwks_remote *remotes;

/* Never 0. */
static uint64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * UINT64_C(1000) + now.tv_nsec / 1000000 + 1;
}

static uint64_t now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

/* Keys grow old while the machine sleeps, too. */
static uint64_t age_ms(void)
{
	return clock_ms(CLOCK_BOOTTIME);
}

/* --- the thread ----------------------------------------------------------------------- */

static int parse(const struct jwks_reply *reply, struct jwks **keys, char why[JWKS_WHY_MAX])
{
	const char *text = strerror(ENOMEM);
	int err = -ENOMEM;

	*keys = jwks_new();
	if (*keys)
		err = jwks_add_json(*keys, reply->text ? reply->text : "", reply->len, false,
				    &text);
	if (!err)
		return 0;
	snprintf(why, JWKS_WHY_MAX, "%s", text);
	jwks_put(*keys);
	*keys = NULL;
	return err;
}

static int fetch(struct jwks_remote *remote, int64_t timeout, struct jwks **keys,
		 int64_t *max_age, char why[JWKS_WHY_MAX])
{
	struct jwks_server server = {
		remote->url, remote->cafile, remote->allow_http, timeout
	};
	struct jwks_reply reply;
	int err;

	*keys = NULL;
	err = jwks_fetch(remote->fetcher, &server, &reply, why);
	if (!err)
		err = parse(&reply, keys, why);
	*max_age = reply.max_age;
	jwks_reply_clear(&reply);
	return err;
}

static void tell(struct jwks_remote *remote, const struct jwks *keys, const char *why)
{
	if (!keys && !remote->failing)
		log_printf(LOG_TYPE_WARNING, "Warning: cannot get keys from %s: %s.",
			   remote->shown, why);
	if (keys && (remote->failing || !remote->keys))
		log_printf(LOG_TYPE_NOTICE, "There are %u keys from %s.", keys->n, remote->shown);
	if (keys && keys->ignored && (!remote->keys || remote->keys->ignored != keys->ignored))
		log_printf(LOG_TYPE_WARNING,
			   "Warning: %u of the keys from %s are ignored, the last one because %s.",
			   keys->ignored, remote->shown, keys->why);
	remote->failing = !keys;
}

/* When to ask again: as the server says, but not as often nor as seldom as it likes. */
static int64_t interval(const struct jwks_remote *remote, bool fine, int64_t max_age)
{
	if (!fine)
		return remote->retry;
	if (max_age < 0 || max_age > remote->refresh)
		return remote->refresh;
	return max_age < remote->retry ? remote->retry : max_age;
}

/* Locked, as is what it returns to; not while it fetches. */
static void attempt(struct jwks_remote *remote)
{
	int64_t timeout = remote->timeout, max_age;
	char why[JWKS_WHY_MAX];
	struct jwks *keys;
	int err;

	remote->tried = now_ms();
	remote->fetching = true;
	pthread_mutex_unlock(&remote->lock);
	err = fetch(remote, timeout, &keys, &max_age, why);
	pthread_mutex_lock(&remote->lock);
	remote->fetching = false;
	remote->attempts++;
	if (err != -ECANCELED)
		tell(remote, keys, why);
	if (keys) {
		jwks_put(remote->keys);
		remote->keys = keys;
		remote->generation++;
		remote->fetched = age_ms();
		remote->stale = false;
	}
	remote->due = now_ms() + 1000 * interval(remote, keys, max_age);
	pthread_cond_broadcast(&remote->changed);
}

/* Returns whether there is time left. */
static bool wait_until(struct jwks_remote *remote, uint64_t time)
{
	struct timespec until = { time / 1000, time % 1000 * 1000000 };

	return pthread_cond_clockwait(&remote->changed, &remote->lock, CLOCK_MONOTONIC,
				      &until) != ETIMEDOUT;
}

static void *run(void *arg)
{
	struct jwks_remote *remote = arg;

	/* By itself: another thread's name is in a file, which nobody here may write to. */
	pthread_setname_np(pthread_self(), "mqttd/jwks");
	pthread_mutex_lock(&remote->lock);
	while (!remote->stop) {
		if (now_ms() >= remote->due)
			attempt(remote);
		else
			wait_until(remote, remote->due);
	}
	pthread_mutex_unlock(&remote->lock);
	return NULL;
}

/* Signals are for others. */
static int thread_create(struct jwks_remote *remote)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&remote->thread, NULL, run, remote);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return -err;
	remote->running = true;
	return 0;
}

int jwks_remote_start(struct jwks_remote *remote)
{
	int err = 0;

	pthread_mutex_lock(&remote->lock);
	if (!remote->fetcher)
		remote->fetcher = jwks_fetcher_new();
	if (!remote->fetcher)
		err = -ENOMEM;
	else if (!remote->running)
		err = thread_create(remote);
	pthread_mutex_unlock(&remote->lock);
	return err;
}

/* --- the list of all ------------------------------------------------------------------ */

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static struct jwks_remote *find(const struct jwt_config *conf)
{
	struct jwks_remote *remote = remotes;

	while (remote && (!same(remote->url, conf->jwks_url) ||
			  !same(remote->cafile, conf->jwks_cafile) ||
			  remote->allow_http != conf->jwks_allow_http))
		remote = remote->next;
	return remote;
}

static void remote_free(struct jwks_remote *remote)
{
	jwks_fetcher_free(remote->fetcher);
	jwks_put(remote->keys);
	pthread_cond_destroy(&remote->changed);
	pthread_mutex_destroy(&remote->lock);
	free(remote->url);
	free(remote->cafile);
	free(remote->shown);
	free(remote);
}

static struct jwks_remote *remote_new(const struct jwt_config *conf)
{
	struct jwks_remote *remote = calloc(1, sizeof(*remote));

	if (!remote)
		return NULL;
	pthread_mutex_init(&remote->lock, NULL);
	pthread_cond_init(&remote->changed, NULL);
	remote->url = strdup(conf->jwks_url);
	remote->shown = strndup(conf->jwks_url, strcspn(conf->jwks_url, "?#"));
	remote->cafile = conf->jwks_cafile ? strdup(conf->jwks_cafile) : NULL;
	remote->allow_http = conf->jwks_allow_http;
	if (remote->url && remote->shown && !remote->cafile == !conf->jwks_cafile)
		return remote;
	remote_free(remote);
	return NULL;
}

static void set_times(struct jwks_remote *remote, const struct jwt_config *conf)
{
	pthread_mutex_lock(&remote->lock);
	remote->timeout = conf->jwks_timeout;
	remote->refresh = conf->jwks_refresh;
	remote->retry = conf->jwks_retry;
	remote->max_age = conf->jwks_max_age;
	pthread_mutex_unlock(&remote->lock);
}

struct jwks_remote *jwks_remote_get(const struct jwt_config *conf)
{
	struct jwks_remote *remote;

	pthread_mutex_lock(&remotes_lock);
	remote = find(conf);
	if (!remote) {
		remote = remote_new(conf);
		if (remote) {
			remote->next = remotes;
			remotes = remote;
		}
	}
	if (remote) {
		remote->refs++;
		set_times(remote, conf);
	}
	pthread_mutex_unlock(&remotes_lock);
	return remote;
}

static void stop(struct jwks_remote *remote)
{
	pthread_mutex_lock(&remote->lock);
	remote->stop = true;
	if (remote->fetcher)
		jwks_fetcher_stop(remote->fetcher);
	pthread_cond_broadcast(&remote->changed);
	pthread_mutex_unlock(&remote->lock);
	if (remote->running)
		pthread_join(remote->thread, NULL);
}

void jwks_remote_put(struct jwks_remote *remote)
{
	struct jwks_remote **at;
	bool last;

	if (!remote)
		return;
	pthread_mutex_lock(&remotes_lock);
	last = !--remote->refs;
	for (at = &remotes; last && *at; at = &(*at)->next) {
		if (*at == remote) {
			*at = remote->next;
			break;
		}
	}
	pthread_mutex_unlock(&remotes_lock);
	if (last) {
		stop(remote);
		remote_free(remote);
	}
}

/* --- those who want keys -------------------------------------------------------------- */

/* Once each time. */
static void note_age(struct jwks_remote *remote)
{
	if (!remote->keys || remote->stale ||
	    age_ms() <= remote->fetched + 1000 * remote->max_age)
		return;
	remote->stale = true;
	log_printf(LOG_TYPE_ERROR,
		   "Error: the keys from %s are older than jwt_jwks_max_age: tokens are refused until there are others.",
		   remote->shown);
}

struct jwks *jwks_remote_keys(struct jwks_remote *remote, unsigned int *generation)
{
	struct jwks *keys;

	pthread_mutex_lock(&remote->lock);
	note_age(remote);
	keys = remote->stale ? NULL : jwks_get(remote->keys);
	*generation = remote->generation;
	pthread_mutex_unlock(&remote->lock);
	return keys;
}

/* Is an attempt under way, or may there be one? Locked. */
static bool attempt_allowed(struct jwks_remote *remote)
{
	if (remote->fetching)
		return true;
	if (remote->tried && now_ms() < remote->tried + 1000 * remote->retry)
		return false;
	remote->due = 0;
	pthread_cond_broadcast(&remote->changed);
	return true;
}

bool jwks_remote_renew(struct jwks_remote *remote, unsigned int generation)
{
	uint64_t until = now_ms() + WAIT_MS;
	unsigned int attempts;
	bool others;

	pthread_mutex_lock(&remote->lock);
	attempts = remote->attempts;
	if (remote->generation == generation && attempt_allowed(remote) && !remote->waiting) {
		remote->waiting = true;
		while (attempts == remote->attempts && !remote->stop && wait_until(remote, until))
			;
		remote->waiting = false;
	}
	others = remote->generation != generation;
	pthread_mutex_unlock(&remote->lock);
	return others;
}
