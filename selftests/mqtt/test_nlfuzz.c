// SPDX-License-Identifier: MIT
/*
 * Requests that are almost right: attributes of the right types in the right
 * nests, with any values, twice, cut off, too long, too deep, unknown; for all
 * commands, from several sockets, which are closed in the middle of what they asked
 * for. Nobody obeys one of somebody without capabilities, and a router goes on.
 */
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/rawnl.h"
#include "lib/rig.h"

#define SOCKETS 4
#define PEERS 4

enum type { NONE, U8, U16, U32, U64, TEXT, BYTES, FLAG, NEST };

struct spec {
	const enum type *types;		/* by attribute */
	unsigned int n;
	const struct spec *const *nests;
};

/* As include/uapi/linux/mqtt.h says; what is not here is bytes. */
static const enum type router_types[MQTT_A_ROUTER_MAX + 1] = {
	[MQTT_A_ROUTER_QUEUE_LIMIT] = U64, [MQTT_A_ROUTER_OFFLOAD_MAX_PACKET] = U32,
	[MQTT_A_ROUTER_PEERS] = U32, [MQTT_A_ROUTER_SUBSCRIPTIONS] = U32,
	[MQTT_A_ROUTER_OWNER_PORTID] = U32, [MQTT_A_ROUTER_NODES] = U32,
	[MQTT_A_ROUTER_PORTS] = U32, [MQTT_A_ROUTER_MEMORY_LIMIT] = U64,
	[MQTT_A_ROUTER_MEMORY_BYTES] = U64, [MQTT_A_ROUTER_ACLS] = U32,
};

static const enum type peer_types[MQTT_A_PEER_MAX + 1] = {
	[MQTT_A_PEER_ID] = U32, [MQTT_A_PEER_FD] = U32, [MQTT_A_PEER_CLIENT_ID] = TEXT,
	[MQTT_A_PEER_PROTOCOL] = U8, [MQTT_A_PEER_RX_RESIDUE] = BYTES,
	[MQTT_A_PEER_QUEUE_LIMIT] = U64, [MQTT_A_PEER_QUEUE_BYTES] = U64,
	[MQTT_A_PEER_QUEUE_PACKETS] = U32, [MQTT_A_PEER_SUBSCRIPTIONS] = U32,
	[MQTT_A_PEER_STATE] = U32, [MQTT_A_PEER_LOCAL] = BYTES, [MQTT_A_PEER_REMOTE] = BYTES,
	[MQTT_A_PEER_STATS] = NEST, [MQTT_A_PEER_PORT] = U32, [MQTT_A_PEER_KEEP_ALIVE] = U16,
	[MQTT_A_PEER_TOPIC_ALIAS_MAX] = U16, [MQTT_A_PEER_MAX_PACKET] = U32,
	[MQTT_A_PEER_RX_SKIP] = U32, [MQTT_A_PEER_TX_HOLD] = U8,
	[MQTT_A_PEER_QUEUE_PACKETS_LIMIT] = U32, [MQTT_A_PEER_QUEUE_POLICY] = U8,
	[MQTT_A_PEER_PAUSE] = U16, [MQTT_A_PEER_RATE_PACKETS] = U32,
	[MQTT_A_PEER_RATE_BYTES] = U64, [MQTT_A_PEER_RATE_POLICY] = U8,
	[MQTT_A_PEER_ACLS] = BYTES,
};

static const enum type sub_types[MQTT_A_SUB_MAX + 1] = {
	[MQTT_A_SUB_FILTER] = TEXT, [MQTT_A_SUB_PEER_ID] = U32, [MQTT_A_SUB_SEQ] = U32,
	[MQTT_A_SUB_OPTIONS] = U8, [MQTT_A_SUB_ID] = U32, [MQTT_A_SUB_GROUP] = TEXT,
};

static const enum type port_types[MQTT_A_PORT_MAX + 1] = {
	[MQTT_A_PORT_ID] = U32, [MQTT_A_PORT_FD] = U32, [MQTT_A_PORT_QUEUE_LIMIT] = U64,
	[MQTT_A_PORT_QUEUE_BYTES] = U64, [MQTT_A_PORT_QUEUE_PACKETS] = U32,
	[MQTT_A_PORT_PEERS] = U32,
};

static const enum type acl_types[MQTT_A_ACL_MAX + 1] = {
	[MQTT_A_ACL_ID] = U32, [MQTT_A_ACL_FALLBACK] = U8, [MQTT_A_ACL_MORE] = FLAG,
	[MQTT_A_ACL_PEERS] = U32, [MQTT_A_ACL_RULES] = U32,
};

static const enum type rule_types[MQTT_A_ACL_RULE_MAX + 1] = {
	[MQTT_A_ACL_RULE_FILTER] = TEXT, [MQTT_A_ACL_RULE_ACTION] = U8,
	[MQTT_A_ACL_RULE_ACCESS] = U8,
};

static const enum type stats_types[MQTT_A_STATS_MAX + 1] = { [MQTT_A_STATS_RX_PACKETS] = U64 };
static const enum type event_types[MQTT_A_EVENT_MAX + 1] = { [MQTT_A_EVENT_TYPE] = U8 };

static const struct spec stats_spec = { stats_types, ARRAY_LEN(stats_types), NULL };
static const struct spec *const peer_nests[MQTT_A_PEER_MAX + 1] = {
	[MQTT_A_PEER_STATS] = &stats_spec,
};

static const struct spec router_spec = { router_types, ARRAY_LEN(router_types), NULL };
static const struct spec peer_spec = { peer_types, ARRAY_LEN(peer_types), peer_nests };
static const struct spec sub_spec = { sub_types, ARRAY_LEN(sub_types), NULL };
static const struct spec port_spec = { port_types, ARRAY_LEN(port_types), NULL };
static const struct spec event_spec = { event_types, ARRAY_LEN(event_types), NULL };
static const struct spec acl_spec = { acl_types, ARRAY_LEN(acl_types), NULL };
static const struct spec rule_spec = { rule_types, ARRAY_LEN(rule_types), NULL };

static const struct spec *const objects[MQTT_A_MAX + 1] = {
	[MQTT_A_ROUTER] = &router_spec, [MQTT_A_PEER] = &peer_spec, [MQTT_A_SUB] = &sub_spec,
	[MQTT_A_STATS] = &stats_spec, [MQTT_A_PORT] = &port_spec, [MQTT_A_EVENT] = &event_spec,
	[MQTT_A_ACL] = &acl_spec, [MQTT_A_ACL_RULE] = &rule_spec,
};

/* What a command takes, mostly */
static const unsigned char usual[MQTT_CMD_MAX + 1][3] = {
	[MQTT_CMD_ROUTER_NEW] = { MQTT_A_ROUTER }, [MQTT_CMD_ROUTER_SET] = { MQTT_A_ROUTER },
	[MQTT_CMD_PEER_ATTACH] = { MQTT_A_PEER }, [MQTT_CMD_PEER_DETACH] = { MQTT_A_PEER },
	[MQTT_CMD_PEER_GET] = { MQTT_A_PEER }, [MQTT_CMD_PEER_SET] = { MQTT_A_PEER },
	[MQTT_CMD_SUB_ADD] = { MQTT_A_PEER, MQTT_A_SUB, MQTT_A_SUB },
	[MQTT_CMD_SUB_DEL] = { MQTT_A_PEER, MQTT_A_SUB },
	[MQTT_CMD_SUB_GET] = { MQTT_A_PEER }, [MQTT_CMD_PORT_ADD] = { MQTT_A_PORT },
	[MQTT_CMD_PORT_GET] = { MQTT_A_PORT },
	[MQTT_CMD_ACL_SET] = { MQTT_A_ACL, MQTT_A_ACL_RULE, MQTT_A_ACL_RULE },
	[MQTT_CMD_ACL_DEL] = { MQTT_A_ACL }, [MQTT_CMD_ACL_GET] = { MQTT_A_ACL },
};

/* What an attach is refused without */
static const unsigned char attach_usual[] = {
	MQTT_A_PEER_FD, MQTT_A_PEER_CLIENT_ID, MQTT_A_PEER_PROTOCOL,
};

static struct rig_peer peers[PEERS];

static bool one_in(unsigned int n)
{
	return !ksft_random(n);
}

static unsigned long long any_number(void)
{
	static const unsigned long long limits[] = {
		0, 1, 2, 3, 4, 5, 63, 64, 65, 255, 256, 4095, 4096, 65535, 65536, 1 << 20,
		0x7fffffff, 0x80000000, 0xffffffff, 0x100000000ull, ~0ull, ~0ull >> 1,
	};

	switch (ksft_random(4)) {
	case 0:
		return peers[ksft_random(PEERS)].fd;
	case 1:
		return ksft_random(12);
	case 2:
		return ksft_random(1 << 16) * 65537ull;
	default:
		return limits[ksft_random(ARRAY_LEN(limits))];
	}
}

static void put_text(struct bytes *b, unsigned int attr)
{
	static const char *const texts[] = {
		"", "a", "t/u", "a/b/c", "#", "+", "a/+/b", "a/#", "a/#/b", "a+", "$SYS/#", "/",
		"//////", "$share/g/t", "\xff\xfe", "\xed\xa0\x80", "a\x01", "group", "n/1", "n/2",
		"n/3", "n/4", "n/5",
	};
	static char long_text[40000];
	const char *text = texts[ksft_random(ARRAY_LEN(texts))];
	size_t len = strlen(text) + one_in(4), i;

	if (!one_in(12)) {
		rawnl_put(b, attr, text, len);
		return;
	}
	len = ksft_random(sizeof(long_text));
	for (i = 0; i < len; i++)
		long_text[i] = one_in(40) ? '/' : 'a' + i % 26;
	rawnl_put(b, attr, long_text, len);
}

static void put_bytes(struct bytes *b, unsigned int attr)
{
	static unsigned char data[40000];
	size_t len = one_in(10) ? ksft_random(sizeof(data)) : 4 * ksft_random(8) + one_in(5);
	unsigned int i;

	for (i = 0; i + 4 <= len && i < 64; i += 4)
		data[i] = ksft_random(6);
	rawnl_put(b, attr, data, len);
}

static void put_nest(struct bytes *b, unsigned int attr, const struct spec *spec,
		     unsigned int depth, const unsigned char *first, size_t nr_first);

static void put_attr(struct bytes *b, unsigned int attr, const struct spec *spec,
		     unsigned int depth)
{
	enum type type = attr < spec->n ? spec->types[attr] : NONE;
	unsigned long long value = any_number();
	unsigned int flags = one_in(30) ? 0x8000 : 0;

	if (type == U8 && !one_in(4))
		value = ksft_random(6);
	if (one_in(25))
		type = ksft_random(NEST);
	switch (type) {
	case U8:
		rawnl_put(b, attr | flags, &value, 1);
		break;
	case U16:
		rawnl_put(b, attr | flags, &value, 2);
		break;
	case U32:
		rawnl_put(b, attr | flags, &value, 4);
		break;
	case U64:
		rawnl_put(b, attr | flags, &value, 8);
		break;
	case TEXT:
		put_text(b, attr | flags);
		break;
	case FLAG:
		rawnl_put(b, attr | flags, NULL, 0);
		break;
	case NEST:
		put_nest(b, attr, spec->nests ? spec->nests[attr] : spec, depth + 1, NULL, 0);
		break;
	default:
		put_bytes(b, attr | flags);
	}
}

/* With a few attributes of its own, in any order; sometimes itself, and deeper. */
static void put_nest(struct bytes *b, unsigned int attr, const struct spec *spec,
		     unsigned int depth, const unsigned char *first, size_t nr_first)
{
	unsigned int i, n = ksft_random(first ? 3 : 5);
	size_t at = one_in(40) ? rawnl_put(b, attr, NULL, 0) : rawnl_nest(b, attr);

	for (i = 0; i < nr_first; i++)
		if (!one_in(10))
			put_attr(b, first[i], spec, depth);
	if (n && !first && spec == &peer_spec && !one_in(8))
		put_attr(b, MQTT_A_PEER_ID, spec, depth);
	for (i = 0; i < n; i++)
		put_attr(b, ksft_random(spec->n + one_in(10)), spec, depth);
	if (depth < 40 && one_in(50))
		put_nest(b, attr, spec, depth + 1, NULL, 0);
	if (b->len - at > 65535)
		b->len = at + 4;
	rawnl_nest_end(b, at);
}

static void put_object(struct bytes *b, unsigned int cmd, unsigned int attr)
{
	bool attach = cmd == MQTT_CMD_PEER_ATTACH && attr == MQTT_A_PEER && !one_in(4);

	if (attr > MQTT_A_MAX || !objects[attr])
		put_bytes(b, attr);
	else
		put_nest(b, attr, objects[attr], 0, attach ? attach_usual : NULL,
			 attach ? ARRAY_LEN(attach_usual) : 0);
}

/* Bytes of it that are wrong: any, and lengths of attributes among them */
static void spoil(struct bytes *b)
{
	size_t at = NLMSG_HDRLEN + ksft_random(b->len - NLMSG_HDRLEN);

	switch (ksft_random(3)) {
	case 0:
		b->p[at] ^= 1 << ksft_random(8);
		break;
	case 1:
		b->p[at & ~3ul] += ksft_random(9) - 4;
		break;
	default:
		b->len = at;
	}
}

static void request(struct rawnl *nl, struct bytes *b)
{
	unsigned int cmd, flags = 0, i, attr;

	do {
		cmd = ksft_random(MQTT_CMD_MAX + 1 + one_in(20));
	} while (cmd == MQTT_CMD_ROUTER_DEL);
	if (one_in(3))
		flags |= NLM_F_DUMP;
	rawnl_begin(nl, b, cmd, flags);
	for (i = 0; i < 3 && cmd <= MQTT_CMD_MAX; i++) {
		attr = usual[cmd][i];
		if (attr && !one_in(10))
			put_object(b, cmd, attr);
	}
	while (one_in(4))
		put_object(b, cmd, ksft_random(MQTT_A_MAX + 3));
	if (b->len > NLMSG_HDRLEN + GENL_HDRLEN && one_in(5))
		spoil(b);
}

struct tally {
	unsigned int sent;
	unsigned int obeyed;
	unsigned int refused;
};

/* Reads what has come; all of it, or a bit. */
static void take_answers(struct rawnl *nl, struct tally *tally, bool all)
{
	static struct nlmsghdr buf[65536 / sizeof(struct nlmsghdr)];
	struct nlmsghdr *hdr;
	unsigned int left;
	ssize_t n;

	do {
		n = recv(nl->fd, buf, sizeof(buf), MSG_DONTWAIT);
		left = n > 0 ? n : 0;
		for (hdr = buf; NLMSG_OK(hdr, left); hdr = NLMSG_NEXT(hdr, left)) {
			const struct nlmsgerr *err = (const void *)(hdr + 1);

			if (hdr->nlmsg_type != NLMSG_ERROR)
				continue;
			tally->obeyed += !err->error;
			tally->refused += err->error < 0;
		}
	} while (n > 0 && all);
}

static void send_request(struct rawnl *nl, struct bytes *b, struct tally *tally)
{
	unsigned int len = b->len;

	memcpy(b->p, &len, sizeof(len));
	if (send(nl->fd, b->p, b->len, MSG_DONTWAIT) == (ssize_t)b->len)
		tally->sent++;
}

static void reconnect(struct rig_peer *p)
{
	rig_close(p);
	rig_connect(p, NULL);
}

/* Ports come as descriptors, with the replies that nobody looks at. */
static void close_descriptors(int first)
{
	CHECK_SYS(syscall(SYS_close_range, first, ~0u, 0));
}

static void fuzz(unsigned int n, struct tally *tally)
{
	struct rawnl nl[SOCKETS];
	struct bytes b = { 0 };
	unsigned int i, which;

	for (i = 0; i < SOCKETS; i++)
		rawnl_open(&nl[i]);
	for (i = 0; i < n; i++) {
		which = ksft_random(SOCKETS);
		request(&nl[which], &b);
		send_request(&nl[which], &b, tally);
		take_answers(&nl[which], tally, !one_in(6));
		if (one_in(100)) {
			rawnl_close(&nl[which]);
			rawnl_open(&nl[which]);
		}
		if (one_in(50))
			reconnect(&peers[ksft_random(PEERS)]);
		if (one_in(50))
			send(peers[ksft_random(PEERS)].client, "\x30\x05\x00\x03t/u", 7,
			     MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	for (i = 0; i < SOCKETS; i++)
		rawnl_close(&nl[i]);
	bytes_free(&b);
}

/* Descriptors from here on are what requests have opened. */
static int descriptors_end(void)
{
	int fd = CHECK_SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));

	close(fd);
	return fd;
}

static void fuzz_start(void)
{
	int i;

	rig_start();
	for (i = 0; i < PEERS; i++)
		rig_connect(&peers[i], NULL);
}

/* The router is as good as before, whatever was made of its limits. */
static void check_router(void)
{
	struct mqtt_nl_router router = {
		.queue_limit = 16 << 20, .offload_max_packet = 256 << 10,
	};
	struct mqtt_nl_router memory = { .memory_limit = 1ull << 30 };
	struct bytes b = { 0 };
	struct rig_peer pub, sub;

	CHECK_EQ(mqtt_nl_router_set(rig_nl, &router), 0);
	mqtt_nl_router_set(rig_nl, &memory);
	rig_open(&pub);
	rig_open_sub(&sub, "t/alive");
	wire_message(&b, "t/alive", "and well");
	rig_send_bytes(&pub, &b);
	tcp_expect(sub.client, b.p, b.len);
	rig_close(&pub);
	rig_close(&sub);
}

static void privileged(void)
{
	struct rlimit limit = { 256, 256 };
	struct tally tally = { 0 };
	unsigned int round;
	int first;

	CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
	fuzz_start();
	first = descriptors_end();
	for (round = 0; round < 5; round++) {
		fuzz(ksft_scale(4000, 250), &tally);
		check_router();
		/* those of peers that were connected anew are among them */
		for (int i = 0; i < PEERS; i++)
			rig_close(&peers[i]);
		close_descriptors(first);
		for (int i = 0; i < PEERS; i++)
			rig_connect(&peers[i], NULL);
	}
	ksft_note("%u requests, %u obeyed, %u refused", tally.sent, tally.obeyed, tally.refused);
	CHECK(tally.obeyed > tally.sent / 50);
	for (int i = 0; i < PEERS; i++)
		rig_close(&peers[i]);
	WAIT_UNTIL(!rig_peer_count());
}

static void nobody_main(void)
{
	struct tally tally = { 0 };

	CHECK_SYS(syscall(SYS_setresgid, 65534, 65534, 65534));
	CHECK_SYS(syscall(SYS_setresuid, 65534, 65534, 65534));
	fuzz(ksft_scale(10000, 700), &tally);
	ksft_note("%u requests, %u obeyed, %u refused", tally.sent, tally.obeyed, tally.refused);
	CHECK_EQ(tally.obeyed, 0);
	CHECK(tally.refused > tally.sent / 2);
}

static void unprivileged(void)
{
	int status;
	pid_t pid;

	fuzz_start();
	rig_attach(&peers[0]);
	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		nobody_main();
		ksft_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(rig_peer_count(), 1);
	check_router();
}

static const struct ksft_case cases[] = {
	{ "privileged", privileged },
	{ "unprivileged", unprivileged },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
