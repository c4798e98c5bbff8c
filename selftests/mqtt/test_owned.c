// SPDX-License-Identifier: MIT
/*
 * A socket whose owner sleeps: a thread is inside send(), in a page fault that is not
 * answered. Who needs that socket waits, and nobody else.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "lib/port.h"
#include "lib/rig.h"
#include "lib/stuck.h"

static struct rig_peer owned, pub, sub;
static struct rig_port port;

static struct stuck stuck;

/* From here on until fault_end() somebody has the socket. */
static void fault_begin(int fd)
{
	stuck = (struct stuck){ .fd = fd, .len = 2, .sends = true };
	stuck_start(&stuck);
}

/* What was sent is a PINGRESP. */
static void fault_end(void)
{
	stuck_end(&stuck, "\xd0\x00", 2);
}

/* Things that are done on the side, so that it is seen when they do not end */

struct job {
	int (*run)(struct mqtt_nl *nl);
	pthread_t thread;
	int tid;
	int ret;
	bool done;
};

static void *job_main(void *arg)
{
	struct job *job = arg;
	struct mqtt_nl *nl;

	__atomic_store_n(&job->tid, gettid(), __ATOMIC_RELEASE);
	CHECK(!mqtt_nl_open(&nl));
	job->ret = job->run(nl);
	mqtt_nl_close(nl);
	ksft_flag_set(&job->done);
	return NULL;
}

static void job_begin(struct job *job, int (*run)(struct mqtt_nl *nl))
{
	*job = (struct job){ .run = run };
	CHECK(!pthread_create(&job->thread, NULL, job_main, job));
}

static int job_end(struct job *job)
{
	WAIT_UNTIL(ksft_flag(&job->done));
	pthread_join(job->thread, NULL);
	return job->ret;
}

/* Does a thread sleep in the kernel, and no signal wakes it? */
static bool is_stuck(const struct job *job)
{
	int tid = __atomic_load_n(&job->tid, __ATOMIC_ACQUIRE);
	char path[64], text[256], *p;
	ssize_t n;
	int fd;

	if (!tid)
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = CHECK_SYS(open(path, O_RDONLY));
	n = CHECK_SYS(read(fd, text, sizeof(text) - 1));
	close(fd);
	text[n] = 0;
	p = strrchr(text, ')');
	CHECK(p);
	return p[2] == 'D';
}

/* What others want meanwhile: requests of each kind, a message, and the end of a peer */
static int others(struct mqtt_nl *nl)
{
	struct rig_peer other;
	uint64_t limit = 1 << 20;
	struct mqtt_nl_peer_set set = { .queue_limit = &limit };
	struct mqtt_nl *before = rig_nl;

	rig_nl = nl;
	rig_open_sub(&other, "t/u");
	rig_say(&pub, "t/u", "one");
	rig_hear(&other, "t/u", "one");
	rig_hear(&sub, "t/u", "one");
	CHECK(rig_peer_count() >= 3);
	CHECK_EQ(mqtt_nl_peer_set(nl, owned.id, &set), 0);
	CHECK_EQ(rig_peer_get(&owned, MQTT_A_PEER_QUEUE_LIMIT), limit);
	rig_sub(&owned, "other/topic");
	rig_unsub(&owned, "other/topic");
	rig_detach(&other);
	rig_close(&other);
	rig_nl = before;
	return 0;
}

static void expect_others_go_on(void)
{
	struct job job;

	job_begin(&job, others);
	CHECK_EQ(job_end(&job), 0);
}

static int do_detach(struct mqtt_nl *nl)
{
	return mqtt_nl_peer_detach(nl, owned.id);
}

static int do_host(struct mqtt_nl *nl)
{
	return mqtt_nl_peer_host(nl, owned.id, port.id);
}

static int do_hold(struct mqtt_nl *nl)
{
	uint8_t hold = 1;

	return mqtt_nl_peer_set(nl, owned.id, &(struct mqtt_nl_peer_set){ .tx_hold = &hold });
}

static int do_keep_alive(struct mqtt_nl *nl)
{
	uint16_t seconds = 100;

	return mqtt_nl_peer_set(nl, owned.id, &(struct mqtt_nl_peer_set){
					.keep_alive = &seconds,
				});
}

static struct rig_peer fresh;

static int do_attach(struct mqtt_nl *nl)
{
	struct mqtt_nl_attach attach = {
		.fd = fresh.fd, .protocol = MQTT_PROTOCOL_V311, .client_id = "fresh",
	};

	return mqtt_nl_peer_attach(nl, &attach, &fresh.id);
}

static int do_offload(struct mqtt_nl *nl)
{
	struct mqtt_nl_attach attach = { .fd = fresh.fd, .id = fresh.id };
	uint32_t id;

	return mqtt_nl_peer_attach(nl, &attach, &id);
}

static void start(void)
{
	rig_start();
	rig_port_open(&port, 0);
	rig_open(&owned);
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
}

/* One waits for the socket of @fd, others do not wait for it, and it ends well. */
static void one_waits(int (*run)(struct mqtt_nl *nl), int fd, int client)
{
	static const unsigned char pingresp[] = { 0xd0, 0x00 };
	struct job job;

	fault_begin(fd);
	job_begin(&job, run);
	WAIT_UNTIL(is_stuck(&job));
	expect_others_go_on();
	CHECK(!ksft_flag(&job.done));
	fault_end();
	CHECK_EQ(job_end(&job), 0);
	tcp_expect(client, pingresp, sizeof(pingresp));
}

static void detach(void)
{
	start();
	one_waits(do_detach, owned.fd, owned.client);
	WAIT_UNTIL(rig_peer_count() == 2);
	rig_attach(&owned);
	rig_sub(&owned, "t/u");
	rig_say(&pub, "t/u", "two");
	rig_hear(&owned, "t/u", "two");
}

static void host(void)
{
	start();
	one_waits(do_host, owned.fd, owned.client);
	CHECK_EQ(rig_peer_get(&owned, MQTT_A_PEER_STATE), MQTT_PEER_STATE_HOSTED);
}

static void set(void)
{
	start();
	one_waits(do_hold, owned.fd, owned.client);
	CHECK_EQ(rig_peer_get(&owned, MQTT_A_PEER_TX_HOLD), 1);
	one_waits(do_keep_alive, owned.fd, owned.client);
	CHECK_EQ(rig_peer_get(&owned, MQTT_A_PEER_KEEP_ALIVE), 100);
}

static void attach(void)
{
	start();
	rig_connect(&fresh, NULL);
	one_waits(do_attach, fresh.fd, fresh.client);
	rig_sub(&fresh, "t/u");
	rig_say(&pub, "t/u", "two");
	rig_hear(&fresh, "t/u", "two");
}

static void offload(void)
{
	start();
	rig_connect(&fresh, NULL);
	rig_attach_hosted(&fresh, &port);
	one_waits(do_offload, fresh.fd, fresh.client);
	rig_sub(&fresh, "t/u");
	rig_say(&pub, "t/u", "two");
	rig_hear(&fresh, "t/u", "two");
}

/* Its port is closed while it waits for the socket: the peer has gone. */
static void offload_without_port(void)
{
	struct job job;

	start();
	rig_connect(&fresh, NULL);
	rig_attach_hosted(&fresh, &port);
	fault_begin(fresh.fd);
	job_begin(&job, do_offload);
	WAIT_UNTIL(is_stuck(&job));
	CHECK_EQ(do_offload(rig_nl), -EBUSY);
	close(port.fd);
	WAIT_UNTIL(rig_peer_count() == 3);
	fault_end();
	CHECK_EQ(job_end(&job), -ENOENT);
	rig_attach(&fresh);
}

/* Two want the same, and who comes second finds it done. */
static void detach_twice(void)
{
	struct job first, second;
	int a, b;

	start();
	fault_begin(owned.fd);
	job_begin(&first, do_detach);
	job_begin(&second, do_detach);
	WAIT_UNTIL(is_stuck(&first) && is_stuck(&second));
	fault_end();
	a = job_end(&first);
	b = job_end(&second);
	CHECK((!a && b == -ENOENT) || (a == -ENOENT && !b));
}

/* All other sockets come back, and can be closed, and another router begins. */
static void router_ends(void)
{
	unsigned char got[64];
	struct bytes b = { 0 };

	start();
	fault_begin(owned.fd);
	mqtt_nl_close(rig_nl);
	wire_message(&b, "t/u", "for the daemon");
	CHECK_EQ(send(pub.client, b.p, b.len, 0), b.len);
	CHECK(tcp_wait(pub.fd, POLLIN) & POLLIN);
	tcp_recv_all(pub.fd, got, b.len);
	tcp_compare("given back", got, b.p, b.len);
	rig_close(&pub);
	rig_close(&sub);
	close(port.fd);
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	rig_say(&pub, "t/u", "two");
	rig_hear(&sub, "t/u", "two");
	fault_end();
	WAIT_UNTIL(!mqtt_nl_peer_attach(rig_nl, &(struct mqtt_nl_attach){
			.fd = owned.fd, .protocol = MQTT_PROTOCOL_V311, .client_id = "again",
		}, &owned.id));
}

static const struct ksft_case cases[] = {
	{ "detach", detach },
	{ "host", host },
	{ "set", set },
	{ "attach", attach },
	{ "offload", offload },
	{ "offload_without_port", offload_without_port },
	{ "detach_twice", detach_twice },
	{ "router_ends", router_ends },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
