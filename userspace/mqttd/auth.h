/* SPDX-License-Identifier: MIT */
/*
 * Who may connect: password files. Checking a password takes long on purpose,
 * so threads of their own do it.
 */
#ifndef MQTTD_AUTH_H
#define MQTTD_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct client;
struct config;

/**
 * enum auth_result - what became of auth_check()
 */
enum auth_result {
	AUTH_OK,
	AUTH_DENIED,		/* CONNACK 0x86, 3.x: 4 */
	AUTH_ANONYMOUS,		/* nothing to check, and that is not allowed: 0x87, 3.x: 5 */
	AUTH_BUSY,		/* too many wait to be checked: 0x89, 3.x: 3 */
	AUTH_PENDING,		/* NOTICE_AUTH comes, and client->auth holds the result */
};

struct auth;

/* Reads the password files of all listeners. The log says what is wrong. 0 or -errno. */
int auth_open(struct auth **auth, const struct config *conf);
void auth_close(struct auth *auth);	/* without threads; NULL is fine */

/* The threads. What waits to be checked when they end never is. */
int auth_start(struct auth *auth);	/* 0 or -errno */
void auth_stop(struct auth *auth);

/* Reads the files again; one that cannot be read stays as it was, as the log says. */
void auth_reload(struct auth *auth);

/**
 * auth_check() - may this client in?
 * @auth: as opened
 * @client: of a worker, whose listener says which file; gets a reference while pending
 * @username: terminated, or NULL
 * @password: bytes, or NULL; copied, and wiped after use
 * @len: bytes at @password
 *
 * By the client's worker. An unknown user takes as long as a wrong password.
 */
enum auth_result auth_check(struct auth *auth, struct client *client, const char *username,
			    const u8 *password, size_t len);

#endif /* MQTTD_AUTH_H */
