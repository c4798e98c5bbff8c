// SPDX-License-Identifier: MIT
/* The end of commands that run until they are told to end. */
#include <signal.h>
#include <sys/signalfd.h>

#include "mqttctl.h"

int ctl_signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}
