// SPDX-License-Identifier: MIT
/*
 * Connections of the control socket: lines in, lines out.
 */
#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/container_of.h>

#include "buffer.h"
#include "control.h"
#include "control_path.h"
#include "log.h"
#include "mainloop.h"
#include "sentence.h"
#include "timer.h"
#include "unix_socket.h"

#define CONNECTIONS_MAX	16
#define BACKLOG		16
/* Without descriptors or memory for another connection: how long to wait. */
#define PAUSE_MS	500
/* Somebody in more groups is not looked at. */
#define GROUPS_MAX	1024

/**
 * struct control_connection - somebody who asks
 * @source: readiness of @fd
 * @control: the listener
 * @next: another connection
 * @fd: socket
 * @in: received, not handled
 * @out: not sent
 * @request: being worked on; nothing is read meanwhile
 * @peer: who it is
 * @ending: no more is read; closed when @out is sent
 */
struct control_connection {
	struct event_source source;
	struct control *control;
	struct control_connection *next;
	int fd;
	struct buffer in;
	struct buffer out;
	struct control_request *request;
	struct ucred peer;
	bool ending;
};

/**
 * struct control - the listening socket
 * @source: its readiness
 * @timer: end of a pause in accepting
 * @broker: for the commands
 * @loop: the main thread's
 * @connections: all
 * @count: how many
 * @path: of the socket
 * @fd: socket
 * @group: who may use it, if @has_group
 * @has_group: there is such a group
 */
struct control {
	struct event_source source;
	struct timer timer;
	struct broker *broker;
	struct mainloop *loop;
	struct control_connection *connections;
	unsigned int count;
	char *path;
	int fd;
	gid_t group;
	bool has_group;
};

/* Connections */

static void connection_free(struct control_connection *connection)
{
	struct control *control = connection->control;
	struct control_connection **link = &control->connections;

	while (*link != connection)
		link = &(*link)->next;
	*link = connection->next;
	control->count--;
	if (connection->request)
		connection->request->connection = NULL;
	close(connection->fd);
	buffer_free(&connection->in);
	buffer_free(&connection->out);
	free(connection);
}

/* Returns false if the connection has broken. */
static bool send_some(struct control_connection *connection)
{
	struct buffer *out = &connection->out;
	ssize_t n;

	while (out->len) {
		n = send(connection->fd, buffer_head(out), out->len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		buffer_consume(out, n);
	}
	buffer_free(out);
	return true;
}

/* Text that cannot be stored ends the connection: the other side sees no answer. */
static void queue_line(struct control_connection *connection, const json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT);

	if (!text || buffer_append(&connection->out, text, strlen(text)) ||
	    buffer_append(&connection->out, "\n", 1))
		connection->ending = true;
	free(text);
}

static void queue_error(struct control_connection *connection, const char *sentence)
{
	json_t *line = json_pack("{s:b, s:s}", "ok", 0, "error", sentence);

	/* What is quoted of a request may not be UTF-8. */
	if (!line)
		line = json_pack("{s:b, s:s}", "ok", 0, "error", "not JSON");
	queue_line(connection, line);
	json_decref(line);
}

static const struct control_command *find_command(const char *name)
{
	const struct control_command *command;

	for (command = control_commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

/* @arguments is taken over. */
static void run_command(struct control_connection *connection, json_t *arguments)
{
	const char *name = json_string_value(json_object_get(arguments, "command"));
	const struct control_command *command = name ? find_command(name) : NULL;
	struct control_request *request;

	if (!command) {
		queue_error(connection, name ? "there is no such command" :
			    "a request is an object with a member \"command\"");
		json_decref(arguments);
		return;
	}
	request = calloc(1, sizeof(*request));
	if (!request) {
		queue_error(connection, "out of memory");
		json_decref(arguments);
		return;
	}
	*request = (struct control_request){
		connection->control->broker, connection, arguments, connection->peer,
	};
	connection->request = request;
	command->run(request);
}

static void handle_line(struct control_connection *connection, const char *text, size_t len)
{
	char sentence[JSON_ERROR_TEXT_LENGTH + 64];
	json_error_t error;
	json_t *arguments;

	arguments = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!arguments) {
		snprintf(sentence, sizeof(sentence), "not JSON, at byte %d: %s", error.position,
			 error.text);
		queue_error(connection, sentence);
		return;
	}
	run_command(connection, arguments);
}

/* Handles the first line, if it is there as a whole. Returns whether it was. */
static bool handle_next(struct control_connection *connection)
{
	struct buffer *in = &connection->in;
	const char *text, *end;

	if (!in->len)
		return false;
	text = (const char *)buffer_head(in);
	end = memchr(text, '\n', in->len);
	if (!end && in->len < CONTROL_REQUEST_MAX)
		return false;
	if (!end) {
		queue_error(connection, "the request is too long");
		connection->ending = true;
		return true;
	}
	handle_line(connection, text, end - text);
	buffer_consume(in, end + 1 - text);
	if (!in->len)
		buffer_free(in);
	return true;
}

/*
 * An answer leaves before the next request is looked at: there is never more than one
 * in memory. Returns false if the connection has broken.
 */
static bool handle_lines(struct control_connection *connection)
{
	while (!connection->out.len && !connection->request && !connection->ending &&
	       handle_next(connection))
		if (!send_some(connection))
			return false;
	return true;
}

/* Returns false if the connection has ended or broken. */
static bool receive_some(struct control_connection *connection)
{
	struct buffer *in = &connection->in;
	ssize_t n;

	if (buffer_reserve(in, CONTROL_REQUEST_MAX - in->len, CONTROL_REQUEST_MAX))
		return false;
	n = recv(connection->fd, buffer_tail(in), CONTROL_REQUEST_MAX - in->len, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	in->len += n;
	return n;
}

/*
 * While a request is worked on only the connection's breaking is of interest.
 * Frees the connection if it is over.
 */
static void go_on(struct control_connection *connection)
{
	uint32_t events = 0;

	if (!send_some(connection) || !handle_lines(connection) ||
	    (connection->ending && !connection->out.len)) {
		connection_free(connection);
		return;
	}
	if (connection->out.len)
		events = EPOLLOUT;
	else if (!connection->request)
		events = EPOLLIN;
	if (mainloop_rewatch(connection->control->loop, connection->fd, events,
			     &connection->source))
		connection_free(connection);
}

static void connection_event(struct event_source *source, uint32_t events)
{
	struct control_connection *connection = container_of(source, struct control_connection,
							     source);

	if (events & EPOLLERR || (events & EPOLLHUP && connection->request) ||
	    (events & EPOLLIN && !receive_some(connection))) {
		connection_free(connection);
		return;
	}
	go_on(connection);
}

/* Answers */

/* Within the command's function the connection goes on when that returns. */
static void finish(struct control_request *request, const json_t *line)
{
	struct control_connection *connection = request->connection;

	if (connection) {
		queue_line(connection, line);
		connection->request = NULL;
		mainloop_rewatch(connection->control->loop, connection->fd, EPOLLOUT,
				 &connection->source);
	}
	json_decref(request->arguments);
	free(request);
}

void control_answer(struct control_request *request, json_t *result)
{
	json_t *line = json_pack("{s:b, s:o}", "ok", 1, "result", result);

	if (!line) {
		control_refuse(request, "out of memory");
		return;
	}
	finish(request, line);
	json_decref(line);
}

void control_refuse(struct control_request *request, const char *fmt, ...)
{
	char sentence[512];
	json_t *line;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	sentence_mend(sentence);
	line = json_pack("{s:b, s:s}", "ok", 0, "error", sentence);
	finish(request, line);
	json_decref(line);
}

/* Listening */

static bool has_group(int fd, gid_t wanted)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups), i;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		return false;
	for (i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

static bool allowed(const struct control *control, int fd, struct ucred *cred)
{
	socklen_t len = sizeof(*cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, cred, &len))
		return false;
	if (!cred->uid || cred->uid == geteuid())
		return true;
	return control->has_group &&
	       (cred->gid == control->group || has_group(fd, control->group));
}

static int connection_new(struct control *control, int fd, const struct ucred *peer)
{
	struct control_connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return -ENOMEM;
	connection->source.handle = connection_event;
	connection->control = control;
	connection->fd = fd;
	connection->peer = *peer;
	if (mainloop_watch(control->loop, fd, EPOLLIN, &connection->source)) {
		free(connection);
		return -ENOMEM;
	}
	connection->next = control->connections;
	control->connections = connection;
	control->count++;
	return 0;
}

static void turn_away(int fd, const char *sentence)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "{\"ok\":false,\"error\":\"%s\"}\n", sentence);

	send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void resume(struct timer *timer)
{
	struct control *control = container_of(timer, struct control, timer);

	mainloop_rewatch(control->loop, control->fd, EPOLLIN, &control->source);
}

/* Who asks stays in the backlog: looking again at once would be a busy loop. */
static void pause_accepting(struct control *control, int err)
{
	log_limited(LOG_TYPE_ERROR, "Error: cannot accept control connections: %s.",
		    strerror(err));
	if (!timer_set(&control->loop->timers, &control->timer, timer_now() + PAUSE_MS))
		mainloop_rewatch(control->loop, control->fd, 0, &control->source);
}

static void accept_one(struct event_source *source, uint32_t events)
{
	struct control *control = container_of(source, struct control, source);
	int fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct ucred peer;

	(void)events;
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(control, errno);
		return;
	}
	if (!allowed(control, fd, &peer))
		turn_away(fd, "not permitted: only root and mqttd's user may do this, "
			  "and the members of its control_socket_group");
	else if (control->count >= CONNECTIONS_MAX)
		turn_away(fd, "too many control connections");
	else if (connection_new(control, fd, &peer))
		turn_away(fd, "out of memory");
}

static int listen_on(struct control *control, const char *path)
{
	int err;

	control->fd = unix_socket_bind(path);
	if (control->fd < 0)
		return control->fd;
	err = listen(control->fd, BACKLOG) ? -errno : 0;
	if (!err)
		err = mainloop_watch(control->loop, control->fd, EPOLLIN, &control->source);
	if (err) {
		unlink(path);
		close(control->fd);
	}
	return err;
}

static int find_group(struct control *control, const char *name)
{
	struct group *group;

	if (!name)
		return 0;
	group = getgrnam(name);
	if (!group)
		return -ESRCH;
	control->group = group->gr_gid;
	control->has_group = true;
	return 0;
}

/* Until it is given away its directory and its owner's group keep others out. */
static int open_path(struct control *control, const char *path, const char *group)
{
	int err = find_group(control, group);

	if (err)
		return err;
	control->path = strdup(path);
	if (!control->path)
		return -ENOMEM;
	err = listen_on(control, path);
	if (!err && control->has_group && lchown(path, (uid_t)-1, control->group)) {
		err = -errno;
		close(control->fd);
		unlink(path);
	}
	return err;
}

int control_open(struct control **result, struct broker *broker, struct mainloop *loop,
		 const char *path, const char *group)
{
	struct control *control = calloc(1, sizeof(*control));
	int err;

	*result = NULL;
	if (!control)
		return -ENOMEM;
	control->source.handle = accept_one;
	control->timer.fire = resume;
	control->broker = broker;
	control->loop = loop;
	err = open_path(control, path, group);
	if (err) {
		free(control->path);
		free(control);
		return err;
	}
	*result = control;
	return 0;
}

int control_give(struct control *control, uid_t uid, gid_t gid)
{
	if (!control)
		return 0;
	return lchown(control->path, uid, control->has_group ? control->group : gid) ? -errno : 0;
}

void control_close(struct control *control)
{
	struct control_connection *connection, *next;

	if (!control)
		return;
	for (connection = control->connections; connection; connection = next) {
		next = connection->next;
		if (connection->request) {
			json_decref(connection->request->arguments);
			free(connection->request);
			connection->request = NULL;
		}
		connection_free(connection);
	}
	timer_cancel(&control->loop->timers, &control->timer);
	close(control->fd);
	unlink(control->path);
	free(control->path);
	free(control);
}
