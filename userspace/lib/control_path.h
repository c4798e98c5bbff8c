/* SPDX-License-Identifier: MIT */
/*
 * Where the daemon is asked, and how: on a Unix stream socket a request is a line
 * with a JSON object, {"command": NAME, ...}, and so is its answer:
 * {"ok": true, "result": ...} or {"ok": false, "error": SENTENCE}. Requests of one
 * connection are answered in their order.
 */
#ifndef MQTT_LIB_CONTROL_PATH_H
#define MQTT_LIB_CONTROL_PATH_H

#define CONTROL_SOCKET_PATH	"/run/mqttd/control.sock"

/* Bytes of a request, with its newline. */
#define CONTROL_REQUEST_MAX	65536

#endif /* MQTT_LIB_CONTROL_PATH_H */
