// SPDX-License-Identifier: MIT
/*
 * Streams of numbered messages. See packets.h.
 */
#include <poll.h>
#include <sys/socket.h>

#include "packets.h"

bool packets_read(struct packets *p)
{
	unsigned char buf[16384];
	size_t size = p->read_size ? p->read_size : sizeof(buf);
	ssize_t n;

	if (p->ended)
		return false;
	if (p->taken) {
		p->buf.len -= p->taken;
		memmove(p->buf.p, p->buf.p + p->taken, p->buf.len);
		p->taken = 0;
	}
	n = recv(p->fd, buf, size, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n > 0)
		bytes_put(&p->buf, buf, n);
	else
		p->ended = true;
	return true;
}

void packets_wait(struct packets *p)
{
	while (!packets_read(p)) {
		if (p->ended)
			FAIL("end of stream after %u messages", p->n);
		tcp_wait(p->fd, POLLIN);
	}
}

const unsigned char *packets_data(const struct packets *p)
{
	return p->buf.p + p->taken;
}

size_t packets_left(const struct packets *p)
{
	return p->buf.len - p->taken;
}

void packets_clear(struct packets *p)
{
	p->buf.len = 0;
	p->taken = 0;
}

/* Length of the packet in front, 0 if it is not whole. */
static size_t whole_packet(const struct packets *p)
{
	size_t len = wire_length(packets_data(p), packets_left(p));

	return len <= packets_left(p) ? len : 0;
}

bool packets_take(struct packets *p, const void *packet, size_t len)
{
	if (packets_left(p) < len || memcmp(packets_data(p), packet, len))
		return false;
	p->taken += len;
	return true;
}

bool packets_take_number(struct packets *p, unsigned int source, unsigned int number)
{
	size_t len = whole_packet(p);
	unsigned int from;

	if (!len || wire_number(packets_data(p), len, &from) != number || from != source)
		return false;
	p->taken += len;
	p->n++;
	return true;
}

long packets_take_any(struct packets *p, unsigned int *source)
{
	size_t len = whole_packet(p);
	unsigned int number;

	if (!len)
		return -1;
	number = wire_number(packets_data(p), len, source);
	p->taken += len;
	p->n++;
	return number;
}

void packets_expect(struct packets *p, unsigned int source, unsigned int next, unsigned int n)
{
	unsigned int last = next + n, from;
	long number;

	while (next != last) {
		number = packets_take_any(p, &from);
		if (number < 0) {
			packets_wait(p);
			continue;
		}
		if (from != source || (unsigned int)number != next)
			FAIL("message %ld of source %u, want %u of %u", number, from, next,
			     source);
		next++;
	}
}

/* False at an error, which is how a test ends a connection under traffic. */
static bool send_all(int fd, const struct bytes *b)
{
	size_t done = 0;
	ssize_t n;

	while (done < b->len) {
		n = send(fd, b->p + done, b->len - done, MSG_NOSIGNAL);
		if (n < 0)
			return false;
		done += n;
	}
	return true;
}

static void *traffic_main(void *arg)
{
	struct traffic *t = arg;
	struct bytes b = { 0 };
	unsigned int i;

	if (t->cpu >= 0)
		ksft_run_on(t->cpu);
	for (i = 0; i < t->n && !__atomic_load_n(&t->stop, __ATOMIC_RELAXED); i++) {
		wire_numbered(&b, 0x30, t->topic, t->source, i, t->payload + i % 50);
		if (b.len < t->batch && i + 1 < t->n)
			continue;
		if (!send_all(t->from->client, &b))
			break;
		b.len = 0;
		t->sent = i + 1;
	}
	if (b.len && send_all(t->from->client, &b))
		t->sent = i;
	bytes_free(&b);
	return NULL;
}

struct traffic traffic_from(struct rig_peer *p)
{
	return (struct traffic){
		.from = p, .topic = "t/u", .source = 1, .n = 1000000, .payload = 100,
		.batch = 1000, .cpu = -1,
	};
}

void traffic_start(struct traffic *t)
{
	CHECK(!pthread_create(&t->thread, NULL, traffic_main, t));
}

void traffic_stop(struct traffic *t)
{
	__atomic_store_n(&t->stop, true, __ATOMIC_RELAXED);
}

void traffic_join(struct traffic *t)
{
	pthread_join(t->thread, NULL);
}
