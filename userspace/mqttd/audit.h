/* SPDX-License-Identifier: MIT */
/*
 * Who has changed what, when: the file audit_log, a JSON object per line. Main thread.
 *
 * A line is in the file before the change is made; if nothing has come of it another line
 * with the same number says so. What cannot be written is not done.
 */
#ifndef MQTTD_AUDIT_H
#define MQTTD_AUDIT_H

#include <jansson.h>
#include <sys/socket.h>

#define AUDIT_WHY_MAX	512

/* So long the file gets; the one before it is kept as FILE.1. */
#define AUDIT_BYTES_MAX	(64 << 20)

/* @path: NULL: nothing is written. 0 or -errno, and @why. */
int audit_open(const char *path, char *why);
void audit_close(void);

/* It may have been moved away. If that fails the old one stays; the log says so. */
void audit_reopen(void);

/**
 * audit_begin() - somebody is about to change something
 * @who: the other side of the control socket
 * @what: the request, without secrets
 * @number: result, for audit_failed()
 * @why: AUDIT_WHY_MAX bytes
 *
 * Return: 0, or -errno and a sentence without its full stop in @why.
 */
int audit_begin(const struct ucred *who, const json_t *what, unsigned long *number, char *why);
void audit_failed(unsigned long number, const char *sentence);

#endif /* MQTTD_AUDIT_H */
