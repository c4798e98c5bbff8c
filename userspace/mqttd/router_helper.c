// SPDX-License-Identifier: MIT
/*
 * What mqttd-router does, and asking it.
 *
 * A request is one byte, which means nothing. The answer is an error with what the kernel
 * says, or 0 and a descriptor.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "config.h"
#include "netlink.h"
#include "router_helper.h"
#include "sandbox.h"

/* The kernel has this time. */
#define PATIENCE_SECONDS	40

/**
 * struct answer - what is said beside the descriptor
 * @err: -errno
 * @why: terminated
 */
struct answer {
	int err;
	char why[256];
};

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* --- the process ----------------------------------------------------------------- */

static void say(int fd, struct answer *answer, const int *handle)
{
	struct iovec iov = { answer, sizeof(*answer) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control = {};
	struct cmsghdr *cmsg;

	if (handle) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), handle, sizeof(int));
	}
	sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static void make_router(int fd)
{
	const struct mqtt_nl_router defaults = {};
	struct answer answer = {};
	struct mqtt_nl *nl;
	int handle;

	answer.err = mqtt_nl_open(&nl);
	if (!answer.err)
		answer.err = mqtt_nl_router_new(nl, &defaults);
	if (answer.err && nl)
		snprintf(answer.why, sizeof(answer.why), "%s", mqtt_nl_error(nl));
	handle = answer.err ? -1 : mqtt_nl_fd(nl);
	say(fd, &answer, answer.err ? NULL : &handle);
	/* The router is whose the last descriptor is. */
	mqtt_nl_close(nl);
}

int router_helper_run(const struct config *conf, int fd)
{
	ssize_t n;
	char byte;

	if (conf->seccomp && sandbox_router())
		return EXIT_FAILURE;
	while ((n = recv(fd, &byte, 1, 0)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			make_router(fd);
	return EXIT_SUCCESS;
}

/* --- asking ------------------------------------------------------------------------ */

/* Returns the descriptor that has come along, or -1. */
static int descriptor_of(struct msghdr *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	return fd;
}

static int receive(int fd, struct answer *answer, int *handle)
{
	union control control;
	struct iovec iov = { answer, sizeof(*answer) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n;

	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	*handle = n < 0 ? -1 : descriptor_of(&msg);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (n != sizeof(*answer))
		return -ECONNRESET;
	answer->why[sizeof(answer->why) - 1] = '\0';
	if (answer->err)
		return answer->err < 0 && answer->err > -4096 ? answer->err : -EBADMSG;
	return *handle < 0 ? -EBADMSG : 0;
}

int router_helper_ask(int fd, struct mqtt_nl **nl, char *why, size_t size)
{
	const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	struct answer answer = {};
	int handle = -1, err;

	*nl = NULL;
	/* Answers that came too late; their descriptors are not taken. */
	while (recv(fd, &answer, sizeof(answer), MSG_DONTWAIT) > 0)
		;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	err = send(fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -ECONNRESET;
	if (!err)
		err = receive(fd, &answer, &handle);
	if (!err)
		err = mqtt_nl_adopt(nl, handle);
	if (err && handle >= 0)
		close(handle);
	snprintf(why, size, "%s", answer.why);
	return err;
}
