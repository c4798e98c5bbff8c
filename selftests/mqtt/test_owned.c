// SPDX-License-Identifier: MIT
/*
 * A socket whose owner sleeps: a thread is inside send(), in a page fault that is not
 * answered. Who needs that socket waits, not for ever, and nobody else does.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/port.h"
#include "lib/rig.h"
#include "lib/stuck.h"

static struct rig_peer owned, pub, sub;
static struct rig_port port;

static struct stuck stuck;

/* From here on until the end somebody has the socket. */
static void fault_begin_of(struct stuck *s, int fd)
{
	*s = (struct stuck){ .fd = fd, .len = 2, .sends = true };
	stuck_start(s);
}

/* What was sent is a PINGRESP. */
static void fault_end_of(struct stuck *s)
{
	stuck_end(s, "\xd0\x00", 2);
}

static void fault_begin(int fd)
{
	fault_begin_of(&stuck, fd);
}

static void fault_end(void)
{
	fault_end_of(&stuck);
}

/* Things that are done on the side, so that it is seen when they do not end */

struct job {
	int (*run)(struct mqtt_nl *nl);
	bool once;		/* or again while the socket's owner is the reason */
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
	do {
		job->ret = job->run(nl);
		CHECK(job->ret != -EAGAIN || strstr(mqtt_nl_error(nl), "owner"));
	} while (job->ret == -EAGAIN && !job->once);
	mqtt_nl_close(nl);
	ksft_flag_set(&job->done);
	return NULL;
}

static void job_start(struct job *job)
{
	CHECK(!pthread_create(&job->thread, NULL, job_main, job));
}

static void job_begin(struct job *job, int (*run)(struct mqtt_nl *nl))
{
	*job = (struct job){ .run = run };
	job_start(job);
}

static void job_begin_once(struct job *job, int (*run)(struct mqtt_nl *nl))
{
	*job = (struct job){ .run = run, .once = true };
	job_start(job);
}

static int job_end(struct job *job)
{
	WAIT_UNTIL(ksft_flag(&job->done));
	pthread_join(job->thread, NULL);
	return job->ret;
}

/* Does a thread sleep in the kernel, and an ordinary signal does not wake it? */
static bool waits(int tid)
{
	char path[64], text[256], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	fd = CHECK_SYS(open(path, O_RDONLY));
	n = CHECK_SYS(read(fd, text, sizeof(text) - 1));
	close(fd);
	text[n] = 0;
	p = strrchr(text, ')');
	CHECK(p);
	return p[2] == 'D';
}

static bool is_stuck(const struct job *job)
{
	int tid = __atomic_load_n(&job->tid, __ATOMIC_ACQUIRE);

	return tid && waits(tid);
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

static struct rig_peer fresh, moving;

static int do_attach(struct mqtt_nl *nl)
{
	struct mqtt_nl_attach attach = {
		.fd = fresh.fd, .protocol = MQTT_PROTOCOL_V311, .client_id = "fresh",
	};

	return mqtt_nl_peer_attach(nl, &attach, &fresh.id);
}

static int do_offload(struct mqtt_nl *nl)
{
	struct mqtt_nl_attach attach = { .fd = moving.fd, .id = moving.id };
	uint32_t id;

	return mqtt_nl_peer_attach(nl, &attach, &id);
}

/* Who else offloads it is not to be the end of that. */
static int do_offload_patiently(struct mqtt_nl *nl)
{
	int ret;

	do {
		ret = do_offload(nl);
	} while (ret == -EBUSY);
	return ret;
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
	rig_connect(&moving, NULL);
	rig_attach_hosted(&moving, &port);
	one_waits(do_offload, moving.fd, moving.client);
	rig_sub(&moving, "t/u");
	rig_say(&pub, "t/u", "two");
	rig_hear(&moving, "t/u", "two");
}

/* Its port is closed while it waits for the socket: the peer has gone. */
static void offload_without_port(void)
{
	struct job job;

	start();
	rig_connect(&moving, NULL);
	rig_attach_hosted(&moving, &port);
	fault_begin(moving.fd);
	job_begin(&job, do_offload_patiently);
	WAIT_UNTIL(is_stuck(&job));
	WAIT_UNTIL(do_offload(rig_nl) == -EBUSY);
	close(port.fd);
	WAIT_UNTIL(rig_peer_count() == 3);
	fault_end();
	CHECK_EQ(job_end(&job), -ENOENT);
	rig_attach(&moving);
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

/* None of them has to do with others' being done; all together they take a second. */
static void refused(void)
{
	static int (*const requests[])(struct mqtt_nl *nl) = {
		do_detach, do_host, do_hold, do_keep_alive, do_attach, do_offload,
	};
	struct job jobs[ARRAY_LEN(requests)];
	struct stuck others[2];
	unsigned int i;

	start();
	rig_connect(&fresh, NULL);
	rig_connect(&moving, NULL);
	rig_attach_hosted(&moving, &port);
	fault_begin(owned.fd);
	fault_begin_of(&others[0], fresh.fd);
	fault_begin_of(&others[1], moving.fd);
	for (i = 0; i < ARRAY_LEN(jobs); i++)
		job_begin_once(&jobs[i], requests[i]);
	for (i = 0; i < ARRAY_LEN(jobs); i++)
		CHECK_EQ(job_end(&jobs[i]), -EAGAIN);
	CHECK_EQ(rig_peer_count(), 4);
	CHECK_EQ(rig_peer_get(&owned, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
	CHECK_EQ(rig_peer_get(&owned, MQTT_A_PEER_TX_HOLD), 0);
	CHECK_EQ(rig_peer_get(&owned, MQTT_A_PEER_KEEP_ALIVE), 0);
	CHECK_EQ(rig_peer_get(&moving, MQTT_A_PEER_STATE), MQTT_PEER_STATE_HOSTED);
	fault_end();
	fault_end_of(&others[0]);
	fault_end_of(&others[1]);
	CHECK_EQ(do_host(rig_nl), 0);
	CHECK_EQ(do_attach(rig_nl), 0);
	CHECK_EQ(do_offload(rig_nl), 0);
}

/* A process that asks for a detach until it is killed */
static pid_t detacher(void)
{
	pid_t pid = CHECK_SYS(fork());
	struct mqtt_nl *nl;

	if (pid)
		return pid;
	CHECK(!mqtt_nl_open(&nl));
	while (do_detach(nl) == -EAGAIN)
		;
	_exit(1);
}

/*
 * A request that began earlier would end earlier, if it were not for the signal. Both take
 * a second at most, in which this may not be done; then it is tried again.
 */
static bool killed_first(void)
{
	struct job first;
	int status;
	bool was;
	pid_t pid;

	job_begin_once(&first, do_detach);
	WAIT_UNTIL(is_stuck(&first) || ksft_flag(&first.done));
	pid = detacher();
	WAIT_UNTIL(waits(pid));
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK_SYS(waitpid(pid, &status, 0));
	CHECK(WIFSIGNALED(status));
	was = !ksft_flag(&first.done);
	CHECK_EQ(job_end(&first), -EAGAIN);
	return was;
}

static void killed(void)
{
	start();
	fault_begin(owned.fd);
	WAIT_UNTIL(killed_first());
	fault_end();
	CHECK_EQ(do_detach(rig_nl), 0);
}

/* Returns false if it cannot be done. */
static bool modprobe(const char *option)
{
	pid_t pid = CHECK_SYS(fork());
	int status;

	if (!pid) {
		execlp("modprobe", "modprobe", "-q", option, "psample", NULL);
		_exit(127);
	}
	WAIT_UNTIL(waitpid(pid, &status, WNOHANG) == pid);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/*
 * Registering a family keeps all of generic netlink waiting as long as a request is not
 * answered. Requests here wait all the time, but none for long.
 */
static void another_family(void)
{
	struct job job;

	start();
	fault_begin(owned.fd);
	job_begin(&job, do_detach);
	WAIT_UNTIL(is_stuck(&job));
	if (!modprobe("--first-time"))
		ksft_skip("no module psample, or it is there already");
	expect_others_go_on();
	CHECK(modprobe("--remove"));
	CHECK(!ksft_flag(&job.done));
	fault_end();
	CHECK_EQ(job_end(&job), 0);
}

/* Is a worker of the system's at work in the queue of ends? */
static bool worker_ends_routers(void)
{
	char path[300], name[64];
	struct dirent *entry;
	bool found = false;
	FILE *f;
	DIR *dir;

	dir = opendir("/proc");
	CHECK(dir);
	while (!found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		f = atoi(entry->d_name) ? fopen(path, "r") : NULL;
		if (!f)
			continue;
		found = fgets(name, sizeof(name), f) && strstr(name, "+mqtt_end");
		fclose(f);
	}
	closedir(dir);
	return found;
}

static void attach_again(struct rig_peer *p)
{
	const struct mqtt_nl_attach attach = {
		.fd = p->fd, .protocol = MQTT_PROTOCOL_V311, .client_id = "again",
	};

	WAIT_UNTIL(!mqtt_nl_peer_attach(rig_nl, &attach, &p->id));
}

/* A request for the end of a router is answered. What is left ends by itself. */
static void router_del(void)
{
	start();
	fault_begin(owned.fd);
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
	CHECK_EQ(mqtt_nl_router_new(rig_nl, &(struct mqtt_nl_router){ 0 }), 0);
	rig_attach(&pub);
	rig_attach(&sub);
	rig_sub(&sub, "t/u");
	rig_say(&pub, "t/u", "two");
	rig_hear(&sub, "t/u", "two");
	WAIT_UNTIL(!worker_ends_routers());
	fault_end();
	attach_again(&owned);
}

/* Who comes later among the peers does not wait for who comes first. */
static void router_ends_for_each(void)
{
	struct stuck other;

	start();
	fault_begin(owned.fd);
	fault_begin_of(&other, pub.fd);
	mqtt_nl_close(rig_nl);
	close(port.fd);
	rig_start();
	attach_again(&sub);
	rig_sub(&sub, "t/u");
	fault_end_of(&other);
	attach_again(&pub);
	rig_say(&pub, "t/u", "two");
	rig_hear(&sub, "t/u", "two");
	fault_end();
	attach_again(&owned);
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
	WAIT_UNTIL(!worker_ends_routers());
	fault_end();
	attach_again(&owned);
}

static const struct ksft_case cases[] = {
	{ "detach", detach },
	{ "host", host },
	{ "set", set },
	{ "attach", attach },
	{ "offload", offload },
	{ "offload_without_port", offload_without_port },
	{ "detach_twice", detach_twice },
	{ "refused", refused },
	{ "killed", killed },
	{ "another_family", another_family },
	{ "router_del", router_del },
	{ "router_ends_for_each", router_ends_for_each },
	{ "router_ends", router_ends },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
