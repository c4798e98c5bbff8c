// SPDX-License-Identifier: MIT
/*
 * Who may create a router, and who may operate on it.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/rawnl.h"
#include "lib/rig.h"

static struct rig_peer peer;

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	CHECK_SYS(syscall(SYS_capset, &header, none));
}

static void become_nobody(void)
{
	CHECK_SYS(syscall(SYS_setresgid, 65534, 65534, 65534));
	CHECK_SYS(syscall(SYS_setresuid, 65534, 65534, 65534));
}

/* Runs @run in a process of its own, which has to succeed. */
static void in_child(void (*run)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		run();
		ksft_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static int show_nothing(struct nlattr **attrs, void *arg)
{
	(void)attrs;
	(void)arg;
	return 0;
}

static int sub_add(struct mqtt_nl *nl, const char *filter)
{
	struct mqtt_nl_filter f = { .filter = (const void *)filter, .len = strlen(filter) };

	return mqtt_nl_sub_add(nl, peer.id, &f, 1);
}

static int attach(struct mqtt_nl *nl, int fd, unsigned int *id)
{
	struct mqtt_nl_attach a = {
		.fd = fd, .protocol = MQTT_PROTOCOL_V311, .client_id = "x",
	};

	return mqtt_nl_peer_attach(nl, &a, id);
}

/* Every command on a router that is somebody else's. */
static void check_all_refused(struct mqtt_nl *nl)
{
	struct mqtt_nl_router router = { .queue_limit = 1 << 20 };
	struct mqtt_nl_filter f = { .filter = (const void *)"x", .len = 1 };
	struct rig_peer other;
	unsigned int id;

	rig_connect(&other, NULL);
	CHECK_EQ(attach(nl, other.fd, &id), -EPERM);
	ksft_note("%s", mqtt_nl_error(nl));
	CHECK(strcasestr(mqtt_nl_error(nl), "owner") || strstr(mqtt_nl_error(nl), "CAP_"));
	CHECK_EQ(sub_add(nl, "x"), -EPERM);
	CHECK_EQ(mqtt_nl_sub_del(nl, peer.id, &f, 1), -EPERM);
	CHECK_EQ(mqtt_nl_peer_detach(nl, peer.id), -EPERM);
	CHECK_EQ(mqtt_nl_peer_get(nl, peer.id, show_nothing, NULL), -EPERM);
	CHECK_EQ(mqtt_nl_peer_dump(nl, show_nothing, NULL), -EPERM);
	CHECK_EQ(mqtt_nl_sub_dump(nl, 0, show_nothing, NULL), -EPERM);
	CHECK_EQ(mqtt_nl_sub_dump(nl, peer.id, show_nothing, NULL), -EPERM);
	CHECK_EQ(mqtt_nl_stats_get(nl, show_nothing, NULL), -EPERM);
	CHECK_EQ(mqtt_nl_router_get(nl, show_nothing, NULL), -EPERM);
	CHECK_EQ(mqtt_nl_router_set(nl, &router), -EPERM);
	CHECK_EQ(mqtt_nl_router_new(nl, &router), -EPERM);
	CHECK_EQ(mqtt_nl_router_del(nl), -EPERM);
	rig_close(&other);
}

/* Every command that does not end the router. */
static void check_all_allowed(struct mqtt_nl *nl)
{
	struct mqtt_nl_router router = { .queue_limit = 1 << 20 };
	struct rig_peer other;
	unsigned int id;

	rig_connect(&other, NULL);
	CHECK_EQ(attach(nl, other.fd, &id), 0);
	CHECK_EQ(mqtt_nl_peer_detach(nl, id), 0);
	CHECK_EQ(sub_add(nl, "x"), 0);
	CHECK_EQ(mqtt_nl_peer_get(nl, peer.id, show_nothing, NULL), 0);
	CHECK_EQ(mqtt_nl_peer_dump(nl, show_nothing, NULL), 0);
	CHECK_EQ(mqtt_nl_sub_dump(nl, 0, show_nothing, NULL), 0);
	CHECK_EQ(mqtt_nl_stats_get(nl, show_nothing, NULL), 0);
	CHECK_EQ(mqtt_nl_router_get(nl, show_nothing, NULL), 0);
	CHECK_EQ(mqtt_nl_router_set(nl, &router), 0);
	rig_close(&other);
}

static void nobody_tries(void)
{
	struct mqtt_nl *nl;

	become_nobody();
	CHECK_EQ(mqtt_nl_open(&nl), 0);
	check_all_refused(nl);
	mqtt_nl_close(nl);
}

static void unprivileged_user(void)
{
	rig_start();
	rig_open_sub(&peer, "t/u");
	in_child(nobody_tries);
	CHECK_EQ(rig_peer_get(&peer, MQTT_A_PEER_SUBSCRIPTIONS), 1);
	rig_fence(&peer);
}

static void nobody_creates(void)
{
	struct mqtt_nl *nl;

	become_nobody();
	CHECK_EQ(mqtt_nl_open(&nl), 0);
	CHECK_EQ(mqtt_nl_router_new(nl, &(struct mqtt_nl_router){ 0 }), -EPERM);
	CHECK_EQ(mqtt_nl_peer_dump(nl, show_nothing, NULL), -ENODEV);
}

static void capability_to_create(void)
{
	in_child(nobody_creates);
	rig_start();
}

/* Capabilities of another user namespace count for nothing here. */
static void foreign_root_tries(void)
{
	struct mqtt_nl *nl;

	become_nobody();
	if (unshare(CLONE_NEWUSER))
		ksft_skip("no user namespaces: %s", strerror(errno));
	CHECK_EQ(mqtt_nl_open(&nl), 0);
	check_all_refused(nl);
	mqtt_nl_close(nl);
}

static void other_user_namespace(void)
{
	int status;
	pid_t pid;

	rig_start();
	rig_open(&peer);
	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		foreign_root_tries();
		ksft_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP)
		ksft_skip("no user namespaces");
	CHECK_EQ(status, 0);
}

/* ...but they do in that user namespace's own network namespace. */
static void own_user_namespace(void)
{
	struct rig_peer pub, sub;
	struct bytes b = { 0 };

	become_nobody();
	if (unshare(CLONE_NEWUSER))
		ksft_skip("no user namespaces: %s", strerror(errno));
	tcp_netns_new();
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	wire_message(&b, "t/u", "unprivileged");
	rig_send_bytes(&pub, &b);
	tcp_expect(sub.client, b.p, b.len);
}

/* The owner's socket is authority enough once the router is there. */
static void owner_without_capabilities(void)
{
	rig_start();
	rig_open(&peer);
	drop_capabilities();
	check_all_allowed(rig_nl);
	rig_fence(&peer);
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
	CHECK_EQ(mqtt_nl_router_new(rig_nl, &(struct mqtt_nl_router){ 0 }), -EPERM);
}

/* The owner is a socket, not a process: a second one of it is a stranger. */
static void second_socket_of_owner(void)
{
	struct mqtt_nl *nl;

	rig_start();
	rig_open(&peer);
	drop_capabilities();
	CHECK_EQ(mqtt_nl_open(&nl), 0);
	check_all_refused(nl);
	mqtt_nl_close(nl);
	rig_fence(&peer);
}

static void other_socket_with_capability(void)
{
	struct mqtt_nl *nl;

	rig_start();
	rig_open(&peer);
	CHECK_EQ(mqtt_nl_open(&nl), 0);
	check_all_allowed(nl);
	mqtt_nl_close(nl);
	rig_fence(&peer);
}

/* A set-uid program that writes to a socket it was handed gives no authority. */
static void opened_by_nobody(void)
{
	struct rawnl_answer answer;
	struct bytes req = { 0 };
	struct rawnl nl;

	CHECK_SYS(syscall(SYS_setresuid, -1, 65534, -1));
	rawnl_open(&nl);
	CHECK_SYS(syscall(SYS_setresuid, -1, 0, -1));
	rawnl_begin(&nl, &req, MQTT_CMD_ROUTER_NEW, 0);
	rawnl_nest_end(&req, rawnl_nest(&req, MQTT_A_ROUTER));
	rawnl_call(&nl, &req, &answer);
	CHECK_EQ(answer.error, EPERM);
}

static const struct ksft_case cases[] = {
	{ "unprivileged_user", unprivileged_user },
	{ "capability_to_create", capability_to_create },
	{ "other_user_namespace", other_user_namespace },
	{ "own_user_namespace", own_user_namespace },
	{ "owner_without_capabilities", owner_without_capabilities },
	{ "second_socket_of_owner", second_socket_of_owner },
	{ "other_socket_with_capability", other_socket_with_capability },
	{ "opened_by_nobody", opened_by_nobody },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
