/* SPDX-License-Identifier: MIT */
/*
 * Names that are put into filters of permissions: client ids, user names, claims.
 */
#ifndef MQTTD_ACL_NAME_H
#define MQTTD_ACL_NAME_H

#include <stdbool.h>
#include <string.h>

/*
 * Can the name take the place of "%c", "%u" or another such word in a filter, as one level
 * or a part of one? Nothing but itself is meant then: not other clients, and no topics of
 * more levels. A rule that a name like that is not for allows nothing.
 */
static inline bool acl_name_is_plain(const char *name)
{
	return !strpbrk(name, "+#/");
}

/*
 * Has a name at the beginning of @filter made it one for topics that begin with '$', which
 * no wildcard there would match (MQTT 4.7.2)? Such a rule allows nothing either.
 */
static inline bool acl_name_reserves(const char *filter, const char *made_out)
{
	return *made_out == '$' && *filter != '$';
}

#endif /* MQTTD_ACL_NAME_H */
