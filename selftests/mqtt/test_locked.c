// SPDX-License-Identifier: MIT
/*
 * A socket that its owner holds locked for as long as he likes: the daemon is inside
 * recv() or send(). Messages for that socket wait, and no others; requests that need it:
 * test_owned.c.
 */
#include "lib/packets.h"
#include "lib/stuck.h"

#define MESSAGES 50

static struct rig_peer pub, sub, other;
static struct bytes slow;

static void start(void)
{
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	rig_open_sub(&other, "t/u");
	wire_puback(&slow, 1);
}

/* As long as a subscriber's socket is locked: its queue has the messages, others get them. */
static void others_are_served(struct stuck *s, struct packets *got, const void *bytes, size_t len)
{
	struct packets others = { .fd = other.client };
	struct bytes b = { 0 };
	struct rig_peer late;

	stuck_start(s);
	for (unsigned int i = 0; i < MESSAGES; i++)
		wire_numbered(&b, 0x30, "t/u", 1, i, 30);
	rig_send_bytes(&pub, &b);
	packets_expect(&others, 1, 0, MESSAGES);
	/* who comes now, too */
	rig_open_sub(&late, "late");
	rig_say(&other, "late", "at once");
	rig_hear(&late, "late", "at once");
	CHECK(!tcp_is_readable(got->fd));
	stuck_end(s, bytes, len);
	bytes_free(&b);
}

static void subscriber_in_recv(void)
{
	struct packets got = { 0 };
	struct stuck s = { 0 };

	start();
	got.fd = sub.client;
	s.fd = sub.fd;
	s.len = slow.len;
	rig_send_bytes(&sub, &slow);
	others_are_served(&s, &got, "", 0);
	CHECK(!memcmp(s.page, slow.p, slow.len));
	packets_expect(&got, 1, 0, MESSAGES);
	rig_check_balance();
}

/* The daemon's packet has begun, so it is the first. */
static void subscriber_in_send(void)
{
	struct packets got = { 0 };
	struct stuck s = { .sends = true };
	struct bytes b = { 0 };

	start();
	got.fd = sub.client;
	s.fd = sub.fd;
	s.len = wire_publish_of(&b, 0x32, "d/x", 2000, 1);
	others_are_served(&s, &got, b.p, b.len);
	tcp_expect(sub.client, b.p, b.len);
	packets_expect(&got, 1, 0, MESSAGES);
	rig_check_balance();
}

/* What arrives meanwhile is forwarded when the socket is given back. */
static void publisher_in_recv(void)
{
	struct packets got = { 0 };
	struct stuck s = { 0 };
	struct bytes b = { 0 };

	start();
	got.fd = sub.client;
	s.fd = pub.fd;
	s.len = slow.len;
	rig_send_bytes(&pub, &slow);
	stuck_start(&s);
	for (unsigned int i = 0; i < MESSAGES; i++)
		wire_numbered(&b, 0x30, "t/u", 1, i, 30);
	tcp_send_all(pub.client, b.p, b.len);
	rig_say(&other, "t/u", "meanwhile");
	rig_hear(&sub, "t/u", "meanwhile");
	CHECK(!tcp_is_readable(sub.client));
	stuck_end(&s, "", 0);
	CHECK(!memcmp(s.page, slow.p, slow.len));
	packets_expect(&got, 1, 0, MESSAGES);
	rig_check_balance();
}

static const struct ksft_case cases[] = {
	{ "subscriber_in_recv", subscriber_in_recv },
	{ "subscriber_in_send", subscriber_in_send },
	{ "publisher_in_recv", publisher_in_recv },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
