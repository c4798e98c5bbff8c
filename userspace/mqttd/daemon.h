/* SPDX-License-Identifier: MIT */
/*
 * What the main thread waits for while the workers work: signals, the control
 * socket, the end of moves, the service manager's watchdog.
 */
#ifndef MQTTD_DAEMON_H
#define MQTTD_DAEMON_H

#include "mainloop.h"
#include "systemd.h"

struct arguments;
struct broker;
struct control;
struct identity;

/**
 * struct daemon - the main thread's
 * @loop: its events
 * @signals: readiness of @signal_fd
 * @moves: readiness of the broker's switchover
 * @chores: when to look after what nobody waits for
 * @certificates_at: when to look after those next, milliseconds
 * @watchdog: of the service manager
 * @broker: what runs
 * @args: command line
 * @control: socket, or NULL
 * @signal_fd: signals
 */
struct daemon {
	struct mainloop loop;
	struct event_source signals;
	struct event_source moves;
	struct timer chores;
	uint64_t certificates_at;
	struct watchdog watchdog;
	struct broker *broker;
	const struct arguments *args;
	struct control *control;
	int signal_fd;
};

/* Before there are threads, which are not to get the signals. */
void daemon_block_signals(void);

/**
 * daemon_open() - signals and the control socket
 * @daemon: to be closed, even if this fails
 * @broker: open
 * @args: command line
 *
 * After daemon_block_signals(). The log says what is wrong.
 *
 * Return: 0 or -errno.
 */
int daemon_open(struct daemon *daemon, struct broker *broker, const struct arguments *args);

/* The workers run: 0 or -errno. */
int daemon_start(struct daemon *daemon);

/* The process is about to become somebody. 0, or -errno and the log says what is wrong. */
int daemon_give_control(struct daemon *daemon, const struct identity *who);
void daemon_close(struct daemon *daemon);

#endif /* MQTTD_DAEMON_H */
