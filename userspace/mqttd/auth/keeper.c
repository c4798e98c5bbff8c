// SPDX-License-Identifier: MIT
/*
 * mqttd-keeper: makes mqttd-auth, and another one if it ends.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/helper.h"
#include "auth/wire.h"
#include "helpers.h"
#include "timer.h"

/* Time between one that has ended and the next, doubled each time: milliseconds. */
#define DELAY_MIN	100
#define DELAY_MAX	30000
/* How long the end of the daemon may take it. */
#define END_MS		3000

/* Waits for SIGCHLD, for the end of the daemon, or for the time. Has the daemon ended? */
static bool wait_for(int fd, int signals, int ms)
{
	struct pollfd fds[] = { { .fd = fd }, { .fd = signals, .events = POLLIN } };
	struct signalfd_siginfo info;

	poll(fds, 2, ms);
	if (fds[1].revents && read(signals, &info, sizeof(info)) < 0)
		return true;
	return fds[0].revents;
}

/* Until the child has ended, or the daemon, which the child sees as well. */
static bool watch(int fd, int signals, pid_t child, int *status)
{
	uint64_t limit = 0, now;
	bool ended = false;

	while (!waitpid(child, status, WNOHANG)) {
		now = timer_now();
		if (ended && now >= limit) {
			kill(child, SIGKILL);
			waitpid(child, status, 0);
			break;
		}
		if (!ended && wait_for(fd, signals, -1)) {
			ended = true;
			limit = now + END_MS;
		} else if (ended) {
			wait_for(-1, signals, limit - now);
		}
	}
	return ended;
}

/* For so long. Has the daemon ended? */
static bool rest(int fd, int signals, int ms)
{
	uint64_t limit = timer_now() + ms, now;

	while ((now = timer_now()) < limit)
		if (wait_for(fd, signals, limit - now))
			return true;
	return false;
}

static void say_gone(int fd, int status)
{
	const struct wire_reply gone = { .type = WIRE_GONE, .error = status };

	wire_send_reply(fd, &gone);
}

static int child(const struct config *conf, int fd, const sigset_t *ours, pid_t parent)
{
	helper_settle("mqttd-auth");
	if (getppid() != parent)
		return EXIT_FAILURE;
	sigprocmask(SIG_UNBLOCK, ours, NULL);
	return auth_helper_run(conf, fd) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int auth_keep(const struct config *conf, int fd)
{
	pid_t self = getpid(), pid;
	int signals, status = 0, delay = DELAY_MIN;
	uint64_t began;
	bool ended = false;
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	signals = signalfd(-1, &ours, SFD_CLOEXEC);
	while (signals >= 0 && !ended) {
		began = timer_now();
		pid = fork();
		if (!pid) {
			close(signals);
			return child(conf, fd, &ours, self);
		}
		if (pid > 0)
			ended = watch(fd, signals, pid, &status);
		if (!ended) {
			say_gone(fd, pid > 0 ? status : 0);
			if (timer_now() - began > DELAY_MAX)
				delay = DELAY_MIN;
			ended = rest(fd, signals, delay);
			delay = delay < DELAY_MAX / 2 ? 2 * delay : DELAY_MAX;
		}
	}
	return EXIT_SUCCESS;
}
