/* SPDX-License-Identifier: MIT */
#ifndef MQTTD_PRIVILEGES_H
#define MQTTD_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct identity - whom the process becomes
 * @name: of the user; NULL: nobody else
 * @uid: user
 * @gid: its group
 */
struct identity {
	const char *name;
	uid_t uid;
	gid_t gid;
};

/**
 * privileges_find() - look a user up
 * @who: result; who we are already if @user is NULL, is us, or if we are not root
 * @user: name, or NULL
 *
 * Return: 0, or -errno and the log says what is wrong.
 */
int privileges_find(struct identity *who, const char *user);

/* May we make the kernel's router? */
bool privileges_for_router(void);

/**
 * privileges_drop() - become somebody, with no more power than is needed
 * @who: whom to become
 * @net_admin: CAP_NET_ADMIN stays, if we have it
 *
 * Before there are threads: capabilities are each thread's own. What is run from
 * here on, and we run nothing, cannot gain privileges. Root that stays root has what it
 * takes to use other users' files, and nothing else.
 *
 * Return: 0, or -errno and the log says what is wrong.
 */
int privileges_drop(const struct identity *who, bool net_admin);

#endif /* MQTTD_PRIVILEGES_H */
