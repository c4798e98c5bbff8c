// SPDX-License-Identifier: MIT
/*
 * client_paho HOST PORT 3|4|5: Eclipse Paho's C client, the asynchronous one
 * (see clients.py).
 */
#include <MQTTAsync.h>
#include <err.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES	100	/* at each QoS, one after the other */
#define PATIENCE	30

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int steps, received;
static char topic[64];
static int level;

static void step(void)
{
	pthread_mutex_lock(&lock);
	steps++;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static void until(const int *counter, int value, const char *what)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE;
	pthread_mutex_lock(&lock);
	while (*counter < value)
		if (pthread_cond_timedwait(&changed, &lock, &end))
			errx(1, "%s: %d of %d", what, *counter, value);
	pthread_mutex_unlock(&lock);
}

static void done(void *arg, MQTTAsync_successData *data)
{
	(void)arg;
	(void)data;
	step();
}

static void done5(void *arg, MQTTAsync_successData5 *data)
{
	(void)arg;
	(void)data;
	step();
}

static void failed(void *arg, MQTTAsync_failureData *data)
{
	errx(1, "%s: %s", (char *)arg, data && data->message ? data->message : "");
}

static void failed5(void *arg, MQTTAsync_failureData5 *data)
{
	errx(1, "%s: reason %d, %s", (char *)arg, data->reasonCode,
	     data->message ? data->message : "");
}

static void check_property(MQTTProperties *props, const char *number)
{
	MQTTProperty *prop = MQTTProperties_getProperty(props, MQTTPROPERTY_CODE_USER_PROPERTY);

	if (!prop || (size_t)prop->value.value.len != strlen(number) ||
	    memcmp(prop->value.value.data, number, strlen(number)))
		errx(1, "message %s has not its user property", number);
}

static int arrived(void *arg, char *name, int len, MQTTAsync_message *msg)
{
	char number[16], want[sizeof(topic) + sizeof(number)];

	(void)arg;
	(void)len;
	snprintf(number, sizeof(number), "%d", received);
	snprintf(want, sizeof(want), "%s/%s", topic, number);
	if (strcmp(name, want) || msg->qos != received / MESSAGES || msg->retained ||
	    (size_t)msg->payloadlen != strlen(number) ||
	    memcmp(msg->payload, number, strlen(number)))
		errx(1, "message %s is %s, QoS %d, retain %d, %d bytes", number, name, msg->qos,
		     msg->retained, msg->payloadlen);
	if (level == 5)
		check_property(&msg->properties, number);
	MQTTAsync_freeMessage(&msg);
	MQTTAsync_free(name);
	pthread_mutex_lock(&lock);
	received++;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
	return 1;
}

static void must(int err, const char *what)
{
	if (err)
		errx(1, "%s: %s", what, MQTTAsync_strerror(err));
}

/* One structure for all requests: with 5.0 other callbacks count. */
static MQTTAsync_responseOptions answer(const char *what)
{
	MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;

	options.context = (void *)what;
	if (level == 5) {
		options.onSuccess5 = done5;
		options.onFailure5 = failed5;
	} else {
		options.onSuccess = done;
		options.onFailure = failed;
	}
	return options;
}

static MQTTAsync client(const char *host, const char *port)
{
	MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
	char uri[128], id[24];
	const char *path = getenv("MQTT_WEBSOCKET");
	MQTTAsync m;

	snprintf(uri, sizeof(uri), "%s://%s:%s%s",
		 getenv("MQTT_CAFILE") ? path ? "wss" : "ssl" : path ? "ws" : "tcp", host, port,
		 path ? path : "");
	snprintf(id, sizeof(id), "paho-c-%d", getpid());
	create.MQTTVersion = level;
	must(MQTTAsync_createWithOptions(&m, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &create),
	     "create");
	must(MQTTAsync_setCallbacks(m, NULL, NULL, arrived, NULL), "callbacks");
	return m;
}

static void connect_it(MQTTAsync m)
{
	MQTTAsync_connectOptions old = MQTTAsync_connectOptions_initializer;
	MQTTAsync_connectOptions new = MQTTAsync_connectOptions_initializer5;
	MQTTAsync_connectOptions *options = level == 5 ? &new : &old;
	MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
	MQTTAsync_SSLOptions ssl = MQTTAsync_SSLOptions_initializer;

	ssl.trustStore = getenv("MQTT_CAFILE");
	if (ssl.trustStore)
		options->ssl = &ssl;
	will.topicName = "paho-c/will";
	will.message = "x";
	options->will = &will;
	options->MQTTVersion = level;
	options->context = "connect";
	if (level == 5) {
		options->onSuccess5 = done5;
		options->onFailure5 = failed5;
	} else {
		options->onSuccess = done;
		options->onFailure = failed;
	}
	must(MQTTAsync_connect(m, options), "connect");
	until(&steps, 1, "connected");
}

static void publish(MQTTAsync m, int i)
{
	MQTTAsync_message msg = MQTTAsync_message_initializer;
	MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
	char number[16], to[sizeof(topic) + sizeof(number)];
	MQTTProperty prop = { .identifier = MQTTPROPERTY_CODE_USER_PROPERTY };

	snprintf(number, sizeof(number), "%d", i);
	snprintf(to, sizeof(to), "%s/%s", topic, number);
	msg.payload = number;
	msg.payloadlen = strlen(number);
	msg.qos = i / MESSAGES;
	if (level == 5) {
		prop.value.data.data = "n";
		prop.value.data.len = 1;
		prop.value.value.data = number;
		prop.value.value.len = strlen(number);
		must(MQTTProperties_add(&msg.properties, &prop), "property");
	}
	/* Without options the library leaves the properties out. */
	must(MQTTAsync_sendMessage(m, to, &msg, &options), "publish");
	MQTTProperties_free(&msg.properties);
}

static void disconnect(MQTTAsync m)
{
	MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;

	options.context = "disconnect";
	options.onSuccess = level == 5 ? NULL : done;
	options.onSuccess5 = level == 5 ? done5 : NULL;
	must(MQTTAsync_disconnect(m, &options), "disconnect");
	until(&steps, 4, "disconnected");
	MQTTAsync_destroy(&m);
}

int main(int argc, char **argv)
{
	MQTTAsync_responseOptions options;
	char filter[sizeof(topic) + 2];
	MQTTAsync m;
	int i;

	if (argc != 4)
		errx(2, "usage: client_paho HOST PORT 3|4|5");
	level = atoi(argv[3]);
	snprintf(topic, sizeof(topic), "paho-c/%d", getpid());
	snprintf(filter, sizeof(filter), "%s/#", topic);
	m = client(argv[1], argv[2]);
	connect_it(m);
	options = answer("subscribe");
	must(MQTTAsync_subscribe(m, filter, 2, &options), "subscribe");
	until(&steps, 2, "subscribed");
	for (i = 0; i < 3 * MESSAGES; i++) {
		publish(m, i);
		if ((i + 1) % MESSAGES == 0)
			until(&received, i + 1, "messages");
	}
	options = answer("unsubscribe");
	must(MQTTAsync_unsubscribe(m, filter, &options), "unsubscribe");
	until(&steps, 3, "unsubscribed");
	disconnect(m);
	return 0;
}
