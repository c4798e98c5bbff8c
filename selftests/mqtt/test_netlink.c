// SPDX-License-Identifier: MIT
/*
 * The control interface: what it refuses and how it says so, who may use it,
 * dumps that hold still.
 */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/rawnl.h"
#include "lib/rig.h"

static struct rawnl nl;
static struct bytes req;
static struct rawnl_answer answer;

/* One of the words in @words, separated by '|', is in the message. */
static void check_says(const char *words)
{
	char copy[128], *word, *rest = copy;

	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, "|"))) {
		if (strcasestr(answer.text, word))
			return;
	}
	FAIL("message \"%s\" has none of \"%s\"", answer.text, words);
}

/* Sends @req and expects @error, a message, and @offset of the culprit. */
static void check_refusal(int error, const char *words, size_t offset)
{
	rawnl_call(&nl, &req, &answer);
	ksft_note("%s: %s", strerror(answer.error), answer.text);
	CHECK(answer.error);
	if (error)
		CHECK_EQ(answer.error, error);
	CHECK(answer.text[0]);
	check_says(words);
	if (offset)
		CHECK_EQ(answer.offset, offset);
}

static void check_success(void)
{
	rawnl_call(&nl, &req, &answer);
	if (answer.error)
		FAIL("refused: %s: %s", strerror(answer.error), answer.text);
}

/* A request whose only nest is the peer's, left open; returns the nest. */
static size_t begin_peer(unsigned int cmd)
{
	rawnl_begin(&nl, &req, cmd, 0);
	return rawnl_nest(&req, MQTT_A_PEER);
}

struct attach_attrs {
	int fd;
	unsigned int protocol;
	size_t residue;
	unsigned long long queue_limit;
};

/* Returns the offset of the attribute with the type @culprit. */
static size_t put_attach(const struct attach_attrs *a, int culprit)
{
	static char residue[65000];
	size_t nest = begin_peer(MQTT_CMD_PEER_ATTACH), at[MQTT_A_PEER_MAX + 1] = { 0 };

	at[MQTT_A_PEER_FD] = rawnl_put_u32(&req, MQTT_A_PEER_FD, a->fd);
	rawnl_put(&req, MQTT_A_PEER_CLIENT_ID, "raw", 3);
	at[MQTT_A_PEER_PROTOCOL] = rawnl_put_u8(&req, MQTT_A_PEER_PROTOCOL, a->protocol);
	if (a->residue)
		at[MQTT_A_PEER_RX_RESIDUE] = rawnl_put(&req, MQTT_A_PEER_RX_RESIDUE, residue,
						       a->residue);
	if (a->queue_limit)
		at[MQTT_A_PEER_QUEUE_LIMIT] = rawnl_put_u64(&req, MQTT_A_PEER_QUEUE_LIMIT,
							    a->queue_limit);
	rawnl_nest_end(&req, nest);
	return at[culprit];
}

static void check_attach_refused(int fd, int error, const char *words)
{
	struct attach_attrs a = { .fd = fd, .protocol = MQTT_PROTOCOL_V311 };

	check_refusal(error, words, put_attach(&a, MQTT_A_PEER_FD));
}

static void start(void)
{
	rig_start();
	rawnl_open(&nl);
}

static void attach_wrong_files(void)
{
	struct sockaddr_in6 addr;
	socklen_t len;
	int pair[2];

	start();
	check_attach_refused(9999, EBADF, "descriptor|file|fd");
	check_attach_refused(-1, 0, "descriptor|file|fd|range");
	check_attach_refused(CHECK_SYS(open("/proc/self/exe", O_RDONLY)), ENOTSOCK, "socket");
	CHECK_SYS(pipe(pair));
	check_attach_refused(pair[0], ENOTSOCK, "socket");
	check_attach_refused(CHECK_SYS(socket(AF_INET, SOCK_DGRAM, 0)), 0, "tcp");
	check_attach_refused(CHECK_SYS(socket(AF_INET6, SOCK_DGRAM, 0)), 0, "tcp");
	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	check_attach_refused(pair[0], 0, "tcp");
	check_attach_refused(nl.fd, 0, "tcp");
	check_attach_refused(tcp_listen(AF_INET, 0, &addr, &len), 0, "establish|connect");
	check_attach_refused(tcp_listen(AF_INET6, 0, &addr, &len), 0, "establish|connect");
	check_attach_refused(CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0)), 0,
			     "establish|connect");
	CHECK_EQ(rig_peer_count(), 0);
}

static void attach_wrong_sockets(void)
{
	struct linger now = { .l_onoff = 1 };
	struct rig_peer p;
	int fd;

	start();
	rig_open(&p);
	check_attach_refused(p.fd, 0, "already|attached");
	fd = CHECK_SYS(dup(p.fd));
	check_attach_refused(fd, 0, "already|attached");
	rig_detach(&p);
	tcp_set_int(p.fd, IPPROTO_TCP, TCP_REPAIR, 1);
	check_attach_refused(p.fd, 0, "repair");
	tcp_set_int(p.fd, IPPROTO_TCP, TCP_REPAIR, -1);
	rig_attach(&p);
	rig_detach(&p);
	CHECK_SYS(setsockopt(p.client, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	close(p.client);
	WAIT_UNTIL(tcp_is_readable(p.fd));
	check_attach_refused(p.fd, 0, "establish|connect|closed");
	fd = socket(AF_INET, SOCK_STREAM, 262 /* IPPROTO_MPTCP */);
	if (fd >= 0)
		check_attach_refused(fd, 0, "tcp|connect|establish");
	CHECK_EQ(rig_peer_count(), 0);
}

static void attach_other_namespace(void)
{
	int home = CHECK_SYS(open("/proc/self/ns/net", O_RDONLY));
	struct rig_peer p;

	start();
	tcp_netns_new();
	rig_connect(&p, NULL);
	CHECK_SYS(setns(home, CLONE_NEWNET));
	check_attach_refused(p.fd, 0, "namespace");
}

static void attach_bad_arguments(void)
{
	struct attach_attrs a = { .protocol = MQTT_PROTOCOL_V311 };
	struct rig_peer p;
	char byte;

	start();
	rig_connect(&p, NULL);
	a.fd = p.fd;
	a.residue = 1;
	check_refusal(ERANGE, "residue|received", put_attach(&a, MQTT_A_PEER_RX_RESIDUE));
	rig_send(&p, "\x40\x02\x00\x03", 4);
	tcp_recv_all(p.fd, &byte, 1);
	a.residue = 2;
	check_refusal(ERANGE, "residue|received", put_attach(&a, MQTT_A_PEER_RX_RESIDUE));
	a.residue = MQTT_RX_RESIDUE_MAX + 1;
	check_refusal(0, "", put_attach(&a, MQTT_A_PEER_RX_RESIDUE));
	a.residue = 0;
	a.protocol = 2;
	check_refusal(0, "", put_attach(&a, MQTT_A_PEER_PROTOCOL));
	a.protocol = 6;
	check_refusal(0, "", put_attach(&a, MQTT_A_PEER_PROTOCOL));
	a.protocol = MQTT_PROTOCOL_V311;
	a.queue_limit = 4095;
	check_refusal(0, "", put_attach(&a, MQTT_A_PEER_QUEUE_LIMIT));
	a.queue_limit = 1ull << 32;
	check_refusal(0, "", put_attach(&a, MQTT_A_PEER_QUEUE_LIMIT));
	rawnl_begin(&nl, &req, MQTT_CMD_PEER_ATTACH, 0);
	check_refusal(EINVAL, "", 0);
	rawnl_nest_end(&req, begin_peer(MQTT_CMD_PEER_ATTACH));
	check_refusal(EINVAL, "", 0);
	CHECK_EQ(rig_peer_count(), 0);
	/* none of this has touched the socket */
	rig_attach_residue(&p, "\x40", 1);
	tcp_expect(p.fd, "\x40\x02\x00\x03", 4);
}

static void no_router(void)
{
	unsigned int cmds[] = {
		MQTT_CMD_ROUTER_GET, MQTT_CMD_ROUTER_SET, MQTT_CMD_ROUTER_DEL,
		MQTT_CMD_PEER_GET, MQTT_CMD_PEER_DETACH, MQTT_CMD_SUB_ADD, MQTT_CMD_SUB_DEL,
		MQTT_CMD_STATS_GET,
	};
	size_t i, nest;

	rawnl_open(&nl);
	for (i = 0; i < ARRAY_LEN(cmds); i++) {
		rawnl_begin(&nl, &req, cmds[i], 0);
		if (cmds[i] == MQTT_CMD_ROUTER_SET) {
			nest = rawnl_nest(&req, MQTT_A_ROUTER);
			rawnl_put_u64(&req, MQTT_A_ROUTER_QUEUE_LIMIT, 1 << 20);
			rawnl_nest_end(&req, nest);
		}
		if (cmds[i] >= MQTT_CMD_PEER_DETACH && cmds[i] <= MQTT_CMD_SUB_DEL) {
			nest = rawnl_nest(&req, MQTT_A_PEER);
			rawnl_put_u32(&req, MQTT_A_PEER_ID, 1);
			rawnl_nest_end(&req, nest);
		}
		if (cmds[i] == MQTT_CMD_SUB_ADD || cmds[i] == MQTT_CMD_SUB_DEL) {
			nest = rawnl_nest(&req, MQTT_A_SUB);
			rawnl_put(&req, MQTT_A_SUB_FILTER, "x", 1);
			rawnl_nest_end(&req, nest);
		}
		check_refusal(ENODEV, "router", 0);
	}
	put_attach(&(struct attach_attrs){ .protocol = MQTT_PROTOCOL_V311 }, 0);
	check_refusal(ENODEV, "router", 0);
}

static size_t put_router(unsigned int cmd, unsigned int type, unsigned long long value)
{
	size_t nest, at;

	rawnl_begin(&nl, &req, cmd, 0);
	nest = rawnl_nest(&req, MQTT_A_ROUTER);
	if (type == MQTT_A_ROUTER_QUEUE_LIMIT)
		at = rawnl_put_u64(&req, type, value);
	else
		at = rawnl_put_u32(&req, type, value);
	rawnl_nest_end(&req, nest);
	return at;
}

static void router_limits(void)
{
	static const struct {
		unsigned int type;
		unsigned long long low, high;
	} limits[] = {
		{ MQTT_A_ROUTER_QUEUE_LIMIT, 4096, 4294967295 },
		{ MQTT_A_ROUTER_OFFLOAD_MAX_PACKET, 64, 1048576 },
	};
	size_t i;

	start();
	for (i = 0; i < ARRAY_LEN(limits); i++) {
		check_refusal(0, "", put_router(MQTT_CMD_ROUTER_SET, limits[i].type,
						limits[i].low - 1));
		check_refusal(0, "", put_router(MQTT_CMD_ROUTER_SET, limits[i].type,
						limits[i].high + 1));
		put_router(MQTT_CMD_ROUTER_SET, limits[i].type, limits[i].low);
		check_success();
		put_router(MQTT_CMD_ROUTER_SET, limits[i].type, limits[i].high);
		check_success();
	}
	/* strict validation: nothing unknown is passed over */
	check_refusal(0, "", put_router(MQTT_CMD_ROUTER_SET, MQTT_A_ROUTER_MAX + 1, 1));
	rawnl_begin(&nl, &req, MQTT_CMD_ROUTER_GET, 0);
	rawnl_put_u32(&req, MQTT_A_MAX + 1, 1);
	check_refusal(EINVAL, "", 0);
	rawnl_begin(&nl, &req, MQTT_CMD_MAX + 1, 0);
	rawnl_call(&nl, &req, &answer);
	CHECK_EQ(answer.error, EOPNOTSUPP);
}

static void second_router(void)
{
	start();
	put_router(MQTT_CMD_ROUTER_NEW, MQTT_A_ROUTER_QUEUE_LIMIT, 1 << 20);
	check_refusal(EEXIST, "router|already|exists", 0);
	CHECK_EQ(mqtt_nl_router_new(rig_nl, &(struct mqtt_nl_router){ 0 }), -EEXIST);
	CHECK(mqtt_nl_error(rig_nl)[0]);
	/* one per namespace: another namespace has its own */
	tcp_netns_new();
	rawnl_close(&nl);
	rawnl_open(&nl);
	put_router(MQTT_CMD_ROUTER_NEW, MQTT_A_ROUTER_QUEUE_LIMIT, 1 << 20);
	check_success();
}

static void unknown_peer(void)
{
	unsigned int cmds[] = {
		MQTT_CMD_PEER_DETACH, MQTT_CMD_PEER_GET, MQTT_CMD_SUB_ADD, MQTT_CMD_SUB_DEL,
	};
	size_t nest, id, sub, i;
	struct rig_peer p;

	start();
	rig_open(&p);
	for (i = 0; i < ARRAY_LEN(cmds); i++) {
		nest = begin_peer(cmds[i]);
		id = rawnl_put_u32(&req, MQTT_A_PEER_ID, p.id + 1000);
		rawnl_nest_end(&req, nest);
		if (cmds[i] == MQTT_CMD_SUB_ADD || cmds[i] == MQTT_CMD_SUB_DEL) {
			sub = rawnl_nest(&req, MQTT_A_SUB);
			rawnl_put(&req, MQTT_A_SUB_FILTER, "x", 1);
			rawnl_nest_end(&req, sub);
		}
		check_refusal(ENOENT, "peer", id);
	}
	rig_detach(&p);
	CHECK_EQ(mqtt_nl_peer_detach(rig_nl, 12345), -ENOENT);
}

/* A good filter, the one in question, another good one: all or none. */
static void check_filter_refused(struct rig_peer *p, const void *filter, size_t len)
{
	size_t nest = begin_peer(MQTT_CMD_SUB_ADD), at = 0, i;

	rawnl_put_u32(&req, MQTT_A_PEER_ID, p->id);
	rawnl_nest_end(&req, nest);
	for (i = 0; i < 3; i++) {
		nest = rawnl_nest(&req, MQTT_A_SUB);
		if (i == 1)
			at = rawnl_put(&req, MQTT_A_SUB_FILTER, filter, len);
		else
			rawnl_put(&req, MQTT_A_SUB_FILTER, i ? "good/+" : "good/#", 6);
		rawnl_nest_end(&req, nest);
	}
	check_refusal(0, len && len <= MQTT_FILTER_MAX ? "filter" : "", at);
	CHECK_EQ(rig_peer_get(p, MQTT_A_PEER_SUBSCRIPTIONS), 0);
}

static void invalid_filters(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "", 0 }, { "t/#/u", 5 }, { "#/", 2 }, { "t#", 2 }, { "##", 2 }, { "+t", 2 },
		{ "t+", 2 }, { "t/+u/v", 6 }, { "++", 2 }, { "t\0u", 3 }, { "t\xff", 2 },
		{ "\xed\xa0\x80", 3 }, { "\xc0\xaf", 2 }, { "\xc3", 1 },
	};
	char *large = malloc(40000);
	struct rig_peer p;
	size_t i;

	start();
	rig_open(&p);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		check_filter_refused(&p, bad[i].bytes, bad[i].len);
	memset(large, 'x', 40000);
	check_filter_refused(&p, large, MQTT_FILTER_MAX + 1);
	for (i = 0; i < 2 * MQTT_FILTER_LEVELS_MAX; i += 2)
		large[i] = '/';
	check_filter_refused(&p, large, 2 * MQTT_FILTER_LEVELS_MAX);
	CHECK_EQ(rig_peer_get(&p, MQTT_A_PEER_SUBSCRIPTIONS), 0);
	/* the longest are fine */
	large[2 * MQTT_FILTER_LEVELS_MAX - 2] = '\0';
	rig_sub(&p, large);
	memset(large, 'x', MQTT_FILTER_MAX);
	large[MQTT_FILTER_MAX] = '\0';
	rig_sub(&p, large);
	CHECK_EQ(rig_peer_get(&p, MQTT_A_PEER_SUBSCRIPTIONS), 2);
}

/* What a refusal points at: 0: the peer's id, 1: the port's. */
static void host_refused(unsigned int peer, unsigned int port, unsigned int culprit)
{
	size_t nest = begin_peer(MQTT_CMD_PEER_DETACH), at[2];

	at[0] = rawnl_put_u32(&req, MQTT_A_PEER_ID, peer);
	at[1] = rawnl_put_u32(&req, MQTT_A_PEER_PORT, port);
	rawnl_nest_end(&req, nest);
	check_refusal(ENOENT, culprit ? "port" : "peer", at[culprit]);
}

static void host_nobody_or_nowhere(void)
{
	struct rig_peer p;
	unsigned int port;
	int fd;

	rig_start();
	rawnl_open(&nl);
	rig_open(&p);
	CHECK_EQ(mqtt_nl_port_add(rig_nl, 0, &port, &fd), 0);
	host_refused(4711, port, 0);
	host_refused(p.id, 4711, 1);
	host_refused(4711, 4711, 0);
}

static const struct ksft_case cases[] = {
	{ "attach_wrong_files", attach_wrong_files },
	{ "attach_wrong_sockets", attach_wrong_sockets },
	{ "attach_other_namespace", attach_other_namespace },
	{ "attach_bad_arguments", attach_bad_arguments },
	{ "no_router", no_router },
	{ "router_limits", router_limits },
	{ "second_router", second_router },
	{ "unknown_peer", unknown_peer },
	{ "host_nobody_or_nowhere", host_nobody_or_nowhere },
	{ "invalid_filters", invalid_filters },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
