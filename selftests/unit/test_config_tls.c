// SPDX-License-Identifier: MIT
/* mqttd.conf: options of TLS, and which of them need or exclude others. */
#include <stdio.h>

#include "config_fixture.h"

#define ON "certfile c\nkeyfile k\n"
#define TWO_WAY ON "cafile a\nrequire_certificate true\n"

/* Half of what protects is as bad as nothing, and looks better. */
static void test_tls(void **state)
{
	static const struct {
		const char *options;
		const char *says;		/* NULL: nothing */
	} cases[] = {
		{ ON, NULL },
		{ TWO_WAY "crlfile r\nuse_identity_as_username true\n", NULL },
		{ TWO_WAY "use_subject_as_username true\n", NULL },
		{ "psk_hint h\nuse_identity_as_username true\n", NULL },
		{ ON "psk_hint h\ntls_version tlsv1.3\nciphers_tls1.3 x\n", NULL },
		{ "cafile x\n", "'cafile' of listener 1 needs 'certfile' and 'keyfile'" },
		{ "certfile x\n", "'certfile' of listener 1 needs 'keyfile'" },
		{ "keyfile x\n", "'keyfile' of listener 1 needs 'certfile'" },
		{ "require_certificate true\n", "'require_certificate' of listener 1 needs" },
		{ "tls_version tlsv1.3\n", "'tls_version' of listener 1 needs" },
		{ ON "require_certificate true\n", "needs 'cafile' or 'capath'" },
		{ ON "crlfile x\n", "needs 'require_certificate true'" },
		{ ON "use_subject_as_username true\n", "needs 'require_certificate true'" },
		{ ON "use_identity_as_username true\n", "needs 'require_certificate true' or" },
		{ TWO_WAY "psk_hint h\n", "leaves nobody" },
		{ "psk_hint h\nrequire_certificate true\n", "needs 'certfile'" },
		{ TWO_WAY "use_identity_as_username true\nuse_subject_as_username true\n",
		  "contradicts" },
	};
	struct config conf;
	char text[400];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "psk_file keys\nlistener 1\n%slistener 2\n",
			 cases[i].options);
		if (cases[i].says) {
			assert_refused(text, cases[i].says);
			continue;
		}
		load(&conf, text);
		assert_true(tls_config_on(&conf.listeners->tls));
		assert_false(tls_config_on(&conf.last->tls));
		if (conf.listeners->tls.psk_hint)
			assert_string_equal(conf.listeners->tls.psk_file, "keys");
		config_free(&conf);
	}
	assert_refused("listener 1\npsk_hint h\n", "needs 'psk_file'");
	assert_refused("listener 0 /x\n" ON, "'certfile' of listener 0 /x is not for Unix sockets");
	assert_refused("per_listener_settings true\nlistener 1\npsk_file x\n" ON,
		       "'psk_file' of listener 1 needs 'psk_hint'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
