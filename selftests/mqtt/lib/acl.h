/* SPDX-License-Identifier: MIT */
/* Sets of rules for tests. */
#ifndef SELFTESTS_ACL_H
#define SELFTESTS_ACL_H

#include "rig.h"

#define DENY	MQTT_ACL_ACTION_DENY
#define ALLOW	MQTT_ACL_ACTION_ALLOW
#define PASS	MQTT_ACL_ACTION_PASS
#define PUB	MQTT_ACL_ACCESS_PUBLISH
#define RECV	MQTT_ACL_ACCESS_RECEIVE

struct mqtt_nl_acl_rule rule(const char *filter, int action, int access);
void set_acl_of(struct mqtt_nl *nl, unsigned int id, int fallback,
		const struct mqtt_nl_acl_rule *rules, size_t n);
/* Replaces the sets of a peer; 0 ends them. Returns 0 or the kernel's error. */
int give(const struct rig_peer *p, unsigned int a, unsigned int b, unsigned int c,
	 unsigned int d);
/* How many a set has. */
unsigned int rules_of(unsigned int id);

#define SET_ACL(id, fallback, ...)						\
	do {									\
		const struct mqtt_nl_acl_rule __rules[] = { __VA_ARGS__ };	\
										\
		set_acl_of(rig_nl, id, fallback, __rules, ARRAY_LEN(__rules));	\
	} while (0)

#endif /* SELFTESTS_ACL_H */
