// SPDX-License-Identifier: MIT
/*
 * client_paho_sync HOST PORT 5: Eclipse Paho's C client, the synchronous one,
 * with MQTT 5.0 (see clients.py).
 */
#include <MQTTClient.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES	100
#define PATIENCE_MS	30000

static void must(int err, const char *what)
{
	if (err)
		errx(1, "%s: %s", what, MQTTClient_strerror(err));
}

/* Takes what the broker said. */
static void must5(MQTTResponse response, const char *what)
{
	if (response.reasonCode)
		errx(1, "%s: %s", what, MQTTReasonCode_toString(response.reasonCode));
	MQTTResponse_free(response);
}

static void receive(MQTTClient m, int i)
{
	MQTTClient_message *msg = NULL;
	char *topic = NULL, number[16];
	int len;

	snprintf(number, sizeof(number), "%d", i);
	must(MQTTClient_receive(m, &topic, &len, &msg, PATIENCE_MS), "receive");
	if (!msg)
		errx(1, "message %d does not come", i);
	if ((size_t)msg->payloadlen != strlen(number) ||
	    memcmp(msg->payload, number, strlen(number)))
		errx(1, "message %d is another one: %d bytes", i, msg->payloadlen);
	if (MQTTProperties_getNumericValue(&msg->properties,
					   MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL) != 1000 + i)
		errx(1, "message %d has not its expiry interval", i);
	MQTTClient_freeMessage(&msg);
	MQTTClient_free(topic);
}

static void publish(MQTTClient m, const char *topic, int i)
{
	MQTTProperty prop = { .identifier = MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL };
	MQTTProperties props = MQTTProperties_initializer;
	char number[16];

	snprintf(number, sizeof(number), "%d", i);
	prop.value.integer4 = 1000 + i;
	must(MQTTProperties_add(&props, &prop), "property");
	must5(MQTTClient_publish5(m, topic, strlen(number), number, 0, 0, &props, NULL), "publish");
	MQTTProperties_free(&props);
}

int main(int argc, char **argv)
{
	MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
	MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer5;
	MQTTClient_SSLOptions ssl = MQTTClient_SSLOptions_initializer;
	char uri[128], topic[64];
	MQTTClient m;
	int i;

	if (argc != 4 || strcmp(argv[3], "5"))
		errx(2, "usage: client_paho_sync HOST PORT 5");
	ssl.trustStore = getenv("MQTT_CAFILE");
	if (ssl.trustStore)
		options.ssl = &ssl;
	snprintf(uri, sizeof(uri), "%s://%s:%s", ssl.trustStore ? "ssl" : "tcp", argv[1], argv[2]);
	snprintf(topic, sizeof(topic), "paho-sync/%d", getpid());
	create.MQTTVersion = MQTTVERSION_5;
	must(MQTTClient_createWithOptions(&m, uri, "", MQTTCLIENT_PERSISTENCE_NONE, NULL, &create),
	     "create");
	must5(MQTTClient_connect5(m, &options, NULL, NULL), "connect");
	must5(MQTTClient_subscribe5(m, topic, 0, NULL, NULL), "subscribe");
	for (i = 0; i < MESSAGES; i++)
		publish(m, topic, i);
	for (i = 0; i < MESSAGES; i++)
		receive(m, i);
	must5(MQTTClient_unsubscribe5(m, topic, NULL), "unsubscribe");
	must(MQTTClient_disconnect5(m, 1000, MQTTREASONCODE_SUCCESS, NULL), "disconnect");
	MQTTClient_destroy(&m);
	return 0;
}
