// SPDX-License-Identifier: MIT
/*
 * Everything at once: what connections, the daemon's threads and the kernel do to
 * each other's timing. Each case has a witness that nothing of it may touch, who
 * counts what comes.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/port.h"

static struct rig_peer pub, witness;

static unsigned int below(unsigned int *state, unsigned int n)
{
	return rand_r(state) % n;
}

/*
 * Churn: connections come, publish, and go, by the hundred
 */

#define CHURNERS 3
#define CHURN_MESSAGES 3	/* of each connection */

struct churner {
	pthread_t thread;
	unsigned int source;
	unsigned int connections;
};

/* The end of one: its client, its daemon or both; by FIN or by reset. */
static void churn_end(struct rig_peer *p, unsigned int how)
{
	struct linger now = { .l_onoff = 1 };

	if (how & 1)
		setsockopt(p->client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (how & 2) {
		close(p->client);
		close(p->fd);
	} else {
		close(p->fd);
		close(p->client);
	}
}

static void *churner_main(void *arg)
{
	struct churner *c = arg;
	unsigned int state = c->source, number = 0, i;
	struct mqtt_nl_filter filters[] = {
		{ .filter = (const uint8_t *)"nobody/publishes/+", .len = 18 },
		{ .filter = (const uint8_t *)"nobody/#", .len = 8 },
	};
	struct bytes b = { 0 };
	struct mqtt_nl *nl;

	CHECK(!mqtt_nl_open(&nl));
	for (i = 0; i < c->connections; i++) {
		struct mqtt_nl_attach attach = {
			.protocol = MQTT_PROTOCOL_V311, .client_id = "churn", .keep_alive = 60,
		};
		struct rig_peer p;
		unsigned int j;

		rig_connect(&p, NULL);
		attach.fd = p.fd;
		CHECK_EQ(mqtt_nl_peer_attach(nl, &attach, &p.id), 0);
		CHECK_EQ(mqtt_nl_sub_add(nl, p.id, filters, 2), 0);
		for (j = 0; j < CHURN_MESSAGES; j++)
			wire_numbered(&b, 0x30, "t/u", c->source, number++, 20);
		rig_send_bytes(&p, &b);
		b.len = 0;
		churn_end(&p, below(&state, 4));
	}
	mqtt_nl_close(nl);
	bytes_free(&b);
	return NULL;
}

static void hundreds_come_and_go(void)
{
	unsigned int next[1 + CHURNERS] = { 0 }, source, total = 0, want;
	struct churner churners[CHURNERS];
	struct packets got = { 0 };
	long number;
	int i;

	rig_start();
	rig_connect(&witness, NULL);
	rig_attach(&witness);
	rig_sub(&witness, "t/u");
	got.fd = witness.client;
	for (i = 0; i < CHURNERS; i++) {
		churners[i] = (struct churner){
			.source = 1 + i, .connections = ksft_scale(250, 30),
		};
		CHECK(!pthread_create(&churners[i].thread, NULL, churner_main, &churners[i]));
	}
	want = CHURNERS * CHURN_MESSAGES * churners[0].connections;
	while (total < want) {
		number = packets_take_any(&got, &source);
		if (number < 0) {
			packets_wait(&got);
			continue;
		}
		CHECK(source >= 1 && source <= CHURNERS);
		CHECK_EQ(number, next[source]);
		next[source]++;
		total++;
	}
	for (i = 0; i < CHURNERS; i++)
		pthread_join(churners[i].thread, NULL);
	WAIT_UNTIL(rig_peer_count() == 1);
	rig_fence(&witness);
	rig_check_balance();
}

/*
 * Chaos: all operations on the same sockets, from several threads, while a
 * stream passes through them that must not be touched
 */

#define POOL 8
#define WORKERS 4

static struct rig_peer pool[POOL];
static pthread_mutex_t pool_locks[POOL];
static unsigned int pool_ids[POOL];
static struct rig_port chaos_port;

struct worker {
	pthread_t thread;
	struct mqtt_nl *nl;
	unsigned int state;
	unsigned int done;
	bool *stop;
};

static int show_nothing(struct nlattr **attrs, void *arg)
{
	(void)attrs;
	(void)arg;
	return 0;
}

/* Whose descriptors are about to be replaced belongs to one thread. */
static void chaos_reconnect(struct worker *w, int i)
{
	if (pthread_mutex_trylock(&pool_locks[i]))
		return;
	churn_end(&pool[i], below(&w->state, 4));
	rig_connect(&pool[i], NULL);
	pthread_mutex_unlock(&pool_locks[i]);
}

static void chaos_attach(struct worker *w, int i, bool hosted)
{
	struct mqtt_nl_attach attach = {
		.fd = hosted ? 0 : pool[i].fd, .port = hosted ? chaos_port.id : 0,
		.protocol = below(&w->state, 2) ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V5,
		.client_id = "pool", .keep_alive = 1, .tx_hold = !hosted && !below(&w->state, 4),
		.limits.queue_bytes = 1 << 16,
	};
	unsigned int id;

	if (!mqtt_nl_peer_attach(w->nl, &attach, &id))
		__atomic_store_n(&pool_ids[i], id, __ATOMIC_RELAXED);
}

static void chaos_offload(struct worker *w, int i, unsigned int id)
{
	struct mqtt_nl_attach attach = {
		.id = id, .fd = pool[i].fd, .tx_hold = below(&w->state, 2),
		.rx_skip = below(&w->state, 3) ? 0 : below(&w->state, 100),
	};

	if (id)
		mqtt_nl_peer_attach(w->nl, &attach, &id);
}

static void chaos_set(struct worker *w, unsigned int id)
{
	const uint16_t keep_alive = below(&w->state, 3);
	const uint64_t queue_limit = 4096 << below(&w->state, 6);
	const uint8_t hold = below(&w->state, 2);
	struct mqtt_nl_peer_set set = { .tx_hold = &hold };

	if (below(&w->state, 2))
		set.keep_alive = &keep_alive;
	if (below(&w->state, 2))
		set.queue_limit = &queue_limit;
	mqtt_nl_peer_set(w->nl, id, &set);
}

static void chaos_dump(struct worker *w)
{
	mqtt_nl_peer_dump(w->nl, show_nothing, NULL);
	mqtt_nl_sub_dump(w->nl, 0, show_nothing, NULL);
	mqtt_nl_port_dump(w->nl, show_nothing, NULL);
	mqtt_nl_stats_get(w->nl, show_nothing, NULL);
}

/* A port that ends with all that is hosted on it. */
static void chaos_short_port(struct worker *w, unsigned int id)
{
	uint32_t port;
	int fd;

	if (mqtt_nl_port_add(w->nl, 0, &port, &fd))
		return;
	mqtt_nl_peer_host(w->nl, id, port);
	close(fd);
}

static void chaos_bytes(struct worker *w, int i)
{
	static const char message[] = "\x30\x0a\x00\x03p/qhello";
	static const char subscribe[] = "\x82\x08\x00\x01\x00\x03p/q\x00";
	char buf[4096];

	switch (below(&w->state, 6)) {
	case 0:
		send(pool[i].client, message, 12, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 1:
		send(pool[i].client, subscribe, 10, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 2:
		send(pool[i].client, message, 1 + below(&w->state, 11),
		     MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 3:
		send(pool[i].fd, "\xd0\x00", 2, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 4:
		recv(pool[i].fd, buf, sizeof(buf), MSG_DONTWAIT);
		break;
	default:
		recv(pool[i].client, buf, sizeof(buf), MSG_DONTWAIT);
	}
}

static void chaos_step(struct worker *w)
{
	struct mqtt_nl_filter filter = { .filter = (const uint8_t *)"#", .len = 1 };
	unsigned int i = below(&w->state, POOL);
	unsigned int id = __atomic_load_n(&pool_ids[i], __ATOMIC_RELAXED);
	static char buf[1 << 16];

	switch (below(&w->state, 16)) {
	case 0 ... 1:
		chaos_attach(w, i, false);
		break;
	case 2:
		chaos_attach(w, i, true);
		break;
	case 3:
		mqtt_nl_peer_detach(w->nl, id);
		break;
	case 4:
		mqtt_nl_peer_host(w->nl, id, chaos_port.id);
		break;
	case 5:
		chaos_offload(w, i, id);
		break;
	case 6:
		mqtt_nl_sub_add(w->nl, id, &filter, 1);
		break;
	case 7:
		mqtt_nl_sub_del(w->nl, id, &filter, 1);
		break;
	case 8:
		chaos_set(w, id);
		break;
	case 9:
		chaos_dump(w);
		break;
	case 10:
		if (!below(&w->state, 8))
			chaos_short_port(w, id);
		break;
	case 11:
		shutdown(below(&w->state, 2) ? pool[i].fd : pool[i].client,
			 below(&w->state, 3));
		break;
	case 12:
		chaos_reconnect(w, i);
		break;
	case 13:
		if (read(chaos_port.fd, buf, 64 + below(&w->state, sizeof(buf) - 64)) < 0)
			break;
		break;
	default:
		chaos_bytes(w, i);
	}
}

static void *chaos_main(void *arg)
{
	struct worker *w = arg;

	while (!ksft_flag(w->stop)) {
		chaos_step(w);
		w->done++;
	}
	return NULL;
}

/*
 * What was queued was sent, read from a port, or left behind. Who leaves while
 * others send is counted twice at worst.
 */
static bool is_balanced(void)
{
	unsigned long long in = rig_stat(MQTT_A_STATS_ENQUEUED);
	unsigned long long out = rig_stat(MQTT_A_STATS_TX_PACKETS) +
				 rig_stat(MQTT_A_STATS_PORT_TX_PACKETS);

	return in >= out && in <= out + rig_stat(MQTT_A_STATS_DROP_PEER_GONE);
}

static void chaos(void)
{
	struct traffic t = { .from = &pub, .topic = "t/u", .source = 1, .payload = 100,
			     .n = ksft_scale(30000, 1200), .batch = 700, .cpu = 1 };
	struct worker workers[WORKERS] = { 0 };
	struct packets got = { 0 };
	unsigned int steps = 0;
	struct bytes b = { 0 };
	bool stop = false;
	int i;

	rig_start();
	rig_open(&pub);
	rig_connect(&witness, NULL);
	rig_attach_with(&witness, &(struct mqtt_nl_attach){ .limits.queue_bytes = 1ull << 30 });
	rig_sub(&witness, "t/u");
	rig_port_open(&chaos_port, 1 << 20);
	for (i = 0; i < POOL; i++) {
		rig_connect(&pool[i], NULL);
		pthread_mutex_init(&pool_locks[i], NULL);
	}
	for (i = 0; i < WORKERS; i++) {
		workers[i].stop = &stop;
		workers[i].state = 1 + ksft_random(1000000);
		CHECK(!mqtt_nl_open(&workers[i].nl));
		CHECK(!pthread_create(&workers[i].thread, NULL, chaos_main, &workers[i]));
	}
	got.fd = witness.client;
	traffic_start(&t);
	packets_expect(&got, 1, 0, t.n);
	traffic_join(&t);
	ksft_flag_set(&stop);
	for (i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		mqtt_nl_close(workers[i].nl);
		steps += workers[i].done;
	}
	ksft_note("%u steps beside %u messages", steps, got.n);
	for (i = 0; i < POOL; i++)
		rig_close(&pool[i]);
	close(chaos_port.fd);
	WAIT_UNTIL(rig_peer_count() == 2);
	CHECK_EQ(packets_left(&got), 0);
	wire_message(&b, "t/u", "still alive");
	rig_send_bytes(&pub, &b);
	tcp_expect(witness.client, b.p, b.len);
	WAIT_UNTIL(is_balanced());
}

static const struct ksft_case cases[] = {
	{ "hundreds_come_and_go", hundreds_come_and_go },
	{ "chaos", chaos },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
