/* SPDX-License-Identifier: MIT */
/*
 * What the processes may ask the kernel for, from the time on when they have what they
 * need: seccomp filters. They list what is allowed. Everything else fails with ENOSYS, as
 * if the kernel did not know it: what a newer libc tries first, and can do without, goes on
 * as with an old kernel, and nobody who is connected pays for it. The kernel's log has a
 * line for each ("type=1326 ... comm=mqttd ... syscall=59").
 */
#ifndef MQTTD_SANDBOX_H
#define MQTTD_SANDBOX_H

#include <stdbool.h>

/**
 * sandbox_daemon() - the filter for mqttd
 * @syslog: connect() is allowed, which syslog(3) needs whenever syslogd was restarted
 *
 * Files, threads, and the sockets that there are; new ones of AF_UNIX only. No other
 * program and no other process, no connection to anywhere: not even with a socket that
 * has been accepted, or that listens.
 *
 * Before there are threads, which have it as well; with no_new_privs set.
 *
 * Return: 0 or -errno; -EOPNOTSUPP: the kernel has no seccomp.
 */
int sandbox_daemon(bool syslog);

/* Likewise for mqttd-auth: files to read, threads, and connections if @network. */
int sandbox_auth(bool network);

/* Likewise for mqttd-router: netlink. */
int sandbox_router(void);

/* Not with sanitizers, whose run-time needs more: then all of these do nothing. */
extern bool sandbox_possible;

/* Has this process a filter that does not let it use syslog(3)? */
bool sandbox_bars_syslog(void);

#endif /* MQTTD_SANDBOX_H */
