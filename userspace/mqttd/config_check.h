/* SPDX-License-Identifier: MIT */
/*
 * What a configuration names, but does not have: for who wants to know before a start.
 */
#ifndef MQTTD_CONFIG_CHECK_H
#define MQTTD_CONFIG_CHECK_H

struct config;

/* Are user, directories and files there? The log says of each which is not. 0 or -errno. */
int config_check(const struct config *conf);

/* Warns of files with secrets that are not kept. */
void config_check_secrets(const struct config *conf);

/* Warns of mosquitto's database at the place of ours, when ours is not there yet. */
/* Warns about listeners where nobody from elsewhere can use a password. */
void config_check_unencrypted(const struct config *conf);

void config_check_mosquitto(const struct config *conf);

#endif /* MQTTD_CONFIG_CHECK_H */
