// SPDX-License-Identifier: MIT
/*
 * How fast a client may publish: what passes, and what waits, in its place in the
 * stream; and that nothing which waits is ever lost.
 *
 * Where something has to wait without end the rate is a byte per second, and the
 * debt of the first, long packet takes more than an hour. Then the rate is changed.
 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/port.h"
#include "lib/reader.h"
#include "lib/rig.h"

#define DEBT 6000

static const unsigned char pingreq[] = { 0xc0, 0x00 }, pingresp[] = { 0xd0, 0x00 };
static struct rig_peer pub, sub;
static struct bytes debt, fast;

static void open_pub(const struct mqtt_nl_limits *limits, unsigned int keep_alive)
{
	rig_connect(&pub, NULL);
	rig_attach_with(&pub, &(struct mqtt_nl_attach){
		.limits = *limits, .keep_alive = keep_alive,
	});
}

static void start_with(const struct mqtt_nl_limits *limits)
{
	rig_start();
	open_pub(limits, 0);
	rig_open_sub(&sub, "t/u");
	rig_fence(&sub);
	wire_publish_of(&debt, 0x30, "t/u", DEBT, 1);
	wire_message(&fast, "t/u", "has to wait");
}

/* The first packet has passed, and nothing else does before lift(). */
static void start_in_debt(void)
{
	start_with(&(struct mqtt_nl_limits){ .rate_bytes = 1 });
	rig_send_bytes(&pub, &debt);
	tcp_expect(sub.client, debt.p, debt.len);
}

static void set_rates(uint32_t packets, uint64_t bytes)
{
	CHECK_EQ(mqtt_nl_peer_set(rig_nl, pub.id, &(struct mqtt_nl_peer_set){
		.rate_packets = &packets, .rate_bytes = &bytes,
	}), 0);
}

static void lift(void)
{
	set_rates(0, 0);
}

static void check_waiting(size_t bytes)
{
	rig_fence(&sub);
	CHECK_EQ(tcp_unread(pub.fd), bytes);
	CHECK(!tcp_is_readable(pub.fd));
	tcp_expect_again(pub.fd);
	CHECK_EQ(tcp_unread(pub.fd), bytes);
}

/* --- wait --------------------------------------------------------------- */

static void waits(void)
{
	int i;

	start_in_debt();
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_RATE_WAITS), 0);
	for (i = 1; i <= 3; i++) {
		rig_send_bytes(&pub, &fast);
		check_waiting(i * fast.len);
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_RATE_WAITS), 1);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_RATE_WAITS), 1);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_PACKETS), 1);
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
	lift();
	for (i = 1; i <= 3; i++)
		tcp_expect(sub.client, fast.p, fast.len);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_PACKETS), 4);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_RATE_WAITS), 1);
	CHECK_EQ(rig_stat(MQTT_A_STATS_DROP_RATE), 0);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_SLOW_PACKETS), 0);
	rig_check_balance();
}

/*
 * Sends @n messages in one go, at @rate: at no time have more passed than a burst
 * and what the time since has brought, and all of them do pass.
 */
static void in_its_time(unsigned int rate, unsigned int n, size_t payload)
{
	struct packets got = { .fd = sub.client };
	struct bytes all = { 0 };
	long long began;
	unsigned int i;

	for (i = 0; i < n; i++)
		wire_numbered(&all, 0x30, "t/u", 1, i, payload);
	began = ksft_now_ms();
	tcp_send_all(pub.client, all.p, all.len);
	while (got.n < n) {
		if (packets_take_number(&got, 1, got.n))
			CHECK(got.n * 1000 <= rate * (1000 + 1 + ksft_now_ms() - began));
		else
			packets_wait(&got);
	}
	CHECK(ksft_now_ms() - began + 1 >= (n - rate) * 1000LL / rate);
	CHECK(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_RATE_WAITS) > 0);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_PACKETS), n);
	WAIT_UNTIL(!tcp_unread(pub.fd));
	bytes_free(&all);
}

static void one_per_second(void)
{
	start_with(&(struct mqtt_nl_limits){ .rate_packets = 1 });
	in_its_time(1, 3, 10);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_RATE_WAITS), 2);
}

/* Trains are cut. */
static void trains(void)
{
	start_with(&(struct mqtt_nl_limits){ .rate_packets = 100 });
	in_its_time(100, 250, 10);
}

static void long_packets(void)
{
	start_with(&(struct mqtt_nl_limits){ .rate_packets = 20 });
	in_its_time(20, 40, 5000);
}

/* The stricter one counts. */
static void both_rates(void)
{
	struct bytes b = { 0 };
	size_t len = wire_numbered(&b, 0x30, "t/u", 1, 0, 50);

	start_with(&(struct mqtt_nl_limits){ .rate_packets = 1000, .rate_bytes = 50 * len });
	in_its_time(50, 120, 50);
}

/* Nothing overtakes what waits: neither an answer, nor anything of the daemon's. */
static void order(void)
{
	struct bytes all = { 0 }, slow = { 0 };

	start_in_debt();
	bytes_put(&all, fast.p, fast.len);
	bytes_put(&all, pingreq, sizeof(pingreq));
	wire_subscribe(&slow, "x/y");
	bytes_put(&all, slow.p, slow.len);
	bytes_put(&all, fast.p, fast.len);
	bytes_put(&all, pingreq, sizeof(pingreq));
	rig_send_bytes(&pub, &all);
	check_waiting(all.len);
	CHECK(!tcp_is_readable(pub.client));
	lift();
	tcp_expect(sub.client, fast.p, fast.len);
	tcp_expect(pub.client, pingresp, sizeof(pingresp));
	rig_daemon_expect(&pub, &slow);
	rig_fence(&sub);
	CHECK(!tcp_is_readable(pub.client));
	tcp_expect_again(pub.fd);
	tcp_expect(sub.client, fast.p, fast.len);
	tcp_expect(pub.client, pingresp, sizeof(pingresp));
}

/* What the daemon gets it gets at any rate, and it is not charged. */
static void not_the_daemons(void)
{
	struct bytes slow = { 0 };
	int i;

	start_with(&(struct mqtt_nl_limits){ .rate_bytes = 1 });
	wire_publish_of(&slow, 0x32, "t/u", 300, 1);
	wire_publish_of(&slow, 0x32, "t/u", 3000, 1);
	wire_puback(&slow, 1);
	for (i = 0; i < 3; i++) {
		rig_send_bytes(&pub, &slow);
		rig_daemon_expect(&pub, &slow);
	}
	slow.len = 0;
	wire_message(&slow, "$t/u", "the server's own");
	for (i = 0; i < 3; i++) {
		rig_send_bytes(&pub, &slow);
		rig_daemon_expect(&pub, &slow);
		tcp_expect_again(pub.fd);
	}
	rig_send_bytes(&pub, &debt);
	tcp_expect(sub.client, debt.p, debt.len);
	rig_send_bytes(&pub, &slow);
	rig_daemon_expect(&pub, &slow);
	tcp_expect_again(pub.fd);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_RATE_WAITS), 0);
	rig_send_bytes(&pub, &fast);
	check_waiting(fast.len);
}

/* The window closes; what was sent into it is all there afterwards. */
static void back_pressure(void)
{
	struct tcp_options small = {
		.family = AF_INET, .server_rcvbuf = 8192, .client_sndbuf = 8192,
	};
	struct traffic t = {
		.from = &pub, .topic = "t/u", .source = 1, .n = 3000, .payload = 10,
		.batch = 500, .cpu = -1,
	};
	struct packets got = { .fd = sub.client };

	start_with(&(struct mqtt_nl_limits){ 0 });
	rig_close(&pub);
	rig_connect(&pub, &small);
	rig_attach_with(&pub, &(struct mqtt_nl_attach){ .limits.rate_bytes = 1 });
	rig_send(&pub, debt.p, debt.len);
	tcp_expect(sub.client, debt.p, debt.len);
	got.fd = sub.client;
	traffic_start(&t);
	WAIT_UNTIL(tcp_unread(pub.fd) > 2000 && !tcp_is_writable(pub.client));
	rig_fence(&sub);
	lift();
	packets_expect(&got, 1, 0, t.n);
	traffic_join(&t);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_PACKETS), t.n + 1);
}

/* --- how it ends -------------------------------------------------------- */

/* The end of the stream waits too. */
static void end_of_stream(void)
{
	struct pollfd fd;
	struct reader r;

	start_in_debt();
	rig_send_bytes(&pub, &fast);
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	rig_fence(&sub);
	fd = (struct pollfd){ .fd = pub.fd, .events = POLLIN | POLLRDHUP };
	CHECK_EQ(poll(&fd, 1, 0), 0);
	tcp_expect_again(pub.fd);
	reader_start(&r, pub.fd, 10, 0);
	rig_fence(&sub);
	CHECK(!reader_is_done(&r));
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_FAST);
	lift();
	tcp_expect(sub.client, fast.p, fast.len);
	reader_expect(&r, "", 0);
	CHECK_EQ(poll(&fd, 1, 0), 1);
	CHECK(fd.revents & POLLRDHUP);
	tcp_expect_eof(pub.fd);
	rig_fence(&sub);
}

/* poll() that sleeps is woken when the end has had its turn. */
static void end_of_stream_wakes_poll(void)
{
	start_in_debt();
	set_rates(0, 20 * DEBT);
	rig_send_bytes(&pub, &fast);
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	tcp_wait(pub.fd, POLLIN);
	tcp_expect_eof(pub.fd);
	tcp_expect(sub.client, fast.p, fast.len);
}

/* Who has said its last waits as long as it could have been silent. */
static void end_of_stream_after_all(void)
{
	unsigned int i, n = 1000;
	struct bytes b = { 0 };

	start_with(&(struct mqtt_nl_limits){ 0 });
	rig_close(&pub);
	open_pub(&(struct mqtt_nl_limits){ .rate_packets = 1 }, 1);
	for (i = 0; i < n; i++)
		wire_numbered(&b, 0x30, "t/u", 1, i, 10);
	rig_send_bytes(&pub, &b);
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	tcp_expect_again(pub.fd);
	CHECK(tcp_wait(pub.fd, POLLIN) & POLLIN);
	tcp_expect_eof(pub.fd);
	CHECK(rig_peer_stat(&pub, MQTT_A_PEER_STATS_DROP_RATE) > n / 2);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_PACKETS), n);
	CHECK_EQ(rig_stat(MQTT_A_STATS_MATCHED) + rig_stat(MQTT_A_STATS_DROP_RATE), n + 1);
}

/* Also if it has begun to wait for longer than that before. */
static void end_of_stream_while_waiting(void)
{
	start_with(&(struct mqtt_nl_limits){ 0 });
	rig_close(&pub);
	open_pub(&(struct mqtt_nl_limits){ .rate_bytes = 1 }, 1);
	rig_send_bytes(&pub, &debt);
	tcp_expect(sub.client, debt.p, debt.len);
	rig_send_bytes(&pub, &fast);
	check_waiting(fast.len);
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	CHECK(tcp_wait(pub.fd, POLLIN) & POLLIN);
	tcp_expect_eof(pub.fd);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_DROP_RATE), 1);
	rig_fence(&sub);
}

static void reset(void)
{
	struct linger linger = { .l_onoff = 1 };
	char byte;

	start_in_debt();
	rig_send_bytes(&pub, &fast);
	CHECK_SYS(setsockopt(pub.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	CHECK_SYS(close(pub.client));
	CHECK(tcp_wait(pub.fd, POLLIN) & (POLLERR | POLLHUP));
	while (recv(pub.fd, &byte, 1, MSG_DONTWAIT) > 0)
		;
	CHECK_EQ(errno, ECONNRESET);
	CHECK_SYS(close(pub.fd));
	WAIT_UNTIL(rig_peer_count() == 1);
	rig_fence(&sub);
}

/* Every byte that waits is the daemon's then. */
static void detached(void)
{
	struct bytes all = { 0 };

	start_in_debt();
	bytes_put(&all, fast.p, fast.len);
	bytes_put(&all, pingreq, sizeof(pingreq));
	bytes_put(&all, fast.p, fast.len - 3);
	rig_send_bytes(&pub, &all);
	check_waiting(all.len);
	rig_detach(&pub);
	tcp_wait(pub.fd, POLLIN);
	rig_daemon_expect(&pub, &all);
	tcp_expect_again(pub.fd);
	/* and all over again */
	rig_attach_with(&pub, &(struct mqtt_nl_attach){ .limits.rate_bytes = 1 });
	rig_send_bytes(&pub, &debt);
	tcp_expect(sub.client, debt.p, debt.len);
	rig_fence(&sub);
}

static void blocked_reader_is_detached(void)
{
	struct reader r;

	start_in_debt();
	rig_send_bytes(&pub, &fast);
	reader_start(&r, pub.fd, fast.len, MSG_WAITALL);
	CHECK(!reader_is_done(&r));
	rig_detach(&pub);
	reader_expect(&r, fast.p, fast.len);
}

/* Hosted, what waits is the daemon's; offloaded again the account goes on. */
static void hosted(void)
{
	static struct rig_port port;

	start_in_debt();
	rig_port_open(&port, 0);
	rig_send_bytes(&pub, &fast);
	check_waiting(fast.len);
	rig_host(&pub, &port);
	rig_daemon_expect(&pub, &fast);
	rig_offload(&pub, false);
	rig_send_bytes(&pub, &fast);
	check_waiting(fast.len);
	CHECK_EQ(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_RATE_WAITS), 2);
	lift();
	tcp_expect(sub.client, fast.p, fast.len);
}

static void router_ends(void)
{
	start_in_debt();
	rig_send_bytes(&pub, &fast);
	check_waiting(fast.len);
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
	WAIT_UNTIL(tcp_is_readable(pub.fd));
	rig_daemon_expect(&pub, &fast);
	tcp_expect_again(pub.fd);
}

static void closed(void)
{
	start_in_debt();
	rig_send_bytes(&pub, &fast);
	check_waiting(fast.len);
	rig_close(&pub);
	WAIT_UNTIL(rig_peer_count() == 1);
	rig_fence(&sub);
}

/* Whoever waits because of us is not silent. */
static void keep_alive(void)
{
	struct rig_peer clock;
	struct pollfd fd;
	int i;

	start_with(&(struct mqtt_nl_limits){ 0 });
	rig_close(&pub);
	open_pub(&(struct mqtt_nl_limits){ .rate_bytes = 1 }, 1);
	rig_send_bytes(&pub, &debt);
	tcp_expect(sub.client, debt.p, debt.len);
	rig_send_bytes(&pub, &fast);
	rig_send(&pub, pingreq, sizeof(pingreq));
	for (i = 0; i < 2; i++) {
		rig_connect(&clock, NULL);
		rig_attach_with(&clock, &(struct mqtt_nl_attach){ .keep_alive = 1 });
		CHECK(tcp_wait(clock.fd, POLLIN) & POLLERR);
		rig_close(&clock);
	}
	fd = (struct pollfd){ .fd = pub.fd, .events = POLLIN };
	CHECK_EQ(poll(&fd, 1, 0), 0);
	lift();
	tcp_expect(sub.client, fast.p, fast.len);
	tcp_expect(pub.client, pingresp, sizeof(pingresp));
	/* and then it is its turn again */
	CHECK(tcp_wait(pub.fd, POLLIN) & POLLERR);
}

/* --- changes ------------------------------------------------------------ */

/* A new rate is in force at once, for who waits and for who does not yet. */
static void changed(void)
{
	start_with(&(struct mqtt_nl_limits){ 0 });
	rig_send_bytes(&pub, &debt);
	rig_send_bytes(&pub, &debt);
	tcp_expect(sub.client, debt.p, debt.len);
	tcp_expect(sub.client, debt.p, debt.len);
	set_rates(0, 1);
	rig_send_bytes(&pub, &debt);
	tcp_expect(sub.client, debt.p, debt.len);
	rig_send_bytes(&pub, &fast);
	check_waiting(fast.len);
	set_rates(7, 2);
	check_waiting(fast.len);
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_RATE_PACKETS), 7);
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_RATE_BYTES), 2);
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_RATE_WAITS), 1);
	set_rates(1000, 0);
	tcp_expect(sub.client, fast.p, fast.len);
}

/* --- races -------------------------------------------------------------- */

/* Numbered messages that arrive in part by the kernel and in part by the daemon */
static void take_both(struct packets *fast_path, struct packets *slow_path, unsigned int *next)
{
	while (packets_take_number(fast_path, 1, *next) ||
	       packets_take_number(slow_path, 1, *next))
		++*next;
	if (!packets_read(fast_path))
		ksft_pause();
}

/* Attached, held up, let go and detached at any moment: each message arrives once. */
static void attach_cycles(void)
{
	unsigned int next = 0, cycles = 0, all = ksft_scale(10000, 1000);
	struct packets through = { 0 }, slow = { 0 };
	struct traffic t = {
		.from = &pub, .topic = "t/u", .source = 1, .n = all, .payload = 10,
		.batch = 1000, .cpu = -1,
	};

	start_with(&(struct mqtt_nl_limits){ .rate_packets = 100 });
	through.fd = sub.client;
	slow.fd = pub.fd;
	traffic_start(&t);
	while (next < all) {
		unsigned int until = next + ksft_random(300);

		set_rates(300 + ksft_random(5000), ksft_random(2) * 100000);
		while (next < until && next < all)
			take_both(&through, &slow, &next);
		rig_detach(&pub);
		until = slow.n + 1 + ksft_random(100);
		while (next < all && slow.n < until) {
			if (packets_left(&slow) < 10000)
				packets_read(&slow);
			take_both(&through, &slow, &next);
		}
		rig_attach_with(&pub, &(struct mqtt_nl_attach){
			.limits.rate_packets = 100,
			.rx_residue = packets_data(&slow),
			.rx_residue_len = packets_left(&slow),
		});
		packets_clear(&slow);
		cycles++;
	}
	traffic_join(&t);
	ksft_note("%u cycles: %u messages through the kernel, %u through the daemon",
		  cycles, through.n, slow.n);
	CHECK_EQ(through.n + slow.n, all);
	CHECK(slow.n);
}

static const struct ksft_case cases[] = {
	{ "waits", waits },
	{ "one_per_second", one_per_second },
	{ "trains", trains },
	{ "long_packets", long_packets },
	{ "both_rates", both_rates },
	{ "order", order },
	{ "not_the_daemons", not_the_daemons },
	{ "back_pressure", back_pressure },
	{ "end_of_stream", end_of_stream },
	{ "end_of_stream_wakes_poll", end_of_stream_wakes_poll },
	{ "end_of_stream_after_all", end_of_stream_after_all },
	{ "end_of_stream_while_waiting", end_of_stream_while_waiting },
	{ "reset", reset },
	{ "detached", detached },
	{ "blocked_reader_is_detached", blocked_reader_is_detached },
	{ "hosted", hosted },
	{ "router_ends", router_ends },
	{ "closed", closed },
	{ "keep_alive", keep_alive },
	{ "changed", changed },
	{ "attach_cycles", attach_cycles },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
