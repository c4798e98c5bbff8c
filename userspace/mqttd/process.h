/* SPDX-License-Identifier: MIT */
/*
 * What a daemon does about being a process.
 */
#ifndef MQTTD_PROCESS_H
#define MQTTD_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Before anything is allocated. */
void process_keep_memory(void);

/* As many descriptors as are allowed. */
void process_raise_descriptor_limit(void);

/*
 * From now on so many bytes may be allocated, what is already allocated included, 0:
 * no limit. With all threads running: their stacks do not count. The log says if it
 * does not work.
 */
void process_limit_memory(int64_t bytes);

/**
 * process_to_background() - go on in a child
 *
 * Before there are threads. The parent waits for the child, which still has its
 * terminal: it ends with status 0 after process_ready(), or with status 1 if the
 * child ends before.
 *
 * Return: in the child, what process_ready() wants; -errno.
 */
int process_to_background(void);

/* All is well: the parent can go, and nobody reads stderr any more. */
int process_ready(int background);		/* 0 or -errno */

/* Before anything else: what process_name() changes later. */
void process_keep_arguments(int argc, char **argv);

/* What the process, and this thread, is called, in ps(1). What @argv was is gone. */
void process_name(const char *name);

/* Others of the same user cannot look into the memory, and there is no core dump. */
void process_hide(void);

/*
 * In a child: closes all but @fd, and but standard error if it is not in the background.
 * Returns its new number, or -errno.
 */
int process_forget_files(int fd, bool background);

/* The log says what is wrong. */
int process_write_pid(const char *path);	/* 0 or -errno */

#endif /* MQTTD_PROCESS_H */
