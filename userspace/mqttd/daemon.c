// SPDX-License-Identifier: MIT
/*
 * Signals, and what else concerns the whole process while it runs.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <linux/container_of.h>

#include "broker.h"
#include "certificates.h"
#include "config.h"
#include "control.h"
#include "control_edits.h"
#include "daemon.h"
#include "log.h"
#include "privileges.h"
#include "reload.h"

/* How long after a flood its size is said, at most. */
#define CHORES_MS 5000
/* How often certificates are looked at. */
#define CERTIFICATES_MS (24 * 3600 * 1000)

static void our_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGUSR2);
}

void daemon_block_signals(void)
{
	sigset_t signals;

	our_signals(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void handle_signal(struct event_source *source, uint32_t events)
{
	struct daemon *daemon = container_of(source, struct daemon, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(daemon->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGINT:
	case SIGTERM:
		daemon->loop.end = true;
		break;
	case SIGHUP:
		systemd_reloading();
		reload(daemon->broker, daemon->args);
		systemd_ready(daemon->broker);
		break;
	case SIGUSR1:
		broker_save(daemon->broker);
		break;
	case SIGUSR2:
		broker_log_statistics(daemon->broker);
		break;
	}
}

static void handle_moves(struct event_source *source, uint32_t events)
{
	struct daemon *daemon = container_of(source, struct daemon, moves);

	(void)events;
	switchover_event(&daemon->broker->switchover);
	systemd_status(daemon->broker);
}

static void do_chores(struct timer *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, chores);

	log_tell_suppressed();
	if (timer_now() >= daemon->certificates_at) {
		certificates_review(daemon->broker);
		daemon->certificates_at = timer_now() + CERTIFICATES_MS;
	}
	/* It was set before, so it can be again. */
	timer_set(&daemon->loop.timers, timer, timer_now() + CHORES_MS);
}

static const char *control_error(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "another mqttd listens there; set control_socket_path";
	case -EEXIST:
		return "there is a file that is no socket";
	case -ESRCH:
		return "there is no such control_socket_group";
	default:
		return strerror(-err);
	}
}

/* Without being asked for a socket the broker can do without: another one may have it. */
static int open_control(struct daemon *daemon)
{
	const struct config *conf = daemon->broker->conf;
	int err;

	if (!strcmp(conf->control_socket_path, "none"))
		return 0;
	err = control_open(&daemon->control, daemon->broker, &daemon->loop,
			   conf->control_socket_path, conf->control_socket_group);
	if (err)
		log_printf(conf->control_socket_set ? LOG_TYPE_ERROR : LOG_TYPE_NOTICE,
			   "%s control socket %s: %s.",
			   conf->control_socket_set ? "Error: cannot open the" : "Without the",
			   conf->control_socket_path, control_error(err));
	return conf->control_socket_set ? err : 0;
}

static int watch_signals(struct daemon *daemon)
{
	sigset_t signals;

	our_signals(&signals);
	daemon->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (daemon->signal_fd < 0)
		return -errno;
	return mainloop_watch(&daemon->loop, daemon->signal_fd, EPOLLIN, &daemon->signals);
}

int daemon_open(struct daemon *daemon, struct broker *broker, const struct arguments *args)
{
	int err;

	*daemon = (struct daemon){
		.signals.handle = handle_signal,
		.moves.handle = handle_moves,
		.chores.fire = do_chores,
		.broker = broker,
		.args = args,
		.signal_fd = -1,
	};
	err = mainloop_init(&daemon->loop);
	if (!err)
		err = mainloop_watch(&daemon->loop, broker->switchover.event_fd, EPOLLIN,
				     &daemon->moves);
	if (!err)
		err = control_edits_watch(broker, &daemon->loop);
	if (!err)
		err = watch_signals(daemon);
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot wait for events: %s.", strerror(-err));
	else
		err = open_control(daemon);
	return err;
}

int daemon_start(struct daemon *daemon)
{
	int err = timer_set(&daemon->loop.timers, &daemon->chores, timer_now());

	return err ? err : watchdog_start(&daemon->watchdog, daemon->broker, &daemon->loop);
}

int daemon_give_control(struct daemon *daemon, const struct identity *who)
{
	int err = 0;

	if (who->name)
		err = control_give(daemon->control, who->uid, who->gid);
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot give the control socket away: %s.",
			   strerror(-err));
	return err;
}

void daemon_close(struct daemon *daemon)
{
	watchdog_stop(&daemon->watchdog);
	control_close(daemon->control);
	timer_cancel(&daemon->loop.timers, &daemon->chores);
	if (daemon->signal_fd >= 0)
		close(daemon->signal_fd);
	mainloop_destroy(&daemon->loop);
}
