/* SPDX-License-Identifier: MIT */
/*
 * Who may connect. What is secret about that is another process's, mqttd-auth (see
 * auth/helper.h), which may take long, end, or lie: who asks it gets an answer in
 * auth_timeout, and it is no unless that process has said yes.
 */
#ifndef MQTTD_AUTH_H
#define MQTTD_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct auth_grant;
struct client;
struct config;

/**
 * enum auth_result - what became of auth_check()
 */
enum auth_result {
	AUTH_OK,
	AUTH_DENIED,		/* CONNACK 0x86, 3.x: 4 */
	AUTH_ANONYMOUS,		/* nothing to check, and that is not allowed: 0x87, 3.x: 5 */
	AUTH_UNAVAILABLE,	/* it cannot be found out now: 0x88, 3.x: 3 */
	AUTH_BUSY,		/* too many wait to be checked: 0x89, 3.x: 3 */
	AUTH_PENDING,		/* NOTICE_AUTH comes, and client->auth holds the result */
};

struct auth;

/**
 * auth_open() - wait until mqttd-auth is ready
 * @auth: result
 * @conf: lives as long as it does
 * @fd: from auth_helper_fork(), taken over; -1: nobody is ever asked
 *
 * Return: 0, or -errno and the log says what is wrong.
 */
int auth_open(struct auth **auth, const struct config *conf, int fd);
void auth_close(struct auth *auth);	/* without a thread; NULL is fine */

/* The thread. What waits for an answer when it ends never has one. */
int auth_start(struct auth *auth);	/* 0 or -errno */
void auth_stop(struct auth *auth);

/*
 * A reload: mqttd-auth reads its files again, and uses what it has read, or not. Without
 * success all stays as it was, and the log says why. Main thread, which waits for
 * auth_timeout at most, and no longer than ten seconds.
 */
int auth_prepare(struct auth *auth);	/* 0 or -errno */
int auth_commit(struct auth *auth);	/* likewise */
void auth_cancel(struct auth *auth);

/**
 * auth_check() - may this client in?
 * @auth: as opened
 * @client: of a worker, whose listener says who is asked; gets a reference while pending
 * @client_id: as CONNECT says it, terminated
 * @username: terminated, or NULL
 * @password: bytes, or NULL; not copied to anywhere but the socket
 * @len: bytes at @password
 *
 * By the client's worker, which does not wait. An unknown user takes as long as a wrong
 * password. When NOTICE_AUTH comes there are also client->grant and client->auth_why.
 */
enum auth_result auth_check(struct auth *auth, struct client *client, const char *client_id,
			    const char *username, const u8 *password, size_t len);

/* What a client was let in as, and why not. */
void auth_forget(struct client *client);

#endif /* MQTTD_AUTH_H */
