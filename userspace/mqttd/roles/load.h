/* SPDX-License-Identifier: MIT */
/* Roles from the store, at the start. */
#ifndef MQTTD_ROLES_LOAD_H
#define MQTTD_ROLES_LOAD_H

struct roles;
struct store_access;

/*
 * One row, in the order of enum store_access_kind, and those of one kind by name. 0,
 * -ENOMEM, or -EINVAL for what cannot be there.
 */
int roles_load(struct roles *roles, const struct store_access *row);
int roles_load_end(struct roles *roles);		/* likewise */
void roles_load_forget(struct roles *roles);

#endif /* MQTTD_ROLES_LOAD_H */
