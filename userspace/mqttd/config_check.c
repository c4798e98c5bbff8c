// SPDX-License-Identifier: MIT
/*
 * Looking for what a configuration names.
 */
#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/chain.h"
#include "address.h"
#include "config.h"
#include "config_check.h"
#include "log.h"
#include "permissions.h"
#include "prefix.h"
#include "tls.h"

static int complain(const char *option, const char *what, int err)
{
	log_printf(LOG_TYPE_ERROR, "Error: %s: '%s': %s.", option, what, strerror(-err));
	return err;
}

static int check_user(const char *user)
{
	if (!user || getpwnam(user))
		return 0;
	log_printf(LOG_TYPE_ERROR, "Error: there is no user '%s'.", user);
	return -ENOENT;
}

/* Without being asked for a socket the broker does without, whatever the reason. */
static int check_control_group(const struct config *conf)
{
	const char *group = conf->control_socket_group;

	if (!group || !conf->control_socket_set || !strcmp(conf->control_socket_path, "none") ||
	    getgrnam(group))
		return 0;
	log_printf(LOG_TYPE_ERROR, "Error: there is no control_socket_group '%s'.", group);
	return -ENOENT;
}

/* With a '/' behind its name only a directory is there. */
static int check_directory(const char *option, const char *dir)
{
	int err = 0;
	char *path;

	if (!dir)
		return 0;
	if (asprintf(&path, "%s/", dir) < 0)
		return -ENOMEM;
	if (access(path, F_OK))
		err = complain(option, dir, -errno);
	free(path);
	return err;
}

static int check_parent(const char *option, const char *path)
{
	char *copy;
	int err;

	if (!path)
		return 0;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	err = check_directory(option, dirname(copy));
	free(copy);
	return err;
}

static int check_security_log(const char *where)
{
	if (!where || !strcmp(where, "syslog") || !strcmp(where, "none"))
		return 0;
	return check_parent("security_log", where);
}

/* They are read as who is asked to test, not as the one who will read them. */
static int check_tls(const struct config *conf)
{
	const struct listener_config *listener;
	struct tls *tls;
	int err;

	for (listener = conf->listeners; listener; listener = listener->next) {
		if (!tls_config_on(&listener->tls))
			continue;
		err = tls_new(&tls, listener);
		if (err)
			return err;
		tls_free(tls);
	}
	return 0;
}

static int check_access_files(const struct config *conf)
{
	struct permissions permissions;
	struct auth_chains *chains;
	int err;

	err = auth_chains_open(&chains, conf);
	if (err)
		return err;
	auth_chains_put(chains);
	err = permissions_open(&permissions, conf);
	if (!err)
		permissions_close(&permissions);
	return err;
}

static bool is_local(const struct listener_config *listener)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct prefix prefix;

	if (listener->socket_path)
		return true;
	if (!listener->address || prefix_parse(&prefix, listener->address, 128))
		return listener->address && !strcmp(listener->address, "localhost");
	in6.sin6_addr = prefix.address;
	return address_is_loopback((struct sockaddr *)&in6);
}

void config_check_unencrypted(const struct config *conf)
{
	const struct listener_config *listener;
	char name[CONFIG_LISTENER_NAME_MAX];

	for (listener = conf->listeners; listener; listener = listener->next) {
		if (tls_config_on(&listener->tls) || listener->allow_unencrypted ||
		    !auth_chain_method(listener, 0) || is_local(listener))
			continue;
		log_printf(LOG_TYPE_WARNING,
			   "Warning: %s has no TLS: clients that are not on this machine are refused if they send a password. Set certfile and keyfile, or allow_unencrypted_passwords true.",
			   config_listener_name(listener, name));
	}
}

static void check_secret(const char *option, const char *path)
{
	struct stat st;

	if (path && !stat(path, &st) && st.st_mode & 0004)
		log_printf(LOG_TYPE_WARNING, "Warning: %s '%s' can be read by anybody: chmod o-r.",
			   option, path);
}

void config_check_secrets(const struct config *conf)
{
	const struct listener_config *listener;

	for (listener = conf->listeners; listener; listener = listener->next) {
		check_secret("keyfile", listener->tls.keyfile);
		check_secret("psk_file", listener->tls.psk_file);
		check_secret("password_file", listener->password_file);
		check_secret("jwt_secret_file", listener->jwt.secret_file);
	}
}

int config_check(const struct config *conf)
{
	const char *log_file = conf->log_dests & LOG_DEST_FILE ? conf->log_file : NULL;
	int errs[] = {
		check_user(conf->user),
		check_user(conf->auth_user),
		check_directory("persistence_location",
				conf->persistence ? conf->persistence_location : NULL),
		check_parent("log_dest", log_file),
		check_parent("pid_file", conf->pid_file),
		check_parent("audit_log", conf->audit_log),
		check_security_log(conf->security_log),
		check_control_group(conf),
		check_access_files(conf),
		check_tls(conf),
	};
	size_t i;

	config_check_unencrypted(conf);
	config_check_secrets(conf);
	for (i = 0; i < sizeof(errs) / sizeof(errs[0]); i++)
		if (errs[i])
			return errs[i];
	return 0;
}

void config_check_mosquitto(const struct config *conf)
{
	char *ours, *path;

	if (!conf->persistence || !access(conf->persistence_path, F_OK))
		return;
	ours = strdup(conf->persistence_path);
	if (ours && asprintf(&path, "%s/mosquitto.db", dirname(ours)) >= 0) {
		if (!access(path, F_OK))
			log_printf(LOG_TYPE_WARNING,
				   "Warning: %s is mosquitto's database: its retained messages and sessions are not taken over.",
				   path);
		free(path);
	}
	free(ours);
}
