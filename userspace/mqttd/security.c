// SPDX-License-Identifier: MIT
/*
 * Security events: counting, limits, lines of JSON, and who writes them.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <linux/random.h>
#include <linux/siphash.h>

#include "log.h"
#include "rate.h"
#include "security.h"
#include "timer.h"

/* Lines that wait to be written, bytes; a power of two. */
#define RING_SIZE	(256u << 10)
/* Lines per second of one kind, and of one kind from one address. */
#define KIND_RATE	50
#define ADDRESS_RATE	5
/* Addresses are told apart by so many slots: those that share one share its rate. */
#define SLOTS		1024
/* How long after a flood its size is said, at most, seconds. */
#define TELL_AFTER	5
/* Bytes of a text that are written: names and topics may have 64 KiB, of others' choice. */
#define TEXT_MAX	512

/**
 * struct kind - of one kind of event
 * @count: events; any thread, as are the next ones
 * @suppressed: lines that were not written and not told of yet
 * @full: see rate.h; under the lock
 * @slots: likewise, by address
 */
struct kind {
	uint64_t count;
	uint64_t suppressed;
	uint64_t full;
	uint64_t slots[SLOTS];
};

/**
 * struct security - all there is
 * @lock: protects the rest but for constants and @kinds' numbers
 * @written: something was put into the ring, or the end
 * @path: of the file, or NULL
 * @to_syslog: instead of a file; constant
 * @fd: the file, or -1
 * @running: there is a thread
 * @stop: it is to end
 * @lost: lines that found no room, or could not be written
 * @head: bytes that were ever put into the ring
 * @tail: bytes that were ever taken out
 * @thread: valid while @running
 * @key: addresses are chosen by others
 * @kinds: by enum security_kind
 * @ring: lines, each with its newline
 */
struct security {
	pthread_mutex_t lock;
	pthread_cond_t written;
	char *path;
	bool to_syslog;
	int fd;
	bool running;
	bool stop;
	uint64_t lost;
	uint64_t head;
	uint64_t tail;
	pthread_t thread;
	siphash_key_t key;
	struct kind kinds[SECURITY_KINDS];
	char ring[RING_SIZE];
};

static const char *const names[SECURITY_KINDS] = {
	[SECURITY_AUTH_FAILED]	= "auth-failed",
	[SECURITY_AUTH_DELAYED]	= "auth-delayed",
	[SECURITY_DENIED]	= "denied",
	[SECURITY_NOT_OWNER]	= "not-owner",
	[SECURITY_TAKEN_OVER]	= "taken-over",
	[SECURITY_FLAPPING]	= "flapping",
	[SECURITY_TLS_FAILED]	= "tls-failed",
	[SECURITY_CERTIFICATE]	= "certificate",
	[SECURITY_UNPROTECTED]	= "unprotected",
	[SECURITY_BAN]		= "ban",
	[SECURITY_BANNED]	= "banned",
	[SECURITY_EXPIRED]	= "expired",
	[SECURITY_PEER]		= "peer",
};

const char *security_kind_name(enum security_kind kind)
{
	return names[kind];
}

uint64_t security_count(const struct security *security, enum security_kind kind)
{
	return security ? __atomic_load_n(&security->kinds[kind].count, __ATOMIC_RELAXED) : 0;
}

/* --- lines ------------------------------------------------------------------------ */

/* "2026-11-23T03:40:48.123Z" */
static json_t *time_now(void)
{
	char text[40], whole[56];
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(whole, sizeof(whole), "%s.%03uZ", text,
		 (unsigned int)(now.tv_nsec / 1000000));
	return json_string(whole);
}

/* Missing or impossible ones are left out. */
static void put(json_t *object, const char *name, json_t *value)
{
	if (value)
		json_object_set_new(object, name, value);
}

/* Cut where a character of UTF-8 ends. */
static void put_cut(json_t *object, const char *name, const char *text, size_t len)
{
	if (len > TEXT_MAX)
		for (len = TEXT_MAX; len && (text[len] & 0xc0) == 0x80;)
			len--;
	put(object, name, text ? json_stringn(text, len) : NULL);
}

static void put_text(json_t *object, const char *name, const char *text)
{
	put_cut(object, name, text, text ? strlen(text) : 0);
}

static void put_number(json_t *object, const char *name, json_int_t number)
{
	put(object, name, number ? json_integer(number) : NULL);
}

/* To be freed; NULL without memory. Whatever is no ASCII is escaped. */
static char *make_line(const struct security_event *event, uint64_t suppressed)
{
	json_t *object = json_object();
	char *line;

	put(object, "time", time_now());
	put_text(object, "event", names[event->kind]);
	put_text(object, "why", event->why);
	put_text(object, "detail", event->detail);
	put_text(object, "client", event->client_id);
	put_text(object, "user", event->username);
	put_text(object, "address", event->address);
	put_number(object, "listener", event->port);
	put_text(object, "method", event->method);
	put_text(object, "access", event->access);
	put_cut(object, "topic", event->topic, event->topic_len);
	put_text(object, "subject", event->subject);
	put_number(object, "at", event->at);
	put_number(object, "count", event->count);
	put_number(object, "suppressed", suppressed);
	line = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(object);
	return line;
}

/* --- the ring ----------------------------------------------------------------------- */

static void append_locked(struct security *security, const char *line, size_t len)
{
	size_t at = security->head % RING_SIZE, first = RING_SIZE - at;

	if (first > len)
		first = len;
	memcpy(security->ring + at, line, first);
	memcpy(security->ring, line + first, len - first);
	security->head += len;
}

/* The line's newline comes with it. */
static void enqueue(struct security *security, const char *line)
{
	size_t len = line ? strlen(line) : 0;

	pthread_mutex_lock(&security->lock);
	if (!line || security->head - security->tail + len + 1 > RING_SIZE) {
		security->lost++;
	} else {
		append_locked(security, line, len);
		append_locked(security, "\n", 1);
		pthread_cond_signal(&security->written);
	}
	pthread_mutex_unlock(&security->lock);
}

static bool is_written(const struct security *security)
{
	return security->path || security->to_syslog;
}

/* The port of an address is another one each time. */
static size_t slot_of(const struct security *security, const char *address)
{
	const char *end = address ? strrchr(address, ':') : NULL;
	size_t len = end ? (size_t)(end - address) : address ? strlen(address) : 0;

	return siphash(address, len, &security->key) % SLOTS;
}

static bool is_allowed(struct security *security, struct kind *kind, const char *address)
{
	uint64_t now = timer_now() * 1000, *slot = &kind->slots[slot_of(security, address)];
	bool allowed;

	pthread_mutex_lock(&security->lock);
	allowed = !rate_owed(*slot, now, ADDRESS_RATE) && !rate_owed(kind->full, now, KIND_RATE);
	if (allowed) {
		rate_charge(slot, now, ADDRESS_RATE);
		rate_charge(&kind->full, now, KIND_RATE);
	}
	pthread_mutex_unlock(&security->lock);
	return allowed;
}

void security_event(struct security *security, const struct security_event *event)
{
	struct kind *kind;
	char *line;

	if (!security)
		return;
	kind = &security->kinds[event->kind];
	__atomic_fetch_add(&kind->count, 1, __ATOMIC_RELAXED);
	if (!is_written(security))
		return;
	if (!is_allowed(security, kind, event->address)) {
		__atomic_fetch_add(&kind->suppressed, 1, __ATOMIC_RELAXED);
		return;
	}
	line = make_line(event, __atomic_exchange_n(&kind->suppressed, 0, __ATOMIC_RELAXED));
	enqueue(security, line);
	free(line);
}

/* --- the thread ----------------------------------------------------------------------- */

static bool write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, text, len);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			text += n;
			len -= n;
		}
	}
	return true;
}

/* Whole lines, NUL in place of their newlines. */
static void write_syslog(char *text, size_t len)
{
	char *line = text, *end;

	while (line < text + len) {
		end = memchr(line, '\n', text + len - line);
		*end = '\0';
		syslog(LOG_AUTHPRIV | LOG_NOTICE, "%s", line);
		line = end + 1;
	}
}

/*
 * With the lock held, which it lets go of while it writes. What is taken out ends with a
 * line, as that is how it is put in. @text: RING_SIZE bytes.
 */
static void write_ring(struct security *security, char *text)
{
	size_t len = security->head - security->tail, at = security->tail % RING_SIZE;
	size_t first = len < RING_SIZE - at ? len : RING_SIZE - at;
	int fd = security->fd;
	bool good = true;

	memcpy(text, security->ring + at, first);
	memcpy(text + first, security->ring, len - first);
	security->tail += len;
	pthread_mutex_unlock(&security->lock);
	if (security->to_syslog)
		write_syslog(text, len);
	else
		good = write_all(fd, text, len);
	pthread_mutex_lock(&security->lock);
	security->lost += !good;
}

static void say(struct security *security, const char *event, const char *of, uint64_t count)
{
	json_t *object = json_object();
	char *line;

	put(object, "time", time_now());
	put_text(object, "event", event);
	put_text(object, "of", of);
	put_number(object, "count", count);
	line = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(object);
	if (line)
		enqueue(security, line);
	free(line);
}

/* What no later event has told of. */
static void tell_suppressed(struct security *security)
{
	uint64_t n;
	int i;

	for (i = 0; i < SECURITY_KINDS; i++) {
		n = __atomic_exchange_n(&security->kinds[i].suppressed, 0, __ATOMIC_RELAXED);
		if (n)
			say(security, "suppressed", names[i], n);
	}
	pthread_mutex_lock(&security->lock);
	n = security->lost;
	security->lost = 0;
	pthread_mutex_unlock(&security->lock);
	if (n)
		say(security, "lost", NULL, n);
}

/* Returns whether the time has come to tell what was suppressed. */
static bool wait_locked(struct security *security)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += TELL_AFTER;
	return pthread_cond_clockwait(&security->written, &security->lock, CLOCK_MONOTONIC,
				      &until) == ETIMEDOUT;
}

static void *run(void *arg)
{
	struct security *security = arg;
	char *text = malloc(RING_SIZE);

	pthread_mutex_lock(&security->lock);
	while (text && (!security->stop || security->head != security->tail)) {
		if (security->head != security->tail) {
			write_ring(security, text);
		} else if (wait_locked(security)) {
			pthread_mutex_unlock(&security->lock);
			tell_suppressed(security);
			pthread_mutex_lock(&security->lock);
		}
	}
	pthread_mutex_unlock(&security->lock);
	free(text);
	return NULL;
}

int security_start(struct security *security)
{
	int err;

	if (!is_written(security))
		return 0;
	security->stop = false;
	err = pthread_create(&security->thread, NULL, run, security);
	if (err)
		return -err;
	pthread_setname_np(security->thread, "mqttd/security");
	security->running = true;
	return 0;
}

void security_stop(struct security *security)
{
	if (!security || !security->running)
		return;
	tell_suppressed(security);
	pthread_mutex_lock(&security->lock);
	security->stop = true;
	pthread_cond_signal(&security->written);
	pthread_mutex_unlock(&security->lock);
	pthread_join(security->thread, NULL);
	security->running = false;
}

/* --- the file ------------------------------------------------------------------------- */

static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (fd >= 0)
		return fd;
	fd = -errno;
	log_printf(LOG_TYPE_ERROR, "Error: cannot open security_log %s: %s.", path,
		   strerror(-fd));
	return fd;
}

static int choose(struct security *security, const char *where)
{
	security->to_syslog = where && !strcmp(where, "syslog");
	if (!where || !strcmp(where, "none") || security->to_syslog)
		return 0;
	security->path = strdup(where);
	if (!security->path)
		return -ENOMEM;
	security->fd = open_file(security->path);
	return security->fd < 0 ? security->fd : 0;
}

int security_open(struct security **result, const char *where)
{
	struct security *security = calloc(1, sizeof(*security));
	int err;

	*result = NULL;
	if (!security)
		return -ENOMEM;
	pthread_mutex_init(&security->lock, NULL);
	pthread_cond_init(&security->written, NULL);
	get_random_bytes(&security->key, sizeof(security->key));
	security->fd = -1;
	err = choose(security, where);
	if (err)
		security_close(security);
	else
		*result = security;
	return err;
}

void security_close(struct security *security)
{
	if (!security)
		return;
	if (security->fd >= 0)
		close(security->fd);
	free(security->path);
	pthread_cond_destroy(&security->written);
	pthread_mutex_destroy(&security->lock);
	free(security);
}

int security_give(struct security *security, uid_t uid, gid_t gid)
{
	return security->fd >= 0 && fchown(security->fd, uid, gid) ? -errno : 0;
}

/* The thread may be writing to the file at hand: its number stays, and is another file. */
void security_reopen(struct security *security)
{
	int fd;

	if (!security || security->fd < 0)
		return;
	fd = open_file(security->path);
	if (fd < 0)
		return;
	dup3(fd, security->fd, O_CLOEXEC);
	close(fd);
}
