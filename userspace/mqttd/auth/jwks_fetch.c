// SPDX-License-Identifier: MIT
/*
 * Getting something from a web server.
 *
 * Each request is one of its own: what a redirection leads to is looked at like the URL in
 * the configuration. What comes is limited in size and time, nothing is unpacked, and
 * nothing is kept from one request to the next.
 */
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <curl/curl.h>

#include "auth/jwks.h"
#include "auth/jwks_fetch.h"

#define POLL_MS		1000

/**
 * struct jwks_fetcher - see there
 * @multi: one handle can be woken up, and an easy one cannot
 * @stop: any thread
 */
struct jwks_fetcher {
	CURLM *multi;
	bool stop;
};

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct jwks_fetcher *jwks_fetcher_new(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct jwks_fetcher *fetcher = calloc(1, sizeof(*fetcher));

	pthread_once(&once, init_curl);
	if (!fetcher)
		return NULL;
	fetcher->multi = curl_multi_init();
	if (fetcher->multi)
		return fetcher;
	free(fetcher);
	return NULL;
}

void jwks_fetcher_free(struct jwks_fetcher *fetcher)
{
	if (!fetcher)
		return;
	curl_multi_cleanup(fetcher->multi);
	free(fetcher);
}

void jwks_fetcher_stop(struct jwks_fetcher *fetcher)
{
	__atomic_store_n(&fetcher->stop, true, __ATOMIC_RELEASE);
	curl_multi_wakeup(fetcher->multi);
}

void jwks_reply_clear(struct jwks_reply *reply)
{
	free(reply->text);
	*reply = (struct jwks_reply){ .max_age = -1 };
}

int64_t jwks_max_age(const char *header)
{
	const char *at = strcasestr(header, "max-age=");
	long long seconds;
	char *end;

	if (strcasestr(header, "no-store") || strcasestr(header, "no-cache"))
		return 0;
	if (!at || !isdigit((unsigned char)at[8]))
		return -1;
	errno = 0;
	seconds = strtoll(at + 8, &end, 10);
	return errno ? INT32_MAX : seconds > INT32_MAX ? INT32_MAX : seconds;
}

/* libcurl's. Less than all of it: that is the end. */
static size_t take(char *data, size_t size, size_t n, void *arg)
{
	struct jwks_reply *reply = arg;
	size_t len = size * n;
	char *text;

	if (len > JWKS_BYTES_MAX - reply->len)
		return 0;
	text = realloc(reply->text, reply->len + len + 1);
	if (!text)
		return 0;
	memcpy(text + reply->len, data, len);
	reply->text = text;
	reply->len += len;
	return len;
}

static int set_up(CURL *easy, const struct jwks_server *server, const char *url,
		  struct jwks_reply *reply, char error[CURL_ERROR_SIZE])
{
	CURLcode err = CURLE_OK;

#define SET(option, value) (err = err ? err : curl_easy_setopt(easy, option, value))
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, "https,http");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (server->cafile) {
		SET(CURLOPT_CAINFO, server->cafile);
		SET(CURLOPT_CAPATH, NULL);
	}
	/* What is not encrypted does not leave this machine by a detour */
	if (strncasecmp(url, "https:", 6))
		SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_TIMEOUT, (long)server->timeout);
	SET(CURLOPT_MAXFILESIZE, (long)JWKS_BYTES_MAX);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_USERAGENT, "mqttd");
	SET(CURLOPT_WRITEFUNCTION, take);
	SET(CURLOPT_WRITEDATA, reply);
	SET(CURLOPT_ERRORBUFFER, error);
#undef SET
	return err ? -EIO : 0;
}

/* Until it is done: what came of it; -1: it was stopped. */
static int run(struct jwks_fetcher *fetcher)
{
	CURLMsg *message;
	int running, n;

	while (!__atomic_load_n(&fetcher->stop, __ATOMIC_ACQUIRE)) {
		if (curl_multi_perform(fetcher->multi, &running))
			return CURLE_FAILED_INIT;
		message = curl_multi_info_read(fetcher->multi, &n);
		if (message)
			return message->data.result;
		if (curl_multi_poll(fetcher->multi, NULL, 0, POLL_MS, NULL))
			return CURLE_FAILED_INIT;
	}
	return -1;
}

static int explain(char why[JWKS_WHY_MAX], CURLcode code, const char *error)
{
	if (code == CURLE_FILESIZE_EXCEEDED || code == CURLE_WRITE_ERROR)
		error = "it is longer than 256 KiB";
	snprintf(why, JWKS_WHY_MAX, "%s", *error ? error : curl_easy_strerror(code));
	return -EIO;
}

static int64_t max_age_of(CURL *easy)
{
	struct curl_header *header;
	int64_t max_age = -1, one;
	size_t i;

	for (i = 0; curl_easy_header(easy, "Cache-Control", i, CURLH_HEADER, -1,
				     &header) == CURLHE_OK; i++) {
		one = jwks_max_age(header->value);
		if (one >= 0 && (max_age < 0 || one < max_age))
			max_age = one;
	}
	return max_age;
}

/* The URL that it leads to is for free(), NULL if the reply is there. */
static int judge(CURL *easy, struct jwks_reply *reply, char **next, char why[JWKS_WHY_MAX])
{
	char *redirect = NULL;
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &redirect);
	if (redirect) {
		jwks_reply_clear(reply);
		*next = strdup(redirect);
		snprintf(why, JWKS_WHY_MAX, "%s", strerror(ENOMEM));
		return *next ? 0 : -EIO;
	}
	if (status != 200) {
		snprintf(why, JWKS_WHY_MAX, "the server says %ld", status);
		return -EIO;
	}
	reply->max_age = max_age_of(easy);
	return 0;
}

/* One request. */
static int ask(struct jwks_fetcher *fetcher, const struct jwks_server *server, const char *url,
	       struct jwks_reply *reply, char **next, char why[JWKS_WHY_MAX])
{
	char error[CURL_ERROR_SIZE] = "";
	CURL *easy = curl_easy_init();
	int code, err = -EIO;

	snprintf(why, JWKS_WHY_MAX, "%s", strerror(ENOMEM));
	if (!easy || set_up(easy, server, url, reply, error) ||
	    curl_multi_add_handle(fetcher->multi, easy))
		goto out;
	code = run(fetcher);
	if (code < 0)
		err = -ECANCELED;
	else if (code)
		err = explain(why, code, error);
	else
		err = judge(easy, reply, next, why);
	curl_multi_remove_handle(fetcher->multi, easy);
out:
	curl_easy_cleanup(easy);
	return err;
}

static int ask_allowed(struct jwks_fetcher *fetcher, const struct jwks_server *server,
		       const char *url, struct jwks_reply *reply, char **next,
		       char why[JWKS_WHY_MAX])
{
	const char *bad = jwt_url_allowed(url, server->allow_http);

	*next = NULL;
	if (!bad)
		return ask(fetcher, server, url, reply, next, why);
	snprintf(why, JWKS_WHY_MAX, "it leads to where it %s", bad);
	return -EIO;
}

int jwks_fetch(struct jwks_fetcher *fetcher, const struct jwks_server *server,
	       struct jwks_reply *reply, char why[JWKS_WHY_MAX])
{
	unsigned int redirects = 0;
	char *url = NULL, *next;
	int err;

	*reply = (struct jwks_reply){ .max_age = -1 };
	do {
		err = ask_allowed(fetcher, server, url ? url : server->url, reply, &next, why);
		free(url);
		url = next;
	} while (!err && url && ++redirects <= JWKS_REDIRECTS_MAX);
	free(url);
	if (!err && redirects > JWKS_REDIRECTS_MAX) {
		snprintf(why, JWKS_WHY_MAX, "it leads from one place to the next");
		err = -EIO;
	}
	if (err)
		jwks_reply_clear(reply);
	return err;
}
