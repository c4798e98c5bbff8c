/* SPDX-License-Identifier: MIT */
/*
 * Log lines as messages, below "$SYS/broker/log/", with mosquitto's names: for those
 * who have subscribed at the moment.
 */
#ifndef MQTTD_LOG_TOPIC_H
#define MQTTD_LOG_TOPIC_H

struct broker;
struct log_topic;

/*
 * From the start of the workers on; log_topic_stop() when they have ended, NULL is fine.
 * 0 or -errno.
 */
int log_topic_start(struct log_topic **topic, struct broker *broker);
void log_topic_stop(struct log_topic *topic);

#endif /* MQTTD_LOG_TOPIC_H */
