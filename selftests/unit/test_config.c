// SPDX-License-Identifier: MIT
/* mqttd.conf: what it means, and what is said about mistakes in it. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config_fixture.h"

/* Without a listener: loopback only, for everybody */
static void test_nothing(void **state)
{
	struct config conf;

	(void)state;
	load(&conf, "# only a comment\n\n  # another\r\n\t\r\nlog_type all\r\n");
	assert_int_equal(listeners(&conf), 2);
	assert_true(conf.local_only);
	assert_string_equal(conf.listeners->address, "127.0.0.1");
	assert_string_equal(conf.last->address, "::1");
	assert_true(conf.last->optional);
	assert_int_equal(conf.listeners->port, 1883);
	assert_int_equal(conf.listeners->allow_anonymous, true);
	assert_int_equal(conf.dataplane, DATAPLANE_AUTO);
	assert_int_equal(conf.log_types, LOG_TYPE_ALL);
	assert_int_equal(conf.log_dests, LOG_DEST_STDERR);
	assert_int_equal(conf.max_queued_bytes, 0);
	assert_int_equal(conf.output_bytes, 16777216);
	assert_int_equal(conf.max_keepalive, 0);
	assert_int_equal(conf.listeners->max_topic_alias, 10);
	config_free(&conf);
}

static void test_no_listener(void **state)
{
	struct config conf;

	(void)state;
	load(&conf, "allow_anonymous false\nmax_connections 7\nsocket_domain ipv4\n");
	assert_int_equal(listeners(&conf), 1);
	assert_string_equal(conf.listeners->address, "127.0.0.1");
	assert_int_equal(conf.listeners->max_connections, 7);
	assert_int_equal(conf.listeners->allow_anonymous, false);
	config_free(&conf);
}

/* With one: where it says, and anonymous clients only if they are welcome */
static void test_listeners(void **state)
{
	struct config conf;

	(void)state;
	load(&conf, "listener 1884  10.0.0.1  \r\nmax_connections 3\nlistener\t1885\n"
	     "port 1886\nsocket_domain ipv6\n");
	assert_int_equal(listeners(&conf), 3);
	assert_false(conf.local_only);
	assert_int_equal(conf.listeners->port, 1884);
	assert_string_equal(conf.listeners->address, "10.0.0.1");
	assert_int_equal(conf.listeners->max_connections, 3);
	assert_int_equal(conf.listeners->allow_anonymous, false);
	assert_int_equal(conf.listeners->next->port, 1885);
	assert_null(conf.listeners->next->address);
	assert_int_equal(conf.listeners->next->family, AF_INET6);
	assert_int_equal(conf.listeners->next->max_connections, CONFIG_UNSET);
	/* "port" is the default listener's, wherever it stands */
	assert_int_equal(conf.last->port, 1886);
	assert_int_equal(conf.last->family, AF_UNSPEC);
	config_free(&conf);

	load(&conf, "allow_anonymous true\nmax_keepalive 60\n"
	     "listener 1\nmax_topic_alias 0\nlistener 2\n");
	assert_int_equal(conf.max_keepalive, 60);
	assert_int_equal(conf.listeners->max_topic_alias, 0);
	assert_int_equal(conf.last->max_topic_alias, 10);
	assert_int_equal(conf.listeners->allow_anonymous, true);
	assert_int_equal(conf.last->allow_anonymous, true);
	config_free(&conf);
}

static void test_per_listener(void **state)
{
	struct config conf;

	(void)state;
	load(&conf, "per_listener_settings true\nallow_anonymous true\nport 1\n"
	     "listener 2\nlistener 3\nallow_anonymous true\n");
	assert_int_equal(listeners(&conf), 3);
	assert_int_equal(conf.listeners->port, 2);
	assert_int_equal(conf.listeners->allow_anonymous, false);
	assert_int_equal(conf.listeners->next->port, 3);
	assert_int_equal(conf.listeners->next->allow_anonymous, true);
	assert_int_equal(conf.last->port, 1);
	assert_int_equal(conf.last->allow_anonymous, true);
	config_free(&conf);
}

/* What is said for all listeners reaches them, and can be each one's own */
static void test_security(void **state)
{
	struct config conf;

	(void)state;
	load(&conf, "password_file p\nlistener 1\nacl_file a\nmount_point m/\nlistener 2\n"
	     "auto_id_prefix x\n");
	assert_string_equal(conf.listeners->password_file, "p");
	assert_string_equal(conf.listeners->acl_file, "a");
	assert_string_equal(conf.listeners->auto_id_prefix, "x");
	assert_string_equal(conf.listeners->mount_point, "m/");
	assert_true(conf.listeners->allow_zero_length_clientid);
	assert_string_equal(conf.last->password_file, "p");
	assert_string_equal(conf.last->acl_file, "a");
	assert_null(conf.last->mount_point);
	config_free(&conf);

	load(&conf, "per_listener_settings true\npassword_file s\nacl_file t\nport 3\n"
	     "listener 1\npassword_file p\nauto_id_prefix x\n"
	     "listener 2\nacl_file a\nallow_zero_length_clientid false\n");
	assert_string_equal(conf.listeners->password_file, "p");
	assert_null(conf.listeners->acl_file);
	assert_string_equal(conf.listeners->auto_id_prefix, "x");
	assert_true(conf.listeners->allow_zero_length_clientid);
	assert_null(conf.listeners->next->password_file);
	assert_string_equal(conf.listeners->next->acl_file, "a");
	assert_string_equal(conf.listeners->next->auto_id_prefix, "auto-");
	assert_false(conf.listeners->next->allow_zero_length_clientid);
	assert_string_equal(conf.last->password_file, "s");
	assert_string_equal(conf.last->acl_file, "t");
	config_free(&conf);

	assert_refused("listener 1\nmount_point a/+/\n", "mount_point: 'a/+/' has a wildcard");
	assert_refused("mount_point #\n", "mount_point: '#' has a wildcard");
	/* In front of the listener that it was meant for, and for none then */
	assert_refused("per_listener_settings 1\nacl_file x\nlistener 1\n",
		       "'acl_file' must follow the 'listener'");
}

static void test_persistence(void **state)
{
	struct config conf;

	(void)state;
	load(&conf, "persistence true\n");
	assert_true(conf.persistence);
	assert_string_equal(conf.persistence_path, "mqttd.db");
	assert_int_equal(conf.persistent_client_expiration, -1);
	config_free(&conf);

	load(&conf, "persistence_location /var/lib\npersistence_file a.db\n"
	     "persistent_client_expiration 2d\n");
	assert_false(conf.persistence);
	assert_string_equal(conf.persistence_path, "/var/lib/a.db");
	assert_int_equal(conf.persistent_client_expiration, 2 * 86400);
	config_free(&conf);

	/* mosquitto's own is not to be written to */
	load(&conf, "persistence_location /var/lib/mosquitto/\npersistence_file mosquitto.db\n");
	assert_string_equal(conf.persistence_path, "/var/lib/mosquitto/mqttd.db");
	config_free(&conf);
}

static void test_queues(void **state)
{
	struct config conf;

	(void)state;
	load(&conf, "max_queued_bytes 100\nmax_queued_messages 5\n");
	assert_int_equal(conf.max_queued_bytes, 100);
	assert_int_equal(conf.output_bytes, 4096);
	assert_int_equal(conf.max_queued_messages, 5);
	config_free(&conf);

	load(&conf, "max_queued_bytes 100000\n");
	assert_int_equal(conf.max_queued_bytes, 100000);
	assert_int_equal(conf.output_bytes, 100000);
	config_free(&conf);

	/* As mosquitto does */
	load(&conf, "max_queued_messages -1\nmax_inflight_messages -5\n");
	assert_int_equal(conf.max_queued_messages, 0);
	assert_int_equal(conf.max_inflight_messages, 0);
	config_free(&conf);
}

static void test_command_line_port(void **state)
{
	struct config conf;

	(void)state;
	assert_int_equal(config_init(&conf), 0);
	assert_int_equal(config_finish(&conf, 2000), 0);
	assert_int_equal(listeners(&conf), 2);
	assert_true(conf.local_only);
	assert_int_equal(conf.listeners->port, 2000);
	config_free(&conf);
}

static void test_log(void **state)
{
	struct config conf;

	(void)state;
	load(&conf, "log_dest stdout\nlog_dest file /tmp/a file\nlog_type error\n"
	     "log_type debug\nlog_timestamp false\n");
	assert_int_equal(conf.log_dests, LOG_DEST_STDOUT | LOG_DEST_FILE);
	assert_string_equal(conf.log_file, "/tmp/a file");
	assert_int_equal(conf.log_types, LOG_TYPE_ERROR | LOG_TYPE_DEBUG);
	assert_false(conf.log_timestamp);
	config_free(&conf);

	load(&conf, "log_dest none\nlog_type none\n");
	assert_int_equal(conf.log_dests, 0);
	assert_int_equal(conf.log_types, 0);
	config_free(&conf);
}

/* Refused: the text, the line, and a part of the sentence */
static const struct {
	const char *text;
	unsigned int line;
	const char *says;
} mistakes[] = {
	{ "listner 1883\n", 1, "unknown option 'listner'; did you mean 'listener'?" },
	{ "\n\nallow_anonymos true", 3, "did you mean 'allow_anonymous'?" },
	{ "completely_else 1\n", 1, "unknown option 'completely_else'" },
	{ "workers\n", 1, "option 'workers' needs a value" },
	{ "workers 0\n", 1, "workers: '0' is not a number from 1 to 64" },
	{ "workers 65\n", 1, "from 1 to 64" },
	{ "workers 2x\n", 1, "workers: '2x' is not" },
	{ "workers 99999999999999999999\n", 1, "from 1 to 64" },
	{ "listener 0\n", 1, "listener: '0' is for Unix sockets: the path is missing" },
	{ "listener 65536\n", 1, "from 1 to 65535" },
	{ "listener x\n", 1, "from 1 to 65535" },
	{ "port 0\n", 1, "from 1 to 65535" },
	{ "allow_anonymous yes\n", 1, "allow_anonymous: 'yes' is not one of true, false" },
	{ "dataplane fast\n", 1, "dataplane: 'fast' is not one of auto, kernel, user" },
	{ "message_size_limit -1\n", 1, "from 0 to" },
	{ "persistent_client_expiration 3\n", 1, "'3' is not a number of h, d, w, m or y" },
	{ "persistent_client_expiration 3x\n", 1, "is not a number of" },
	{ "persistent_client_expiration 3dd\n", 1, "is not a number of" },
	{ "persistent_client_expiration 0d\n", 1, "is not a number of" },
	{ "persistent_client_expiration 137y\n", 1, "is not a number of" },
	{ "slow_consumer_policy drop\n", 1, "'drop' is not one of drop-new, drop-old," },
	{ "slow_consumer_pause 10001\n", 1, "from 0 to 10000" },
	{ "rate_policy hold\n", 1, "'hold' is not one of wait, drop" },
	{ "byte_rate 4294967296\n", 1, "from 0 to 4294967295" },
	{ "log_facility 8\n", 1, "log_facility: '8' is not one of" },
	{ "listener 1\nmax_qos 3\n", 2, "max_qos: '3' is not a number from 0 to 2" },
	{ "log_dest nowhere\n", 1, "log_dest: 'nowhere' is not one of" },
	{ "log_type some\n", 1, "log_type: 'some' is not one of" },
	{ "listener 1\nper_listener_settings true\n", 2, "before the first 'listener'" },
	{ "listener 1\nprotocol websockets\n", 2, "not supported yet" },
	/* What protects must not be overlooked */
	{ "listener 1883 # for all\n", 1, "a comment has to be a line of its own" },
	{ "listener 1883 ::1 # for all\n", 1, "a comment has to be a line of its own" },
	{ "acl_file x\nacl_file y\n", 2, "duplicate acl_file value in configuration" },
	{ "per_listener_settings true\nlistener 1\npassword_file x\npassword_file y\n", 4,
	  "duplicate password_file value in configuration" },
	{ "listener 1\nlistener 2 a\nlistener 2\nlistener 2 a\n", 4,
	  "'listener 2 a' is there twice" },
	{ "acl_file x\nper_listener_settings true\n", 2,
	  "option 'per_listener_settings' must come before 'acl_file'" },
	{ "listener 1\ntls_version tlsv1.1\n", 2, "'tlsv1.1' is not one of tlsv1.2, tlsv1.3" },
	{ "tls_handshake_timeout 0\n", 1, "tls_handshake_timeout: '0' is not a number from 1" },
	{ "tls_engine x\n", 1, "not supported yet" },
	{ "plugin x.so\n", 1, "not supported yet" },
	{ "plugin_opt_db x\n", 1, "option 'plugin_opt_db' is not supported yet" },
	{ "connection x\n", 1, "not supported yet" },
	{ "bridge_cafile x\n", 1, "option 'bridge_cafile' is not supported yet" },
};

static void test_mistakes(void **state)
{
	struct config conf;
	char start[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		assert_int_equal(load_bytes(&conf, mistakes[i].text, strlen(mistakes[i].text)),
				 -EINVAL);
		snprintf(start, sizeof(start), "%s:%u: ", path, mistakes[i].line);
		assert_memory_equal(conf.error, start, strlen(start));
		if (!strstr(conf.error, mistakes[i].says))
			fail_msg("'%s' does not say '%s'", conf.error, mistakes[i].says);
		config_free(&conf);
	}
}

static void test_odd_files(void **state)
{
	static const char nul[] = "workers 1\nworkers 2\0 3\n";
	struct config conf;
	char longest[6000];

	(void)state;
	assert_int_equal(load_bytes(&conf, nul, sizeof(nul) - 1), -EINVAL);
	assert_non_null(strstr(conf.error, ":2: the line contains a NUL byte"));
	config_free(&conf);

	memset(longest, 'x', sizeof(longest));
	assert_int_equal(load_bytes(&conf, longest, sizeof(longest)), -EINVAL);
	config_free(&conf);

	assert_int_equal(config_init(&conf), 0);
	assert_int_equal(config_load(&conf, "/nonexistent/file"), -ENOENT);
	assert_non_null(strstr(conf.error, "/nonexistent/file"));
	assert_true(config_load(&conf, "/tmp") < 0);
	config_free(&conf);

	/* Options in front of the listener that they cannot be for */
	assert_refused("max_connections 1\nlistener 1\n",
		       "'max_connections' must follow the 'listener'");
}

/* In front of the first listener for all of them, behind one for that one */
static void test_dataplane(void **state)
{
	char text[200] = "control_socket_path ";
	struct config conf;

	(void)state;
	load(&conf, "dataplane kernel\nlistener 1\nlistener 2\ndataplane user\n"
	     "listener 3\ndataplane auto\nport 4\n");
	assert_int_equal(conf.dataplane, DATAPLANE_KERNEL);
	assert_int_equal(conf.listeners->dataplane, CONFIG_UNSET);
	assert_int_equal(conf.listeners->next->dataplane, DATAPLANE_USER);
	assert_int_equal(conf.listeners->next->next->dataplane, DATAPLANE_AUTO);
	assert_int_equal(conf.last->dataplane, CONFIG_UNSET);
	assert_string_equal(conf.control_socket_path, "/run/mqttd/control.sock");
	assert_false(conf.control_socket_set);
	config_free(&conf);

	load(&conf, "control_socket_path none\n");
	assert_string_equal(conf.control_socket_path, "none");
	assert_true(conf.control_socket_set);
	config_free(&conf);

	memset(text + 20, 'x', UNIX_SOCKET_PATH_MAX + 1);
	assert_int_equal(load_bytes(&conf, text, 20 + UNIX_SOCKET_PATH_MAX + 1), -EINVAL);
	assert_non_null(strstr(conf.error, "is longer than 107 bytes"));
	config_free(&conf);
	assert_int_equal(load_bytes(&conf, text, 20 + UNIX_SOCKET_PATH_MAX), 0);
	config_free(&conf);
}

/* What there is a reason for is ignored, in as many listeners as it likes, or refused */
static void test_ignored(void **state)
{
	unsigned int ignored = 0, refused = 0;
	struct config conf;
	char text[96];
	size_t i;

	(void)state;
	for (i = 0; i < config_options_count; i++) {
		const char *name = config_options[i].name;

		if (!config_options[i].why)
			continue;
		snprintf(text, sizeof(text), "%s x\nlistener 1\n%s y\n", name, name);
		if (load_bytes(&conf, text, strlen(text))) {
			assert_non_null(strstr(conf.error, "is not supported yet: "));
			refused++;
		} else {
			ignored++;
		}
		config_free(&conf);
	}
	assert_true(ignored >= 10);
	assert_true(refused >= 30);
}

/* Names are unique, and each is the nearest one of itself with a letter too many */
static void test_names(void **state)
{
	char text[96], says[96];
	size_t i, j;

	(void)state;
	for (i = 0; i < config_options_count; i++) {
		const char *name = config_options[i].name;

		for (j = 0; j < i; j++)
			assert_string_not_equal(name, config_options[j].name);
		if (strchr(name, '*'))
			continue;
		snprintf(text, sizeof(text), "%.2sQ%s x\n", name, name + 2);
		snprintf(says, sizeof(says), "did you mean '%s'?", name);
		assert_refused(text, says);
	}
}

static void test_unix_listener(void **state)
{
	struct config conf;

	(void)state;
	load(&conf, "listener 0 /run/mqtt.sock\nmax_connections 3\nlistener 1883\n");
	assert_int_equal(listeners(&conf), 2);
	assert_string_equal(conf.listeners->socket_path, "/run/mqtt.sock");
	assert_null(conf.listeners->address);
	assert_int_equal(conf.listeners->port, 0);
	assert_int_equal(conf.listeners->max_connections, 3);
	assert_null(conf.last->socket_path);
	config_free(&conf);
}

/* --- include_dir ------------------------------------------------------------- */

static const char *const included[] = {
	"00.conf", "01.conf", "A.conf", "a.conf", "B.conf", "b.conf", "c.confx", "conf", ".conf"
};

static void write_included(const char *directory, const char *name, const char *text)
{
	char file_path[96];
	FILE *file;

	snprintf(file_path, sizeof(file_path), "%s/%s", directory, name);
	file = fopen(file_path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void test_include(void **state)
{
	char directory[] = "/tmp/mqttd-conf-d-XXXXXX", text[128], says[96];
	struct listener_config *listener;
	struct config conf;
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(directory));
	for (i = 0; i < sizeof(included) / sizeof(included[0]); i++) {
		snprintf(text, sizeof(text), "listener %zu\nmax_connections %zu\n", i + 10, i);
		write_included(directory, included[i], text);
	}
	snprintf(text, sizeof(text), "listener 1\ninclude_dir %s\nmax_connections 77\n", directory);
	load(&conf, text);
	assert_int_equal(listeners(&conf), 7);
	assert_int_equal(conf.listeners->max_connections, 77);
	for (i = 0, listener = conf.listeners->next; listener; listener = listener->next, i++) {
		assert_int_equal(listener->port, i + 10);
		assert_int_equal(listener->max_connections, i);
	}
	config_free(&conf);

	/* what is in front of a file's first listener is for none of the other file's */
	write_included(directory, "01.conf", "\nmax_connections 1\n");
	snprintf(says, sizeof(says), "%s/01.conf:2: option 'max_connections' must follow",
		 directory);
	assert_refused(text, says);
	write_included(directory, "01.conf", "\n\nnonsense 1\n");
	snprintf(says, sizeof(says), "%s/01.conf:3: unknown option 'nonsense'", directory);
	assert_refused(text, says);
	write_included(directory, "01.conf", "include_dir /tmp\n");
	snprintf(says, sizeof(says), "%s/01.conf:1: only the main file may include others",
		 directory);
	assert_refused(text, says);

	for (i = 0; i < sizeof(included) / sizeof(included[0]); i++) {
		snprintf(text, sizeof(text), "%s/%s", directory, included[i]);
		assert_int_equal(unlink(text), 0);
	}
	assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_no_listener),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_per_listener),
		cmocka_unit_test(test_security),
		cmocka_unit_test(test_persistence),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_command_line_port),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_odd_files),
		cmocka_unit_test(test_dataplane),
		cmocka_unit_test(test_ignored),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_unix_listener),
		cmocka_unit_test(test_include),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
