// SPDX-License-Identifier: MIT
/*
 * What the filters let through, each asked in a process of its own. They are asked for by
 * number, as an intruder would: libc has no part in it. ENOSYS is the filter's answer; the
 * kernel's own to what is let through is anything else.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "sandbox.h"

enum filter { DAEMON, DAEMON_SYSLOG, AUTH, AUTH_NETWORK, ROUTER };

static int enter(enum filter filter)
{
	sandbox_possible = true;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	switch (filter) {
	case DAEMON:
	case DAEMON_SYSLOG:
		return sandbox_daemon(filter == DAEMON_SYSLOG);
	case AUTH:
	case AUTH_NETWORK:
		return sandbox_auth(filter == AUTH_NETWORK);
	default:
		return sandbox_router();
	}
}

struct call {
	const char *name;
	long number;
	long args[6];
};

/* Whether each of @calls is there, bit by bit. */
static uint64_t ask(enum filter filter, const struct call *calls, size_t n)
{
	uint64_t there = 0;
	int fds[2], status;
	pid_t pid;
	size_t i;

	assert_true(n <= 64);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (enter(filter))
			_exit(1);
		for (i = 0; i < n; i++) {
			const long *a = calls[i].args;

			if (syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]) >= 0 ||
			    errno != ENOSYS)
				there |= UINT64_C(1) << i;
		}
		_exit(write(fds[1], &there, sizeof(there)) != sizeof(there));
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &there, sizeof(there)), sizeof(there));
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return there;
}

static void check(enum filter filter, const struct call *calls, size_t n, bool allowed)
{
	uint64_t there = ask(filter, calls, n);
	size_t i;

	for (i = 0; i < n; i++)
		if ((there >> i & 1) != allowed)
			fail_msg("%s is %s", calls[i].name, allowed ? "refused" : "allowed");
}

#define CHECK(filter, calls, allowed) \
	check(filter, calls, sizeof(calls) / sizeof((calls)[0]), allowed)

#define EVERY_FILTER(filter) for (filter = DAEMON; filter <= ROUTER; filter++)

/* Nobody may, whatever it is. The arguments make that they would do nothing. */
static const struct call never[] = {
	{ "execve", SYS_execve, { 0 } },
	{ "execveat", SYS_execveat, { -1 } },
	{ "a process", SYS_clone, { CLONE_VM | CLONE_VFORK | CLONE_SIGHAND | CLONE_THREAD << 1 } },
	{ "a process, like fork()", SYS_clone, { CLONE_FS | CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD } },
	{ "clone3", SYS_clone3, { 0 } },
	{ "ptrace", SYS_ptrace, { -1 } },
	{ "process_vm_readv", SYS_process_vm_readv, { -1 } },
	{ "process_vm_writev", SYS_process_vm_writev, { -1 } },
	{ "pidfd_open", SYS_pidfd_open, { -1 } },
	{ "pidfd_getfd", SYS_pidfd_getfd, { -1 } },
	{ "kill", SYS_kill, { 0x7fffffff, 0 } },
	{ "a signal to others", SYS_tgkill, { 0x7fffffff, 0x7fffffff, 0 } },
	{ "init_module", SYS_init_module, { 0 } },
	{ "finit_module", SYS_finit_module, { -1 } },
	{ "delete_module", SYS_delete_module, { 0 } },
	{ "bpf", SYS_bpf, { -1 } },
	{ "perf_event_open", SYS_perf_event_open, { 0 } },
	{ "userfaultfd", SYS_userfaultfd, { -1 } },
	{ "io_uring_setup", SYS_io_uring_setup, { 0 } },
	{ "mount", SYS_mount, { 0 } },
	{ "unshare", SYS_unshare, { -1 } },
	{ "setns", SYS_setns, { -1 } },
	{ "chroot", SYS_chroot, { 0 } },
	{ "keyctl", SYS_keyctl, { -1 } },
	{ "add_key", SYS_add_key, { 0 } },
	{ "setuid", SYS_setuid, { -1 } },
	{ "capset", SYS_capset, { 0 } },
	{ "reboot", SYS_reboot, { 0 } },
	{ "sethostname", SYS_sethostname, { 0 } },
	{ "limits of others", SYS_prlimit64, { 0x7fffffff } },
	{ "prctl", SYS_prctl, { PR_SET_DUMPABLE, 1 } },
	{ "seccomp", SYS_seccomp, { -1 } },
	{ "ioctl", SYS_ioctl, { 0, 0x5412 } },
	{ "memory to write to and to run", SYS_mmap, { 0, 0, PROT_WRITE | PROT_EXEC } },
	{ "memory to run", SYS_mprotect, { 0, 0, PROT_EXEC } },
	{ "a raw socket", SYS_socket, { AF_PACKET, SOCK_RAW, 0 } },
	{ "shmget", SYS_shmget, { 0 } },
	{ "msgget", SYS_msgget, { -1 } },
};

static void test_never(void **state)
{
	enum filter filter;

	(void)state;
	EVERY_FILTER(filter) {
		/* libcurl resolves names with sockets of any family that is there */
		size_t n = sizeof(never) / sizeof(never[0]) - 3, rest = filter == AUTH_NETWORK ? 1 : 0;

		check(filter, never, n, false);
		check(filter, never + n + rest, 3 - rest, false);
	}
}

static void test_common(void **state)
{
	static const struct call calls[] = {
		{ "read", SYS_read, { -1 } },
		{ "write", SYS_write, { -1 } },
		{ "close", SYS_close, { -1 } },
		{ "mmap", SYS_mmap, { 0, 0, PROT_READ | PROT_WRITE } },
		{ "a library", SYS_mmap, { 0, 0, PROT_READ | PROT_EXEC } },
		{ "mprotect", SYS_mprotect, { 1, 0, PROT_READ } },
		{ "munmap", SYS_munmap, { 1 } },
		{ "a thread", SYS_clone, { CLONE_THREAD | CLONE_VM } },
		{ "futex", SYS_futex, { 1 } },
		{ "membarrier", SYS_membarrier, { -1 } },
		{ "getrandom", SYS_getrandom, { 0, 0, -1 } },
		{ "recvmsg", SYS_recvmsg, { -1 } },
		{ "sendmsg", SYS_sendmsg, { -1 } },
		{ "poll", SYS_poll, { 0 } },
	};
	enum filter filter;

	(void)state;
	EVERY_FILTER(filter)
		CHECK(filter, calls, true);
}

static void test_daemon(void **state)
{
	static const struct call allowed[] = {
		{ "open", SYS_openat, { -1, 0, O_RDWR | O_CREAT } },
		{ "accept4", SYS_accept4, { -1 } },
		{ "shutdown", SYS_shutdown, { -1 } },
		{ "setsockopt", SYS_setsockopt, { -1 } },
		{ "sendto", SYS_sendto, { -1 } },
		{ "epoll_ctl", SYS_epoll_ctl, { -1 } },
		{ "socket of AF_UNIX", SYS_socket, { AF_UNIX, -1 } },
		{ "fsync", SYS_fsync, { -1 } },
		{ "rename", SYS_rename, { 0 } },
		{ "setpriority", SYS_setpriority, { -1 } },
		{ "its limits", SYS_prlimit64, { 0, -1 } },
	};
	static const struct call refused[] = {
		{ "socket of AF_INET", SYS_socket, { AF_INET, -1 } },
		{ "socket of AF_INET6", SYS_socket, { AF_INET6, -1 } },
		{ "netlink", SYS_socket, { AF_NETLINK, -1, NETLINK_GENERIC } },
		{ "socketpair", SYS_socketpair, { AF_INET } },
		{ "bind", SYS_bind, { -1 } },
		{ "listen", SYS_listen, { -1 } },
		{ "sendto() that connects", SYS_sendto, { -1, 0, 0, MSG_FASTOPEN } },
		{ "sendmsg() that connects", SYS_sendmsg, { -1, 0, MSG_FASTOPEN } },
		{ "sendmmsg", SYS_sendmmsg, { -1 } },
	};
	static const struct call connecting[] = { { "connect", SYS_connect, { -1 } } };

	(void)state;
	CHECK(DAEMON, allowed, true);
	CHECK(DAEMON, refused, false);
	CHECK(DAEMON, connecting, false);
	CHECK(DAEMON_SYSLOG, allowed, true);
	CHECK(DAEMON_SYSLOG, refused, false);
	CHECK(DAEMON_SYSLOG, connecting, true);
}

static void test_auth(void **state)
{
	static const struct call allowed[] = {
		{ "open", SYS_openat, { -1, 0, O_RDONLY | O_CLOEXEC } },
		{ "newfstatat", SYS_newfstatat, { -1 } },
	};
	static const struct call refused[] = {
		{ "open to write", SYS_openat, { -1, 0, O_WRONLY } },
		{ "open to read and write", SYS_openat, { -1, 0, O_RDWR } },
		{ "open to make", SYS_openat, { -1, 0, O_CREAT } },
		{ "unlink", SYS_unlink, { 0 } },
		{ "rename", SYS_rename, { 0 } },
		{ "accept4", SYS_accept4, { -1 } },
		{ "listen", SYS_listen, { -1 } },
	};
	static const struct call network[] = {
		{ "socket", SYS_socket, { AF_INET, -1 } },
		{ "connect", SYS_connect, { -1 } },
		{ "sendto", SYS_sendto, { -1 } },
		{ "setsockopt", SYS_setsockopt, { -1 } },
	};

	(void)state;
	CHECK(AUTH, allowed, true);
	CHECK(AUTH, refused, false);
	CHECK(AUTH, network, false);
	CHECK(AUTH_NETWORK, allowed, true);
	CHECK(AUTH_NETWORK, refused, false);
	CHECK(AUTH_NETWORK, network, true);
}

static void test_router(void **state)
{
	static const struct call allowed[] = {
		{ "netlink", SYS_socket, { AF_NETLINK, -1, NETLINK_GENERIC } },
		{ "bind", SYS_bind, { -1 } },
	};
	static const struct call refused[] = {
		{ "routes", SYS_socket, { AF_NETLINK, SOCK_RAW, NETLINK_ROUTE } },
		{ "socket of AF_INET", SYS_socket, { AF_INET, SOCK_STREAM, NETLINK_GENERIC } },
		{ "open", SYS_openat, { -1, 0, O_RDONLY } },
		{ "connect", SYS_connect, { -1 } },
	};

	(void)state;
	CHECK(ROUTER, allowed, true);
	CHECK(ROUTER, refused, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_common),
		cmocka_unit_test(test_daemon),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_router),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
