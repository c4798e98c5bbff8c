/* SPDX-License-Identifier: MIT */
/*
 * Reason codes of MQTT 5.0 (2.4) as far as the daemon sends them or takes them
 * from a DISCONNECT.
 */
#ifndef MQTTD_REASON_H
#define MQTTD_REASON_H

#include <stdbool.h>
#include <linux/types.h>

enum reason {
	REASON_SUCCESS = 0x00,
	REASON_WITH_WILL = 0x04,
	REASON_NO_SUBSCRIBERS = 0x10,
	REASON_NO_SUBSCRIPTION = 0x11,
	REASON_UNSPECIFIED = 0x80,
	REASON_MALFORMED = 0x81,
	REASON_PROTOCOL_ERROR = 0x82,
	REASON_IMPLEMENTATION = 0x83,
	REASON_VERSION = 0x84,
	REASON_CLIENT_ID = 0x85,
	REASON_CREDENTIALS = 0x86,
	REASON_NOT_AUTHORIZED = 0x87,
	REASON_SHUTTING_DOWN = 0x8b,
	REASON_AUTH_METHOD = 0x8c,
	REASON_KEEP_ALIVE = 0x8d,
	REASON_TAKEN_OVER = 0x8e,
	REASON_FILTER = 0x8f,
	REASON_TOPIC_NAME = 0x90,
	REASON_RECEIVE_MAXIMUM = 0x93,
	REASON_TOPIC_ALIAS = 0x94,
	REASON_TOO_LARGE = 0x95,
	REASON_MESSAGE_RATE = 0x96,
	REASON_QUOTA = 0x97,
	REASON_ADMINISTRATIVE = 0x98,
	REASON_PAYLOAD_FORMAT = 0x99,
	REASON_RETAIN = 0x9a,
	REASON_QOS = 0x9b,
	REASON_SHARED = 0x9e,
	REASON_SUBSCRIPTION_ID = 0xa1,
};

/* What the standard calls it; "unknown reason" if it is none of these. */
const char *reason_name(u8 code);

/* May a client's DISCONNECT have it (MQTT 5.0 3.14.2.1)? */
bool reason_of_client(u8 code);

#endif /* MQTTD_REASON_H */
