/* SPDX-License-Identifier: MIT */
/* What all programs are. */
#ifndef MQTT_LIB_VERSION_H
#define MQTT_LIB_VERSION_H

#ifndef MQTT_VERSION
#define MQTT_VERSION "0.1.0"
#endif

#endif /* MQTT_LIB_VERSION_H */
