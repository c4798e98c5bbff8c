// SPDX-License-Identifier: MIT
/*
 * Seccomp filters.
 *
 * A sanitizer's run-time needs more than these lists have: programs with one have no
 * filter.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CALL(name) SCMP_SYS(name)

/* Memory, time, signals, threads that exist, and what libraries ask about themselves */
static const int calls_of_all[] = {
	CALL(brk), CALL(madvise), CALL(mremap), CALL(munmap),
	CALL(clock_getres), CALL(clock_gettime), CALL(clock_nanosleep), CALL(gettimeofday),
	CALL(nanosleep), CALL(time), CALL(times),
	CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sigaltstack),
	CALL(restart_syscall), CALL(exit), CALL(exit_group), CALL(futex), CALL(membarrier),
	CALL(rseq), CALL(sched_getaffinity), CALL(sched_yield), CALL(set_robust_list),
	CALL(getcpu), CALL(getegid), CALL(geteuid), CALL(getgid), CALL(getpid), CALL(getppid),
	CALL(getrandom), CALL(getrusage), CALL(gettid), CALL(getuid), CALL(sysinfo), CALL(uname),
	CALL(close), CALL(fcntl), CALL(lseek), CALL(poll), CALL(ppoll), CALL(pread64), CALL(read),
	CALL(readv), CALL(write), CALL(writev),
	CALL(recvfrom), CALL(recvmsg), CALL(getsockopt),
};

/* Looking at files */
static const int calls_of_files[] = {
	CALL(access), CALL(faccessat), CALL(faccessat2), CALL(fadvise64), CALL(fstat),
	CALL(fstatfs), CALL(getcwd), CALL(getdents64), CALL(lstat), CALL(newfstatat),
	CALL(readlink), CALL(readlinkat), CALL(stat), CALL(statfs), CALL(statx),
};

static const int calls_of_daemon[] = {
	/* files that it writes, and the database */
	CALL(open), CALL(openat), CALL(fallocate), CALL(fchmod), CALL(fchown), CALL(fdatasync),
	CALL(flock), CALL(fsync), CALL(ftruncate), CALL(link), CALL(linkat), CALL(mkdir),
	CALL(mkdirat), CALL(pwrite64), CALL(pwritev), CALL(rename), CALL(renameat), CALL(renameat2), CALL(rmdir),
	CALL(sync_file_range), CALL(umask), CALL(unlink), CALL(unlinkat), CALL(utimensat),
	/* descriptors and events */
	CALL(close_range), CALL(dup), CALL(dup2), CALL(dup3), CALL(epoll_create1),
	CALL(epoll_ctl), CALL(epoll_pwait), CALL(epoll_pwait2), CALL(epoll_wait),
	CALL(eventfd2), CALL(memfd_create), CALL(pipe2), CALL(pselect6), CALL(select),
	CALL(signalfd4),
	/* sockets */
	CALL(accept), CALL(accept4), CALL(getpeername), CALL(getsockname), CALL(setsockopt),
	CALL(shutdown),
	/* threads' niceness, and memory_limit */
	CALL(getpriority), CALL(getrlimit), CALL(setpriority), CALL(setrlimit),
};

/* mqttd-auth, if it fetches keys: libcurl, its resolver and NSS */
static const int calls_of_network[] = {
	CALL(bind), CALL(connect), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_pwait),
	CALL(epoll_wait), CALL(eventfd2), CALL(getpeername), CALL(getsockname), CALL(pipe2),
	CALL(recvmmsg), CALL(sendmmsg), CALL(sendto), CALL(setsockopt), CALL(shutdown),
	CALL(socket), CALL(socketpair),
};

/* mqttd-router: libnl */
static const int calls_of_router[] = {
	CALL(bind), CALL(getsockname), CALL(sendmsg), CALL(sendto), CALL(setsockopt),
};

/* 0 or -errno. */
static int allow(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	int err = 0;

	while (n-- && !err)
		err = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, calls[n], 0, NULL);
	return err;
}

/* If of the argument number @arg the bits of @mask are @value. */
static int allow_if(scmp_filter_ctx ctx, int call, unsigned int arg, uint64_t mask, uint64_t value)
{
	const struct scmp_arg_cmp cmp = SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, mask, value);

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1, &cmp);
}

/* If it is this. */
static int allow_one(scmp_filter_ctx ctx, int call, unsigned int arg, uint64_t value)
{
	return allow_if(ctx, call, arg, UINT32_MAX, value);
}

/*
 * Memory is never both written to and run. Threads are made, and processes are not. The
 * other filter has clone3().
 */
static int allow_common(scmp_filter_ctx ctx)
{
	const uint64_t both = PROT_WRITE | PROT_EXEC;
	const int clone3_call = CALL(clone3);
	int err = allow(ctx, calls_of_all, COUNT(calls_of_all));

	if (!err)
		err = allow_if(ctx, CALL(mmap), 2, both, 0);
	if (!err)
		err = allow_if(ctx, CALL(mmap), 2, both, PROT_WRITE);
	if (!err)
		err = allow_if(ctx, CALL(mmap), 2, both, PROT_EXEC);
	if (!err)
		err = allow_if(ctx, CALL(mprotect), 2, PROT_EXEC, 0);
	if (!err)
		err = allow_if(ctx, CALL(clone), 0, CLONE_THREAD | CLONE_VM,
			       CLONE_THREAD | CLONE_VM);
	if (!err)
		err = allow(ctx, &clone3_call, 1);
	if (!err)
		err = allow_one(ctx, CALL(prctl), 0, PR_SET_NAME);
	if (!err)
		err = allow_one(ctx, CALL(tgkill), 0, getpid());
	if (!err)
		err = allow_one(ctx, CALL(ioctl), 1, FIONREAD);
	return err ? err : allow_one(ctx, CALL(ioctl), 1, FIONBIO);
}

/* For ourselves, not for other processes. */
static int allow_limits(scmp_filter_ctx ctx)
{
	return allow_one(ctx, CALL(prlimit64), 0, 0);
}

/* MSG_FASTOPEN connects. */
static int allow_sending(scmp_filter_ctx ctx)
{
	int err = allow_if(ctx, CALL(sendmsg), 2, MSG_FASTOPEN, 0);

	return err ? err : allow_if(ctx, CALL(sendto), 3, MSG_FASTOPEN, 0);
}

static int allow_daemon(scmp_filter_ctx ctx, bool syslog)
{
	const int connect_call = CALL(connect);
	int err = allow_common(ctx);

	if (!err)
		err = allow(ctx, calls_of_files, COUNT(calls_of_files));
	if (!err)
		err = allow(ctx, calls_of_daemon, COUNT(calls_of_daemon));
	if (!err)
		err = allow_limits(ctx);
	if (!err)
		err = allow_sending(ctx);
	if (!err)
		err = allow_one(ctx, CALL(socket), 0, AF_UNIX);
	if (!err && syslog)
		err = allow(ctx, &connect_call, 1);
	return err;
}

static int allow_auth(scmp_filter_ctx ctx, bool network)
{
	const uint64_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
	const int send_call = CALL(sendmsg);
	int err = allow_common(ctx);

	if (!err)
		err = allow(ctx, calls_of_files, COUNT(calls_of_files));
	if (!err)
		err = allow_if(ctx, CALL(open), 1, writing, 0);
	if (!err)
		err = allow_if(ctx, CALL(openat), 2, writing, 0);
	if (!err)
		err = allow_limits(ctx);
	if (!err)
		err = allow(ctx, &send_call, 1);
	if (!err && network)
		err = allow(ctx, calls_of_network, COUNT(calls_of_network));
	return err;
}

static int allow_router(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp generic[] = {
		SCMP_A0_32(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2_32(SCMP_CMP_EQ, NETLINK_GENERIC),
	};
	int err = allow_common(ctx);

	if (!err)
		err = allow(ctx, calls_of_router, COUNT(calls_of_router));
	return err ? err : seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, CALL(socket), COUNT(generic),
						  generic);
}

/*
 * clone3() has its flags in memory, where a filter cannot look: it is not there, and libc
 * takes clone(). The log need not have a line for each thread, which is up to the filter.
 */
static int load_quiet(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int err;

	if (!ctx)
		return -ENOMEM;
	err = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0, NULL);
	if (!err)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}

static scmp_filter_ctx begin(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

	if (!ctx)
		return NULL;
	/* Which of them fail is of interest, but no reason to do without the filter. */
	seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1);
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return ctx;
}

static int load(scmp_filter_ctx ctx, int err)
{
	if (!err)
		err = load_quiet();
	if (!err)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err == -EINVAL || err == -ENOSYS ? -EOPNOTSUPP : err;
}

static bool no_syslog;

#ifdef __SANITIZE_ADDRESS__
bool sandbox_possible;
#else
bool sandbox_possible = true;
#endif

int sandbox_daemon(bool syslog)
{
	scmp_filter_ctx ctx = sandbox_possible ? begin() : NULL;
	int err;

	if (!ctx)
		return sandbox_possible ? -ENOMEM : 0;
	err = load(ctx, allow_daemon(ctx, syslog));
	no_syslog = !err && !syslog;
	return err;
}

int sandbox_auth(bool network)
{
	scmp_filter_ctx ctx = sandbox_possible ? begin() : NULL;

	if (!ctx)
		return sandbox_possible ? -ENOMEM : 0;
	return load(ctx, allow_auth(ctx, network));
}

int sandbox_router(void)
{
	scmp_filter_ctx ctx = sandbox_possible ? begin() : NULL;

	if (!ctx)
		return sandbox_possible ? -ENOMEM : 0;
	return load(ctx, allow_router(ctx));
}

bool sandbox_bars_syslog(void)
{
	return no_syslog;
}
