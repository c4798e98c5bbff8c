/* SPDX-License-Identifier: MIT */
/*
 * What a client may do: client->rules. For its worker's thread.
 */
#ifndef MQTTD_CLIENT_ACL_H
#define MQTTD_CLIENT_ACL_H

struct client;
struct worker;

/**
 * client_acl_refresh() - the permissions that are in force now
 * @client: with its client id and user name, the user's that it is
 *
 * To be called when the client is let in.
 *
 * Return: 0, or -ENOMEM and the client is closed; its rules are what they were.
 */
int client_acl_refresh(struct client *client);
/*
 * Before the client becomes a peer: its permissions, in client->acls. What the router
 * does not take is noted as a need, and the client's sets are none then.
 */
void client_acl_enter(struct client *client);

/* It has become hosted: there the daemon knows better than sets it could not change. */
void client_acl_hosted(struct client *client);

void client_acl_drop(struct client *client);	/* when it ends */

/*
 * At the beginning of each round of events: if there are other permissions than in
 * the last round, they apply to all clients of the worker.
 */
void client_acl_review(struct worker *worker);

#endif /* MQTTD_CLIENT_ACL_H */
