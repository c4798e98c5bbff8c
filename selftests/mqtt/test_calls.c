// SPDX-License-Identifier: MIT
/*
 * Ways to a socket's bytes other than recv() and send(), and things that are done to
 * sockets: while it is attached they see the daemon's packets and no others, stop at
 * a barrier, and find borders; or they are refused.
 */
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/packets.h"
#include "lib/scene.h"

#ifndef IPV6_ADDRFORM
#define IPV6_ADDRFORM 1
#endif

/*
 * io_uring, by hand: one request, one answer
 */

struct ring {
	int fd;
	unsigned int *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static void ring_open(struct ring *r)
{
	struct io_uring_params p = { 0 };
	char *sq, *cq;

	r->fd = syscall(SYS_io_uring_setup, 8, &p);
	if (r->fd < 0)
		ksft_skip("no io_uring: %s", strerror(errno));
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED,
		  r->fd, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(*r->cqes), PROT_READ | PROT_WRITE,
		  MAP_SHARED, r->fd, IORING_OFF_CQ_RING);
	r->sqes = mmap(NULL, p.sq_entries * sizeof(*r->sqes), PROT_READ | PROT_WRITE, MAP_SHARED,
		       r->fd, IORING_OFF_SQES);
	CHECK(sq != MAP_FAILED && cq != MAP_FAILED && (void *)r->sqes != MAP_FAILED);
	r->sq_tail = (void *)(sq + p.sq_off.tail);
	r->sq_mask = (void *)(sq + p.sq_off.ring_mask);
	r->sq_array = (void *)(sq + p.sq_off.array);
	r->cq_head = (void *)(cq + p.cq_off.head);
	r->cq_tail = (void *)(cq + p.cq_off.tail);
	r->cq_mask = (void *)(cq + p.cq_off.ring_mask);
	r->cqes = (void *)(cq + p.cq_off.cqes);
}

static void ring_submit(struct ring *r, const struct io_uring_sqe *sqe)
{
	unsigned int tail = *r->sq_tail, i = tail & *r->sq_mask;

	r->sqes[i] = *sqe;
	r->sq_array[i] = i;
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_RELEASE);
	CHECK_EQ(syscall(SYS_io_uring_enter, r->fd, 1, 0, 0, NULL, 0), 1);
}

static bool ring_is_done(struct ring *r)
{
	/* work that waits for this task is run on the way */
	syscall(SYS_io_uring_enter, r->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
	return __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) != *r->cq_head;
}

static int ring_wait(struct ring *r)
{
	int res;

	WAIT_UNTIL(ring_is_done(r));
	res = r->cqes[*r->cq_head & *r->cq_mask].res;
	__atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_RELEASE);
	return res;
}

static void ring_recv(struct ring *r, int fd, void *buf, size_t len, unsigned int flags)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_RECV, .fd = fd, .addr = (unsigned long)buf, .len = len,
		.flags = flags,
	};

	ring_submit(r, &sqe);
}

/* With and without a thread of io_uring's own that sleeps in recvmsg. */
static void uring_recv_as(unsigned int flags)
{
	struct bytes both = { 0 };
	unsigned char buf[100];
	struct ring r;

	scene_start();
	ring_open(&r);
	ring_recv(&r, pub.fd, buf, sizeof(buf), flags);
	rig_send_bytes(&pub, &fast);
	tcp_expect(sub.client, fast.p, fast.len);
	CHECK(!ring_is_done(&r));
	rig_send_bytes(&pub, &slow);
	CHECK_EQ(ring_wait(&r), slow.len);
	tcp_compare("recv", buf, slow.p, slow.len);

	/* It ends with the barrier, and the next one lifts that. */
	bytes_put(&both, slow.p, slow.len);
	bytes_put(&both, barrier.p, barrier.len);
	ring_recv(&r, pub.fd, buf, sizeof(buf), flags);
	bytes_put(&both, fast.p, fast.len);
	rig_send_bytes(&pub, &both);
	CHECK_EQ(ring_wait(&r), slow.len + barrier.len);
	tcp_compare("recv", buf, both.p, slow.len + barrier.len);
	rig_fence(&sub);
	ring_recv(&r, pub.fd, buf, sizeof(buf), flags);
	tcp_expect(sub.client, fast.p, fast.len);

	/* The end of the stream */
	CHECK_SYS(shutdown(pub.client, SHUT_WR));
	CHECK_EQ(ring_wait(&r), 0);
}

static void uring_recv(void)
{
	uring_recv_as(0);
}

static void uring_recv_in_thread(void)
{
	uring_recv_as(IOSQE_ASYNC);
}

static void uring_poll(void)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_POLL_ADD, .poll32_events = POLLIN };
	struct ring r;

	scene_start();
	ring_open(&r);
	sqe.fd = pub.fd;
	ring_submit(&r, &sqe);
	rig_send_bytes(&pub, &fast);
	tcp_expect(sub.client, fast.p, fast.len);
	CHECK(!ring_is_done(&r));
	rig_send_bytes(&pub, &barrier);
	CHECK(ring_wait(&r) & POLLIN);
	rig_daemon_expect(&pub, &barrier);
	ring_submit(&r, &sqe);
	CHECK(ring_wait(&r) & POLLIN);	/* the kernel waits for recv() */
}

static void uring_send(void)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_SEND };
	struct ring r;

	scene_start();
	ring_open(&r);
	sqe.fd = sub.fd;
	sqe.addr = (unsigned long)slow.p;
	/* the kernel's packet waits for the rest of the daemon's */
	sqe.len = 2;
	ring_submit(&r, &sqe);
	CHECK_EQ(ring_wait(&r), 2);
	rig_send_bytes(&pub, &fast);
	sqe.addr += 2;
	sqe.len = slow.len - 2;
	ring_submit(&r, &sqe);
	CHECK_EQ(ring_wait(&r), slow.len - 2);
	tcp_expect(sub.client, slow.p, slow.len);
	tcp_expect(sub.client, fast.p, fast.len);
	/* pages that could change would be in the stream for long */
	sqe.opcode = IORING_OP_SEND_ZC;
	ring_submit(&r, &sqe);
	CHECK_EQ(ring_wait(&r), -EOPNOTSUPP);
	rig_fence(&sub);
}

/* What waits in it goes on with plain TCP, or has to be asked again. */
static void uring_detach(void)
{
	unsigned char buf[100];
	struct ring r;
	int res;

	scene_start();
	ring_open(&r);
	ring_recv(&r, pub.fd, buf, sizeof(buf), 0);
	rig_detach(&pub);
	rig_send_bytes(&pub, &fast);
	res = ring_wait(&r);
	CHECK_EQ(res, fast.len);
	tcp_compare("recv", buf, fast.p, fast.len);
}

/*
 * Calls that receive
 */

static void peeks(void)
{
	unsigned char buf[100];
	struct bytes b = { 0 };

	scene_start();
	bytes_put(&b, slow.p, slow.len);
	bytes_put(&b, fast.p, fast.len);
	rig_send_bytes(&pub, &b);
	CHECK_EQ(recv(pub.fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT), slow.len);
	CHECK_EQ(recv(pub.fd, buf, 1, MSG_PEEK | MSG_DONTWAIT), 1);
	CHECK_EQ(recv(pub.fd, NULL, sizeof(buf), MSG_TRUNC | MSG_DONTWAIT), slow.len);
	tcp_expect(sub.client, fast.p, fast.len);
	CHECK_EQ(recv(pub.fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT), -1);
	CHECK_EQ(errno, EAGAIN);
}

/* As many recv() as it has messages: so one that fills several lifts a barrier. */
static void many_messages(void)
{
	unsigned char bufs[3][50];
	struct mmsghdr msgs[3];
	struct iovec iovs[3];
	struct bytes b = { 0 };
	int i;

	scene_start();
	for (i = 0; i < 3; i++) {
		iovs[i] = (struct iovec){ bufs[i], sizeof(bufs[i]) };
		msgs[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iovs[i], .msg_iovlen = 1 } };
	}
	bytes_put(&b, barrier.p, barrier.len);
	bytes_put(&b, fast.p, fast.len);
	bytes_put(&b, slow.p, slow.len);
	rig_send_bytes(&pub, &b);
	CHECK_EQ(recvmmsg(pub.fd, msgs, 1, MSG_DONTWAIT, NULL), 1);
	CHECK_EQ(msgs[0].msg_len, barrier.len);
	rig_fence(&sub);
	CHECK_EQ(recvmmsg(pub.fd, msgs, 3, MSG_DONTWAIT, NULL), 1);
	CHECK_EQ(msgs[0].msg_len, slow.len);
	tcp_expect(sub.client, fast.p, fast.len);
	rig_send_bytes(&pub, &b);
	CHECK_EQ(recvmmsg(pub.fd, msgs, 3, MSG_DONTWAIT, NULL), 2);
	CHECK_EQ(msgs[1].msg_len, slow.len);
	tcp_expect(sub.client, fast.p, fast.len);
}

/* These tell what TCP has, whose it may be. */
static void counters(void)
{
	struct bytes b = { 0 };
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int n;

	scene_start();
	bytes_put(&b, barrier.p, barrier.len);
	bytes_put(&b, fast.p, fast.len);
	rig_send_bytes(&pub, &b);
	CHECK_EQ(tcp_unread(pub.fd), b.len);
	rig_daemon_expect(&pub, &barrier);
	CHECK_EQ(tcp_unread(pub.fd), fast.len);
	tcp_expect_again(pub.fd);
	CHECK_EQ(tcp_unread(pub.fd), 0);
	tcp_expect(sub.client, fast.p, fast.len);
	WAIT_UNTIL(!ioctl(sub.fd, SIOCOUTQ, &n) && !n);
	CHECK_SYS(getsockopt(sub.fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	CHECK_EQ(info.tcpi_state, TCP_ESTABLISHED);
}

/*
 * Options that delay
 */

/* The kernel's packets are the socket's, and wait with it. */
static void cork(void)
{
	struct bytes b = { 0 };
	int i;

	scene_start();
	tcp_set_int(sub.fd, IPPROTO_TCP, TCP_CORK, 1);
	for (i = 0; i < 10; i++) {
		rig_send_bytes(&pub, &fast);
		bytes_put(&b, fast.p, fast.len);
	}
	tcp_set_int(sub.fd, IPPROTO_TCP, TCP_CORK, 0);
	tcp_expect(sub.client, b.p, b.len);
	/* and without the second call after a while by itself */
	tcp_set_int(sub.fd, IPPROTO_TCP, TCP_CORK, 1);
	rig_send_bytes(&pub, &fast);
	tcp_expect(sub.client, fast.p, fast.len);
}

static void more(void)
{
	scene_start();
	CHECK_EQ(send(sub.fd, slow.p, 1, MSG_MORE), 1);
	rig_send_bytes(&pub, &fast);
	CHECK_EQ(send(sub.fd, slow.p + 1, slow.len - 1, MSG_MORE), slow.len - 1);
	tcp_expect(sub.client, slow.p, slow.len);
	tcp_expect(sub.client, fast.p, fast.len);
	tcp_set_int(sub.fd, IPPROTO_TCP, TCP_NODELAY, 0);
	rig_send_bytes(&pub, &fast);
	tcp_expect(sub.client, fast.p, fast.len);
}

/* From the smallest that there are to more than is needed, also while it runs */
static void buffers(void)
{
	static const int sizes[] = { 1, 5000, 100000, 64 << 20 };
	struct bytes large = { 0 };
	size_t i, j;

	scene_start();
	wire_publish_of(&large, 0x30, "t/u", 100000, 1);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		for (j = 0; j < ARRAY_LEN(sizes); j++) {
			struct packets got = { .fd = sub.client };
			struct traffic t = { .from = &pub, .topic = "t/u", .source = 1, .n = 50,
					     .payload = 100, .batch = 500, .cpu = -1 };

			tcp_set_int(pub.fd, SOL_SOCKET, SO_RCVBUFFORCE, sizes[i]);
			tcp_set_int(sub.fd, SOL_SOCKET, SO_SNDBUFFORCE, sizes[j]);
			traffic_start(&t);
			packets_expect(&got, 1, 0, t.n);
			traffic_join(&t);
			CHECK_EQ(packets_left(&got), 0);
			bytes_free(&got.buf);
		}
	}
	tcp_send_all(pub.client, large.p, large.len);
	tcp_expect(sub.client, large.p, large.len);
}

/* What the system does not let a buffer grow to is the daemon's. */
static void buffer_may_not_grow(void)
{
	struct bytes large = { 0 };
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_rmem", "w");

	CHECK(f);
	fprintf(f, "4096 20000 40000");
	CHECK(!fclose(f));
	scene_start();
	wire_publish_of(&large, 0x30, "t/u", 100000, 1);
	tcp_nonblock(pub.client, true);
	CHECK(send(pub.client, large.p, large.len, 0) > 0);
	WAIT_UNTIL(rig_stat(MQTT_A_STATS_RX_NO_BUFFER) == 1);
	CHECK_EQ(rig_peer_get(&pub, MQTT_A_PEER_STATE), MQTT_PEER_STATE_BARRIER);
	tcp_expect(pub.fd, large.p, 5000);
	CHECK(!tcp_is_readable(sub.client));
}

/*
 * Others who take sockets
 */

static int bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int sockmap_new(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_SOCKMAP, .key_size = 4, .value_size = 4,
		.max_entries = 4,
	};
	int fd = bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0)
		ksft_skip("no sockmap: %s", strerror(errno));
	return fd;
}

static int sockmap_add(int map, unsigned int key, unsigned int fd)
{
	union bpf_attr attr = {
		.map_fd = map, .key = (unsigned long)&key, .value = (unsigned long)&fd,
	};

	return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

/*
 * A sockmap without programs leaves a socket's operations as they are, so who comes
 * first is told by what it has left on the socket.
 */
static void sockmap(void)
{
	struct mqtt_nl_attach attach = { .protocol = MQTT_PROTOCOL_V311, .client_id = "map" };
	struct rig_peer mapped;
	int map;

	scene_start();
	map = sockmap_new();
	CHECK_REFUSED(sockmap_add(map, 0, pub.fd));
	rig_connect(&mapped, NULL);
	CHECK_SYS(sockmap_add(map, 1, mapped.fd));
	attach.fd = mapped.fd;
	CHECK_EQ(mqtt_nl_peer_attach(rig_nl, &attach, &mapped.id), -EBUSY);
	rig_send_bytes(&pub, &fast);
	tcp_expect(sub.client, fast.p, fast.len);
	/* The last trace of the peer on its socket goes a grace period later. */
	rig_detach(&pub);
	WAIT_UNTIL(!sockmap_add(map, 0, pub.fd));
}

/*
 * IPv4 in IPv6
 */

static void mapped_pair(struct rig_peer *p)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(any);
	int listener = CHECK_SYS(socket(AF_INET6, SOCK_STREAM, 0));

	memset(p, 0, sizeof(*p));
	CHECK_SYS(bind(listener, (struct sockaddr *)&any, sizeof(any)));
	CHECK_SYS(listen(listener, 1));
	CHECK_SYS(getsockname(listener, (struct sockaddr *)&any, &len));
	in.sin_port = any.sin6_port;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->client = CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	CHECK_SYS(connect(p->client, (struct sockaddr *)&in, sizeof(in)));
	p->fd = CHECK_SYS(accept(listener, NULL, NULL));
	close(listener);
}

/* A socket may change its family, but not while it is attached. */
static void mapped_address(void)
{
	int family = AF_INET;
	struct rig_peer p;
	int i;

	scene_start();
	mapped_pair(&p);
	for (i = 0; i < 2; i++) {
		rig_attach(&p);
		rig_sub(&p, "t/u");
		rig_send_bytes(&pub, &fast);
		tcp_expect(p.client, fast.p, fast.len);
		tcp_expect(sub.client, fast.p, fast.len);
		rig_unsub(&p, "t/u");
		rig_send_bytes(&p, &fast);
		tcp_expect(sub.client, fast.p, fast.len);
		rig_send_bytes(&p, &slow);
		rig_daemon_expect(&p, &slow);
		CHECK_REFUSED(setsockopt(p.fd, IPPROTO_IPV6, IPV6_ADDRFORM, &family,
					 sizeof(family)));
		rig_detach(&p);
		/* then it is a socket of the other family, for the second round */
		if (!i)
			CHECK_SYS(setsockopt(p.fd, IPPROTO_IPV6, IPV6_ADDRFORM, &family,
					     sizeof(family)));
	}
	rig_close(&p);
	rig_fence(&sub);
}

static const struct ksft_case cases[] = {
	{ "uring_recv", uring_recv },
	{ "uring_recv_in_thread", uring_recv_in_thread },
	{ "uring_poll", uring_poll },
	{ "uring_send", uring_send },
	{ "uring_detach", uring_detach },
	{ "peeks", peeks },
	{ "many_messages", many_messages },
	{ "counters", counters },
	{ "cork", cork },
	{ "more", more },
	{ "buffers", buffers },
	{ "sockmap", sockmap },
	{ "mapped_address", mapped_address },
	{ "buffer_may_not_grow", buffer_may_not_grow },	/* last: the namespace stays so */
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
