// SPDX-License-Identifier: MIT
/*
 * A PUBLISH of 200 MiB through the daemon, in and out, on both data planes: its
 * memory is the message's and a bit, the kernel's is that of its buffers.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/ksft.h"
#include "lib/tcp.h"
#include "lib/wire.h"

#define MIB (1ul << 20)
#define PAYLOAD (200 * MIB)
/* What the daemon may need besides, and what TCP may. */
#define DAEMON_MAX (PAYLOAD + 48 * MIB)
#define TCP_MAX (48 * MIB)
/* The first byte comes when the daemon has the last one; milliseconds. */
#define PATIENCE 200000

static unsigned char pattern(size_t at)
{
	return at * 31 + (at >> 12);
}

/* Fixed header and topic of the packet that carries the payload. */
static size_t put_header(unsigned char *p)
{
	static const unsigned char topic[] = { 0, 3, 't', '/', 'u' };
	size_t left = PAYLOAD + sizeof(topic), n = 0;

	p[n++] = 0x30;
	for (; left > 127; left >>= 7)
		p[n++] = 0x80 | (left & 127);
	p[n++] = left;
	memcpy(p + n, topic, sizeof(topic));
	return n + sizeof(topic);
}

static void *publish_main(void *arg)
{
	static unsigned char buf[MIB];
	size_t at = 0, i;
	int fd = *(int *)arg;

	tcp_send_all(fd, buf, put_header(buf));
	while (at < PAYLOAD) {
		for (i = 0; i < sizeof(buf); i++)
			buf[i] = pattern(at + i);
		tcp_send_all(fd, buf, sizeof(buf));
		at += sizeof(buf);
	}
	return NULL;
}

/* The number behind @name in a file of procfs. */
static unsigned long proc_number(const char *path, const char *line, const char *name)
{
	FILE *f = fopen(path, "r");
	unsigned long value = 0;
	char buf[256], *at;

	CHECK(f);
	while (fgets(buf, sizeof(buf), f)) {
		at = strncmp(buf, line, strlen(line)) ? NULL : strstr(buf, name);
		if (at)
			value = strtoul(at + strlen(name), NULL, 10);
	}
	fclose(f);
	return value;
}

static unsigned long tcp_memory(void)
{
	return proc_number("/proc/net/sockstat", "TCP:", "mem ") * sysconf(_SC_PAGESIZE);
}

static void wait_long(int fd)
{
	CHECK(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, PATIENCE) == 1);
}

/* Receives and compares it; returns the most that TCP took meanwhile. */
static unsigned long receive(int fd)
{
	static unsigned char buf[MIB];
	unsigned char header[16];
	unsigned long most = 0, now;
	size_t at = 0, i;
	ssize_t n;

	wait_long(fd);
	tcp_expect(fd, header, put_header(header));
	while (at < PAYLOAD) {
		wait_long(fd);
		n = CHECK_SYS(recv(fd, buf, sizeof(buf), 0));
		CHECK(n);
		for (i = 0; i < (size_t)n; i++)
			if (buf[i] != pattern(at + i))
				FAIL("byte %zu is wrong", at + i);
		at += n;
		now = tcp_memory();
		most = now > most ? now : most;
	}
	return most;
}

static void run(const char *plane)
{
	unsigned long rss, tcp;
	char config[64], path[64];
	struct bytes b = { 0 };
	pthread_t publisher;
	int pub, sub;

	if (ksft_slow())
		ksft_skip("so many bytes take too long here");
	snprintf(config, sizeof(config), "listener 1883\nallow_anonymous true\ndataplane %s\n",
		 plane);
	daemon_start(config);
	sub = daemon_subscribed(DAEMON_PORT, "sub", "t/#");
	pub = daemon_connect(DAEMON_PORT, "pub", 0);
	CHECK(!pthread_create(&publisher, NULL, publish_main, &pub));
	tcp = receive(sub);
	pthread_join(publisher, NULL);

	snprintf(path, sizeof(path), "/proc/%d/status", daemon_pid());
	rss = proc_number(path, "VmHWM:", "VmHWM:") * 1024;
	ksft_note("the daemon took %lu MiB, TCP %lu MiB", rss / MIB, tcp / MIB);
	CHECK(rss > PAYLOAD);
	CHECK(rss < DAEMON_MAX);
	CHECK(tcp < TCP_MAX);

	/* Both connections go on. */
	wire_message(&b, "t/u", "short");
	tcp_send_all(pub, b.p, b.len);
	tcp_expect(sub, b.p, b.len);
}

static void kernel(void)
{
	run("kernel");
}

static void user(void)
{
	run("user");
}

static const struct ksft_case cases[] = {
	{ "kernel", kernel },
	{ "user", user },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
