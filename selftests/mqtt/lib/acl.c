// SPDX-License-Identifier: MIT
#include <string.h>

#include "acl.h"
#include "ksft.h"

struct mqtt_nl_acl_rule rule(const char *filter, int action, int access)
{
	return (struct mqtt_nl_acl_rule){
		.filter = (const void *)filter, .len = strlen(filter),
		.action = action, .access = access,
	};
}

void set_acl_of(struct mqtt_nl *nl, unsigned int id, int fallback,
		const struct mqtt_nl_acl_rule *rules, size_t n)
{
	int err = mqtt_nl_acl_set(nl, id, fallback, rules, n);

	if (err)
		FAIL("acl-set %u: %s", id, mqtt_nl_error(nl));
}

int give(const struct rig_peer *p, unsigned int a, unsigned int b, unsigned int c,
	 unsigned int d)
{
	const unsigned int acls[MQTT_PEER_ACLS_MAX] = { a, b, c, d };

	return mqtt_nl_peer_set(rig_nl, p->id, &(struct mqtt_nl_peer_set){ .acls = acls });
}

static int count_rules(struct nlattr **attrs, void *arg)
{
	(void)attrs;
	(*(unsigned int *)arg)++;
	return 0;
}

unsigned int rules_of(unsigned int id)
{
	unsigned int n = 0;

	CHECK_EQ(mqtt_nl_acl_dump(rig_nl, id, NULL, count_rules, &n), 0);
	return n;
}
