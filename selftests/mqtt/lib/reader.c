// SPDX-License-Identifier: MIT
/*
 * Blocking recv() in a thread. See reader.h.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ksft.h"
#include "reader.h"
#include "tcp.h"

bool thread_is_asleep(pid_t tid)
{
	char path[64], text[512], *state;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "r");
	if (!f)
		return false;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	state = strrchr(text, ')');
	return state && state[1] == ' ' && state[2] == 'S';
}

static void *reader_main(void *arg)
{
	struct reader *r = arg;

	__atomic_store_n(&r->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	r->ret = recv(r->fd, r->buf, r->len, r->flags);
	r->error = errno;
	ksft_flag_set(&r->done);
	return NULL;
}

bool reader_is_done(struct reader *r)
{
	return ksft_flag(&r->done);
}

static bool is_under_way(struct reader *r)
{
	pid_t tid = __atomic_load_n(&r->tid, __ATOMIC_ACQUIRE);

	return reader_is_done(r) || (tid && thread_is_asleep(tid));
}

void reader_start(struct reader *r, int fd, size_t len, int flags)
{
	memset(r, 0, sizeof(*r));
	CHECK(len <= sizeof(r->buf));
	r->fd = fd;
	r->len = len;
	r->flags = flags;
	CHECK(!pthread_create(&r->thread, NULL, reader_main, r));
	WAIT_UNTIL(is_under_way(r));
}

void reader_join(struct reader *r)
{
	WAIT_UNTIL(reader_is_done(r));
	pthread_join(r->thread, NULL);
}

void reader_expect(struct reader *r, const void *want, size_t len)
{
	reader_join(r);
	if (r->ret != (ssize_t)len)
		FAIL("recv() in a thread is %zd (%s), want %zu", r->ret,
		     r->ret < 0 ? strerror(r->error) : "", len);
	tcp_compare("recv() in a thread", r->buf, want, len);
}
