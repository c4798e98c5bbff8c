// SPDX-License-Identifier: MIT
/*
 * client SOCKET STATUS-FILE DIRECTORY [NAME=VALUE...] -- COMMAND
 *
 * The host's end of a port (see wire.h): has the guest's agent run COMMAND,
 * writes what it prints, and ends as it ended. STATUS-FILE ("-": none) gets the
 * exit status, so that the caller can tell it from one of ours.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire.h"

#define EXIT_LOST	125

static void write_all(int fd, const char *p, size_t len)
{
	ssize_t n;

	for (; len; p += n, len -= n) {
		n = write(fd, p, len);
		if (n < 0 && errno == EPIPE)
			exit(141);	/* where SIGPIPE is ignored */
		if (n < 0 && errno != EINTR)
			err(EXIT_LOST, "vm: cannot write");
		if (n < 0)
			n = 0;
	}
}

static int port_connect(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || strlen(path) >= sizeof(sun.sun_path))
		errx(EXIT_LOST, "vm: cannot use the socket %s", path);
	strcpy(sun.sun_path, path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		errx(EXIT_LOST, "vm: the machine does not listen on %s", path);
	return fd;
}

static size_t put_string(char *strings, size_t len, const char *s)
{
	size_t n = strlen(s) + 1;

	if (n > VM_REQUEST_MAX - len)
		errx(EXIT_LOST, "vm: the command is longer than %d bytes", VM_REQUEST_MAX);
	memcpy(strings + len, s, n);
	return len + n;
}

/* args: the directory, the environment, "--", the command */
static void request_send(int fd, const char *cookie, char **args)
{
	static char buf[sizeof(struct vm_request) + VM_REQUEST_MAX] __attribute__((aligned(8)));
	struct vm_request *r = (struct vm_request *)buf;
	int command = 0;
	size_t len = 0;

	memcpy(r->magic, VM_MAGIC, sizeof(r->magic));
	memcpy(r->cookie, cookie, sizeof(r->cookie));
	for (; *args; args++) {
		if (!command && !strcmp(*args, "--")) {
			command = 1;
			len = put_string((char *)(r + 1), len, "");
		} else {
			len = put_string((char *)(r + 1), len, *args);
		}
	}
	r->len = len;
	write_all(fd, buf, sizeof(*r) + len);
}

/* Returns a complete frame at the start of buf, or NULL; drops what is before it */
static struct vm_frame *frame_find(char *buf, size_t *len, const char *cookie)
{
	char *start = memmem(buf, *len, cookie, VM_COOKIE_LEN);
	struct vm_frame *f = (struct vm_frame *)buf;

	if (!start)
		return NULL;
	*len -= start - buf;
	memmove(buf, start, *len);
	if (*len < sizeof(*f))
		return NULL;
	if (f->len > VM_FRAME_MAX)
		errx(EXIT_LOST, "vm: the guest's agent talks nonsense");
	return *len < sizeof(*f) + f->len ? NULL : f;
}

static void __attribute__((noreturn)) finish(uint32_t status, const char *status_file)
{
	FILE *file;

	if (strcmp(status_file, "-")) {
		file = fopen(status_file, "w");
		if (!file || fprintf(file, "%u\n", status) < 0 || fclose(file))
			err(EXIT_LOST, "vm: cannot write %s", status_file);
	}
	exit(status);
}

static void frame_handle(const struct vm_frame *f, const char *status_file)
{
	const char *data = (const char *)(f + 1);
	uint32_t status;

	switch (f->type) {
	case VM_STDOUT:
	case VM_STDERR:
		write_all(f->type == VM_STDOUT ? 1 : 2, data, f->len);
		break;
	case VM_EXIT:
		memcpy(&status, data, sizeof(status));
		finish(status, status_file);
	}
}

int main(int argc, char **argv)
{
	static char buf[2 * (sizeof(struct vm_frame) + VM_FRAME_MAX)] __attribute__((aligned(8)));
	char cookie[VM_COOKIE_LEN];
	struct vm_frame *f;
	size_t len = 0, used;
	ssize_t n;
	int fd;

	if (argc < 6)
		errx(EXIT_LOST, "usage: client SOCKET STATUS-FILE DIRECTORY [N=V...] -- COMMAND");
	if (getrandom(cookie, sizeof(cookie), 0) != sizeof(cookie))
		err(EXIT_LOST, "vm: no random numbers");
	fd = port_connect(argv[1]);
	request_send(fd, cookie, argv + 3);
	for (;;) {
		n = read(fd, buf + len, sizeof(buf) - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return EXIT_LOST;
		len += n;
		while ((f = frame_find(buf, &len, cookie))) {
			frame_handle(f, argv[2]);
			used = sizeof(*f) + f->len;
			len -= used;
			memmove(buf, buf + used, len);
		}
		if (len == sizeof(buf))		/* not for us: keep what may begin a cookie */
			len = 0;
	}
}
