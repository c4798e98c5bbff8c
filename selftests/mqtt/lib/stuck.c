// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ksft.h"
#include "stuck.h"
#include "tcp.h"

#define PAGE	4096UL

static void *stuck_main(void *arg)
{
	struct stuck *s = arg;

	if (s->sends)
		CHECK_EQ(send(s->fd, s->page, s->len, MSG_NOSIGNAL), s->len);
	else
		CHECK_EQ(recv(s->fd, s->page, s->len, 0), s->len);
	ksft_flag_set(&s->done);
	return NULL;
}

/* Memory that is not there */
static void make_page(struct stuck *s)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = {
		.range.len = PAGE, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	s->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (s->uffd < 0 && errno == ENOSYS)
		ksft_skip("no userfaultfd in this kernel");
	CHECK_SYS(s->uffd);
	CHECK_SYS(ioctl(s->uffd, UFFDIO_API, &api));
	s->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(s->page != MAP_FAILED);
	area.range.start = (unsigned long)s->page;
	CHECK_SYS(ioctl(s->uffd, UFFDIO_REGISTER, &area));
}

void stuck_start(struct stuck *s)
{
	struct uffd_msg msg;

	make_page(s);
	s->done = false;
	CHECK(!pthread_create(&s->thread, NULL, stuck_main, s));
	CHECK(tcp_wait(s->uffd, POLLIN) & POLLIN);
	CHECK_EQ(read(s->uffd, &msg, sizeof(msg)), sizeof(msg));
	CHECK_EQ(msg.event, UFFD_EVENT_PAGEFAULT);
}

void stuck_end(struct stuck *s, const void *bytes, size_t len)
{
	unsigned char page[PAGE] = { 0 };
	struct uffdio_copy copy = {
		.dst = (unsigned long)s->page, .src = (unsigned long)page, .len = PAGE,
	};

	CHECK(!ksft_flag(&s->done));
	memcpy(page, bytes, len);
	CHECK_SYS(ioctl(s->uffd, UFFDIO_COPY, &copy));
	pthread_join(s->thread, NULL);
	close(s->uffd);
}
