/* SPDX-License-Identifier: MIT */
#ifndef MQTTD_CONTROL_ROLES_H
#define MQTTD_CONTROL_ROLES_H

#include <jansson.h>

struct control_request;
struct role_edit;

/*
 * Commands of the control socket about roles. What changes something is written to
 * audit_log, made, in force for all clients and in the router, and durable before it is
 * answered.
 */
void control_role_list(struct control_request *request);
void control_role_show(struct control_request *request);
void control_role_add(struct control_request *request);
void control_role_set(struct control_request *request);
void control_role_del(struct control_request *request);
void control_role_default(struct control_request *request);
void control_grant_add(struct control_request *request);
void control_grant_set(struct control_request *request);
void control_grant_del(struct control_request *request);
void control_user_list(struct control_request *request);
void control_user_show(struct control_request *request);
void control_user_add(struct control_request *request);
void control_user_set(struct control_request *request);
void control_user_del(struct control_request *request);
void control_group_list(struct control_request *request);
void control_group_show(struct control_request *request);
void control_group_add(struct control_request *request);
void control_group_set(struct control_request *request);
void control_group_del(struct control_request *request);
void control_acl_test(struct control_request *request);

/* --- between the files ----------------------------------------------------------- */

/*
 * Makes a change, whose function returns 0, or -errno and @edit->why, and answers. @arg:
 * what it needs.
 */
void control_role_edit(struct control_request *request,
		       int (*change)(struct control_request *request, struct role_edit *edit,
				     const void *arg), const void *arg);

/* A member that is a string. NULL: there is none, and the request was refused. */
const char *control_text(struct control_request *request, const char *name);

/*
 * A word that is one of those that @names ends with NULL; its place, or -1 and the request
 * was refused.
 */
int control_word(struct control_request *request, const char *name, const char *const *names);

/* ROLE_*: of the member "access". 0: the request was refused. */
unsigned int control_access(struct control_request *request);

/* NULL values are left out, as is everything that there is no memory for. */
void control_put(json_t *object, const char *name, json_t *value);

#endif /* MQTTD_CONTROL_ROLES_H */
