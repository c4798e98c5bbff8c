/* SPDX-License-Identifier: MIT */
/*
 * Password files, as mosquitto_passwd and "mqttctl passwd" write them: lines of
 * USER:PASSWORD, the password hashed (see password.h). Like lists of permissions
 * they are never changed, but replaced.
 */
#ifndef MQTTD_PASSWORD_FILE_H
#define MQTTD_PASSWORD_FILE_H

#include <stdbool.h>

#include "password.h"

struct password_file;

/**
 * password_file_load() - read a file
 * @file: result, with one reference
 * @path: of the file
 *
 * A line that is wrong lets nobody in, and of lines for the same user all but the
 * first: each is warned about, and the others count.
 *
 * Return: 0, -ENOMEM, or why it cannot be read.
 */
int password_file_load(struct password_file **file, const char *path);
struct password_file *password_file_get(struct password_file *file);	/* any thread */
void password_file_put(struct password_file *file);	/* likewise; NULL is fine */

/*
 * The password of a user. For an unknown one another user's, always the same: hashing
 * what was sent takes no less time then. NULL if the file has no users. Any thread.
 */
const struct password *password_file_find(const struct password_file *file, const char *username,
					  bool *known);

#endif /* MQTTD_PASSWORD_FILE_H */
