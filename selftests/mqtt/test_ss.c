// SPDX-License-Identifier: MIT
/*
 * What ss (sock_diag) says of a socket does not become less, or wrong, when it is
 * attached: state, queues, TCP's own figures; and it says that the socket is ours.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "lib/rig.h"

static struct rig_peer pub, sub;

/* What ss says of the daemon's end of @p, on one line */
static const char *ss(const struct rig_peer *p)
{
	static char text[4096];
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	char command[256];
	FILE *file;
	size_t n;

	CHECK_SYS(getpeername(p->fd, (struct sockaddr *)&addr, &len));
	snprintf(command, sizeof(command), "ss -H -O -tien 'dport = %u' 2>&1",
		 ntohs(addr.sin_port));
	file = popen(command, "re");
	CHECK(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	pclose(file);
	return text;
}

/* State and queues stand in front. */
static void expect_queues(const struct rig_peer *p, const char *state, unsigned int rx)
{
	char got[32];
	unsigned int unread;

	if (sscanf(ss(p), "%31s %u", got, &unread) != 2 || strcmp(got, state) || unread != rx)
		FAIL("not %s with %u bytes: %s", state, rx, ss(p));
}

static void expect(const struct rig_peer *p, const char *word, bool wanted)
{
	if (!strstr(ss(p), word) == wanted)
		FAIL("%s %s: %s", wanted ? "no" : "there is", word, ss(p));
}

static unsigned long long number(const struct rig_peer *p, const char *name)
{
	const char *at = strstr(ss(p), name);

	if (!at)
		FAIL("no %s: %s", name, ss(p));
	return strtoull(at + strlen(name), NULL, 10);
}

static void start(void)
{
	tcp_netns_new();
	rig_start();
}

static void attached(void)
{
	struct bytes b = { 0 };

	start();
	rig_connect(&pub, NULL);
	expect_queues(&pub, "ESTAB", 0);
	expect(&pub, "cubic", true);
	expect(&pub, "tcp-ulp-mqtt", false);
	rig_attach(&pub);
	rig_open_sub(&sub, "t");
	expect_queues(&pub, "ESTAB", 0);
	expect(&pub, "cubic", true);
	expect(&pub, "rto:", true);
	expect(&pub, "tcp-ulp-mqtt", true);

	/* What the kernel forwards is received, and is not left in the queue. */
	wire_message(&b, "t", "hello");
	rig_send_bytes(&pub, &b);
	tcp_expect(sub.client, b.p, b.len);
	expect_queues(&pub, "ESTAB", 0);
	CHECK_EQ(number(&pub, "bytes_received:"), b.len);
	WAIT_UNTIL(number(&sub, "bytes_acked:") == b.len);
	bytes_free(&b);

	/* What is the daemon's is. */
	wire_puback(&b, 1);
	rig_send_bytes(&pub, &b);
	expect_queues(&pub, "ESTAB", b.len);
	rig_daemon_expect(&pub, &b);
	expect_queues(&pub, "ESTAB", 0);

	rig_detach(&pub);
	expect_queues(&pub, "ESTAB", 0);
	expect(&pub, "tcp-ulp-mqtt", false);
}

static void half_closed(void)
{
	start();
	rig_open(&pub);
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	WAIT_UNTIL(!strncmp(ss(&pub), "CLOSE-WAIT", 10));
	expect(&pub, "tcp-ulp-mqtt", true);
}

static const struct ksft_case cases[] = {
	{ "attached", attached },
	{ "half_closed", half_closed },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
