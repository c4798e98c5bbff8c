// SPDX-License-Identifier: MIT
/*
 * What ends of connections, and processes around them, do to each other and
 * must not do to the kernel or to bystanders.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <net/if.h>

#include "lib/daemon.h"
#include "lib/packets.h"
#include "lib/rig.h"

static struct rig_peer pub, sub, witness;

/*
 * Somebody else's send(), interrupted by the kernel's
 */

/* The loopback device hands every packet to CPU 0, whoever sends it. */
static void receive_on_cpu0(void)
{
	char dir[] = "/tmp/sysfs-XXXXXX", path[128];
	int fd;

	CHECK_SYS(unshare(CLONE_NEWNS));
	CHECK_SYS(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	CHECK(mkdtemp(dir));
	CHECK_SYS(mount("sysfs", dir, "sysfs", 0, NULL));
	snprintf(path, sizeof(path), "%s/class/net/lo/queues/rx-0/rps_cpus", dir);
	fd = open(path, O_WRONLY);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	if (fd < 0)
		ksft_skip("no receive packet steering in this kernel");
	CHECK_EQ(write(fd, "1", 1), 1);
	close(fd);
}

struct bystander {
	pthread_t thread;
	int fd;
	size_t bytes;
	bool done;
};

static unsigned char pattern(size_t at)
{
	return at * 131 + (at >> 8) * 7;
}

static void *bystander_main(void *arg)
{
	struct bystander *b = arg;
	static unsigned char buf[60000];
	size_t i, len;

	ksft_run_on(0);
	for (b->bytes = 0; b->bytes < (size_t)ksft_scale(40, 2) << 20; b->bytes += len) {
		len = 1 + ksft_random(sizeof(buf));
		for (i = 0; i < len; i++)
			buf[i] = pattern(b->bytes + i);
		tcp_send_all(b->fd, buf, len);
	}
	ksft_flag_set(&b->done);
	return NULL;
}

static void page_fragments(void)
{
	static unsigned char buf[1 << 17];
	struct packets got = { 0 };
	struct bystander b = { 0 };
	struct rig_peer plain;
	struct traffic t;
	size_t at = 0, i;
	ssize_t n;

	receive_on_cpu0();
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	rig_connect(&plain, NULL);
	b.fd = plain.client;
	t = traffic_from(&pub);
	t.cpu = 1;
	t.batch = 200;
	traffic_start(&t);
	CHECK(!pthread_create(&b.thread, NULL, bystander_main, &b));
	ksft_run_on(1);
	got.fd = sub.client;
	while (!ksft_flag(&b.done) || at < b.bytes) {
		n = recv(plain.fd, buf, sizeof(buf), MSG_DONTWAIT);
		for (i = 0; n > 0 && i < (size_t)n; i++, at++)
			if (buf[i] != pattern(at))
				FAIL("byte %zu of a bystander's is wrong", at);
		packets_read(&got);
		while (packets_take_number(&got, 1, got.n))
			;
	}
	pthread_join(b.thread, NULL);
	traffic_stop(&t);
	traffic_join(&t);
	ksft_note("%u messages beside %zu bytes", got.n, at);
	CHECK(got.n > 100);
}

/*
 * Ends of connections
 */

static void ss_kill(int fd)
{
	struct sockaddr_in here, there;
	socklen_t len = sizeof(here);
	char command[128];

	CHECK_SYS(getsockname(fd, (struct sockaddr *)&here, &len));
	len = sizeof(there);
	CHECK_SYS(getpeername(fd, (struct sockaddr *)&there, &len));
	snprintf(command, sizeof(command),
		 "ss -K -t -n sport = :%u and dport = :%u >/dev/null 2>&1",
		 ntohs(here.sin_port), ntohs(there.sin_port));
	if (system(command))
		ksft_skip("there is no ss");
}

/* Behind what had arrived, as with any socket. */
static void expect_aborted(int fd)
{
	char buf[4096];
	ssize_t n;

	CHECK(tcp_wait(fd, POLLIN) & (POLLERR | POLLHUP));
	do {
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	} while (n > 0);
	CHECK_EQ(n, -1);
	CHECK_EQ(errno, ECONNABORTED);
}

/* An administrator kills a connection (INET_DIAG_DESTROY). */
static void killed_by_administrator(void)
{
	struct packets got;
	struct traffic t;
	int i;

	rig_start();
	rig_open(&witness);
	for (i = 0; i < 6; i++) {
		rig_open(&pub);
		rig_open_sub(&sub, "t/u");
		t = traffic_from(&pub);
		got = (struct packets){ .fd = sub.client };
		traffic_start(&t);
		packets_expect(&got, 1, 0, 1 + ksft_random(100));
		ss_kill(i % 2 ? pub.fd : sub.fd);
		expect_aborted(i % 2 ? pub.fd : sub.fd);
		traffic_stop(&t);
		if (i & 4) {
			rig_detach(i % 2 ? &pub : &sub);
			close(i % 2 ? pub.fd : sub.fd);
			close(i % 2 ? sub.fd : pub.fd);
		} else {
			close(pub.fd);
			close(sub.fd);
		}
		traffic_join(&t);
		close(pub.client);
		close(sub.client);
		bytes_free(&got.buf);
		WAIT_UNTIL(rig_peer_count() == 1);
	}
	rig_fence(&witness);
	rig_check_balance_racy();
}

/* One of the ways in which a connection can end, on one of its sides. */
static void end_somehow(struct rig_peer *p)
{
	struct linger now = { .l_onoff = 1 };
	int fd = ksft_random(2) ? p->client : p->fd;

	switch (ksft_random(5)) {
	case 0:
		shutdown(fd, SHUT_WR);
		break;
	case 1:
		shutdown(fd, SHUT_RD);
		break;
	case 2:
		shutdown(fd, SHUT_RDWR);
		break;
	case 3:		/* close() is to send a reset */
		CHECK_SYS(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
		break;
	case 4:
		if (p->id)
			rig_detach(p);
		break;
	}
}

static void ends_at_any_time(void)
{
	struct packets got, seen;
	struct bytes mark = { 0 };
	struct rig_peer marker;
	struct traffic t;
	int i, n = ksft_scale(60, 10);

	rig_start();
	rig_open(&marker);
	wire_message(&mark, "t/u", "that was all");
	for (i = 0; i < n; i++) {
		rig_open(&pub);
		rig_open_sub(&sub, "t/u");
		rig_open_sub(&witness, "t/u");
		t = traffic_from(&pub);
		got = (struct packets){ .fd = sub.client };
		seen = (struct packets){ .fd = witness.client };
		traffic_start(&t);
		packets_expect(&got, 1, 0, 1 + ksft_random(200));
		end_somehow(ksft_random(2) ? &pub : &sub);
		if (ksft_random(2))
			end_somehow(ksft_random(2) ? &pub : &sub);
		traffic_stop(&t);
		close(pub.fd);
		traffic_join(&t);
		close(sub.fd);
		close(pub.client);
		close(sub.client);
		/* Who has nothing to do with it sees all that was forwarded. */
		rig_send_bytes(&marker, &mark);
		while (!packets_take(&seen, mark.p, mark.len))
			if (!packets_take_number(&seen, 1, seen.n))
				packets_wait(&seen);
		rig_close(&witness);
		WAIT_UNTIL(rig_peer_count() == 1);
		bytes_free(&got.buf);
		bytes_free(&seen.buf);
	}
	rig_check_balance_racy();
}

/* One subscriber does not read: its queue is bounded, the other gets everything. */
static void subscriber_stops_reading(void)
{
	struct packets got = { 0 }, late = { 0 };
	unsigned long long limit = 1 << 20, dropped;
	unsigned int source, last = 0;
	struct traffic t;
	long number;

	rig_start_with(limit, 0);
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	rig_connect(&witness, NULL);
	rig_attach_with(&witness, &(struct mqtt_nl_attach){ .limits.queue_bytes = 1ull << 30 });
	rig_sub(&witness, "t/u");
	t = traffic_from(&pub);
	t.n = ksft_scale(20000, 4000);
	t.payload = 3000;
	t.batch = 20000;
	traffic_start(&t);
	got.fd = witness.client;
	packets_expect(&got, 1, 0, t.n);
	traffic_join(&t);

	CHECK(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_BYTES) <= limit);
	CHECK_EQ(rig_peer_stat(&witness, MQTT_A_PEER_STATS_DROP_QUEUE_FULL), 0);
	dropped = rig_peer_stat(&sub, MQTT_A_PEER_STATS_DROP_QUEUE_FULL);
	CHECK(dropped);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_QUEUE_FULL), dropped);

	/* It comes back: whole messages, in order, all that were not dropped. */
	late.fd = sub.client;
	while (late.n < t.n - dropped) {
		number = packets_take_any(&late, &source);
		if (number < 0) {
			packets_wait(&late);
			continue;
		}
		CHECK(!late.n || number >= last);
		last = number;
	}
	CHECK_EQ(packets_left(&late), 0);
	ksft_note("%llu of %u dropped", dropped, t.n);
	rig_check_balance();
}

/* The daemon is killed under traffic; clients see the end, and another one starts. */
static void daemon_killed(void)
{
	static const char config[] = "listener 1883\nallow_anonymous true\ndataplane kernel\n";
	struct packets got;
	struct traffic t;
	int i, status;

	for (i = 0; i < 3; i++) {
		daemon_start(config);
		sub.client = daemon_subscribed(DAEMON_PORT, "sub", "t/u");
		pub.client = daemon_connect(DAEMON_PORT, "pub", 60);
		t = traffic_from(&pub);
		t.n = 100000000;
		got = (struct packets){ .fd = sub.client };
		traffic_start(&t);
		packets_expect(&got, 1, 0, 500);
		kill(daemon_pid(), SIGKILL);
		CHECK_EQ(waitpid(daemon_pid(), &status, 0), daemon_pid());
		/* What comes until the end is whole and in order. */
		while (!got.ended)
			if (!packets_take_number(&got, 1, got.n))
				packets_wait(&got);
		traffic_stop(&t);
		traffic_join(&t);
		close(pub.client);
		close(sub.client);
		bytes_free(&got.buf);
	}
}

/*
 * Namespaces
 */

/* A daemon and its clients in a network namespace of their own, under traffic. */
static void namespace_main(int ready)
{
	struct packets got = { 0 };
	struct traffic t;

	tcp_netns_new();
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	t = traffic_from(&pub);
	t.n = 100000000;
	got.fd = sub.client;
	traffic_start(&t);
	packets_expect(&got, 1, 0, 100);
	CHECK_EQ(write(ready, "", 1), 1);
	for (;;)
		if (!packets_take_number(&got, 1, got.n))
			packets_wait(&got);
}

/*
 * Processes are killed in the middle of it, and nothing keeps their namespace:
 * the other end of a pair of devices goes with it.
 */
static void namespace_goes(void)
{
	char command[128], byte;
	int ready[2], status;
	pid_t pid;

	CHECK_SYS(pipe(ready));
	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		namespace_main(ready[1]);
		_exit(0);
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	snprintf(command, sizeof(command),
		 "ip link add mqtt-here type veth peer name mqtt-there netns %d", pid);
	if (system(command))
		ksft_skip("no veth here");
	CHECK(if_nametoindex("mqtt-here"));
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	WAIT_UNTIL(!if_nametoindex("mqtt-here"));
}

/*
 * Everybody does everything with the same sockets
 */

#define POOL 6
#define WORKERS 4

static struct rig_peer pool[POOL];
static unsigned int pool_ids[POOL];

static void pool_step(struct mqtt_nl *nl, unsigned int what, int i)
{
	struct mqtt_nl_attach attach = {
		.fd = pool[i].fd, .protocol = MQTT_PROTOCOL_V311, .client_id = "pool",
		.keep_alive = 1,
	};
	struct mqtt_nl_filter filter = { .filter = (const uint8_t *)"t/u", .len = 3 };
	struct mqtt_nl_peer_set set = { .keep_alive = &attach.keep_alive };
	static const unsigned char message[] = "\x30\x0a\x00\x03t/uhello";
	unsigned int id = __atomic_load_n(&pool_ids[i], __ATOMIC_RELAXED);
	char buf[4096];

	switch (what) {
	case 0 ... 2:
		if (!mqtt_nl_peer_attach(nl, &attach, &id))
			__atomic_store_n(&pool_ids[i], id, __ATOMIC_RELAXED);
		break;
	case 3:
		mqtt_nl_peer_detach(nl, id);
		break;
	case 4:
		mqtt_nl_sub_add(nl, id, &filter, 1);
		break;
	case 5:
		mqtt_nl_peer_set(nl, id, &set);
		break;
	case 6:
		send(pool[i].client, message, 12, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 7:
		send(pool[i].fd, "\xd0\x00", 2, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 8:
		recv(pool[i].fd, buf, sizeof(buf), MSG_DONTWAIT);
		break;
	case 9:
		recv(pool[i].client, buf, sizeof(buf), MSG_DONTWAIT);
		break;
	}
}

static void *pool_main(void *arg)
{
	unsigned int state = (unsigned long)arg;
	struct mqtt_nl *nl;
	int n;

	CHECK(!mqtt_nl_open(&nl));
	for (n = 0; n < ksft_scale(1500, 150); n++)
		pool_step(nl, rand_r(&state) % 10, rand_r(&state) % POOL);
	mqtt_nl_close(nl);
	return NULL;
}

static void attach_races(void)
{
	pthread_t threads[WORKERS];
	struct bytes b = { 0 };
	unsigned long i;

	rig_start();
	for (i = 0; i < POOL; i++)
		rig_connect(&pool[i], NULL);
	for (i = 0; i < WORKERS; i++)
		CHECK(!pthread_create(&threads[i], NULL, pool_main,
				      (void *)(unsigned long)(1 + ksft_random(1000000))));
	for (i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < POOL; i++) {
		close(pool[i].client);
		close(pool[i].fd);
	}
	WAIT_UNTIL(!rig_peer_count());
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	wire_message(&b, "t/u", "still alive");
	rig_send_bytes(&pub, &b);
	tcp_expect(sub.client, b.p, b.len);
}

static const struct ksft_case cases[] = {
	{ "page_fragments", page_fragments },
	{ "killed_by_administrator", killed_by_administrator },
	{ "ends_at_any_time", ends_at_any_time },
	{ "subscriber_stops_reading", subscriber_stops_reading },
	{ "daemon_killed", daemon_killed },
	{ "namespace_goes", namespace_goes },
	{ "attach_races", attach_races },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
