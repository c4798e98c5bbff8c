/* SPDX-License-Identifier: MIT */
/*
 * Names that are put into filters of permissions: client ids, user names, claims.
 */
#ifndef MQTTD_ACL_NAME_H
#define MQTTD_ACL_NAME_H

#include <stdbool.h>
#include <string.h>

/*
 * Could it be meant for more than itself: for other clients, or for topics of more levels?
 * A rule with such a name in it matches nothing.
 */
static inline bool acl_name_dangerous(const char *name)
{
	return strpbrk(name, "+#/");
}

#endif /* MQTTD_ACL_NAME_H */
