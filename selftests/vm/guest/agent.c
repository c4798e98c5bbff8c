// SPDX-License-Identifier: MIT
/*
 * The guest's end of a port: runs one command after the other for the clients
 * on the host (see ../wire.h), and forwards what it prints and how it ends.
 *
 * A client that goes away takes its command with it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "../wire.h"

struct agent {
	int port;
	size_t in_len;			/* bytes received, perhaps a request */
	size_t out_len, out_pos;	/* bytes of a frame, and how many are sent */
	char in[sizeof(struct vm_request) + VM_REQUEST_MAX] __attribute__((aligned(8)));
	char out[sizeof(struct vm_frame) + VM_FRAME_MAX] __attribute__((aligned(8)));
};

struct command {
	char cookie[VM_COOKIE_LEN];
	pid_t pid;
	int pidfd;			/* readable when the command has ended */
	int out, err;			/* what it prints; -1 after the end */
};

#define PORTS "/sys/class/virtio-ports"

static int port_has_name(const char *port, const char *name)
{
	char path[300], found[64];
	int fd, n;

	snprintf(path, sizeof(path), PORTS "/%s/name", port);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, found, sizeof(found) - 1);
	close(fd);
	found[n < 0 ? 0 : n] = '\0';
	found[strcspn(found, "\n")] = '\0';
	return !strcmp(found, name);
}

static int port_try_open(const char *name)
{
	struct dirent *entry;
	char path[300];
	int fd = -1;
	DIR *dir;

	dir = opendir(PORTS);
	if (!dir)
		return -1;
	while (fd < 0 && (entry = readdir(dir))) {
		if (!port_has_name(entry->d_name, name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
	closedir(dir);
	return fd;
}

/* Ports appear a little after the device; nothing announces them to us */
static int port_open(const char *name)
{
	int fd;

	while ((fd = port_try_open(name)) < 0)
		usleep(10000);
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC);
	return fd;
}

/*
 * Returns a complete request at the start of a->in, or NULL. The strings are
 * followed by a NUL.
 */
static struct vm_request *request_find(struct agent *a)
{
	struct vm_request *r = (struct vm_request *)a->in;
	char *magic = memmem(a->in, a->in_len, VM_MAGIC, sizeof(r->magic));

	if (!magic)
		return NULL;
	a->in_len -= magic - a->in;
	memmove(a->in, magic, a->in_len);
	if (a->in_len < sizeof(*r))
		return NULL;
	if (r->len == 0 || r->len > VM_REQUEST_MAX) {
		a->in_len = 0;
		return NULL;
	}
	if (a->in_len < sizeof(*r) + r->len)
		return NULL;
	a->in[sizeof(*r) + r->len - 1] = '\0';
	return r;
}

static void request_drop(struct agent *a)
{
	struct vm_request *r = (struct vm_request *)a->in;
	size_t len = sizeof(*r) + r->len;

	a->in_len -= len;
	memmove(a->in, a->in + len, a->in_len);
}

/* Takes what the port has; without a host at the other end, drops what was there */
static void port_read(struct agent *a)
{
	ssize_t n;

	if (a->in_len == sizeof(a->in))
		a->in_len = 0;
	n = read(a->port, a->in + a->in_len, sizeof(a->in) - a->in_len);
	if (n > 0)
		a->in_len += n;
	else if (n == 0)
		a->in_len = 0;
}

static void port_write(struct agent *a)
{
	ssize_t n = write(a->port, a->out + a->out_pos, a->out_len - a->out_pos);

	if (n > 0)
		a->out_pos += n;
	if (a->out_pos == a->out_len)
		a->out_len = 0;
}

static struct vm_request *request_wait(struct agent *a)
{
	struct vm_request *r;
	struct pollfd p = { .fd = a->port, .events = POLLIN };
	sigset_t sigio;

	sigemptyset(&sigio);
	sigaddset(&sigio, SIGIO);
	while (!(r = request_find(a))) {
		poll(&p, 1, -1);
		if (p.revents & POLLIN)
			port_read(a);
		/* Without a host it is readable all the time; SIGIO says that one came */
		if (p.revents & POLLHUP && !request_find(a))
			sigwaitinfo(&sigio, NULL);
	}
	return r;
}

static size_t count_strings(const char *s, const char *end, int until_empty)
{
	size_t n = 0;

	for (; s < end && !(until_empty && !*s); s += strlen(s) + 1)
		n++;
	return n;
}

/* Splits strings at s into a NULL-terminated vector, and returns what is behind them */
static char *split_strings(char *s, size_t n, char ***vector)
{
	size_t i;

	*vector = calloc(n + 1, sizeof(**vector));
	for (i = 0; i < n; i++, s += strlen(s) + 1)
		(*vector)[i] = s;
	return s;
}

static void __attribute__((noreturn)) command_exec(struct vm_request *r)
{
	char *dir = (char *)(r + 1), *end = dir + r->len, *s = dir + strlen(dir) + 1;
	char **env, **argv;
	int error;

	s = split_strings(s, count_strings(s, end, 1), &env) + 1;
	split_strings(s, s < end ? count_strings(s, end, 0) : 0, &argv);
	if (!argv[0])
		_exit(125);
	if (chdir(dir)) {
		dprintf(2, "vm: the guest has no directory %s: %s\n", dir, strerror(errno));
		_exit(125);
	}
	environ = env;
	execvp(argv[0], argv);
	error = errno;
	dprintf(2, "vm: %s: %s\n", argv[0], strerror(error));
	_exit(error == ENOENT ? 127 : 126);
}

static void __attribute__((noreturn)) command_child(struct vm_request *r, int out, int err)
{
	sigset_t none;
	int null;

	setsid();
	null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(out, 1);
	dup2(err, 2);
	closefrom(3);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	command_exec(r);
}

static int command_start(struct command *c, struct vm_request *r)
{
	int out[2], err[2];

	memcpy(c->cookie, r->cookie, sizeof(c->cookie));
	if (pipe2(out, O_CLOEXEC))
		return -1;
	if (pipe2(err, O_CLOEXEC))
		goto close_out;
	c->pid = fork();
	if (c->pid < 0)
		goto close_err;
	if (!c->pid)
		command_child(r, out[1], err[1]);
	c->pidfd = pidfd_open(c->pid, 0);
	c->out = out[0];
	c->err = err[0];
	fcntl(c->out, F_SETFL, O_NONBLOCK);
	fcntl(c->err, F_SETFL, O_NONBLOCK);
	close(out[1]);
	close(err[1]);
	return 0;

close_err:
	close(err[0]);
	close(err[1]);
close_out:
	close(out[0]);
	close(out[1]);
	return -1;
}

static void frame_put(struct agent *a, struct command *c, uint32_t type, uint32_t len)
{
	struct vm_frame *f = (struct vm_frame *)a->out;

	memcpy(f->cookie, c->cookie, sizeof(f->cookie));
	f->type = type;
	f->len = len;
	a->out_len = sizeof(*f) + len;
	a->out_pos = 0;
}

/* Makes a frame of what is in a pipe; false if there is nothing at the moment */
static int forward(struct agent *a, struct command *c, int *pipe, uint32_t type)
{
	ssize_t n;

	if (*pipe < 0)
		return 0;
	n = read(*pipe, a->out + sizeof(struct vm_frame), VM_FRAME_MAX);
	if (n > 0) {
		frame_put(a, c, type, n);
		return 1;
	}
	if (n == 0) {
		close(*pipe);
		*pipe = -1;
	}
	return 0;
}

static int forward_any(struct agent *a, struct command *c)
{
	return forward(a, c, &c->out, VM_STDOUT) || forward(a, c, &c->err, VM_STDERR);
}

static uint32_t command_status(struct command *c)
{
	int status;

	waitpid(c->pid, &status, 0);
	c->pid = 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void frame_put_exit(struct agent *a, struct command *c)
{
	uint32_t status = command_status(c);

	memcpy(a->out + sizeof(struct vm_frame), &status, sizeof(status));
	frame_put(a, c, VM_EXIT, sizeof(status));
}

/* The client has gone, or is a new one that asks for something else */
static int client_lost(struct agent *a, short revents)
{
	if (revents & POLLIN)
		port_read(a);
	return request_find(a) || (revents & (POLLHUP | POLLIN)) == POLLHUP;
}

/*
 * Forwards until the command has ended and all it printed is sent. A process
 * that it left in the background does not count, even if it can still print.
 */
static void command_watch(struct agent *a, struct command *c)
{
	enum { PORT, OUT, ERR, END };
	struct pollfd p[] = {
		[PORT] = { .fd = a->port },
		[OUT] = { .events = POLLIN },
		[ERR] = { .events = POLLIN },
		[END] = { .fd = c->pidfd, .events = POLLIN },
	};

	while (c->pid || a->out_len) {
		p[PORT].events = a->out_len ? POLLIN | POLLOUT : POLLIN;
		p[OUT].fd = a->out_len ? -1 : c->out;
		p[ERR].fd = a->out_len ? -1 : c->err;
		p[END].fd = a->out_len ? -1 : c->pidfd;
		poll(p, 4, -1);
		if (client_lost(a, p[PORT].revents))
			return;
		if (a->out_len)
			port_write(a);
		else if (!forward_any(a, c) && p[END].revents && !forward_any(a, c))
			frame_put_exit(a, c);
	}
}

static void command_end(struct agent *a, struct command *c)
{
	struct pollfd end = { .fd = c->pidfd, .events = POLLIN };

	a->out_len = 0;
	if (c->pid) {
		kill(-c->pid, SIGTERM);
		poll(&end, 1, 2000);
		kill(-c->pid, SIGKILL);
		command_status(c);
	}
	close(c->pidfd);
	if (c->out >= 0)
		close(c->out);
	if (c->err >= 0)
		close(c->err);
}

void agent_serve(const char *name)
{
	static struct agent a;
	struct vm_request *r;
	struct command c;
	sigset_t sigio;

	sigemptyset(&sigio);
	sigaddset(&sigio, SIGIO);
	sigprocmask(SIG_BLOCK, &sigio, NULL);
	a.port = port_open(name);
	for (;;) {
		r = request_wait(&a);
		if (command_start(&c, r)) {
			usleep(100000);		/* no memory: later, perhaps */
			continue;
		}
		request_drop(&a);
		command_watch(&a, &c);
		command_end(&a, &c);
	}
}
