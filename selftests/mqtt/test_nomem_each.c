// SPDX-License-Identifier: MIT
/*
 * Each single allocation of the module fails once, an earlier or a later one of an
 * operation; and all from some one on.
 * An operation is done or is not, and can be done again. Of messages only those
 * receivers lose one whose allocation failed, it is counted, and what was put off
 * goes on by itself.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "lib/acl.h"
#include "lib/acl.h"
#include "lib/fault.h"
#include "lib/op.h"
#include "lib/port.h"
#include "lib/sites.h"

static struct rig_peer peer, hosted;
static struct rig_port port;

static int ignore(struct nlattr **attrs, void *arg)
{
	(void)attrs;
	(void)arg;
	return 0;
}

/*
 * Operations of the daemon
 */

enum { NEW_SET = 7, OLD_SET };		/* sets of rules */

static const char puback[] = "\x40\x02\x00\x03";

static int attach_run(void)
{
	struct mqtt_nl_attach attach = {
		.fd = peer.fd, .protocol = MQTT_PROTOCOL_V5, .client_id = "each",
		.rx_residue = puback, .rx_residue_len = 4, .keep_alive = 60,
		.topic_alias_max = 10, .acls = { OLD_SET },
	};

	return mqtt_nl_peer_attach(rig_nl, &attach, &peer.id);
}

static void attach_prepare(void)
{
	char buf[4];

	rig_send(&peer, puback, 4);
	tcp_recv_all(peer.fd, buf, 4);
}

static void attach_failed(void)
{
	CHECK_EQ(rig_peer_count(), 0);
	tcp_expect_again(peer.fd);
}

static void attach_undo(void)
{
	rig_detach(&peer);
	tcp_expect(peer.fd, puback, 4);
}

static int hosted_run(void)
{
	struct mqtt_nl_attach attach = {
		.port = port.id, .protocol = MQTT_PROTOCOL_V311, .client_id = "hosted",
	};

	return mqtt_nl_peer_attach(rig_nl, &attach, &hosted.id);
}

static void hosted_failed(void)
{
	CHECK_EQ(rig_peer_count(), 0);
}

static void hosted_undo(void)
{
	rig_detach(&hosted);
}

static uint32_t new_port;
static int new_fd;

static int port_run(void)
{
	return mqtt_nl_port_add(rig_nl, 0, &new_port, &new_fd);
}

static void port_undo(void)
{
	close(new_fd);
}

static struct mqtt_nl_filter filters[12];

/* Deep ones, wildcards, and enough on one level to be hashed */
static void filters_fill(void)
{
	static char text[12][64];
	size_t i;

	strcpy(text[0], "a/b/c/d/e/f");
	strcpy(text[1], "a/+/c/#");
	strcpy(text[2], "+/+/x");
	for (i = 0; i < 12; i++) {
		if (i > 2)
			snprintf(text[i], sizeof(text[i]), "n/%zu/longer than a word", i);
		filters[i] = (struct mqtt_nl_filter){
			.filter = (const uint8_t *)text[i], .len = strlen(text[i]),
		};
	}
}

static int sub_run(void)
{
	return mqtt_nl_sub_add(rig_nl, peer.id, filters, ARRAY_LEN(filters));
}

static void sub_failed(void)
{
	CHECK_EQ(rig_peer_get(&peer, MQTT_A_PEER_SUBSCRIPTIONS), 0);
}

static void sub_undo(void)
{
	CHECK_EQ(rig_peer_get(&peer, MQTT_A_PEER_SUBSCRIPTIONS), ARRAY_LEN(filters));
	CHECK_EQ(mqtt_nl_sub_del(rig_nl, peer.id, filters, ARRAY_LEN(filters)), 0);
}

static int host_run(void)
{
	return mqtt_nl_peer_host(rig_nl, peer.id, port.id);
}

static void host_failed(void)
{
	CHECK(rig_peer_get(&peer, MQTT_A_PEER_STATE) != MQTT_PEER_STATE_HOSTED);
}

static void offload_again(void)
{
	int err;

	WAIT_UNTIL((err = rig_try_offload(&peer, false, 0)) != -EBUSY);
	CHECK_EQ(err, 0);
	rig_port_expect_mark(&port, &peer);
}

static int offload_run(void)
{
	return rig_try_offload(&peer, false, 0);
}

static void offload_failed(void)
{
	CHECK_EQ(rig_peer_get(&peer, MQTT_A_PEER_STATE), MQTT_PEER_STATE_HOSTED);
	rig_port_expect_empty(&port);
}

static void offload_undo(void)
{
	rig_port_expect_mark(&port, &peer);
	CHECK_EQ(host_run(), 0);
}

static int set_run(void)
{
	const uint16_t keep_alive = 50;
	const uint8_t hold = 1;
	struct mqtt_nl_peer_set set = { .keep_alive = &keep_alive, .tx_hold = &hold };

	return mqtt_nl_peer_set(rig_nl, peer.id, &set);
}

/* A packet of the daemon's own; it does not wait for memory. */
static int send_run(void)
{
	ssize_t n = send(peer.fd, puback, 4, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN ? -ENOBUFS : -errno;
	CHECK_EQ(n, 4);
	return 0;
}

static void send_failed(void)
{
	CHECK(!tcp_is_readable(peer.client));
}

static void send_undo(void)
{
	tcp_expect(peer.client, puback, 4);
}

static int get_run(void)
{
	return mqtt_nl_peer_get(rig_nl, peer.id, ignore, NULL);
}

static int dump_run(void)
{
	return mqtt_nl_peer_dump(rig_nl, ignore, NULL) ?:
	       mqtt_nl_sub_dump(rig_nl, 0, ignore, NULL) ?:
	       mqtt_nl_port_dump(rig_nl, ignore, NULL);
}

static int numbers_run(void)
{
	return mqtt_nl_stats_get(rig_nl, ignore, NULL) ?:
	       mqtt_nl_router_get(rig_nl, ignore, NULL) ?:
	       mqtt_nl_port_get(rig_nl, port.id, ignore, NULL);
}

static int router_run(void)
{
	return mqtt_nl_router_new(rig_nl, &(struct mqtt_nl_router){ 0 });
}

static void router_failed(void)
{
	CHECK_EQ(mqtt_nl_stats_get(rig_nl, ignore, NULL), -ENODEV);
}

static void router_undo(void)
{
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
}

static void operations_attach(void)
{
	static const struct op attach = {
		"attach", attach_prepare, attach_run, attach_failed, attach_undo,
	};

	faults_need();
	rig_start();
	rig_port_open(&port, 0);
	rig_connect(&peer, NULL);
	SET_ACL(OLD_SET, MQTT_ACL_ACTION_DENY, rule("t/u", ALLOW, PUB));
	op_each(&attach);
}

/* There are so many subscriptions that the table grows. */
static void table_grows(void)
{
	static const struct op sub = { "subscribe, table", NULL, sub_run, NULL, sub_undo };
	char filter[32];
	unsigned int i;

	faults_need();
	filters_fill();
	rig_start();
	rig_open(&peer);
	rig_open(&hosted);
	/* A few more on the same level, and there are too many for the table. */
	for (i = 0; i < 55; i++) {
		snprintf(filter, sizeof(filter), "n/%u", 100 + i);
		rig_sub(&hosted, filter);
	}
	op_each(&sub);
}

static void operations_of_a_port(void)
{
	static const struct op hosted_attach = {
		"attach, hosted", NULL, hosted_run, hosted_failed, hosted_undo,
	};
	static const struct op port_add = { "port", NULL, port_run, NULL, port_undo };

	faults_need();
	rig_start();
	rig_port_open(&port, 0);
	op_each(&hosted_attach);
	op_each(&port_add);
}

static void operations_of_a_peer(void)
{
	static const struct op sub = { "subscribe", NULL, sub_run, sub_failed, sub_undo };
	static const struct op set = { "set", NULL, set_run, NULL, NULL };
	static const struct op get = { "get", NULL, get_run, NULL, NULL };
	static const struct op send = { "send()", NULL, send_run, send_failed, send_undo };

	faults_need();
	filters_fill();
	rig_start();
	rig_open(&peer);
	op_each(&send);
	op_each(&sub);
	op_each(&set);
	op_each(&get);
}

static void moves_and_dumps(void)
{
	static const struct op host = { "host", NULL, host_run, host_failed, offload_again };
	static const struct op offload = {
		"offload", NULL, offload_run, offload_failed, offload_undo,
	};
	static const struct op dump = { "dump", NULL, dump_run, NULL, NULL };
	static const struct op numbers = { "numbers", NULL, numbers_run, NULL, NULL };

	faults_need();
	rig_start();
	rig_port_open(&port, 0);
	rig_open_sub(&peer, "a/b");
	op_each(&dump);
	op_each(&numbers);
	op_each(&host);
	CHECK_EQ(host_run(), 0);
	op_each(&offload);
}

static void operations_of_a_router(void)
{
	static const struct op router = {
		"router", NULL, router_run, router_failed, router_undo,
	};

	faults_need();
	rig_start();
	router_undo();
	op_each(&router);
}

static const struct ksft_case cases[] = {
	{ "operations_attach", operations_attach },
	{ "table_grows", table_grows },
	{ "operations_of_a_port", operations_of_a_port },
	{ "operations_of_a_peer", operations_of_a_peer },
	{ "moves_and_dumps", moves_and_dumps },
	{ "operations_of_a_router", operations_of_a_router },
};

int main(int argc, char **argv)
{
	sites_begin(argv[0]);
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
