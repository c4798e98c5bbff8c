// SPDX-License-Identifier: MIT
/*
 * The test as daemon and clients. See rig.h.
 */
#include <stdio.h>
#include <unistd.h>

#include "rig.h"
#include "wire5.h"

struct mqtt_nl *rig_nl;
struct wanted {
	int attr;
	int nested;			/* attribute inside of it, or 0 */
	unsigned long long value;
	int seen;
};

static void nl_check(int ret, const char *what)
{
	if (ret)
		FAIL("%s: %s (%s)", what, strerror(-ret), mqtt_nl_error(rig_nl));
}

/* The router of a case that ended before may still be on its way out. */
static void router_new(const struct mqtt_nl_router *router)
{
	long long end = ksft_deadline();
	int ret;

	for (;;) {
		ret = mqtt_nl_router_new(rig_nl, router);
		if (!ret || ksft_now_ms() > end)
			break;
		ksft_pause();
	}
	nl_check(ret, "router new");
}

void rig_start_with(unsigned long long queue_limit, unsigned int max_packet)
{
	struct mqtt_nl_router router = {
		.queue_limit = queue_limit,
		.offload_max_packet = max_packet,
	};
	int ret = mqtt_nl_open(&rig_nl);

	if (ret)
		FAIL("netlink family mqtt: %s; is the module loaded?", strerror(-ret));
	router_new(&router);
}

void rig_start(void)
{
	rig_start_with(0, 0);
}

void rig_connect(struct rig_peer *p, const struct tcp_options *opt)
{
	struct tcp_options ipv4 = { .family = AF_INET };

	memset(p, 0, sizeof(*p));
	tcp_pair(opt ? opt : &ipv4, &p->client, &p->fd);
}

void rig_attach_with(struct rig_peer *p, const struct mqtt_nl_attach *with)
{
	struct mqtt_nl_attach attach = *with;

	attach.fd = p->fd;
	if (!attach.protocol)
		attach.protocol = MQTT_PROTOCOL_V311;
	attach.client_id = "selftest";
	nl_check(mqtt_nl_peer_attach(rig_nl, &attach, &p->id), "peer attach");
	p->fenced = false;
}

void rig_attach_as(struct rig_peer *p, unsigned int protocol, unsigned int alias_max)
{
	rig_attach_with(p, &(struct mqtt_nl_attach){
		.protocol = protocol, .topic_alias_max = alias_max,
	});
}

void rig_attach_residue(struct rig_peer *p, const void *residue, size_t len)
{
	rig_attach_with(p, &(struct mqtt_nl_attach){
		.rx_residue = residue, .rx_residue_len = len,
	});
}

void rig_attach(struct rig_peer *p)
{
	rig_attach_residue(p, NULL, 0);
}

int rig_try_attach(struct rig_peer *p, const char *client_id)
{
	struct mqtt_nl_attach attach = {
		.fd = p->fd, .protocol = MQTT_PROTOCOL_V311, .client_id = client_id,
	};

	return mqtt_nl_peer_attach(rig_nl, &attach, &p->id);
}

void rig_detach(struct rig_peer *p)
{
	nl_check(mqtt_nl_peer_detach(rig_nl, p->id), "peer detach");
	p->id = 0;
}

void rig_open_with(struct rig_peer *p, const struct tcp_options *opt)
{
	rig_connect(p, opt);
	rig_attach(p);
}

void rig_open(struct rig_peer *p)
{
	rig_open_with(p, NULL);
}

void rig_open_as(struct rig_peer *p, unsigned int protocol, unsigned int alias_max)
{
	rig_connect(p, NULL);
	rig_attach_as(p, protocol, alias_max);
}

void rig_open_sub(struct rig_peer *p, const char *filter)
{
	rig_open(p);
	rig_sub(p, filter);
}

void rig_close(struct rig_peer *p)
{
	close(p->client);
	close(p->fd);
}

void rig_sub(struct rig_peer *p, const char *filter)
{
	rig_sub_with(p, filter, 0);
}

void rig_sub_with(struct rig_peer *p, const char *filter, unsigned int options)
{
	struct mqtt_nl_filter f = {
		.filter = (const void *)filter, .len = strlen(filter), .options = options,
	};

	nl_check(mqtt_nl_sub_add(rig_nl, p->id, &f, 1), filter);
}

void rig_sub_id(struct rig_peer *p, const char *filter, unsigned int id)
{
	struct mqtt_nl_filter f = {
		.filter = (const void *)filter, .len = strlen(filter), .id = id,
	};

	nl_check(mqtt_nl_sub_add(rig_nl, p->id, &f, 1), filter);
}

static struct mqtt_nl_filter of_group(const char *group, const char *filter)
{
	return (struct mqtt_nl_filter){
		.filter = (const void *)filter,
		.len = strlen(filter),
		.group = (const void *)group,
		.group_len = strlen(group),
	};
}

void rig_sub_group(struct rig_peer *p, const char *group, const char *filter, unsigned int id)
{
	struct mqtt_nl_filter f = of_group(group, filter);

	f.id = id;
	nl_check(mqtt_nl_sub_add(rig_nl, p->id, &f, 1), filter);
}

void rig_unsub_group(struct rig_peer *p, const char *group, const char *filter)
{
	struct mqtt_nl_filter f = of_group(group, filter);

	nl_check(mqtt_nl_sub_del(rig_nl, p->id, &f, 1), filter);
}

void rig_unsub(struct rig_peer *p, const char *filter)
{
	struct mqtt_nl_filter f = { .filter = (const void *)filter, .len = strlen(filter) };

	nl_check(mqtt_nl_sub_del(rig_nl, p->id, &f, 1), filter);
}

/* Attributes are u8, u32 or u64: whatever length the kernel gave them. */
static unsigned long long attr_number(const struct nlattr *attr)
{
	unsigned long long value = 0;

	CHECK(nla_len(attr) <= (int)sizeof(value));
	memcpy(&value, nla_data(attr), nla_len(attr));
	return value;
}

static int take_wanted(struct nlattr **attrs, void *arg)
{
	struct nlattr *nested[MQTT_A_PEER_STATS_MAX + 1];
	struct wanted *w = arg;

	w->seen++;
	CHECK(attrs[w->attr]);
	if (!w->nested) {
		w->value = attr_number(attrs[w->attr]);
		return 0;
	}
	CHECK(!nla_parse_nested(nested, MQTT_A_PEER_STATS_MAX, attrs[w->attr], NULL));
	CHECK(nested[w->nested]);
	w->value = attr_number(nested[w->nested]);
	return 0;
}

unsigned long long rig_stat(int attr)
{
	struct wanted w = { .attr = attr };

	nl_check(mqtt_nl_stats_get(rig_nl, take_wanted, &w), "stats get");
	CHECK_EQ(w.seen, 1);
	return w.value;
}

static unsigned long long peer_number(const struct rig_peer *p, int attr, int nested)
{
	struct wanted w = { .attr = attr, .nested = nested };

	nl_check(mqtt_nl_peer_get(rig_nl, p->id, take_wanted, &w), "peer get");
	CHECK_EQ(w.seen, 1);
	return w.value;
}

unsigned long long rig_peer_get(const struct rig_peer *p, int attr)
{
	return peer_number(p, attr, 0);
}

unsigned long long rig_peer_stat(const struct rig_peer *p, int attr)
{
	return peer_number(p, MQTT_A_PEER_STATS, attr);
}

static int count_peer(struct nlattr **attrs, void *arg)
{
	unsigned long long *queued = arg;

	CHECK(attrs[MQTT_A_PEER_ID] && attrs[MQTT_A_PEER_QUEUE_PACKETS]);
	queued[0]++;
	queued[1] += attr_number(attrs[MQTT_A_PEER_QUEUE_PACKETS]);
	return 0;
}

int rig_peer_count(void)
{
	unsigned long long count[2] = { 0 };

	nl_check(mqtt_nl_peer_dump(rig_nl, count_peer, count), "peer dump");
	return count[0];
}

static bool is_balanced(bool racy, bool tell)
{
	unsigned long long count[2] = { 0 }, in, out, gone;

	nl_check(mqtt_nl_peer_dump(rig_nl, count_peer, count), "peer dump");
	in = rig_stat(MQTT_A_STATS_ENQUEUED);
	out = rig_stat(MQTT_A_STATS_TX_PACKETS);
	gone = rig_stat(MQTT_A_STATS_DROP_PEER_GONE) + rig_stat(MQTT_A_STATS_DROP_OLD) +
	       rig_stat(MQTT_A_STATS_DROP_CONFLATED);
	if (tell)
		ksft_note("enqueued %llu, sent %llu, dropped %llu, queued %llu",
			  in, out, gone, count[1]);
	if (racy)
		return in >= out + count[1] && in <= out + gone + count[1];
	return in == out + gone + count[1];
}

static void check_balance(bool racy)
{
	long long end = ksft_deadline();

	while (!is_balanced(racy, false) && ksft_now_ms() < end)
		ksft_pause();
	if (!is_balanced(racy, true))
		FAIL("counters do not balance");
}

void rig_check_balance(void)
{
	check_balance(false);
}

void rig_check_balance_racy(void)
{
	check_balance(true);
}

void rig_wait_arrived(struct rig_peer *p)
{
	WAIT_UNTIL(tcp_received(p->fd) >= p->sent);
}

void rig_send(struct rig_peer *p, const void *data, size_t len)
{
	tcp_send_all(p->client, data, len);
	p->sent += len;
	rig_wait_arrived(p);
}

void rig_send_bytes(struct rig_peer *p, const struct bytes *b)
{
	rig_send(p, b->p, b->len);
}

void rig_daemon_expect(struct rig_peer *p, const struct bytes *want)
{
	tcp_expect(p->fd, want->p, want->len);
}

void rig_say(struct rig_peer *p, const char *topic, const char *text)
{
	struct bytes b = { 0 };

	wire_message(&b, topic, text);
	rig_send(p, b.p, b.len);
	bytes_free(&b);
}

void rig_hear(struct rig_peer *p, const char *topic, const char *text)
{
	struct bytes b = { 0 };

	wire_message(&b, topic, text);
	tcp_expect(p->client, b.p, b.len);
	bytes_free(&b);
}
