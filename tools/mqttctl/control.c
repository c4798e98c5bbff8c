// SPDX-License-Identifier: MIT
/* Asking the daemon: one request and its answer on its control socket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control_path.h"
#include "mqttctl.h"

static int control_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool send_request(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	bool sent = false;
	size_t len;

	if (text) {
		len = strlen(text);
		text[len] = '\n';
		sent = send(fd, text, len + 1, MSG_NOSIGNAL) == (ssize_t)len + 1;
	}
	free(text);
	return sent;
}

/*
 * The answer, or NULL after a sentence on stderr. Somebody who is turned away is
 * told why without being heard: there may be an answer to what was not sent.
 */
static json_t *exchange(int fd, FILE *file, const json_t *request)
{
	bool sent = send_request(fd, request);
	json_t *answer = NULL;
	char *line = NULL;
	size_t size = 0;

	if (!sent && errno != EPIPE) {
		ctl_fail("mqttd does not take the request");
		return NULL;
	}
	if (getline(&line, &size, file) < 0) {
		ctl_fail(sent ? "mqttd has ended without an answer" :
			 "mqttd does not take the request");
	} else {
		answer = json_loads(line, 0, NULL);
		if (!answer)
			ctl_fail("mqttd's answer makes no sense");
	}
	free(line);
	return answer;
}

/* Takes @answer over. */
static json_t *result_of(json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	json_t *result = json_object_get(answer, "result");

	if (json_is_true(json_object_get(answer, "ok")) && result)
		json_incref(result);
	else
		result = NULL;
	if (!result)
		ctl_fail(error ? error : "mqttd's answer makes no sense");
	json_decref(answer);
	return result;
}

static const char *hint(int err)
{
	bool absent = err == ENOENT || err == ECONNREFUSED;

	return absent ? "; is mqttd running? -S names its socket" : "";
}

json_t *ctl_ask(const struct ctl *ctl, json_t *request)
{
	const char *path = ctl->socket ? ctl->socket : CONTROL_SOCKET_PATH;
	json_t *answer = NULL;
	FILE *file = NULL;
	int fd;

	fd = control_connect(path);
	if (fd >= 0)
		file = fdopen(fd, "r");
	if (file) {
		answer = exchange(fd, file, request);
		fclose(file);
	} else {
		fprintf(stderr, "mqttctl: cannot reach mqttd at %s: %s%s\n", path, strerror(errno),
			hint(errno));
		if (fd >= 0)
			close(fd);
	}
	json_decref(request);
	return answer ? result_of(answer) : NULL;
}
