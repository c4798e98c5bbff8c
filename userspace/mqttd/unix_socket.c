// SPDX-License-Identifier: MIT
/*
 * Unix sockets to listen on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "unix_socket.h"

/* For a socket in a directory of its own below one that exists. */
static void make_directory(const char *path)
{
	char *dir = strdup(path), *end = dir ? strrchr(dir, '/') : NULL;

	if (end && end != dir) {
		*end = '\0';
		mkdir(dir, 0755);	/* if that fails bind() says so */
	}
	free(dir);
}

/* A socket that refuses connections was left behind; nothing else is removed. */
static int remove_left_behind(const struct sockaddr_un *address)
{
	struct stat st;
	int fd, err;

	if (lstat(address->sun_path, &st))
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;
	close(fd);
	if (err == -EACCES)
		return err;
	if (err != -ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(address->sun_path) ? -errno : 0;
}

static int bind_path(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct sockaddr *sa = (const struct sockaddr *)&address;
	mode_t mask;
	int err;

	strcpy(address.sun_path, path);
	make_directory(path);
	/* There is no other thread yet that makes files. */
	mask = umask(0117);
	err = bind(fd, sa, sizeof(address)) ? -errno : 0;
	if (err == -EADDRINUSE) {
		err = remove_left_behind(&address);
		if (!err)
			err = bind(fd, sa, sizeof(address)) ? -errno : 0;
	}
	umask(mask);
	return err;
}

int unix_socket_bind(const char *path)
{
	int fd, err;

	if (strlen(path) > UNIX_SOCKET_PATH_MAX)
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = bind_path(fd, path);
	if (!err)
		return fd;
	close(fd);
	return err;
}
