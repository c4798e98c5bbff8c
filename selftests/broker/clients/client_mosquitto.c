// SPDX-License-Identifier: MIT
/* client_mosquitto HOST PORT 3|4|5: libmosquitto (see clients.py). */
#include <err.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES	100	/* at each QoS, one after the other */
#define PATIENCE	30

static int connected = -1, granted = -1, disconnected = -1;
static bool unsubscribed;
static int received;
static char topic[64];
static int level;

static void on_connect(struct mosquitto *m, void *arg, int code)
{
	(void)m;
	(void)arg;
	connected = code;
}

static void on_subscribe(struct mosquitto *m, void *arg, int mid, int n, const int *qos)
{
	(void)m;
	(void)arg;
	(void)mid;
	granted = n == 1 ? qos[0] : 99;
}

static void on_unsubscribe(struct mosquitto *m, void *arg, int mid)
{
	(void)m;
	(void)arg;
	(void)mid;
	unsubscribed = true;
}

static void on_disconnect(struct mosquitto *m, void *arg, int code)
{
	(void)m;
	(void)arg;
	disconnected = code;
}

/* The number that was put into it, in all places. */
static void check_property(const mosquitto_property *props, const char *number)
{
	char *name = NULL, *value = NULL;

	if (!mosquitto_property_read_string_pair(props, MQTT_PROP_USER_PROPERTY, &name, &value,
						 false))
		errx(1, "message %s has no user property", number);
	if (strcmp(name, "n") || strcmp(value, number))
		errx(1, "message %s has the user property %s=%s", number, name, value);
	free(name);
	free(value);
}

static void on_message(struct mosquitto *m, void *arg, const struct mosquitto_message *msg,
		       const mosquitto_property *props)
{
	char number[16], want[sizeof(topic) + sizeof(number)];

	(void)m;
	(void)arg;
	snprintf(number, sizeof(number), "%d", received);
	snprintf(want, sizeof(want), "%s/%s", topic, number);
	if (strcmp(msg->topic, want) || msg->qos != received++ / MESSAGES || msg->retain ||
	    (size_t)msg->payloadlen != strlen(number) ||
	    memcmp(msg->payload, number, strlen(number)))
		errx(1, "message %s is %s, QoS %d, retain %d, %d bytes", number, msg->topic,
		     msg->qos, msg->retain, msg->payloadlen);
	if (level == 5)
		check_property(props, number);
}

#define until(m, condition) do { \
	time_t end = time(NULL) + PATIENCE; \
	int err = 0; \
	while (!(condition)) { \
		if (time(NULL) > end || (err && disconnected < 0)) \
			errx(1, "not %s: %s", #condition, mosquitto_strerror(err)); \
		err = mosquitto_loop(m, 1000, 1); \
	} \
} while (0)

static void must(int err, const char *what)
{
	if (err)
		errx(1, "%s: %s", what, mosquitto_strerror(err));
}

static void publish(struct mosquitto *m, int i)
{
	char number[16], to[sizeof(topic) + sizeof(number)];
	mosquitto_property *props = NULL;

	snprintf(number, sizeof(number), "%d", i);
	snprintf(to, sizeof(to), "%s/%s", topic, number);
	if (level == 5)
		must(mosquitto_property_add_string_pair(&props, MQTT_PROP_USER_PROPERTY, "n",
							number), "property");
	must(mosquitto_publish_v5(m, NULL, to, strlen(number), number, i / MESSAGES, false, props),
	     "publish");
	mosquitto_property_free_all(&props);
}

static struct mosquitto *client(const char *host, int port)
{
	char id[32];
	struct mosquitto *m;

	snprintf(id, sizeof(id), "libmosq-%d", getpid());
	m = mosquitto_new(id, true, NULL);
	if (!m)
		err(1, "mosquitto_new");
	must(mosquitto_int_option(m, MOSQ_OPT_PROTOCOL_VERSION, level), "version");
	if (getenv("MQTT_CAFILE"))
		must(mosquitto_tls_set(m, getenv("MQTT_CAFILE"), NULL, NULL, NULL, NULL), "TLS");
	must(mosquitto_will_set(m, "libmosq/will", 1, "x", 0, false), "will");
	mosquitto_connect_callback_set(m, on_connect);
	mosquitto_subscribe_callback_set(m, on_subscribe);
	mosquitto_unsubscribe_callback_set(m, on_unsubscribe);
	mosquitto_disconnect_callback_set(m, on_disconnect);
	mosquitto_message_v5_callback_set(m, on_message);
	must(mosquitto_connect(m, host, port, 60), "connect");
	return m;
}

int main(int argc, char **argv)
{
	char filter[sizeof(topic) + 2];
	struct mosquitto *m;
	int i;

	if (argc != 4)
		errx(2, "usage: client_mosquitto HOST PORT 3|4|5");
	level = atoi(argv[3]);
	snprintf(topic, sizeof(topic), "libmosq/%d", getpid());
	snprintf(filter, sizeof(filter), "%s/#", topic);
	mosquitto_lib_init();
	m = client(argv[1], atoi(argv[2]));
	until(m, connected == 0);
	must(mosquitto_subscribe(m, NULL, filter, 2), "subscribe");
	until(m, granted == 2);
	for (i = 0; i < 3 * MESSAGES; i++) {
		publish(m, i);
		if ((i + 1) % MESSAGES == 0)
			until(m, received == i + 1);
	}
	must(mosquitto_unsubscribe(m, NULL, filter), "unsubscribe");
	until(m, unsubscribed);
	must(mosquitto_disconnect(m), "disconnect");
	until(m, disconnected == 0);
	mosquitto_destroy(m);
	mosquitto_lib_cleanup();
	return 0;
}
