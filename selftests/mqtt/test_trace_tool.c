// SPDX-License-Identifier: MIT
/*
 * mqttctl trace: what it shows of a message's way, its filters, that nothing is
 * left of it, and what it says when it cannot trace.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/module.h"
#include "lib/rig.h"
#include "lib/tracing.h"

#define ARGS_MAX 12

static struct rig_peer pub, sub, other;
static int out_fd = -1;
static char out[1 << 20];

/* --- the tool ------------------------------------------------------------------ */

/* Its standard output and error go to a file. */
static pid_t tool_start(const char *const args[])
{
	const char *argv[ARGS_MAX] = { "mqttctl" };
	char path[] = "/tmp/mqttctl-XXXXXX";
	unsigned int n = 1;
	pid_t pid;

	if (access("build/mqttctl", X_OK))
		ksft_skip("there is no build/mqttctl");
	while (*args && n < ARGS_MAX - 1)
		argv[n++] = *args++;
	if (out_fd >= 0)
		close(out_fd);
	out_fd = CHECK_SYS(mkstemp(path));
	unlink(path);
	fflush(stdout);
	pid = CHECK_SYS(fork());
	if (!pid) {
		dup2(out_fd, 1);
		dup2(out_fd, 2);
		execv("build/mqttctl", (char *const *)argv);
		_exit(127);
	}
	return pid;
}

#define TOOL(...) tool_start((const char *const[]){ __VA_ARGS__, NULL })

static const char *output(void)
{
	ssize_t n = CHECK_SYS(pread(out_fd, out, sizeof(out) - 1, 0));

	out[n] = '\0';
	return out;
}

/* Returns the exit status. */
static int tool_wait(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		FAIL("mqttctl ended with status 0x%x", status);
	return WEXITSTATUS(status);
}

static bool instance_has(pid_t pid, const char *name, const char *value)
{
	char file[128], text[64];

	snprintf(file, sizeof(file), "instances/mqttctl-%d/%s", pid, name);
	tracing_file(file, text, sizeof(text));
	return !strcmp(text, value);
}

static bool instance_exists(pid_t pid)
{
	char path[128];

	snprintf(path, sizeof(path), TRACING "/instances/mqttctl-%d", pid);
	return !access(path, F_OK);
}

/* It sees all that happens from now on. Returns @pid. */
static pid_t tool_ready(pid_t pid)
{
	int status;

	WAIT_UNTIL(instance_has(pid, "events/mqtt/enable", "1") ||
		   waitpid(pid, &status, WNOHANG) == pid);
	if (!instance_exists(pid))
		FAIL("mqttctl has ended: %s", output());
	return pid;
}

#define TRACE(...) tool_ready(TOOL(__VA_ARGS__))

/* By a signal: it has shown all, and nothing is left. */
static void tool_end(pid_t pid, int signal)
{
	CHECK_SYS(kill(pid, signal));
	if (tool_wait(pid))
		FAIL("%s", output());
	CHECK(!instance_exists(pid));
	output();
}

/* Lines that have all these */
static unsigned int lines(const char *a, const char *b)
{
	unsigned int n = 0;
	char *line, *end;
	char text[2048];

	for (line = out; (end = strchr(line, '\n')); line = end + 1) {
		snprintf(text, sizeof(text), "%.*s", (int)(end - line), line);
		n += strstr(text, a) && strstr(text, b);
	}
	return n;
}

static void want_lines(unsigned int n, const char *a, const char *b)
{
	if (lines(a, b) != n)
		FAIL("%u lines with %s and %s, not %u:\n%s", lines(a, b), a, b, n, out);
}

/* --- messages -------------------------------------------------------------------- */

static void open_as(struct rig_peer *p, const char *client_id)
{
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V311, .client_id = client_id };

	rig_connect(p, NULL);
	attach.fd = p->fd;
	CHECK_EQ(mqtt_nl_peer_attach(rig_nl, &attach, &p->id), 0);
}

static void pass(struct rig_peer *from, struct rig_peer *to, const char *topic)
{
	rig_say(from, topic, "hello");
	rig_hear(to, topic, "hello");
}

static void start(void)
{
	if (access(TRACING "/events/mqtt", F_OK))
		ksft_skip("no tracepoints: is tracefs mounted?");
	tracing_without_tasks();
	tcp_netns_new();
	rig_start();
}

static void open_all(void)
{
	open_as(&pub, "pub");
	open_as(&sub, "sub");
	open_as(&other, "other");
	rig_sub(&sub, "a/#");
	rig_sub(&other, "#");
}

static void pass_all(void)
{
	pass(&pub, &sub, "a/b");
	rig_hear(&other, "a/b", "hello");
	pass(&pub, &other, "b");
	pass(&other, &sub, "a");
	rig_hear(&other, "a", "hello");
}

/* --- what it shows --------------------------------------------------------------- */

static void everything(void)
{
	pid_t pid;

	start();
	pid = TRACE("trace");
	open_all();
	pass_all();
	rig_detach(&sub);
	tool_end(pid, SIGINT);
	want_lines(3, "event attach", "");
	want_lines(3, "event rx", "");
	want_lines(1, "event rx", "topic \"a/b\" from \"pub\" packets 1 bytes 12");
	want_lines(1, "event match", "topic \"a/b\" from \"pub\" receivers 2");
	want_lines(1, "event tx", "topic \"a/b\" from \"pub\" peer-id 2 client-id \"sub\"");
	want_lines(1, "event tx", "topic \"a/b\" from \"pub\" peer-id 3 client-id \"other\"");
	want_lines(5, "event tx", "delay ");
	want_lines(0, "event queue", "");
	want_lines(1, "event detach", "client-id \"sub\" reason detach");
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
}

static void statistics(void)
{
	pid_t pid;

	start();
	open_all();
	pid = TRACE("-s", "-j", "trace");
	pass_all();
	tool_end(pid, SIGTERM);
	want_lines(5, "\"event\":\"queue\"", "\"queue-bytes\":");
	want_lines(5, "\"event\":\"tx\"", "\"delay-ns\":");
	want_lines(0, "\"event\":\"lost\"", "");
}

static void by_topic(void)
{
	pid_t pid;

	start();
	pid = TRACE("trace", "topic", "a/#");
	open_all();
	pass_all();
	tool_end(pid, SIGHUP);
	want_lines(0, "topic \"b\"", "");
	want_lines(0, "event attach", "");
	want_lines(2, "event rx", "");
	want_lines(2, "event match", "");
	want_lines(4, "event tx", "");
}

static void by_client(void)
{
	pid_t pid;

	start();
	pid = TRACE("trace", "client", "sub");
	open_all();
	pass_all();
	tool_end(pid, SIGINT);
	want_lines(1, "event attach", "");
	want_lines(0, "event rx", "");
	want_lines(2, "event tx", "client-id \"sub\"");
	want_lines(1, "event tx", "from \"other\"");
	want_lines(1, "event tx", "from \"pub\"");
	want_lines(2, "event tx", "");

	pid = TRACE("trace", "client", "other");
	pass_all();
	tool_end(pid, SIGINT);
	want_lines(1, "event rx", "");
	want_lines(1, "event match", "");
	/* Three to it, and one of its own to another */
	want_lines(4, "event tx", "");
	want_lines(1, "event tx", "client-id \"sub\"");
}

static void drops(void)
{
	struct mqtt_nl_attach attach = {
		.protocol = MQTT_PROTOCOL_V311, .client_id = "small", .max_packet = 10,
	};
	struct rig_peer small;
	pid_t pid;

	start();
	open_all();
	rig_connect(&small, NULL);
	attach.fd = small.fd;
	CHECK_EQ(mqtt_nl_peer_attach(rig_nl, &attach, &small.id), 0);
	rig_sub(&small, "#");
	pid = TRACE("trace", "topic", "a/b", "client", "small");
	pass_all();
	tool_end(pid, SIGINT);
	want_lines(1, "event drop", "topic \"a/b\" from \"pub\" peer-id 4 client-id \"small\" "
		   "packets 1 reason too-large");
	want_lines(1, "", "");
}

static void counted(void)
{
	pid_t pid;

	start();
	open_all();
	pid = TRACE("trace", "count", "3");
	pass_all();
	CHECK_EQ(tool_wait(pid), 0);
	CHECK(!instance_exists(pid));
	output();
	want_lines(3, "event ", "");
}

/* Peers of another namespace have the same ids, and are not shown. */
static void namespaces(void)
{
	struct rig_peer first;
	struct mqtt_nl *nl;
	pid_t pid;

	start();
	open_as(&first, "first");
	nl = rig_nl;
	tcp_netns_new();
	rig_start();
	pid = TRACE("trace");
	open_as(&pub, "second");
	CHECK_EQ(mqtt_nl_peer_detach(nl, first.id), 0);
	CHECK_EQ(mqtt_nl_peer_detach(rig_nl, pub.id), 0);
	tool_end(pid, SIGINT);
	want_lines(2, "", "");
	want_lines(2, "client-id \"second\"", "");
}

/* --- its end ------------------------------------------------------------------- */

/* What it could not remove itself the next one does; but nothing that is in use. */
static void killed(void)
{
	pid_t dead, alive, pid;

	start();
	dead = TRACE("trace");
	alive = TRACE("trace");
	CHECK_SYS(kill(dead, SIGKILL));
	CHECK_EQ(waitpid(dead, NULL, 0), dead);
	CHECK(instance_exists(dead));
	pid = TRACE("trace");
	CHECK(!instance_exists(dead));
	CHECK(instance_has(alive, "events/mqtt/enable", "1"));
	tool_end(pid, SIGINT);
	CHECK_SYS(kill(alive, SIGINT));
	CHECK_EQ(tool_wait(alive), 0);
	CHECK(!instance_exists(alive));
}

/* Whoever reads its output wants no more. */
static void reader_gone(void)
{
	int fds[2];
	pid_t pid;

	start();
	open_all();
	CHECK_SYS(pipe(fds));
	pid = CHECK_SYS(fork());
	if (!pid) {
		dup2(fds[1], 1);
		close(fds[0]);
		close(fds[1]);
		execl("build/mqttctl", "mqttctl", "trace", NULL);
		_exit(127);
	}
	close(fds[1]);
	tool_ready(pid);
	close(fds[0]);
	CHECK_EQ(tool_wait(pid), 0);
	CHECK(!instance_exists(pid));
}

static void unload(void)
{
	pid_t pid;

	module_need_file();
	start();
	pid = TRACE("trace");
	CHECK_EQ(mqtt_nl_router_del(rig_nl), 0);
	mqtt_nl_close(rig_nl);
	module_unload();
	CHECK_EQ(tool_wait(pid), 1);
	CHECK(!instance_exists(pid));
	CHECK(strstr(output(), "mqttctl: the kernel module mqtt was unloaded\n"));

	pid = TOOL("trace");
	CHECK_EQ(tool_wait(pid), 1);
	if (strcmp(output(), "mqttctl: the kernel module mqtt is not loaded: "
			     "run 'modprobe mqtt' as root\n"))
		FAIL("%s", out);
	module_load();
}

/* --- errors ---------------------------------------------------------------------- */

static void want_error(pid_t pid, const char *sentence)
{
	CHECK_EQ(tool_wait(pid), 1);
	if (!strstr(output(), sentence))
		FAIL("%s", out);
	CHECK(!instance_exists(pid));
}

static void not_mounted(void)
{
	start();
	CHECK_SYS(unshare(CLONE_NEWNS));
	CHECK_SYS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	while (!umount2(TRACING, MNT_DETACH))
		;
	while (!umount2("/sys/kernel/debug", MNT_DETACH))
		;
	want_error(TOOL("trace"), "mount -t tracefs none /sys/kernel/tracing");
}

static void not_root(void)
{
	start();
	CHECK_SYS(setgid(65534));
	CHECK_SYS(setuid(65534));
	want_error(TOOL("trace"), "mqttctl: not permitted: only root may trace the kernel\n");
}

static const struct ksft_case cases[] = {
	{ "everything", everything },
	{ "statistics", statistics },
	{ "by_topic", by_topic },
	{ "by_client", by_client },
	{ "drops", drops },
	{ "counted", counted },
	{ "namespaces", namespaces },
	{ "killed", killed },
	{ "reader_gone", reader_gone },
	{ "not_mounted", not_mounted },
	{ "not_root", not_root },
	{ "unload", unload },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
