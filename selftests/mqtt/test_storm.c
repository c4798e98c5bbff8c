// SPDX-License-Identifier: MIT
/*
 * Signal storms: a signal each millisecond for who sleeps in send() and recv().
 * What was interrupted goes on, and no byte is lost, doubled or out of place.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/packets.h"

static struct rig_peer pub, sub;
static unsigned int signals;

static void on_signal(int number)
{
	(void)number;
	__atomic_add_fetch(&signals, 1, __ATOMIC_RELAXED);
}

/* Sent by a thread, so that it hits who is to be hit. */
struct storm {
	pthread_t thread;
	pid_t target;
	bool stop;
};

static void *storm_main(void *arg)
{
	struct storm *s = arg;

	while (!ksft_flag(&s->stop)) {
		syscall(SYS_tgkill, getpid(), s->target, SIGUSR1);
		usleep(1000);
	}
	return NULL;
}

static void storm_start(struct storm *s, bool restart)
{
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = restart ? SA_RESTART : 0 };

	CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
	s->stop = false;
	s->target = syscall(SYS_gettid);
	CHECK(!pthread_create(&s->thread, NULL, storm_main, s));
}

static void storm_end(struct storm *s)
{
	ksft_flag_set(&s->stop);
	pthread_join(s->thread, NULL);
	ksft_note("%u signals so far", signals);
}

struct slow_sender {
	pthread_t thread;
	struct bytes stream;
	struct bytes slow;
};

/* Fast and slow packets, in small pieces, so that the reader sleeps often. */
static void *slow_sender_main(void *arg)
{
	struct slow_sender *s = arg;
	unsigned int state = 1;
	size_t done = 0;

	while (done < s->stream.len) {
		size_t n = 1 + rand_r(&state) % 60;

		n = n < s->stream.len - done ? n : s->stream.len - done;
		tcp_send_all(pub.client, s->stream.p + done, n);
		done += n;
	}
	return NULL;
}

/* Blocking recv(), of all flags, interrupted: every byte of the daemon's comes once. */
static void storm_in_recv(bool restart)
{
	unsigned int i, n = ksft_scale(3000, 150), interrupted = 0;
	struct slow_sender s = { 0 };
	struct packets got = { 0 };
	struct storm storm;
	size_t have = 0;
	char *buf;

	rig_start();
	rig_open(&pub);
	rig_open_sub(&sub, "t/u");
	got.fd = sub.client;
	for (i = 0; i < n; i++) {
		wire_numbered(&s.stream, 0x30, "t/u", 1, i, 20);
		if (i % 3 == 0) {
			wire_puback(&s.slow, 1 + i);
			wire_puback(&s.stream, 1 + i);
		}
		if (i % 50 == 0) {
			wire_subscribe(&s.slow, "a/b");
			wire_subscribe(&s.stream, "a/b");
		}
	}
	buf = malloc(s.slow.len);
	storm_start(&storm, restart);
	CHECK(!pthread_create(&s.thread, NULL, slow_sender_main, &s));
	while (have < s.slow.len) {
		size_t want = 1 + ksft_random(30);
		ssize_t ret;

		want = want < s.slow.len - have ? want : s.slow.len - have;
		ret = recv(pub.fd, buf + have, want, ksft_random(2) ? MSG_WAITALL : 0);
		if (ret < 0 && errno == EINTR && !restart) {
			interrupted++;
			continue;
		}
		CHECK_SYS(ret);
		CHECK(ret);
		have += ret;
	}
	pthread_join(s.thread, NULL);
	storm_end(&storm);
	ksft_note("%u times interrupted", interrupted);
	tcp_compare("daemon", buf, s.slow.p, s.slow.len);
	/* lifts the last barrier */
	tcp_expect_again(pub.fd);
	packets_expect(&got, 1, 0, n);
	rig_fence(&sub);
}

static void recv_restarted(void)
{
	storm_in_recv(true);
}

static void recv_interrupted(void)
{
	storm_in_recv(false);
}

struct sink {
	pthread_t thread;
	struct packets got;
	unsigned int next[3];
	unsigned int want[3];
};

/* A client that reads slowly; all of both sources, each in its order. */
static void *sink_main(void *arg)
{
	struct sink *k = arg;
	unsigned int source;
	long number;

	while (k->next[1] < k->want[1] || k->next[2] < k->want[2]) {
		number = packets_take_any(&k->got, &source);
		if (number < 0) {
			packets_wait(&k->got);
			continue;
		}
		CHECK(source == 1 || source == 2);
		CHECK_EQ(number, k->next[source]);
		k->next[source]++;
	}
	return NULL;
}

/* Blocking send() between the kernel's packets, interrupted. */
static void storm_in_send(bool restart)
{
	static const struct tcp_options small = {
		.family = AF_INET, .server_sndbuf = 4608, .client_rcvbuf = 4608,
	};
	unsigned int i, n = ksft_scale(600, 100), interrupted = 0;
	struct traffic t = { .from = &pub, .topic = "t/u", .source = 1, .payload = 200,
			     .n = ksft_scale(3000, 500), .batch = 1000, .cpu = -1 };
	struct sink sink = { .got.read_size = 1500 };
	struct bytes b = { 0 };
	struct storm storm;

	rig_start_with(1ull << 30, 0);
	rig_open(&pub);
	rig_open_with(&sub, &small);
	rig_sub(&sub, "t/u");
	sink.got.fd = sub.client;
	sink.want[1] = t.n;
	sink.want[2] = n;
	storm_start(&storm, restart);
	CHECK(!pthread_create(&sink.thread, NULL, sink_main, &sink));
	traffic_start(&t);
	for (i = 0; i < n; i++) {
		size_t done = 0;

		wire_numbered(&b, 0x32, "t/u", 2, i, 3000);
		while (done < b.len) {
			ssize_t ret = send(sub.fd, b.p + done, b.len - done, MSG_NOSIGNAL);

			if (ret < 0 && errno == EINTR && !restart) {
				interrupted++;
				continue;
			}
			done += CHECK_SYS(ret);
		}
		b.len = 0;
	}
	pthread_join(sink.thread, NULL);
	storm_end(&storm);
	traffic_join(&t);
	ksft_note("%u times interrupted", interrupted);
	rig_check_balance();
}

static void send_restarted(void)
{
	storm_in_send(true);
}

static void send_interrupted(void)
{
	storm_in_send(false);
}

static const struct ksft_case cases[] = {
	{ "recv_restarted", recv_restarted },
	{ "recv_interrupted", recv_interrupted },
	{ "send_restarted", send_restarted },
	{ "send_interrupted", send_interrupted },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
