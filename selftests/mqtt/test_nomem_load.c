// SPDX-License-Identifier: MIT
/*
 * Loading the module without memory: it is not loaded then, and nothing is left of it.
 * And what it allocates only once, when the first socket of a family is attached.
 */
#include <unistd.h>

#include "lib/fault.h"
#include "lib/module.h"
#include "lib/op.h"
#include "lib/rig.h"
#include "lib/sites.h"

static struct rig_peer peer;

static void not_loaded(void)
{
	struct mqtt_nl *nl;

	CHECK(access("/sys/module/mqtt", F_OK));
	CHECK_EQ(mqtt_nl_open(&nl), -ENOENT);
}

static void loaded(void)
{
	struct mqtt_nl *nl;

	CHECK_EQ(mqtt_nl_open(&nl), 0);
	mqtt_nl_close(nl);
	module_unload();
}

static void loading(void)
{
	static const struct op op = { "load", NULL, module_try_load, not_loaded, loaded };

	faults_need();
	module_need_file();
	module_unload();
	faults_within("do_one_initcall");
	op_each(&op);
	module_load();
}

static int attach_run(void)
{
	return rig_try_attach(&peer, "first");
}

static void attach_failed(void)
{
	CHECK_EQ(rig_peer_count(), 0);
	tcp_expect_again(peer.fd);
}

static void attach_undo(void)
{
	rig_detach(&peer);
}

/* Of either family the first one, with a module that has just been loaded */
static void first_attach(void)
{
	static const struct op op = {
		"first attach", NULL, attach_run, attach_failed, attach_undo,
	};
	const struct tcp_options families[] = { { .family = AF_INET }, { .family = AF_INET6 } };
	unsigned int i;

	module_need_file();
	module_unload();
	module_load();
	faults_need();
	rig_start();
	for (i = 0; i < ARRAY_LEN(families); i++) {
		rig_connect(&peer, &families[i]);
		op_each(&op);
		rig_close(&peer);
	}
}

static const struct ksft_case cases[] = {
	{ "loading", loading },
	{ "first_attach", first_attach },
};

int main(int argc, char **argv)
{
	sites_begin(argv[0]);
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
