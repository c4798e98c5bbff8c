/* SPDX-License-Identifier: MIT */
/*
 * A list while it is being read: between acl.c and acl_file.c.
 */
#ifndef MQTTD_ACL_LIST_H
#define MQTTD_ACL_LIST_H

#include <stddef.h>
#include <linux/types.h>

#include "acl.h"

struct acl_user;

struct acl *acl_new(void);		/* NULL without memory */

/* Rules of this user, or with NULL of clients without a name. NULL without memory. */
struct acl_user *acl_user(struct acl *acl, const char *name);

/* @filter is valid; @bits as in acl_set.h. 0 or -ENOMEM. */
int acl_add_topic(struct acl_user *user, const char *filter, u8 bits);
int acl_add_pattern(struct acl *acl, const char *filter, u8 bits);

#endif /* MQTTD_ACL_LIST_H */
