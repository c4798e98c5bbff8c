// SPDX-License-Identifier: MIT
/*
 * What ss (sock_diag) says of a socket does not become less, or wrong, when it is
 * attached: state, queues, TCP's own figures; and it says that the socket is ours.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "lib/rig.h"

static struct rig_peer pub, sub;

/* What ss has said last, on one line; a debug kernel is slow to run it */
static char text[4096];

/* About the daemon's end of @p */
static const char *ss(const struct rig_peer *p)
{
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

/* Asks; state and queues stand in front. */
static void expect_queues(const struct rig_peer *p, const char *state, unsigned int rx)
{
	char got[32];
	unsigned int unread;

	if (sscanf(ss(p), "%31s %u", got, &unread) != 2 || strcmp(got, state) || unread != rx)
		FAIL("not %s with %u bytes: %s", state, rx, text);
}

static void expect(const char *word, bool wanted)
{
	if (!strstr(text, word) == wanted)
		FAIL("%s %s: %s", wanted ? "no" : "there is", word, text);
}

static unsigned long long number(const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
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
	expect("rto:", true);
	expect("tcp-ulp-mqtt", false);
	rig_attach(&pub);
	rig_open_sub(&sub, "t");
	expect_queues(&pub, "ESTAB", 0);
	expect("rto:", true);
	expect("tcp-ulp-mqtt", true);

	/* What the kernel forwards is received, and is not left in the queue. */
	wire_message(&b, "t", "hello");
	rig_send_bytes(&pub, &b);
	tcp_expect(sub.client, b.p, b.len);
	expect_queues(&pub, "ESTAB", 0);
	CHECK_EQ(number("bytes_received:"), b.len);
	WAIT_UNTIL(ss(&sub) && number("bytes_acked:") == b.len);
	bytes_free(&b);

	/* What is the daemon's is. */
	wire_puback(&b, 1);
	rig_send_bytes(&pub, &b);
	expect_queues(&pub, "ESTAB", b.len);
	rig_daemon_expect(&pub, &b);
	expect_queues(&pub, "ESTAB", 0);

	rig_detach(&pub);
	expect_queues(&pub, "ESTAB", 0);
	expect("tcp-ulp-mqtt", false);
}

static void half_closed(void)
{
	start();
	rig_open(&pub);
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	WAIT_UNTIL(!strncmp(ss(&pub), "CLOSE-WAIT", 10));
	expect("tcp-ulp-mqtt", true);
}

static const struct ksft_case cases[] = {
	{ "attached", attached },
	{ "half_closed", half_closed },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
