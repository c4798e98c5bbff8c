/* SPDX-License-Identifier: MIT */
/*
 * The control socket: how mqttctl and others ask the daemon for something. What
 * can be asked for is in control_commands.c; lib/control_path.h has the form of
 * requests and answers.
 *
 * Only root, the daemon's own user and members of one group, if it has a name, get
 * in. All of it is the main thread's.
 */
#ifndef MQTTD_CONTROL_H
#define MQTTD_CONTROL_H

#include <jansson.h>
#include <sys/socket.h>
#include <sys/types.h>

struct broker;
struct control;
struct control_connection;
struct mainloop;

/**
 * struct control_request - a command that was asked for
 * @broker: whose
 * @connection: who asks; NULL once the connection has ended
 * @arguments: the request, an object
 * @peer: who has connected, when it did
 *
 * Belongs to the command until it answers, in its function or later.
 */
struct control_request {
	struct broker *broker;
	struct control_connection *connection;
	json_t *arguments;
	struct ucred peer;
};

/**
 * struct control_command - an entry of the table
 * @name: what the member "command" of a request has to be
 * @run: has to answer the request, now or later
 */
struct control_command {
	const char *name;
	void (*run)(struct control_request *request);
};

extern const struct control_command control_commands[];	/* ended by a NULL name */

/* Both end the request. @result is taken over; NULL: out of memory. */
void control_answer(struct control_request *request, json_t *result);
void control_refuse(struct control_request *request, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * control_open() - listen
 * @control: result
 * @broker: for the commands
 * @loop: the main thread's
 * @path: of the socket
 * @group: name of the group that may use it, or NULL
 *
 * Makes the socket's directory if that is missing, and replaces a socket that
 * nobody listens on.
 *
 * Return: 0 or -errno: -EADDRINUSE if somebody does, -EEXIST if there is another
 * kind of file, -ESRCH if there is no such group.
 */
int control_open(struct control **control, struct broker *broker, struct mainloop *loop,
		 const char *path, const char *group);

/*
 * The process is about to become this user, who is let in from now on. NULL is fine.
 * 0 or -errno.
 */
int control_give(struct control *control, uid_t uid, gid_t gid);

/* NULL is fine. Requests that were not answered never will be. */
void control_close(struct control *control);

#endif /* MQTTD_CONTROL_H */
