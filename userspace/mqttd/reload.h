/* SPDX-License-Identifier: MIT */
/*
 * Reading the configuration: at the start, and again.
 */
#ifndef MQTTD_RELOAD_H
#define MQTTD_RELOAD_H

struct arguments;
struct broker;
struct config;

/* The configuration as the command line wants it: to be freed, even if this fails. */
int reload_config(struct config *conf, const struct arguments *args);	/* 0 or -errno */

/* Log lines go where @conf says from now on. */
int reload_log(const struct config *conf, const struct arguments *args);	/* 0 or -errno */

/* Are the access control lists there, and sound? The log says which not. */
int reload_check_files(const struct config *conf);	/* 0 or -errno */

/**
 * reload() - do as the configuration file says now
 * @broker: that runs; some of the values of its configuration change
 * @args: command line
 *
 * A mistake, in this file or in an access control list, changes nothing. The log says what
 * takes a restart. A log file that was moved away is made anew in any case.
 */
void reload(struct broker *broker, const struct arguments *args);

#endif /* MQTTD_RELOAD_H */
