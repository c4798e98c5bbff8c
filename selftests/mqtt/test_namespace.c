// SPDX-License-Identifier: MIT
/*
 * Routers side by side, each in a network namespace of its own, and a whole
 * broker in a user namespace that owns its network: its root is nobody outside.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/packets.h"
#include "lib/rig.h"

static struct rig_peer pub, sub;

static void become_nobody(void)
{
	CHECK_SYS(syscall(SYS_setresgid, 65534, 65534, 65534));
	CHECK_SYS(syscall(SYS_setresuid, 65534, 65534, 65534));
}

static void write_self(const char *file, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/%s", file);
	fd = CHECK_SYS(open(path, O_WRONLY | O_CLOEXEC));
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* As `unshare -Urn` of somebody without privileges does it. */
static void user_namespace_new(void)
{
	become_nobody();
	/* or /proc/self stays root's */
	CHECK_SYS(prctl(PR_SET_DUMPABLE, 1));
	if (unshare(CLONE_NEWUSER))
		ksft_skip("no user namespaces: %s", strerror(errno));
	write_self("setgroups", "deny");
	write_self("uid_map", "0 65534 1");
	write_self("gid_map", "0 65534 1");
	tcp_netns_new();
}

/* Ends with the exit status of the child, which has to be 0. */
static void join(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP)
		ksft_exit(KSFT_SKIP);
	CHECK_EQ(status, 0);
}

/*
 * Side by side
 */

#define SPACES 3

/* One line of the barrier: everybody has a router before anybody sends, or ends. */
static void all_together(int said, int heard)
{
	char byte;

	CHECK_EQ(write(said, "", 1), 1);
	CHECK_EQ(read(heard, &byte, 1), 1);
}

/* The messages of @source, all of them, and nobody else's. */
static void space_main(unsigned int source, int said, int heard)
{
	struct traffic t = {
		.from = &pub, .topic = "t/u", .source = source, .n = ksft_scale(20000, 2000),
		.payload = 20, .batch = 400, .cpu = source % 2,
	};
	struct packets got = { 0 };

	tcp_netns_new();
	rig_start();
	rig_open_sub(&pub, "nothing");
	rig_open_sub(&sub, "#");
	got.fd = sub.client;
	all_together(said, heard);
	traffic_start(&t);
	packets_expect(&got, source, 0, t.n);
	traffic_join(&t);
	CHECK_EQ(rig_peer_count(), 2);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PACKETS), t.n);
	CHECK_EQ(rig_stat(MQTT_A_STATS_TX_PACKETS), t.n);
	all_together(said, heard);
	/* The others may have ended; this one is as before. */
	rig_fence(&sub);
	CHECK_EQ(packets_left(&got), 0);
}

static void side_by_side(void)
{
	int said[2], heard[2], i, round;
	pid_t pids[SPACES];
	char bytes[SPACES];

	CHECK_SYS(pipe(said));
	CHECK_SYS(pipe(heard));
	fflush(stdout);
	for (i = 0; i < SPACES; i++) {
		pids[i] = CHECK_SYS(fork());
		if (!pids[i]) {
			close(said[0]);
			close(heard[1]);
			space_main(1 + i, said[1], heard[0]);
			ksft_exit(0);
		}
	}
	close(said[1]);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < SPACES; i++)
			CHECK_EQ(read(said[0], bytes, 1), 1);
		CHECK_EQ(write(heard[1], bytes, SPACES), SPACES);
	}
	for (i = 0; i < SPACES; i++)
		join(pids[i]);
}

/* A descriptor of another namespace's router changes nothing there, nor here. */
static void ids_are_of_one_router(void)
{
	struct mqtt_nl_filter filter = { .filter = (const uint8_t *)"#", .len = 1 };
	struct mqtt_nl *there;
	struct rig_peer other;

	rig_start();
	rig_open_sub(&sub, "t/u");
	rig_open(&pub);
	there = rig_nl;
	tcp_netns_new();
	rig_start();
	rig_open(&other);
	CHECK_EQ(other.id, sub.id);	/* numbers begin anew */
	CHECK_EQ(mqtt_nl_peer_detach(rig_nl, pub.id), -ENOENT);
	CHECK_EQ(mqtt_nl_sub_add(rig_nl, other.id, &filter, 1), 0);
	rig_fence(&other);
	CHECK_EQ(rig_peer_get(&other, MQTT_A_PEER_SUBSCRIPTIONS), 2);
	mqtt_nl_close(rig_nl);
	rig_nl = there;
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_SUBSCRIPTIONS), 1);
	rig_send(&pub, "\x30\x0a\x00\x03t/uhello", 12);
	tcp_expect(sub.client, "\x30\x0a\x00\x03t/uhello", 12);
}

/*
 * In a user namespace
 */

static void command(const char *line)
{
	int status = system(line);

	if (status)
		FAIL("%s: status 0x%x", line, status);
}

/* Whose capabilities are in force: the routers of others are out of reach. */
static void outside_is_out_of_reach(int outside)
{
	if (setns(outside, CLONE_NEWNET) == 0)
		FAIL("a namespace's root entered a network namespace of others");
	CHECK_EQ(errno, EPERM);
}

static void daemon_and_tool(int outside)
{
	static const char config[] = "listener 1883\nallow_anonymous true\ndataplane kernel\n";
	struct packets got = { 0 };
	struct traffic t;

	user_namespace_new();
	outside_is_out_of_reach(outside);
	daemon_start(config);
	sub.client = daemon_subscribed(DAEMON_PORT, "sub", "t/u");
	pub.client = daemon_connect(DAEMON_PORT, "pub", 60);
	command("build/mqttctl router show >/dev/null");
	command("build/mqttctl peer show | grep -q sub");
	t = (struct traffic){ .from = &pub, .topic = "t/u", .source = 1, .payload = 30,
			      .n = ksft_scale(20000, 2000), .batch = 500, .cpu = -1 };
	got.fd = sub.client;
	traffic_start(&t);
	packets_expect(&got, 1, 0, t.n);
	traffic_join(&t);
	command("build/mqttctl -j stat show | grep -q rx-packets");
	command("build/mqttctl router set queue-limit 1048576");
	kill(daemon_pid(), SIGTERM);
	CHECK_EQ(waitpid(daemon_pid(), NULL, 0), daemon_pid());
	close(pub.client);
	close(sub.client);
}

static void broker_in_user_namespace(void)
{
	int outside;
	pid_t pid;

	rig_start();
	rig_open_sub(&sub, "#");
	outside = CHECK_SYS(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		daemon_and_tool(outside);
		ksft_exit(0);
	}
	join(pid);
	/* Nothing of it has come here. */
	CHECK_EQ(rig_peer_count(), 1);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_PACKETS), 0);
	rig_fence(&sub);
}

/* Without CAP_NET_ADMIN in it, a process of the namespace is a stranger. */
static void unprivileged_inside(void)
{
	struct mqtt_nl *nl;
	pid_t pid;

	user_namespace_new();
	rig_start();
	rig_open_sub(&sub, "t/u");
	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		/* a user namespace below has no capabilities in this one */
		CHECK_SYS(unshare(CLONE_NEWUSER));
		CHECK_EQ(mqtt_nl_open(&nl), 0);
		CHECK_EQ(mqtt_nl_router_new(nl, &(struct mqtt_nl_router){ 0 }), -EPERM);
		CHECK_EQ(mqtt_nl_router_del(nl), -EPERM);
		CHECK_EQ(mqtt_nl_peer_detach(nl, sub.id), -EPERM);
		ksft_exit(0);
	}
	join(pid);
	rig_fence(&sub);
}

/* All that was in it is gone with its processes, under traffic, again and again. */
static void user_namespaces_come_and_go(void)
{
	int i, status, ready[2];
	char byte;
	pid_t pid;

	for (i = 0; i < ksft_scale(6, 3); i++) {
		CHECK_SYS(pipe(ready));
		fflush(stdout);
		pid = CHECK_SYS(fork());
		if (!pid) {
			struct traffic t = { .from = &pub, .topic = "t/u", .source = 1,
					     .n = 100000000, .payload = 30, .batch = 500,
					     .cpu = -1 };
			struct packets got = { 0 };

			user_namespace_new();
			rig_start();
			rig_open(&pub);
			rig_open_sub(&sub, "t/u");
			traffic_start(&t);
			got.fd = sub.client;
			packets_expect(&got, 1, 0, 300);
			CHECK_EQ(write(ready[1], "", 1), 1);
			for (;;)
				if (!packets_take_number(&got, 1, got.n))
					packets_wait(&got);
		}
		close(ready[1]);
		if (read(ready[0], &byte, 1) == 1)
			kill(pid, SIGKILL);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP)
			ksft_exit(KSFT_SKIP);
		CHECK(WIFSIGNALED(status));
		close(ready[0]);
	}
}

static const struct ksft_case cases[] = {
	{ "side_by_side", side_by_side },
	{ "ids_are_of_one_router", ids_are_of_one_router },
	{ "broker_in_user_namespace", broker_in_user_namespace },
	{ "unprivileged_inside", unprivileged_inside },
	{ "user_namespaces_come_and_go", user_namespaces_come_and_go },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
