// SPDX-License-Identifier: MIT
/*
 * Sockets from the service manager.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <systemd/sd-daemon.h>

#include "address.h"
#include "inherited.h"
#include "log.h"

/**
 * struct inherited - a descriptor that came with the process
 * @fd: number
 * @address: where it listens
 * @listens: it does, on an address of the internet
 * @both: it is for IPv6 and has the connections of IPv4, too
 * @used: somebody had use for it
 */
struct inherited {
	int fd;
	union {
		struct sockaddr sa;
		struct sockaddr_storage storage;
	} address;
	bool listens;
	bool both;
	bool used;
};

static struct inherited inherited[INHERITED_MAX];
static unsigned int count;

static void look_at(struct inherited *one, int fd)
{
	socklen_t len = sizeof(one->address), int_len = sizeof(int);
	int v6only = 1;

	*one = (struct inherited){ .fd = fd };
	one->listens = sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) > 0 &&
		       !getsockname(fd, &one->address.sa, &len) &&
		       (one->address.sa.sa_family == AF_INET ||
			one->address.sa.sa_family == AF_INET6) &&
		       !fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	one->both = one->listens && address_is_any6(&one->address.sa) &&
		    !getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &int_len) && !v6only;
}

void inherited_take(void)
{
	int n = sd_listen_fds(1), i;

	if (n < 0)
		log_printf(LOG_TYPE_ERROR, "Error: cannot take the service manager's sockets: %s.",
			   strerror(-n));
	for (i = 0; i < n; i++) {
		if (count < INHERITED_MAX)
			look_at(&inherited[count++], SD_LISTEN_FDS_START + i);
		else
			close(SD_LISTEN_FDS_START + i);
	}
	if (n > INHERITED_MAX)
		log_printf(LOG_TYPE_ERROR,
			   "Error: of %d sockets of the service manager %d are too many.", n,
			   n - INHERITED_MAX);
}

unsigned int inherited_find(const struct sockaddr *address, int *fds)
{
	unsigned int i, n = 0;

	for (i = 0; i < count; i++) {
		if (!inherited[i].listens || !address_equal(&inherited[i].address.sa, address))
			continue;
		inherited[i].used = true;
		fds[n++] = inherited[i].fd;
	}
	return n;
}

int inherited_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

bool inherited_covers(const struct sockaddr *address)
{
	const struct sockaddr_in *wanted = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *have;
	unsigned int i;

	if (address->sa_family != AF_INET || wanted->sin_addr.s_addr != htonl(INADDR_ANY))
		return false;
	for (i = 0; i < count; i++) {
		have = (const struct sockaddr_in6 *)&inherited[i].address.sa;
		if (inherited[i].both && have->sin6_port == wanted->sin_port)
			return true;
	}
	return false;
}

static void complain(const struct inherited *one)
{
	char text[ADDRESS_MAX];

	if (!one->listens) {
		log_printf(LOG_TYPE_ERROR,
			   "Error: descriptor %d of the service manager is no socket that listens for TCP.",
			   one->fd);
		return;
	}
	address_format(text, &one->address.sa);
	log_printf(LOG_TYPE_ERROR,
		   "Error: there is no listener for the service manager's socket on %s: not listening there.",
		   text);
}

void inherited_close(void)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (!inherited[i].used)
			complain(&inherited[i]);
		close(inherited[i].fd);
	}
	count = 0;
}
