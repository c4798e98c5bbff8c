// SPDX-License-Identifier: MIT
/*
 * Running the daemon. See daemon.h.
 */
#include <stdlib.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "ksft.h"
#include "tcp.h"

static const unsigned char connack[] = { 0x20, 0x02, 0x00, 0x00 };
static const unsigned char suback[] = { 0x90, 0x03, 0x00, 0x4d, 0x00 };

static pid_t pid_of_daemon;
static char control_path[64];

static void write_config(char *path, const char *config)
{
	int fd = CHECK_SYS(mkstemp(path));
	char *slash;

	strcpy(control_path, "/tmp/mqttd-XXXXXX/control.sock");
	slash = strrchr(control_path, '/');
	*slash = '\0';
	CHECK(mkdtemp(control_path));
	*slash = '/';
	CHECK(dprintf(fd, "%s\ncontrol_socket_path %s\n", config, control_path) > 0);
	close(fd);
}

int daemon_try_connect(unsigned int port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = CHECK_SYS(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	tcp_set_int(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, 1);
	return fd;
}

void daemon_start(const char *config)
{
	char path[] = "/tmp/mqttd-XXXXXX";
	int fd, status;
	long long end;
	pid_t pid;

	if (access("build/mqttd", X_OK))
		ksft_skip("there is no build/mqttd");
	write_config(path, config);
	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		execl("build/mqttd", "mqttd", "-c", path, NULL);
		_exit(127);
	}
	/* A process that has to be loaded first takes longer than what it does then. */
	end = ksft_now_ms() + ksft_scale(60, 150) * 1000;
	while ((fd = daemon_try_connect(DAEMON_PORT)) < 0 &&
	       waitpid(pid, &status, WNOHANG) != pid) {
		if (ksft_now_ms() > end)
			FAIL("mqttd does not answer");
		ksft_pause();
	}
	if (fd < 0)
		FAIL("mqttd ended with status 0x%x", status);
	close(fd);
	unlink(path);
	pid_of_daemon = pid;
}

pid_t daemon_pid(void)
{
	return pid_of_daemon;
}

void daemon_put_connect(struct bytes *b, const char *id, unsigned int keepalive)
{
	struct bytes body = { 0 };

	bytes_put(&body, "\x00\x04MQTT\x04\x02", 8);
	bytes_u16(&body, keepalive);
	bytes_u16(&body, strlen(id));
	bytes_put(&body, id, strlen(id));
	wire_packet(b, 0x10, body.p, body.len);
	bytes_free(&body);
}

int daemon_connect(unsigned int port, const char *id, unsigned int keepalive)
{
	int fd = CHECK_SYS(daemon_try_connect(port));
	struct bytes b = { 0 };

	daemon_put_connect(&b, id, keepalive);
	tcp_send_all(fd, b.p, b.len);
	tcp_expect(fd, connack, sizeof(connack));
	bytes_free(&b);
	return fd;
}

int daemon_subscribed(unsigned int port, const char *id, const char *filter)
{
	int fd = daemon_connect(port, id, 0);
	struct bytes b = { 0 };

	wire_subscribe(&b, filter);
	tcp_send_all(fd, b.p, b.len);
	tcp_expect(fd, suback, sizeof(suback));
	bytes_free(&b);
	return fd;
}

void daemon_ask(const char *request, char *answer, size_t size)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = CHECK_SYS(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	size_t len = 0;
	ssize_t n;

	strcpy(addr.sun_path, control_path);
	/* Its other sockets are there earlier. */
	WAIT_UNTIL(!connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	CHECK_EQ(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	do {
		n = CHECK_SYS(recv(fd, answer + len, size - 1 - len, 0));
		CHECK(n);
		len += n;
	} while (answer[len - 1] != '\n');
	answer[len - 1] = '\0';
	close(fd);
}
