// SPDX-License-Identifier: MIT
/*
 * A socket that its owner holds locked for as long as he likes: the daemon is inside
 * recv() or send(), at a page that does not come (userfaultfd). What is for that
 * socket waits, and nothing else does.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/packets.h"

#define PAGE	4096UL
#define MESSAGES 50

static struct rig_peer pub, sub, other;
static struct bytes slow;

/* A call that stands still at its buffer, which is not there before stuck_end(). */
struct stuck {
	pthread_t thread;
	int uffd;
	unsigned char *page;
	int fd;
	size_t len;		/* bytes of the call */
	bool sends;
};

static void *stuck_main(void *arg)
{
	struct stuck *s = arg;

	if (s->sends)
		CHECK_EQ(send(s->fd, s->page, s->len, MSG_NOSIGNAL), s->len);
	else
		CHECK_EQ(recv(s->fd, s->page, s->len, 0), s->len);
	return NULL;
}

static void stuck_start(struct stuck *s)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = {
		.range.len = PAGE, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffd_msg msg;

	s->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (s->uffd < 0)
		ksft_skip("no userfaultfd: %s", strerror(errno));
	CHECK_SYS(ioctl(s->uffd, UFFDIO_API, &api));
	s->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(s->page != MAP_FAILED);
	area.range.start = (unsigned long)s->page;
	CHECK_SYS(ioctl(s->uffd, UFFDIO_REGISTER, &area));
	CHECK(!pthread_create(&s->thread, NULL, stuck_main, s));
	tcp_wait(s->uffd, POLLIN);
	CHECK_EQ(read(s->uffd, &msg, sizeof(msg)), sizeof(msg));
	CHECK_EQ(msg.event, UFFD_EVENT_PAGEFAULT);
}

/* The page comes, with @len bytes for a send(). */
static void stuck_end(struct stuck *s, const void *bytes, size_t len)
{
	struct uffdio_copy copy = { .dst = (unsigned long)s->page, .len = PAGE };
	static unsigned char from[2 * PAGE];
	unsigned char *aligned = (void *)(((unsigned long)from + PAGE - 1) & ~(PAGE - 1));

	memcpy(aligned, bytes, len);
	copy.src = (unsigned long)aligned;
	CHECK_SYS(ioctl(s->uffd, UFFDIO_COPY, &copy));
	pthread_join(s->thread, NULL);
	close(s->uffd);
}

static void start(void)
{
	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	rig_open_sub(&other, "t/u");
	wire_puback(&slow, 1);
}

/* As long as a subscriber's socket is locked: its queue has the messages, others get them. */
static void others_are_served(struct stuck *s, struct packets *got, const void *bytes, size_t len)
{
	struct packets others = { .fd = other.client };
	struct bytes b = { 0 };
	struct rig_peer late;

	stuck_start(s);
	for (unsigned int i = 0; i < MESSAGES; i++)
		wire_numbered(&b, 0x30, "t/u", 1, i, 30);
	rig_send_bytes(&pub, &b);
	packets_expect(&others, 1, 0, MESSAGES);
	/* who comes now, too */
	rig_open_sub(&late, "late");
	rig_say(&other, "late", "at once");
	rig_hear(&late, "late", "at once");
	CHECK(!tcp_is_readable(got->fd));
	stuck_end(s, bytes, len);
	bytes_free(&b);
}

static void subscriber_in_recv(void)
{
	struct packets got = { 0 };
	struct stuck s = { 0 };

	start();
	got.fd = sub.client;
	s.fd = sub.fd;
	s.len = slow.len;
	rig_send_bytes(&sub, &slow);
	others_are_served(&s, &got, "", 0);
	CHECK(!memcmp(s.page, slow.p, slow.len));
	packets_expect(&got, 1, 0, MESSAGES);
	rig_check_balance();
}

/* The daemon's packet has begun, so it is the first. */
static void subscriber_in_send(void)
{
	struct packets got = { 0 };
	struct stuck s = { .sends = true };
	struct bytes b = { 0 };

	start();
	got.fd = sub.client;
	s.fd = sub.fd;
	s.len = wire_publish_of(&b, 0x32, "d/x", 2000, 1);
	others_are_served(&s, &got, b.p, b.len);
	tcp_expect(sub.client, b.p, b.len);
	packets_expect(&got, 1, 0, MESSAGES);
	rig_check_balance();
}

/* What arrives meanwhile is forwarded when the socket is given back. */
static void publisher_in_recv(void)
{
	struct packets got = { 0 };
	struct stuck s = { 0 };
	struct bytes b = { 0 };

	start();
	got.fd = sub.client;
	s.fd = pub.fd;
	s.len = slow.len;
	rig_send_bytes(&pub, &slow);
	stuck_start(&s);
	for (unsigned int i = 0; i < MESSAGES; i++)
		wire_numbered(&b, 0x30, "t/u", 1, i, 30);
	tcp_send_all(pub.client, b.p, b.len);
	rig_say(&other, "t/u", "meanwhile");
	rig_hear(&sub, "t/u", "meanwhile");
	CHECK(!tcp_is_readable(sub.client));
	stuck_end(&s, "", 0);
	CHECK(!memcmp(s.page, slow.p, slow.len));
	packets_expect(&got, 1, 0, MESSAGES);
	rig_check_balance();
}

static const struct ksft_case cases[] = {
	{ "subscriber_in_recv", subscriber_in_recv },
	{ "subscriber_in_send", subscriber_in_send },
	{ "publisher_in_recv", publisher_in_recv },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
