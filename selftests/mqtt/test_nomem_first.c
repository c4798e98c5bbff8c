// SPDX-License-Identifier: MIT
/*
 * The first peer, port and set of rules of a router, for which its tables allocate, too:
 * there or not there, whichever allocation fails.
 */
#include <unistd.h>

#include "lib/acl.h"
#include "lib/fault.h"
#include "lib/op.h"
#include "lib/port.h"
#include "lib/sites.h"

static struct rig_peer peer;
static uint32_t port;
static int port_fd;

static int count(struct nlattr **attrs, void *arg)
{
	(void)attrs;
	++*(int *)arg;
	return 0;
}

static int sets(void)
{
	int n = 0;

	CHECK_EQ(mqtt_nl_acl_dump(rig_nl, 0, count, NULL, &n), 0);
	return n;
}

static int attach_run(void)
{
	return rig_try_attach(&peer, "first");
}

static void attach_failed(void)
{
	CHECK_EQ(rig_peer_count(), 0);
}

static void attach_undo(void)
{
	rig_detach(&peer);
}

static int port_run(void)
{
	return mqtt_nl_port_add(rig_nl, 0, &port, &port_fd);
}

static void port_failed(void)
{
	CHECK_EQ(rig_port_count(rig_nl), 0);
}

static void port_undo(void)
{
	CHECK_EQ(rig_port_count(rig_nl), 1);
	close(port_fd);
}

static int set_run(void)
{
	struct mqtt_nl_acl_rule r = rule("a/#", MQTT_ACL_ACTION_ALLOW, MQTT_ACL_ACCESS_PUBLISH);

	return mqtt_nl_acl_set(rig_nl, 1, MQTT_ACL_ACTION_DENY, &r, 1);
}

static void set_failed(void)
{
	CHECK_EQ(sets(), 0);
}

static void set_undo(void)
{
	CHECK_EQ(sets(), 1);
	CHECK_EQ(mqtt_nl_acl_del(rig_nl, 1), 0);
}

static void first_of_each(void)
{
	static const struct op attach = { "peer", NULL, attach_run, attach_failed, attach_undo };
	static const struct op add = { "port", NULL, port_run, port_failed, port_undo };
	static const struct op set = { "set", NULL, set_run, set_failed, set_undo };

	faults_need();
	rig_start();
	rig_connect(&peer, NULL);
	op_each(&attach);
	op_each(&add);
	op_each(&set);
}

static const struct ksft_case cases[] = {
	{ "first_of_each", first_of_each },
};

int main(int argc, char **argv)
{
	sites_begin(argv[0]);
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
