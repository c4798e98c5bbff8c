// SPDX-License-Identifier: MIT
/*
 * One thread that plays publisher, daemon and subscriber. See pump.h.
 */
#include <poll.h>
#include <stdlib.h>

#include "pump.h"

struct run {
	const struct pump *p;
	const struct stream *s;
	struct bytes fast;
	struct bytes slow;
	size_t sent;
	unsigned int barrier;		/* the next in s->barrier_end */
};

struct stream *stream_new(void)
{
	struct stream *s = calloc(1, sizeof(*s));

	CHECK(s);
	return s;
}

void stream_end(struct stream *s, enum stream_kind kind)
{
	struct bytes *to = kind == STREAM_FAST ? &s->fast : &s->slow;

	bytes_put(to, s->all.p + s->done, s->all.len - s->done);
	s->done = s->all.len;
	if (kind == STREAM_FAST)
		s->fast_packets++;
	else
		s->slow_packets++;
	if (kind == STREAM_BARRIER) {
		CHECK(s->barriers < STREAM_BARRIERS_MAX);
		s->barrier_end[s->barriers++] = s->slow.len;
	}
}

void stream_free(struct stream *s)
{
	bytes_free(&s->all);
	bytes_free(&s->fast);
	bytes_free(&s->slow);
	free(s);
}

static size_t try_recv(int fd, struct bytes *to, size_t size)
{
	unsigned char buf[65536];
	ssize_t n = recv(fd, buf, size, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		FAIL("recv: %s", n ? strerror(errno) : "end of stream");
	bytes_put(to, buf, n);
	return n;
}

/* Packets that were the daemon's for lack of room explain a lot. */
static void note_no_buffer(void)
{
	unsigned long long n = rig_stat(MQTT_A_STATS_RX_NO_BUFFER);

	if (n)
		ksft_note("rx-no-buffer is %llu", n);
}

/* The end of a barrier packet is where a recv() has to stop. */
static void check_barrier(struct run *r)
{
	size_t end;

	if (r->barrier == r->s->barriers)
		return;
	end = r->s->barrier_end[r->barrier];
	if (r->slow.len <= end) {
		r->barrier += r->slow.len == end;
		return;
	}
	note_no_buffer();
	FAIL("recv() went %zu bytes beyond a barrier", r->slow.len - end);
}

static bool daemon_step(struct run *r)
{
	size_t n, size = r->p->read_size ? r->p->read_size : 65536;

	if (!tcp_is_readable(r->p->pub->fd))
		return false;
	n = try_recv(r->p->pub->fd, &r->slow, size);
	if (n)
		check_barrier(r);
	return n;
}

static bool publisher_step(struct run *r)
{
	size_t left = r->s->all.len - r->sent, len = left;
	struct rig_peer *pub = r->p->pub;
	ssize_t n;

	if (!left || (r->p->separate && tcp_received(pub->fd) < pub->sent))
		return false;
	if (r->p->chunk)
		len = r->p->chunk();
	n = send(pub->client, r->s->all.p + r->sent, len < left ? len : left,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == EAGAIN)
		return false;
	CHECK_SYS(n);
	r->sent += n;
	pub->sent += n;
	return true;
}

static void wait_any(struct run *r)
{
	struct pollfd pfd[] = {
		{ .fd = r->p->pub->fd, .events = POLLIN },
		{ .fd = r->p->sub->client, .events = POLLIN },
		{ .fd = r->p->pub->client, .events = POLLOUT },
	};
	bool sending = r->sent < r->s->all.len && !r->p->separate;

	CHECK_SYS(poll(pfd, sending ? 3 : 2, r->p->separate ? 1 : 50));
}

static bool is_done(const struct run *r)
{
	return r->sent == r->s->all.len && r->fast.len >= r->s->fast.len &&
	       r->slow.len >= r->s->slow.len;
}

static void check_result(const struct run *r)
{
	size_t fast = r->fast.len < r->s->fast.len ? r->fast.len : r->s->fast.len;
	size_t slow = r->slow.len < r->s->slow.len ? r->slow.len : r->s->slow.len;

	if (!is_done(r))
		note_no_buffer();
	if (fast)
		tcp_compare("subscriber", r->fast.p, r->s->fast.p, fast);
	if (slow)
		tcp_compare("daemon", r->slow.p, r->s->slow.p, slow);
	if (!is_done(r))
		FAIL("stuck: sent %zu/%zu, subscriber %zu/%zu, daemon %zu/%zu", r->sent,
		     r->s->all.len, r->fast.len, r->s->fast.len, r->slow.len, r->s->slow.len);
	CHECK_EQ(r->fast.len, r->s->fast.len);
	CHECK_EQ(r->slow.len, r->s->slow.len);
}

void pump_run(const struct pump *p, const struct stream *s)
{
	struct run r = { .p = p, .s = s, .sent = p->already };
	long long end = ksft_deadline();
	bool moved;

	CHECK_EQ(s->done, s->all.len);
	while (!is_done(&r) && ksft_now_ms() < end) {
		moved = publisher_step(&r);
		moved |= daemon_step(&r);
		moved |= try_recv(p->sub->client, &r.fast, 65536) > 0;
		if (moved)
			end = ksft_deadline();
		else
			wait_any(&r);
	}
	check_result(&r);
	bytes_free(&r.fast);
	bytes_free(&r.slow);
}
