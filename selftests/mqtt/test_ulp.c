// SPDX-License-Identifier: MIT
/*
 * kTLS and attached sockets: never both, whoever comes first, and nothing of
 * ours in what kTLS keeps for other sockets.
 */
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/rig.h"

static int set_tls(int fd)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3);
}

/* The first one loads the module, which takes CAP_NET_ADMIN and a modprobe. */
static void need_tls(void)
{
	struct rig_peer p;

	rig_connect(&p, NULL);
	if (set_tls(p.fd) && (system("modprobe -q tls") || set_tls(p.fd)))
		ksft_skip("no kTLS here: %s", strerror(errno));
	rig_close(&p);
}

static int attach(struct rig_peer *p)
{
	struct mqtt_nl_attach attach = {
		.fd = p->fd, .protocol = MQTT_PROTOCOL_V311, .client_id = "tls",
	};

	return mqtt_nl_peer_attach(rig_nl, &attach, &p->id);
}

static void check_plain(struct rig_peer *p)
{
	char name[16] = "?";
	socklen_t len = sizeof(name);

	CHECK_SYS(getsockopt(p->fd, IPPROTO_TCP, TCP_ULP, name, &len));
	CHECK_EQ(len, 0);
	CHECK_EQ(send(p->client, "ping", 4, 0), 4);
	tcp_expect(p->fd, "ping", 4);
}

static void tls_first(void)
{
	struct rig_peer p;

	need_tls();
	rig_start();
	rig_connect(&p, NULL);
	CHECK_SYS(set_tls(p.fd));
	CHECK_EQ(attach(&p), -EBUSY);
	CHECK(strstr(mqtt_nl_error(rig_nl), "ULP"));
	CHECK_EQ(rig_peer_count(), 0);
	CHECK_EQ(send(p.client, "ping", 4, 0), 4);
	tcp_expect(p.fd, "ping", 4);
}

static void attach_first(void)
{
	struct rig_peer p;
	char name[16] = "?";
	socklen_t len = sizeof(name);

	need_tls();
	rig_start();
	rig_open(&p);
	CHECK_REFUSED(set_tls(p.fd));
	CHECK_EQ(errno, EBUSY);
	CHECK_SYS(getsockopt(p.fd, IPPROTO_TCP, TCP_ULP, name, &len));
	CHECK_EQ(len, 0);
	rig_detach(&p);
	check_plain(&p);
	CHECK_SYS(set_tls(p.fd));
	len = sizeof(name);
	CHECK_SYS(getsockopt(p.fd, IPPROTO_TCP, TCP_ULP, name, &len));
	CHECK(!strcmp(name, "tls"));
}

/*
 * On a socket that was never attached. kTLS builds its operations from those
 * of the first socket that it sees with new ones, for all sockets to come.
 */
static void check_tls_untouched(const struct tcp_options *opt)
{
	struct rig_peer p;

	rig_connect(&p, opt);
	CHECK_SYS(set_tls(p.fd));
	tcp_set_int(p.fd, SOL_SOCKET, SO_RCVLOWAT, 2);
	CHECK_EQ(send(p.client, "x", 1, 0), 1);
	CHECK(!tcp_is_readable(p.fd));
	CHECK_EQ(send(p.client, "y", 1, 0), 1);
	tcp_expect(p.fd, "xy", 2);
	rig_close(&p);
}

static struct {
	int fd;			/* the socket of this round */
	int result;
	unsigned int round;	/* the one that @fd is for, or over */
	unsigned int done;
	bool stop;
} racer;

static void *racer_main(void *arg)
{
	unsigned int round = 0;

	(void)arg;
	while (!__atomic_load_n(&racer.stop, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&racer.round, __ATOMIC_ACQUIRE) == round)
			continue;
		round++;
		racer.result = set_tls(racer.fd);
		__atomic_store_n(&racer.done, round, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* One socket, both at once: who is first has it. Returns whether that was us. */
static bool race_once(const struct tcp_options *opt)
{
	struct rig_peer p;
	int ret;

	rig_connect(&p, opt);
	racer.fd = p.fd;
	__atomic_store_n(&racer.round, racer.round + 1, __ATOMIC_RELEASE);
	ret = attach(&p);
	WAIT_UNTIL(__atomic_load_n(&racer.done, __ATOMIC_ACQUIRE) == racer.round);
	if (!ret == !racer.result)
		FAIL("attach: %s, TLS: %d", strerror(-ret), racer.result);
	if (ret)
		CHECK_EQ(ret, -EBUSY);
	rig_close(&p);
	return !ret;
}

static void race(const struct tcp_options *opt)
{
	int i, n = ksft_scale(1000, 40), ours = 0;
	pthread_t thread;

	need_tls();
	rig_start();
	CHECK(!pthread_create(&thread, NULL, racer_main, NULL));
	for (i = 0; i < n; i++) {
		ours += race_once(opt);
		if (i % 50 == 0)
			check_tls_untouched(opt);
	}
	__atomic_store_n(&racer.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	ksft_note("%d of %d were attached", ours, n);
	check_tls_untouched(opt);
	WAIT_UNTIL(!rig_peer_count());
}

static void race_ipv4(void)
{
	race(&(struct tcp_options){ .family = AF_INET });
}

static void race_ipv6(void)
{
	race(&(struct tcp_options){ .family = AF_INET6 });
}

static const struct ksft_case cases[] = {
	{ "tls_first", tls_first },
	{ "attach_first", attach_first },
	{ "race_ipv4", race_ipv4 },
	{ "race_ipv6", race_ipv6 },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
