// SPDX-License-Identifier: MIT
/*
 * What a queue does at its limits: which messages arrive, in which order, and
 * where the others are counted. Conflation: test_conflate.c.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/port.h"
#include "lib/queue.h"
#include "lib/reader.h"

#define BIG	200000			/* bytes that do not fit into small buffers */

/* --- drop-new ----------------------------------------------------------------- */

static void drop_new(void)
{
	queue_start_held(MQTT_QUEUE_POLICY_DROP_NEW, 10, 0);
	queue_publish(0, 25, 20);
	CHECK_EQ(queue_length(), 10);
	queue_check_drops(25, 15, 0, 0, 0);
	rig_release(&sub);
	queue_expect(0, 10);
	queue_check_end();
}

/* It does not matter how they have been sent. */
static void drop_new_of_a_train(void)
{
	queue_start_held(MQTT_QUEUE_POLICY_DROP_NEW, 10, 0);
	queue_publish(0, 3, 20);
	queue_publish_train(3, 25, 20);
	queue_publish_train(28, 2, 20);
	queue_check_drops(30, 20, 0, 0, 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_ENQUEUED), 10);
	rig_release(&sub);
	queue_expect(0, 10);
	queue_check_end();
}

/* --- drop-old ----------------------------------------------------------------- */

static void drop_old(void)
{
	queue_start_held(MQTT_QUEUE_POLICY_DROP_OLD, 10, 0);
	queue_publish(0, 25, 20);
	CHECK_EQ(queue_length(), 10);
	queue_check_drops(25, 0, 15, 0, 0);
	rig_release(&sub);
	queue_expect(15, 10);
	queue_check_end();
}

static void drop_old_of_a_train(void)
{
	queue_start_held(MQTT_QUEUE_POLICY_DROP_OLD, 10, 0);
	queue_publish_train(0, 8, 20);
	queue_publish(8, 1, 20);
	queue_publish_train(9, 4, 20);	/* cuts the first one */
	CHECK_EQ(queue_length(), 10);
	queue_check_drops(13, 0, 3, 0, 0);
	queue_publish_train(13, 40, 20);	/* is cut itself */
	queue_check_drops(53, 0, 43, 0, 0);
	queue_publish(53, 3, 20);
	queue_check_drops(56, 0, 46, 0, 0);
	rig_release(&sub);
	queue_expect(46, 10);
	queue_check_end();
}

static void drop_old_by_bytes(void)
{
	unsigned int left;

	queue_start_held(MQTT_QUEUE_POLICY_DROP_OLD, 0, 32768);
	queue_publish(0, 200, 1000);
	CHECK(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_BYTES) <= 32768);
	left = queue_length();
	CHECK(left > 10 && left < 33);
	queue_check_drops(200, 0, 200 - left, 0, 0);
	/* One that can never fit pushes none out. */
	queue_publish(200, 1, 40000);
	queue_check_drops(201, 1, 200 - left, 0, 0);
	CHECK_EQ(queue_length(), left);
	rig_release(&sub);
	queue_expect(200 - left, left);
	queue_check_end();
}

/* --- disconnect --------------------------------------------------------------- */

static void check_refused(unsigned int n)
{
	char byte;

	CHECK(tcp_wait(sub.fd, POLLIN) & POLLERR);
	CHECK_REFUSED(recv(sub.fd, &byte, 1, MSG_DONTWAIT));
	CHECK_EQ(errno, ENOBUFS);
	tcp_expect_again(sub.fd);
	CHECK_EQ(queue_length(), 0);
	queue_check_drops(n, 0, 0, 0, n);
}

static void disconnect(void)
{
	queue_start_held(MQTT_QUEUE_POLICY_DISCONNECT, 10, 0);
	queue_publish(0, 10, 20);
	CHECK_EQ(queue_length(), 10);
	tcp_expect_again(sub.fd);
	queue_publish(10, 1, 20);
	check_refused(11);
	queue_publish(11, 5, 20);
	queue_check_drops(16, 0, 0, 0, 16);
	tcp_expect_again(sub.fd);
	/* Another policy is another chance. */
	queue_limit(&sub, MQTT_QUEUE_POLICY_DROP_OLD, 10, 0);
	queue_publish(16, 1, 20);
	CHECK_EQ(queue_length(), 1);
	rig_release(&sub);
	queue_expect(16, 1);
	rig_fence(&sub);
}

static int take_error(int fd)
{
	socklen_t len = sizeof(int);
	int error;

	CHECK_SYS(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	return error;
}

/* An error that the daemon has not read stands first, and keeps its place. */
static void disconnect_behind_an_error(void)
{
	struct mqtt_nl_attach attach = {
		.protocol = MQTT_PROTOCOL_V311, .keep_alive = 1, .tx_hold = true,
		.limits = { .queue_policy = MQTT_QUEUE_POLICY_DISCONNECT, .queue_packets = 2 },
	};

	queue_start(NULL);
	rig_detach(&sub);
	rig_attach_with(&sub, &attach);
	rig_sub(&sub, "t/#");
	/* the keep-alive's */
	tcp_wait(sub.fd, POLLERR);
	queue_publish(0, 5, 20);
	queue_check_drops(5, 0, 0, 0, 5);
	CHECK_EQ(take_error(sub.fd), ETIMEDOUT);
	tcp_wait(sub.fd, POLLERR);
	CHECK_EQ(take_error(sub.fd), ENOBUFS);
	CHECK_EQ(take_error(sub.fd), 0);
}

static void disconnect_wakes_a_reader(void)
{
	struct reader reader = { 0 };

	queue_start_held(MQTT_QUEUE_POLICY_DISCONNECT, 10, 0);
	reader_start(&reader, sub.fd, 10, 0);
	queue_publish_train(0, 11, 20);
	reader_join(&reader);
	CHECK_EQ(reader.ret, -1);
	CHECK_EQ(reader.error, ENOBUFS);
	queue_check_drops(11, 0, 0, 0, 11);
}

/* A client that does not read: TCP is full, and nobody asks for the socket. */
static void disconnect_of_a_full_socket(void)
{
	struct packets end = { .fd = -1 };
	struct bytes bye = { 0 };
	unsigned int n, source;
	long number;

	queue_start(&queue_small);
	queue_limit(&sub, MQTT_QUEUE_POLICY_DISCONNECT, 5, 0);
	for (n = 0; !rig_peer_stat(&sub, MQTT_A_PEER_STATS_DROP_SLOW); n++)
		queue_publish(n, 1, 30000);
	CHECK(tcp_wait(sub.fd, POLLIN) & POLLERR);
	/* A packet that TCP has a part of goes on, and no other. */
	CHECK(queue_length() <= 1);
	CHECK_REFUSED(recv(sub.fd, &number, 1, MSG_DONTWAIT));
	CHECK_EQ(errno, ENOBUFS);
	rig_detach(&sub);
	wire_disconnect(&bye);
	tcp_nonblock(sub.fd, false);
	tcp_nonblock(sub.client, true);
	end.fd = sub.client;
	tcp_send_all(sub.fd, bye.p, bye.len);
	for (n = 0; !packets_take(&end, bye.p, bye.len);) {
		number = packets_take_any(&end, &source);
		if (number >= 0)
			CHECK_EQ(number, n++);
		else
			packets_wait(&end);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_TX_PACKETS), n);
	CHECK_EQ(packets_left(&end), 0);
}

/* --- what TCP has a part of, and PINGRESPs -------------------------------------- */

static void start_partial(uint8_t policy)
{
	rig_start_with(0, 1 << 20);
	rig_open_with(&pub, &(struct tcp_options){
		.family = AF_INET, .server_rcvbuf = 400000 });
	rig_open_with(&sub, &queue_small);
	rig_sub(&sub, "t/#");
	queue_got.fd = sub.client;
	queue_limit(&sub, policy, 3, 0);
	queue_publish(0, 1, BIG);
	CHECK(!tcp_is_writable(sub.fd));
	queue_publish(1, 2, BIG);
	CHECK_EQ(queue_length(), 3);
}

static void ping(void)
{
	struct bytes b = { 0 };

	wire_pingreq(&b);
	rig_send_bytes(&sub, &b);
	bytes_free(&b);
}

static void expect_pingresp(void)
{
	while (!packets_take(&queue_got, "\xd0\x00", 2))
		packets_wait(&queue_got);
}

static void drop_old_behind_a_part(void)
{
	start_partial(MQTT_QUEUE_POLICY_DROP_OLD);
	ping();
	CHECK_EQ(queue_length(), 4);
	queue_publish(3, 7, BIG);
	CHECK_EQ(queue_length(), 4);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_OLD), 7);
	queue_expect(0, 1);
	expect_pingresp();
	queue_expect(8, 2);
	WAIT_UNTIL(!queue_length());
	queue_check_drops(10, 0, 7, 0, 0);
	queue_check_end();
}

static void conflate_behind_a_part(void)
{
	start_partial(MQTT_QUEUE_POLICY_CONFLATE);
	ping();
	queue_publish(3, 6, BIG);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_CONFLATED), 7);
	queue_publish(9, 1, 5);
	CHECK_EQ(queue_length(), 3);
	queue_expect(0, 1);
	queue_expect(9, 1);
	expect_pingresp();
	WAIT_UNTIL(!queue_length());
	queue_check_drops(10, 0, 0, 8, 0);
	queue_check_end();
}

/* The whole queue is what TCP has a part of: there is no room to be made. */
static void only_a_part(void)
{
	start_partial(MQTT_QUEUE_POLICY_DROP_OLD);
	queue_limit(&sub, MQTT_QUEUE_POLICY_DROP_OLD, 1, 0);
	queue_publish(3, 2, BIG);
	CHECK_EQ(queue_length(), 3);
	queue_check_drops(5, 2, 0, 0, 0);
	queue_expect(0, 3);
	queue_check_end();
}

/* --- changes --------------------------------------------------------------------- */

static void change_policy(void)
{
	queue_start_held(MQTT_QUEUE_POLICY_DROP_NEW, 10, 0);
	queue_publish(0, 15, 20);
	queue_limit(&sub, MQTT_QUEUE_POLICY_DROP_OLD, 10, 0);
	queue_publish(15, 3, 20);
	queue_limit(&sub, MQTT_QUEUE_POLICY_DROP_OLD, 4, 0);
	CHECK_EQ(queue_length(), 10);
	queue_publish(18, 1, 20);
	CHECK_EQ(queue_length(), 4);
	queue_limit(&sub, MQTT_QUEUE_POLICY_CONFLATE, 4, 0);
	queue_publish(19, 1, 20);
	CHECK_EQ(queue_length(), 1);
	queue_publish(20, 1, 20);
	queue_limit(&sub, MQTT_QUEUE_POLICY_DROP_NEW, 2, 0);
	queue_publish(21, 1, 20);
	queue_check_drops(22, 6, 10, 4, 0);
	rig_release(&sub);
	queue_expect(19, 2);
	queue_check_end();
}

/* --- peers that move --------------------------------------------------------------- */

static void expect_record(struct rig_port *port, unsigned int number)
{
	struct bytes b = { 0 };

	queue_put(&b, number, 20);
	rig_port_expect(port, &b, &sub);
	bytes_free(&b);
}

static void host_and_offload(void)
{
	static struct rig_port port;
	unsigned int i;

	queue_topics = 4;
	queue_start_held(MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	queue_publish(0, 20, 20);
	rig_port_open(&port, 0);
	rig_host(&sub, &port);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_BYTES), 0);
	queue_publish(20, 20, 20);
	expect_record(&port, 18);
	expect_record(&port, 19);
	for (i = 16; i < 40; i++) {
		if (i != 18 && i != 19)
			expect_record(&port, i);
	}
	rig_port_expect_empty(&port);
	rig_offload(&sub, true);
	rig_port_expect_mark(&port, &sub);
	CHECK_EQ(rig_peer_get(&sub, MQTT_A_PEER_QUEUE_POLICY), MQTT_QUEUE_POLICY_CONFLATE);
	queue_publish(40, 20, 20);
	CHECK_EQ(queue_length(), 4);
	rig_release(&sub);
	queue_expect(58, 2);
	queue_expect(56, 2);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_CONFLATED), 32);
	rig_fence(&sub);
}

/* The queue of a hosted peer is its port's, whatever its policy. */
static void full_port(void)
{
	static struct rig_port port;
	unsigned int i, drops;

	queue_start_held(MQTT_QUEUE_POLICY_DROP_OLD, 2, 0);
	rig_port_open(&port, 4096);
	rig_host(&sub, &port);
	queue_publish(0, 100, 20);
	drops = rig_stat(MQTT_A_STATS_DROP_PORT_FULL);
	CHECK(drops > 10 && drops < 90);
	for (i = 0; i < 100 - drops; i++)
		expect_record(&port, i);
	rig_port_expect_empty(&port);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_OLD), 0);
}

static void host_when_too_slow(void)
{
	static struct rig_port port;
	char byte;

	queue_start_held(MQTT_QUEUE_POLICY_DISCONNECT, 2, 0);
	rig_port_open(&port, 0);
	queue_publish(0, 3, 20);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_SLOW), 3);
	rig_host(&sub, &port);
	CHECK_REFUSED(recv(sub.fd, &byte, 1, MSG_DONTWAIT));
	CHECK_EQ(errno, ENOBUFS);
	queue_publish(3, 5, 20);
	expect_record(&port, 3);
	rig_offload(&sub, false);
	queue_publish(8, 1, 20);
	queue_expect(8, 1);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_SLOW), 3);
}

static void detach_with_a_full_queue(void)
{
	queue_topics = 4;
	queue_start_held(MQTT_QUEUE_POLICY_CONFLATE, 8, 0);
	queue_publish(0, 20, 20);
	rig_detach(&sub);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_CONFLATED), 16);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_PEER_GONE), 4);
	rig_check_balance();
}

static const struct ksft_case cases[] = {
	{ "drop-new", drop_new },
	{ "drop-new of a train", drop_new_of_a_train },
	{ "drop-old", drop_old },
	{ "drop-old of a train", drop_old_of_a_train },
	{ "drop-old by bytes", drop_old_by_bytes },
	{ "disconnect", disconnect },
	{ "disconnect behind an error", disconnect_behind_an_error },
	{ "disconnect wakes a reader", disconnect_wakes_a_reader },
	{ "disconnect of a full socket", disconnect_of_a_full_socket },
	{ "drop-old behind a part", drop_old_behind_a_part },
	{ "conflate behind a part", conflate_behind_a_part },
	{ "only a part", only_a_part },
	{ "change policy", change_policy },
	{ "host and offload", host_and_offload },
	{ "full port", full_port },
	{ "host when too slow", host_when_too_slow },
	{ "detach with a full queue", detach_with_a_full_queue },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
