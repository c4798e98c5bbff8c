// SPDX-License-Identifier: MIT
/*
 * Names of reason codes.
 */
#include "reason.h"

static const struct reason_entry {
	const char *name;
	bool of_client;
} reasons[256] = {
	[REASON_SUCCESS]	= { "Normal disconnection", true },
	[REASON_WITH_WILL]	= { "Disconnect with Will Message", true },
	[REASON_NO_SUBSCRIBERS]	= { "No matching subscribers", false },
	[REASON_NO_SUBSCRIPTION] = { "No subscription existed", false },
	[REASON_UNSPECIFIED]	= { "Unspecified error", true },
	[REASON_MALFORMED]	= { "Malformed Packet", true },
	[REASON_PROTOCOL_ERROR]	= { "Protocol Error", true },
	[REASON_IMPLEMENTATION]	= { "Implementation specific error", true },
	[REASON_VERSION]	= { "Unsupported Protocol Version", false },
	[REASON_CLIENT_ID]	= { "Client Identifier not valid", false },
	[REASON_CREDENTIALS]	= { "Bad User Name or Password", false },
	[REASON_NOT_AUTHORIZED]	= { "Not authorized", false },
	[REASON_UNAVAILABLE]	= { "Server unavailable", false },
	[REASON_BUSY]		= { "Server busy", false },
	[REASON_SHUTTING_DOWN]	= { "Server shutting down", false },
	[REASON_AUTH_METHOD]	= { "Bad authentication method", false },
	[REASON_KEEP_ALIVE]	= { "Keep Alive timeout", false },
	[REASON_TAKEN_OVER]	= { "Session taken over", false },
	[REASON_FILTER]		= { "Topic Filter invalid", false },
	[REASON_TOPIC_NAME]	= { "Topic Name invalid", true },
	[REASON_PACKET_ID_IN_USE] = { "Packet Identifier in use", false },
	[REASON_PACKET_ID]	= { "Packet Identifier not found", false },
	[REASON_RECEIVE_MAXIMUM] = { "Receive Maximum exceeded", true },
	[REASON_TOPIC_ALIAS]	= { "Topic Alias invalid", true },
	[REASON_TOO_LARGE]	= { "Packet too large", true },
	[REASON_MESSAGE_RATE]	= { "Message rate too high", true },
	[REASON_QUOTA]		= { "Quota exceeded", true },
	[REASON_ADMINISTRATIVE]	= { "Administrative action", true },
	[REASON_PAYLOAD_FORMAT]	= { "Payload format invalid", true },
	[REASON_RETAIN]		= { "Retain not supported", false },
	[REASON_QOS]		= { "QoS not supported", false },
	[REASON_USE_ANOTHER]	= { "Use another server", false },
	[REASON_MOVED]		= { "Server moved", false },
	[REASON_SHARED]		= { "Shared Subscriptions not supported", false },
	[REASON_MAX_CONNECT_TIME] = { "Maximum connect time", false },
	[REASON_SUBSCRIPTION_ID] = { "Subscription Identifiers not supported", false },
};

const char *reason_name(u8 code)
{
	return reasons[code].name ? reasons[code].name : "unknown reason";
}

bool reason_of_client(u8 code)
{
	return reasons[code].of_client;
}
