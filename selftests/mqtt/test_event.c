// SPDX-License-Identifier: MIT
/*
 * Events: each type, once and with the right peer; who may listen; what a
 * listener learns that does not keep up.
 */
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "events.h"
#include "lib/port.h"
#include "lib/rig.h"
#include "lib/stuck.h"

static struct mqtt_events *events;
static struct rig_peer pub, sub;

struct seen {
	int type;
	unsigned int peer;
	unsigned int protocol;
	char client_id[16];
};

/* In a namespace of its own: other cases' routers may still be ending. */
static void listen_alone(void)
{
	int err;

	tcp_netns_new();
	err = mqtt_events_open(&events);

	if (err)
		FAIL("events: %s", strerror(-err));
}

static void check_addresses(struct nlattr **attrs, const struct rig_peer *p)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);

	CHECK_SYS(getsockname(p->client, (struct sockaddr *)&in, &len));
	CHECK(attrs[MQTT_A_EVENT_REMOTE] && attrs[MQTT_A_EVENT_LOCAL]);
	CHECK_EQ(nla_len(attrs[MQTT_A_EVENT_REMOTE]), sizeof(in));
	CHECK(!memcmp(nla_data(attrs[MQTT_A_EVENT_REMOTE]), &in, 8));
	len = sizeof(in);
	CHECK_SYS(getpeername(p->client, (struct sockaddr *)&in, &len));
	CHECK(!memcmp(nla_data(attrs[MQTT_A_EVENT_LOCAL]), &in, 8));
}

static int take(struct nlattr **attrs, void *arg)
{
	struct seen *seen = arg;

	CHECK(attrs[MQTT_A_EVENT_TYPE]);
	seen->type = nla_get_u8(attrs[MQTT_A_EVENT_TYPE]);
	if (!attrs[MQTT_A_EVENT_PEER_ID]) {
		CHECK(!attrs[MQTT_A_EVENT_CLIENT_ID]);
		seen->peer = 0;
		return 1;
	}
	seen->peer = nla_get_u32(attrs[MQTT_A_EVENT_PEER_ID]);
	snprintf(seen->client_id, sizeof(seen->client_id), "%s",
		 nla_get_string(attrs[MQTT_A_EVENT_CLIENT_ID]));
	seen->protocol = nla_get_u8(attrs[MQTT_A_EVENT_PROTOCOL]);
	if (seen->peer == pub.id && seen->type != MQTT_EVENT_TYPE_PEER_CLOSE)
		check_addresses(attrs, &pub);
	return 1;
}

static void expect_event_of(int type, unsigned int peer, unsigned int protocol,
			    const char *client_id)
{
	struct seen seen = { 0 };
	int ret;

	while (!(ret = mqtt_events_receive(events, take, &seen)))
		tcp_wait(mqtt_events_fd(events), POLLIN);
	CHECK_EQ(ret, 1);
	CHECK_EQ(seen.type, type);
	CHECK_EQ(seen.peer, peer);
	if (peer) {
		CHECK_EQ(seen.protocol, protocol);
		CHECK(!strcmp(seen.client_id, client_id));
	}
}

static void expect_event(int type, unsigned int peer)
{
	expect_event_of(type, peer, MQTT_PROTOCOL_V311, "selftest");
}

static void expect_nothing(void)
{
	struct seen seen = { 0 };

	if (mqtt_events_receive(events, take, &seen))
		FAIL("event %d of peer %u", seen.type, seen.peer);
}

static void start(void)
{
	listen_alone();
	rig_start();
	expect_event(MQTT_EVENT_TYPE_ROUTER_NEW, 0);
	rig_open(&pub);
	expect_event(MQTT_EVENT_TYPE_PEER_ATTACH, pub.id);
	rig_open_sub(&sub, "t/u");
	expect_event(MQTT_EVENT_TYPE_PEER_ATTACH, sub.id);
}

static void router(void)
{
	listen_alone();
	rig_start();
	expect_event(MQTT_EVENT_TYPE_ROUTER_NEW, 0);
	rig_open(&pub);
	expect_event(MQTT_EVENT_TYPE_PEER_ATTACH, pub.id);
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
	expect_event(MQTT_EVENT_TYPE_ROUTER_END, 0);

	CHECK_EQ(mqtt_nl_router_new(rig_nl, &(struct mqtt_nl_router){ 0 }), 0);
	expect_event(MQTT_EVENT_TYPE_ROUTER_NEW, 0);
	mqtt_nl_close(rig_nl);
	expect_event(MQTT_EVENT_TYPE_ROUTER_END, 0);
	expect_nothing();
}

/* The events of one router come before those of the next one. */
static void router_that_goes_on_ending(void)
{
	struct stuck s = { .len = 2, .sends = true };

	start();
	s.fd = pub.fd;
	stuck_start(&s);
	mqtt_nl_close(rig_nl);
	expect_event(MQTT_EVENT_TYPE_ROUTER_END, 0);
	rig_start();
	expect_event(MQTT_EVENT_TYPE_ROUTER_NEW, 0);
	stuck_end(&s, "\xd0\x00", 2);
	close(pub.fd);
	pub.id = 0;
	rig_open(&sub);
	expect_event(MQTT_EVENT_TYPE_PEER_ATTACH, sub.id);
	expect_nothing();
}

static void attach_detach_close(void)
{
	struct rig_peer p;

	start();
	rig_open(&p);
	expect_event(MQTT_EVENT_TYPE_PEER_ATTACH, p.id);
	CHECK_EQ(mqtt_nl_peer_detach(rig_nl, p.id), 0);
	expect_event(MQTT_EVENT_TYPE_PEER_DETACH, p.id);
	rig_attach(&p);
	expect_event(MQTT_EVENT_TYPE_PEER_ATTACH, p.id);
	rig_close(&p);
	expect_event(MQTT_EVENT_TYPE_PEER_CLOSE, p.id);
	CHECK(mqtt_nl_peer_detach(rig_nl, p.id) < 0);
	expect_nothing();
}

static void protocols(void)
{
	struct rig_peer p;

	start();
	rig_connect(&p, NULL);
	rig_attach_as(&p, MQTT_PROTOCOL_V5, 0);
	expect_event_of(MQTT_EVENT_TYPE_PEER_ATTACH, p.id, MQTT_PROTOCOL_V5, "selftest");
	rig_detach(&p);
}

/* Hosted, offloaded, hosted again, and gone with its port. */
static void hosted(void)
{
	struct rig_port port;
	struct rig_peer p;

	start();
	rig_port_open(&port, 0);
	rig_connect(&p, NULL);
	rig_attach_hosted(&p, &port);
	expect_event_of(MQTT_EVENT_TYPE_PEER_ATTACH, p.id, MQTT_PROTOCOL_V311, "hosted");
	rig_offload(&p, false);
	expect_event_of(MQTT_EVENT_TYPE_PEER_ATTACH, p.id, MQTT_PROTOCOL_V311, "hosted");
	rig_host(&p, &port);
	expect_event_of(MQTT_EVENT_TYPE_PEER_DETACH, p.id, MQTT_PROTOCOL_V311, "hosted");
	close(port.fd);
	expect_event_of(MQTT_EVENT_TYPE_PEER_CLOSE, p.id, MQTT_PROTOCOL_V311, "hosted");
	expect_nothing();
}

/* In the order in which they happen, even if what is malformed is there before. */
static void malformed(void)
{
	struct rig_peer p;

	start();
	rig_send(&pub, "\x00\x00", 2);
	expect_event(MQTT_EVENT_TYPE_PEER_MALFORMED, pub.id);
	rig_send(&pub, "\x00\x00", 2);
	expect_nothing();

	rig_connect(&p, NULL);
	rig_send(&p, "\x00\x00", 2);
	rig_attach(&p);
	expect_event(MQTT_EVENT_TYPE_PEER_ATTACH, p.id);
	expect_event(MQTT_EVENT_TYPE_PEER_MALFORMED, p.id);
	expect_nothing();
}

static void urgent(void)
{
	start();
	CHECK_EQ(send(pub.client, "!", 1, MSG_OOB), 1);
	expect_event(MQTT_EVENT_TYPE_PEER_URGENT, pub.id);
	expect_nothing();
}

static void keep_alive(void)
{
	struct rig_peer p;

	start();
	rig_connect(&p, NULL);
	rig_attach_with(&p, &(struct mqtt_nl_attach){ .keep_alive = 1 });
	expect_event(MQTT_EVENT_TYPE_PEER_ATTACH, p.id);
	expect_event(MQTT_EVENT_TYPE_PEER_KEEP_ALIVE, p.id);
	expect_nothing();
}

static void fill(struct rig_peer *to)
{
	unsigned long long before = rig_peer_stat(to, MQTT_A_PEER_STATS_DROP_QUEUE_FULL);
	struct bytes b = { 0 };

	wire_publish_of(&b, 0x30, "t/u", 10000, 1);
	while (rig_peer_stat(to, MQTT_A_PEER_STATS_DROP_QUEUE_FULL) < before + 5)
		rig_send_bytes(&pub, &b);
	bytes_free(&b);
}

/* Reads what is on its way to @p until its queue is empty. */
static void drain(struct rig_peer *p)
{
	char buf[65536];

	while (rig_peer_get(p, MQTT_A_PEER_QUEUE_PACKETS)) {
		tcp_wait(p->client, POLLIN);
		CHECK_SYS(recv(p->client, buf, sizeof(buf), MSG_DONTWAIT));
	}
}

/* Once, however many messages are dropped, until the queue has been empty. */
static void queue_full(void)
{
	struct tcp_options small = {
		.family = AF_INET, .client_rcvbuf = 4096, .server_sndbuf = 8192,
	};
	struct rig_peer slow;
	int i;

	start();
	rig_connect(&slow, &small);
	rig_attach_with(&slow, &(struct mqtt_nl_attach){ .limits.queue_bytes = 100000 });
	rig_sub(&slow, "t/u");
	expect_event(MQTT_EVENT_TYPE_PEER_ATTACH, slow.id);
	for (i = 0; i < 3; i++) {
		fill(&slow);
		fill(&slow);
		expect_event(MQTT_EVENT_TYPE_PEER_QUEUE_FULL, slow.id);
		expect_nothing();
		drain(&slow);
	}
}

/* Events are those of the listener's network namespace. */
static void other_namespace(void)
{
	int status;
	pid_t pid;

	listen_alone();
	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		tcp_netns_new();
		rig_start();
		rig_open(&pub);
		ksft_exit(0);
	}
	CHECK_SYS(waitpid(pid, &status, 0));
	CHECK_EQ(status, 0);
	expect_nothing();
	rig_start();
	expect_event(MQTT_EVENT_TYPE_ROUTER_NEW, 0);
}

static void drop_capability(void)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	CHECK_SYS(syscall(SYS_capget, &hdr, data));
	data[0].effective &= ~(1u << CAP_NET_ADMIN);
	data[0].permitted &= ~(1u << CAP_NET_ADMIN);
	CHECK_SYS(syscall(SYS_capset, &hdr, data));
}

/* Client ids are private: not even the owner of the router may listen. */
static void no_capability(void)
{
	rig_start();
	drop_capability();
	CHECK_EQ(mqtt_events_open(&events), -EPERM);
	CHECK(!events);
	rig_open(&pub);
}

/* A listener that does not read is told that it has missed something. */
static void overrun(void)
{
	unsigned int attached = 0, lost = 0;
	struct seen seen = { 0 };
	struct rig_peer p;
	int ret, i, n = 0;

	start();
	CHECK_SYS(setsockopt(mqtt_events_fd(events), SOL_SOCKET, SO_RCVBUF, &n, sizeof(n)));
	rig_connect(&p, NULL);
	for (i = 0; i < 50; i++) {
		rig_attach(&p);
		CHECK_EQ(mqtt_nl_peer_detach(rig_nl, p.id), 0);
	}
	while ((ret = mqtt_events_receive(events, take, &seen))) {
		CHECK(ret == 1 || ret == -ENOBUFS);
		attached += ret == 1;
		lost += ret == -ENOBUFS;
	}
	ksft_note("%u of 100 events", attached);
	CHECK(attached < 100);
	CHECK_EQ(lost, 1);
	/* From now on it keeps up. */
	rig_attach(&p);
	expect_event(MQTT_EVENT_TYPE_PEER_ATTACH, p.id);
}

struct monitor {
	pid_t pid;
	FILE *out;
};

/* mqttctl monitor, listening when this returns; @options or NULL */
static struct monitor monitor_start(const char *options)
{
	struct monitor m;
	char line[1024];
	int pipes[2];

	CHECK_SYS(pipe(pipes));
	fflush(stdout);
	m.pid = CHECK_SYS(fork());
	if (!m.pid) {
		dup2(pipes[1], 1);
		close(pipes[0]);
		close(pipes[1]);
		execl("build/mqttctl", "mqttctl", "monitor", options, NULL);
		_exit(127);
	}
	close(pipes[1]);
	m.out = fdopen(pipes[0], "r");
	/* Routers come and go until one is seen. */
	do {
		CHECK(!waitpid(m.pid, NULL, WNOHANG));
		CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
		CHECK_EQ(mqtt_nl_router_new(rig_nl, &(struct mqtt_nl_router){ 0 }), 0);
	} while (!poll(&(struct pollfd){ .fd = pipes[0], .events = POLLIN }, 1, 100));
	do {
		CHECK(fgets(line, sizeof(line), m.out));
	} while (!strstr(line, "router-new"));
	return m;
}

static void monitor_expect(struct monitor *m, const char *const *words)
{
	char line[1024];

	do {
		CHECK(fgets(line, sizeof(line), m->out));
	} while (strstr(line, "router-"));
	for (; *words; words++)
		if (!strstr(line, *words))
			FAIL("no %s in: %s", *words, line);
}

static void monitor_end(struct monitor *m)
{
	int status;

	CHECK_SYS(waitpid(m->pid, &status, 0));
	CHECK_EQ(status, 0);
	fclose(m->out);
}

static void monitor_text(void)
{
	static const char *const attach[] = {
		"event peer-attach", "client-id \"selftest\"", "remote 127.0.0.1:", NULL
	};
	struct monitor m;

	tcp_netns_new();
	rig_start();
	m = monitor_start(NULL);
	rig_open(&pub);
	monitor_expect(&m, attach);
	rig_send(&pub, "\x00\x00", 2);
	monitor_expect(&m, (const char *[]){ "event peer-malformed", NULL });
	kill(m.pid, SIGTERM);
	monitor_end(&m);
}

static void monitor_json(void)
{
	static const char *const attach[] = {
		"{\"time\":\"20", "\"event\":\"peer-attach\"", "\"client-id\":\"selftest\"",
		"\"local\":\"127.0.0.1:", "\"protocol\":\"3.1.1\"}", NULL
	};
	struct monitor m;

	tcp_netns_new();
	rig_start();
	m = monitor_start("-sj");
	rig_open(&pub);
	monitor_expect(&m, attach);
	rig_close(&pub);
	monitor_expect(&m, (const char *[]){ "\"event\":\"peer-close\"", NULL });
	kill(m.pid, SIGINT);
	monitor_end(&m);
}

/* Nobody reads what it prints: it ends by itself, without an event. */
static void monitor_pipe(void)
{
	struct monitor m;

	tcp_netns_new();
	rig_start();
	m = monitor_start("-j");
	fclose(m.out);
	m.out = fopen("/dev/null", "r");
	monitor_end(&m);
}

/* Makes the buffers of another process's netlink sockets as small as can be. */
static void shrink_netlink(pid_t pid)
{
	int process = CHECK_SYS(syscall(SYS_pidfd_open, pid, 0));
	int fd, domain, shrunk = 0, size = 0;
	socklen_t len = sizeof(domain);
	int i;

	for (i = 0; i < 20; i++) {
		fd = syscall(SYS_pidfd_getfd, process, i, 0);
		if (fd < 0)
			continue;
		if (!getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) &&
		    domain == AF_NETLINK) {
			CHECK_SYS(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
			shrunk++;
		}
		close(fd);
	}
	close(process);
	CHECK_EQ(shrunk, 1);
}

/* It is stopped while more happens than its buffer holds, and says so. */
static void monitor_lost(void)
{
	struct monitor m;
	struct rig_peer p;
	char line[1024];
	int i;

	tcp_netns_new();
	rig_start();
	m = monitor_start("-j");
	kill(m.pid, SIGSTOP);
	shrink_netlink(m.pid);
	for (i = 0; i < 20; i++) {
		rig_open(&p);
		rig_close(&p);
	}
	kill(m.pid, SIGCONT);
	do {
		CHECK(fgets(line, sizeof(line), m.out));
	} while (!strstr(line, "\"event\":\"lost\""));
	kill(m.pid, SIGTERM);
	monitor_end(&m);
}

static const struct ksft_case cases[] = {
	{ "router", router },
	{ "router_that_goes_on_ending", router_that_goes_on_ending },
	{ "attach_detach_close", attach_detach_close },
	{ "protocols", protocols },
	{ "hosted", hosted },
	{ "malformed", malformed },
	{ "urgent", urgent },
	{ "keep_alive", keep_alive },
	{ "queue_full", queue_full },
	{ "other_namespace", other_namespace },
	{ "no_capability", no_capability },
	{ "overrun", overrun },
	{ "monitor_text", monitor_text },
	{ "monitor_json", monitor_json },
	{ "monitor_pipe", monitor_pipe },
	{ "monitor_lost", monitor_lost },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
