// SPDX-License-Identifier: MIT
/*
 * Making other processes.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/chain.h"
#include "auth/helper.h"
#include "broker.h"
#include "config.h"
#include "helpers.h"
#include "log.h"
#include "privileges.h"
#include "process.h"
#include "router_helper.h"

/* Of a socket: two of the longest questions. */
#define SOCKET_BUFFER	(512 << 10)

/* Nobody looks into it. A change of identity undoes both. */
void helper_settle(const char *name)
{
	process_name(name);
	process_hide();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Of what the daemon has open nothing stays but the socket. */
static int become(const struct helper *helper, const struct config *conf, int fd, bool background)
{
	struct identity who;
	int err;

	err = privileges_find(&who, helper->user);
	if (!err)
		err = privileges_drop(&who, helper->net_admin);
	if (err)
		return EXIT_FAILURE;
	fd = process_forget_files(fd, background);
	if (fd < 0)
		return EXIT_FAILURE;
	helper_settle(helper->name);
	return helper->run(conf, fd);
}

static int make(const struct helper *helper, const struct config *conf, bool background, int *fd)
{
	const int size = SOCKET_BUFFER;
	int fds[2], err, i;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	for (i = 0; i < 2; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	pid = fork();
	if (!pid) {
		close(fds[0]);
		exit(become(helper, conf, fds[1], background));
	}
	err = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (err)
		close(fds[0]);
	else
		*fd = fds[0];
	return err;
}

static int complain(const struct helper *helper, int err)
{
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot make the process %s: %s.", helper->name,
			   strerror(-err));
	return err;
}

int helpers_fork(struct helpers *helpers, const struct config *conf, bool background)
{
	const struct helper keeper = {
		.name = "mqttd-keeper",
		.user = conf->auth_user ? conf->auth_user : conf->user,
		.run = auth_keep,
	};
	const struct helper router = {
		.name = "mqttd-router",
		.user = conf->user,
		.net_admin = true,
		.run = router_helper_run,
	};
	int err = 0;

	*helpers = (struct helpers){ -1, -1 };
	if (auth_wanted(conf))
		err = complain(&keeper, make(&keeper, conf, background, &helpers->auth_fd));
	if (!err && broker_wants_kernel(conf) && privileges_for_router())
		err = complain(&router, make(&router, conf, background, &helpers->router_fd));
	return err;
}
