// SPDX-License-Identifier: MIT
/*
 * Requests that come to nothing: attributes that do not go together, no room, no
 * descriptor, an answer that nobody takes, and a router that ends meanwhile. Each leaves
 * everything as it was.
 */
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/acl.h"
#include "lib/port.h"
#include "lib/rawnl.h"
#include "lib/stuck.h"

#define PORTS_MAX 1024		/* of a router */

static struct rawnl raw;
static struct bytes req;
static struct rig_peer peer, other;
static struct rig_port port;

static void start(void)
{
	rig_start();
	rawnl_open(&raw);
}

static void refused(int error, const char *text, size_t at)
{
	struct rawnl_answer a;

	rawnl_call(&raw, &req, &a);
	if (a.error != error || !strstr(a.text, text) || a.offset != at)
		FAIL("error %d, \"%s\" at %u, want %d, \"%s\" at %zu", a.error, a.text, a.offset,
		     error, text, at);
	CHECK_EQ(rig_peer_count(), 0);
}

static size_t begin_attach(int where, unsigned int value)
{
	size_t nest;

	rawnl_begin(&raw, &req, MQTT_CMD_PEER_ATTACH, 0);
	nest = rawnl_nest(&req, MQTT_A_PEER);
	rawnl_put_u32(&req, where, value);
	rawnl_put(&req, MQTT_A_PEER_CLIENT_ID, "raw", 4);
	rawnl_put_u8(&req, MQTT_A_PEER_PROTOCOL, MQTT_PROTOCOL_V311);
	return nest;
}

/* What is said of a connection needs one, and residue and skip exclude each other. */
static void attributes_of_a_connection(void)
{
	size_t nest, at;

	start();
	rig_connect(&peer, NULL);
	rig_port_open(&port, 0);

	nest = begin_attach(MQTT_A_PEER_PORT, port.id);
	at = rawnl_put(&req, MQTT_A_PEER_RX_RESIDUE, "x", 1);
	rawnl_nest_end(&req, nest);
	refused(EINVAL, "go with fd", at);

	nest = begin_attach(MQTT_A_PEER_PORT, port.id);
	at = rawnl_put_u32(&req, MQTT_A_PEER_RX_SKIP, 1);
	rawnl_nest_end(&req, nest);
	refused(EINVAL, "go with fd", at);

	nest = begin_attach(MQTT_A_PEER_FD, peer.fd);
	rawnl_put(&req, MQTT_A_PEER_RX_RESIDUE, "x", 1);
	at = rawnl_put_u32(&req, MQTT_A_PEER_RX_SKIP, 1);
	rawnl_nest_end(&req, nest);
	refused(EINVAL, "does not go with rx-residue", at);
}

static void no_subscription(void)
{
	struct rawnl_answer a;
	size_t nest;

	start();
	rig_open(&peer);
	rawnl_begin(&raw, &req, MQTT_CMD_SUB_ADD, 0);
	nest = rawnl_nest(&req, MQTT_A_PEER);
	rawnl_put_u32(&req, MQTT_A_PEER_ID, peer.id);
	rawnl_nest_end(&req, nest);
	rawnl_call(&raw, &req, &a);
	CHECK_EQ(a.error, EINVAL);
	CHECK(strstr(a.text, "no subscription"));
}

/* A rule's filter with as many levels as may be, and with one more */
static void levels_of_a_rule(void)
{
	char filter[MQTT_FILTER_LEVELS_MAX + 1] = "";
	struct mqtt_nl_acl_rule r;

	start();
	memset(filter, '/', MQTT_FILTER_LEVELS_MAX);
	r = rule(filter, MQTT_ACL_ACTION_ALLOW, MQTT_ACL_ACCESS_PUBLISH);
	CHECK_EQ(mqtt_nl_acl_set(rig_nl, 1, MQTT_ACL_ACTION_PASS, &r, 1), -EINVAL);
	CHECK(strstr(mqtt_nl_error(rig_nl), "too many levels"));
	r.len--;
	set_acl_of(rig_nl, 1, MQTT_ACL_ACTION_PASS, &r, 1);
}

static void offloaded_already(void)
{
	struct mqtt_nl_attach attach = { 0 };
	uint32_t id;

	start();
	rig_open_sub(&peer, "t/u");
	rig_connect(&other, NULL);
	attach.id = peer.id;
	attach.fd = other.fd;
	CHECK_EQ(mqtt_nl_peer_attach(rig_nl, &attach, &id), -EBUSY);
	CHECK(strstr(mqtt_nl_error(rig_nl), "offloaded already"));
	rig_attach(&other);
	rig_say(&other, "t/u", "hello");
	rig_hear(&peer, "t/u", "hello");
}

static void *offload_main(void *arg)
{
	struct mqtt_nl_attach attach = { .id = peer.id, .fd = peer.fd };
	struct mqtt_nl *nl;
	uint32_t id;

	(void)arg;
	CHECK(!mqtt_nl_open(&nl));
	mqtt_nl_peer_attach(nl, &attach, &id);
	mqtt_nl_close(nl);
	return NULL;
}

/* A request that offloads it waits for its socket, whose owner is asleep. */
static void being_offloaded(void)
{
	static const char text[] = "another request is about to offload the peer";
	struct mqtt_nl_attach attach = { 0 };
	struct stuck owner;
	pthread_t thread;
	uint32_t id;

	start();
	rig_port_open(&port, 0);
	rig_connect(&peer, NULL);
	rig_attach_hosted(&peer, &port);
	owner = (struct stuck){ .fd = peer.fd, .len = 2, .sends = true };
	stuck_start(&owner);
	CHECK(!pthread_create(&thread, NULL, offload_main, NULL));
	WAIT_UNTIL(mqtt_nl_peer_host(rig_nl, peer.id, port.id) == -EBUSY &&
		   !strcmp(mqtt_nl_error(rig_nl), text));
	rig_connect(&other, NULL);
	attach.id = peer.id;
	attach.fd = other.fd;
	CHECK_EQ(mqtt_nl_peer_attach(rig_nl, &attach, &id), -EBUSY);
	CHECK(!strcmp(mqtt_nl_error(rig_nl), text));
	stuck_end(&owner, "\xd0\x00", 2);
	pthread_join(thread, NULL);
}

/* Where the stream stands is not certain before urgent data has been read. */
static void urgent_data(void)
{
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V311, .client_id = "urgent" };
	uint32_t id;
	char byte;

	start();
	rig_connect(&peer, NULL);
	CHECK_EQ(send(peer.client, "!", 1, MSG_OOB), 1);
	WAIT_UNTIL(tcp_received(peer.fd) == 1);
	attach.fd = peer.fd;
	CHECK_EQ(mqtt_nl_peer_attach(rig_nl, &attach, &id), -EINVAL);
	CHECK(strstr(mqtt_nl_error(rig_nl), "urgent"));
	CHECK_EQ(recv(peer.fd, &byte, 1, MSG_OOB), 1);
	/* once it has been passed by */
	rig_send(&peer, "x", 1);
	tcp_expect(peer.fd, "x", 1);
	rig_attach(&peer);
}

static int new_port(uint32_t *id, int *fd)
{
	return mqtt_nl_port_add(rig_nl, 0, id, fd);
}

static void too_many_ports(void)
{
	struct rlimit limit = { 2 * PORTS_MAX, 2 * PORTS_MAX };
	int fd[PORTS_MAX], one, i;
	uint32_t id;

	start();
	CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
	for (i = 0; i < PORTS_MAX; i++)
		CHECK_EQ(new_port(&id, &fd[i]), 0);
	CHECK_EQ(new_port(&id, &one), -ENOSPC);
	CHECK(strstr(mqtt_nl_error(rig_nl), "too many ports"));
	close(fd[500]);
	CHECK_EQ(new_port(&id, &fd[500]), 0);
	CHECK_EQ(new_port(&id, &one), -ENOSPC);
	/* and they are shown, in as many messages as it takes */
	CHECK_EQ(rig_port_count(rig_nl), PORTS_MAX);
}

static void no_descriptor(void)
{
	struct rlimit limit;
	uint32_t id;
	int fd;

	start();
	fd = CHECK_SYS(dup(0));
	CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = fd;
	close(fd);
	CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_EQ(new_port(&id, &fd), -EMFILE);
	CHECK(strstr(mqtt_nl_error(rig_nl), "descriptor"));
	limit.rlim_cur++;
	CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_EQ(new_port(&id, &fd), 0);
}

/* From now on no answer finds a place in the socket's buffer. */
static void stop_reading(void)
{
	int i;

	tcp_set_int(raw.fd, SOL_SOCKET, SO_RCVBUF, 1);
	for (i = 0; i < 100; i++) {
		rawnl_begin(&raw, &req, MQTT_CMD_STATS_GET, 0);
		memcpy(req.p, &(unsigned int){ req.len }, 4);
		CHECK_EQ(send(raw.fd, req.p, req.len, 0), req.len);
	}
}

static void call_and_go(void)
{
	memcpy(req.p, &(unsigned int){ req.len }, 4);
	CHECK_EQ(send(raw.fd, req.p, req.len, 0), req.len);
}

/* Who is not told the number of what it has made does not get it. */
static void nobody_to_tell(void)
{
	size_t nest;

	start();
	rig_connect(&peer, NULL);
	rig_port_open(&port, 0);
	rig_attach_hosted(&other, &port);
	stop_reading();

	nest = begin_attach(MQTT_A_PEER_FD, peer.fd);
	rawnl_nest_end(&req, nest);
	call_and_go();
	CHECK_EQ(rig_peer_count(), 1);
	rig_send(&peer, "plain", 5);
	tcp_expect(peer.fd, "plain", 5);

	rawnl_begin(&raw, &req, MQTT_CMD_PORT_ADD, 0);
	call_and_go();
	CHECK_EQ(rig_port_count(rig_nl), 1);

	/* Whose number it has said itself is offloaded. */
	rawnl_begin(&raw, &req, MQTT_CMD_PEER_ATTACH, 0);
	nest = rawnl_nest(&req, MQTT_A_PEER);
	rawnl_put_u32(&req, MQTT_A_PEER_ID, other.id);
	rawnl_put_u32(&req, MQTT_A_PEER_FD, peer.fd);
	rawnl_nest_end(&req, nest);
	call_and_go();
	CHECK_EQ(rig_peer_get(&other, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
}

/*
 * Requests that have found the router, and the end of it before they change
 * anything. Each try is a process, and ends with whether it came to that.
 */

static pthread_barrier_t both;
static unsigned int delay;	/* of the end, in requests */

static void *ender_main(void *nl)
{
	pthread_barrier_wait(&both);
	while (delay--)
		rig_port_count(nl);
	CHECK_EQ(mqtt_nl_router_del(nl), 0);
	return NULL;
}

static bool try_request(void (*prepare)(void), int (*request)(void))
{
	struct mqtt_nl *nl;
	pthread_t ender;
	bool late;
	int ret;

	rig_start();
	CHECK_EQ(mqtt_nl_open(&nl), 0);
	CHECK(!pthread_barrier_init(&both, NULL, 2));
	prepare();
	CHECK(!pthread_create(&ender, NULL, ender_main, nl));
	pthread_barrier_wait(&both);
	ret = request();
	CHECK(!ret || ret == -ENODEV);
	late = ret && strstr(mqtt_nl_error(rig_nl), "just ended");
	CHECK(!pthread_join(ender, NULL));
	return late;
}

static void ends_meanwhile(void (*prepare)(void), int (*request)(void))
{
	long long end = ksft_deadline();
	int status = 0, tries = 0;

	do {
		pid_t pid;

		delay = ksft_random(20);
		pid = CHECK_SYS(fork());
		if (!pid)
			_exit(try_request(prepare, request) ? 2 : 0);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) != KSFT_FAIL);
		tries++;
	} while (WEXITSTATUS(status) != 2 && ksft_now_ms() < end);
	if (WEXITSTATUS(status) != 2)
		ksft_skip("in %d tries the router never ended just then", tries);
}

static void attach_prepare(void)
{
	rig_open(&peer);
	/* What is left of it on the socket has to be waited for. */
	rig_detach(&peer);
}

static int attach_request(void)
{
	return rig_try_attach(&peer, "late");
}

static void router_ends_in_attach(void)
{
	ends_meanwhile(attach_prepare, attach_request);
}

/* The table of descriptors has to grow, which takes a grace period. */
static void port_prepare(void)
{
	while (CHECK_SYS(dup(0)) < 63)
		;
}

static int port_request(void)
{
	return new_port(&port.id, &port.fd);
}

static void router_ends_in_port_add(void)
{
	ends_meanwhile(port_prepare, port_request);
}

static const struct ksft_case cases[] = {
	{ "attributes_of_a_connection", attributes_of_a_connection },
	{ "no_subscription", no_subscription },
	{ "levels_of_a_rule", levels_of_a_rule },
	{ "offloaded_already", offloaded_already },
	{ "being_offloaded", being_offloaded },
	{ "urgent_data", urgent_data },
	{ "too_many_ports", too_many_ports },
	{ "no_descriptor", no_descriptor },
	{ "nobody_to_tell", nobody_to_tell },
	{ "router_ends_in_attach", router_ends_in_attach },
	{ "router_ends_in_port_add", router_ends_in_port_add },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
