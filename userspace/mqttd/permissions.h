/* SPDX-License-Identifier: MIT */
/*
 * The permissions in force: the access control lists of all listeners, which can
 * be replaced while the broker runs.
 */
#ifndef MQTTD_PERMISSIONS_H
#define MQTTD_PERMISSIONS_H

#include <pthread.h>
#include <stdint.h>

struct acl;
struct config;
struct permission_list;

/**
 * struct permissions - by path
 * @lock: protects what the lists say
 * @lists: one per file
 * @generation: changes after each reload; any thread
 */
struct permissions {
	pthread_mutex_t lock;
	struct permission_list *lists;
	uint32_t generation;
};

/* Reads the files of all listeners. The log says what is wrong. 0 or -errno. */
int permissions_open(struct permissions *permissions, const struct config *conf);
void permissions_close(struct permissions *permissions);

/* Reads them again; one with a mistake stays as it was, as the log says. Main thread. */
void permissions_reload(struct permissions *permissions);

/* Any thread: the list of a listener with this acl_file, a reference; NULL for NULL. */
struct acl *permissions_get(struct permissions *permissions, const char *path);

static inline uint32_t permissions_generation(const struct permissions *permissions)
{
	return __atomic_load_n(&permissions->generation, __ATOMIC_ACQUIRE);
}

#endif /* MQTTD_PERMISSIONS_H */
