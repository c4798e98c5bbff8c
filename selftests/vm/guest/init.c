// SPDX-License-Identifier: MIT
/*
 * The guest's first process. It makes the host's file system, under a layer of
 * memory, its root, mounts what a Linux has to have, brings up the network, and
 * starts the agents that run the host's commands.
 *
 * It runs from an initramfs with nothing else in it but modules. It must do the
 * chroot itself: kernel threads share this process's root, and so find modprobe.
 * And the new root has to be mounted over the old one: a process that is chrooted
 * somewhere below the root of its mount namespace cannot make user namespaces.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct mount_point {
	const char *source, *target, *type, *data;
	unsigned long flags;
};

static const struct mount_point root_mounts[] = {
	{ "dev", "/dev", "devtmpfs" },
	{ "host", "/lower", "virtiofs", NULL, MS_RDONLY },
	{ "upper", "/upper", "tmpfs", "size=75%,mode=755" },
};

static const struct mount_point overlay = {
	"overlay", "/root", "overlay",
	"lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work",
};

/* In the new root */
static const struct mount_point system_mounts[] = {
	{ "proc", "/proc", "proc" },
	{ "sys", "/sys", "sysfs" },
	{ "dev", "/dev", "devtmpfs" },
	{ "pts", "/dev/pts", "devpts", "ptmxmode=0666,mode=620,gid=5" },
	{ "shm", "/dev/shm", "tmpfs", "mode=1777" },
	{ "run", "/run", "tmpfs", "mode=755" },
};

/* Left to the host if somebody there works in it */
static const struct mount_point tmp = { "tmp", "/tmp", "tmpfs", "mode=1777" };

/* A kernel may lack these */
static const struct mount_point optional_mounts[] = {
	{ "cgroup2", "/sys/fs/cgroup", "cgroup2" },
	{ "debugfs", "/sys/kernel/debug", "debugfs" },
	{ "tracefs", "/sys/kernel/tracing", "tracefs" },
	{ "configfs", "/sys/kernel/config", "configfs" },
};

static const char *const links[][2] = {
	{ "/proc/self/fd", "/dev/fd" },
	{ "/proc/self/fd/0", "/dev/stdin" },
	{ "/proc/self/fd/1", "/dev/stdout" },
	{ "/proc/self/fd/2", "/dev/stderr" },
};

/* The end of the first process is a panic, and a panic ends QEMU */
static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	char text[256];
	va_list args;
	int fd;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fd = open("/dev/kmsg", O_WRONLY);
	dprintf(fd < 0 ? 2 : fd, "<2>vm: %s: %s\n", text, strerror(errno));
	exit(1);
}

static int mount_one(const struct mount_point *m)
{
	mkdir(m->target, 0755);
	return mount(m->source, m->target, m->type, m->flags, m->data);
}

static void mount_all(const struct mount_point *m, size_t n)
{
	for (; n; n--, m++)
		if (mount_one(m))
			die("cannot mount %s on %s", m->type, m->target);
}

static int is_module(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* The names begin with numbers that put dependencies first */
static void load_modules(const char *dir)
{
	struct dirent **list;
	char path[512];
	int n, i, fd;

	n = scandir(dir, &list, is_module, alphasort);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			die("cannot load %s", list[i]->d_name);
		close(fd);
	}
}

static void enter_root(void)
{
	mount_all(root_mounts, ARRAY_SIZE(root_mounts));
	mkdir("/upper/files", 0755);
	mkdir("/upper/work", 0755);
	mount_all(&overlay, 1);
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		die("cannot enter the root");
}

/* The kernel is not installed on the host: its modules lie in a cache */
static void bind_modules(const char *dir)
{
	if (!dir)
		return;
	mkdir("/lib/modules", 0755);
	if (mount(dir, "/lib/modules", NULL, MS_BIND, NULL))
		die("cannot mount %s", dir);
}

static void interface_up(int fd, const char *name, const char *address)
{
	struct ifreq req = { 0 };
	struct sockaddr_in *sin = (struct sockaddr_in *)&req.ifr_addr;

	strncpy(req.ifr_name, name, IFNAMSIZ - 1);
	if (address) {
		sin->sin_family = AF_INET;
		inet_pton(AF_INET, address, &sin->sin_addr);
		if (ioctl(fd, SIOCSIFADDR, &req))
			return;
		inet_pton(AF_INET, "255.255.255.0", &sin->sin_addr);
		ioctl(fd, SIOCSIFNETMASK, &req);
	}
	ioctl(fd, SIOCGIFFLAGS, &req);
	req.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &req))
		die("cannot bring up %s", name);
}

/* QEMU's user network: the guest is .15, the host .2 */
static void network_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };
	struct sockaddr_in *gateway = (struct sockaddr_in *)&route.rt_gateway;

	interface_up(fd, "lo", NULL);
	interface_up(fd, "eth0", "10.0.2.15");
	route.rt_dst.sa_family = AF_INET;
	route.rt_genmask.sa_family = AF_INET;
	gateway->sin_family = AF_INET;
	inet_pton(AF_INET, "10.0.2.2", &gateway->sin_addr);
	ioctl(fd, SIOCADDRT, &route);
	close(fd);
}

/* A kernel with KCSAN boots without it: that would take long, and is not our business. */
static void look_for_races(void)
{
	int fd = open("/sys/kernel/debug/kcsan", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "on", 2) != 2)
		die("cannot switch KCSAN on");
	close(fd);
}

/* What the kernel says from here on is about the command, not about the boot */
static void mark_log(void)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	dprintf(fd, "<5>vm: ready\n");
	close(fd);
}

int main(void)
{
	static const char *const ports[] = { "main", "exec" };
	size_t i;

	load_modules("/modules");
	enter_root();
	mount_all(system_mounts, ARRAY_SIZE(system_mounts));
	bind_modules(getenv("vm_modules"));
	if (!getenv("vm_host_tmp"))
		mount_all(&tmp, 1);
	for (i = 0; i < ARRAY_SIZE(optional_mounts); i++)
		mount_one(&optional_mounts[i]);
	for (i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i][0], links[i][1]) && errno != EEXIST)
			die("cannot make %s", links[i][1]);
	sethostname("vm", 2);
	network_up();
	look_for_races();
	mark_log();
	for (i = 0; i < ARRAY_SIZE(ports); i++)
		if (!fork())
			agent_serve(ports[i]);
	for (;;)
		if (wait(NULL) < 0)
			pause();
}
