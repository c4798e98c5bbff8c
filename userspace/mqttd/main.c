// SPDX-License-Identifier: MIT
/*
 * From the start to the end of the process.
 *
 * Other processes come first, while there is nothing that they should not have. Then
 * what takes root's privileges: sockets, the pid file, the kernel's
 * router. What comes after they are dropped has the files that it makes, and sees
 * at the start whether it may read those that a reload is to read again. Threads
 * come last.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/rcupdate.h>

#include "arguments.h"
#include "broker.h"
#include "config.h"
#include "config_check.h"
#include "daemon.h"
#include "log.h"
#include "privileges.h"
#include "process.h"
#include "reload.h"
#include "sandbox.h"
#include "security.h"
#include "systemd.h"

static int drop_privileges(struct daemon *daemon)
{
	const struct config *conf = daemon->broker->conf;
	struct identity who;
	int err;

	err = privileges_find(&who, conf->user);
	if (err)
		return err;
	if (who.name) {
		err = log_give(who.uid, who.gid);
		if (err) {
			log_printf(LOG_TYPE_ERROR,
				   "Error: cannot give the log file to user '%s': %s.",
				   who.name, strerror(-err));
			return err;
		}
		err = security_give(daemon->broker->security, who.uid, who.gid);
		if (err) {
			log_printf(LOG_TYPE_ERROR,
				   "Error: cannot give the security_log to user '%s': %s.",
				   who.name, strerror(-err));
			return err;
		}
	}
	err = daemon_give_control(daemon, &who);
	if (err)
		return err;
	err = privileges_drop(&who, false);
	if (err || !conf->seccomp)
		return err;
	err = sandbox_daemon(conf->log_dests & LOG_DEST_SYSLOG || daemon->args->daemonise);
	if (err)
		log_printf(LOG_TYPE_ERROR,
			   "Error: no seccomp filter: %s; without one: 'seccomp false'.",
			   strerror(-err));
	return err;
}

/* Everything is open; returns when the process is to end. */
static int serve(struct daemon *daemon, int background)
{
	struct broker *broker = daemon->broker;
	int err;

	err = broker_load(broker);
	if (err)
		return err;
	err = broker_start(broker);
	if (err) {
		log_printf(LOG_TYPE_ERROR, "Error: cannot start threads: %s.", strerror(-err));
		return err;
	}
	process_limit_memory(broker->conf->memory_limit);
	err = daemon_start(daemon);
	if (!err && background >= 0)
		err = process_ready(background);
	if (err) {
		log_printf(LOG_TYPE_ERROR, "Error: cannot go on: %s.", strerror(-err));
	} else {
		log_printf(LOG_TYPE_INFORMATION, "mqttd %s running", MQTT_VERSION);
		systemd_ready(broker);
		mainloop_run(&daemon->loop);
		systemd_stopping();
	}
	broker_stop(broker);
	log_printf(LOG_TYPE_INFORMATION, "mqttd %s terminating", MQTT_VERSION);
	return err;
}

static int run_unprivileged(struct daemon *daemon, int background)
{
	const char *pid_file = daemon->broker->conf->pid_file;
	int err = 0;

	if (pid_file)
		err = process_write_pid(pid_file);
	if (err)
		return err;
	err = drop_privileges(daemon);
	if (!err)
		err = serve(daemon, background);
	if (pid_file)
		unlink(pid_file);
	return err;
}

static int run(struct config *conf, const struct arguments *args, int background)
{
	struct daemon daemon;
	struct helpers helpers;
	struct broker broker;
	int err;

	log_printf(LOG_TYPE_INFORMATION, "mqttd %s starting", MQTT_VERSION);
	if (args->config_file)
		log_printf(LOG_TYPE_INFORMATION, "Config loaded from %s.", args->config_file);
	if (conf->local_only)
		log_printf(LOG_TYPE_INFORMATION,
			   "Starting in local only mode. Connections will only be possible from clients running on this machine.");
	config_check_mosquitto(conf);
	config_check_unencrypted(conf);
	config_check_secrets(conf);
	daemon_block_signals();
	err = helpers_fork(&helpers, conf, background >= 0);
	if (err)
		return err;
	process_raise_descriptor_limit();
	err = broker_open(&broker, conf, &helpers);
	if (err)
		return err;
	rcu_register_thread();
	err = daemon_open(&daemon, &broker, args);
	if (!err)
		err = run_unprivileged(&daemon, background);
	daemon_close(&daemon);
	broker_close(&broker);
	rcu_unregister_thread();
	return err;
}

/* In the background there is a terminal until all is well. */
static int go(struct config *conf, const struct arguments *args)
{
	int background = -1, err;

	err = reload_log(conf, args);
	if (err)
		return err;
	if (args->daemonise) {
		background = process_to_background();
		if (background < 0) {
			log_printf(LOG_TYPE_ERROR, "Error: cannot run in the background: %s.",
				   strerror(-background));
			return background;
		}
	}
	return run(conf, args, background);
}

/* The configuration is sound; is what it names? */
static int test(const struct config *conf, const char *name)
{
	int err = config_check(conf);

	if (!err)
		printf("%s: the configuration is fine\n", name ? name : "mqttd");
	return err;
}

int main(int argc, char **argv)
{
	struct arguments args = {};
	struct config conf;
	int err;

	process_keep_memory();
	process_keep_arguments(argc, argv);
	arguments_parse(&args, argc, argv);
	err = reload_config(&conf, &args);
	if (!err && args.test_config)
		err = test(&conf, args.config_file);
	else if (!err)
		err = go(&conf, &args);
	config_free(&conf);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
