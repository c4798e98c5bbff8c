// SPDX-License-Identifier: MIT
/*
 * The module can go when no router is left, and not before; whatever clients
 * do meanwhile.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/module.h"
#include "lib/packets.h"
#include "lib/reader.h"
#include "lib/rig.h"

static struct rig_peer pub, sub, idle;

static void check_busy(void)
{
	CHECK_EQ(module_try_unload(), -1);
	if (errno != EBUSY && errno != EAGAIN)
		FAIL("delete_module: %s", strerror(errno));
}

static void unload_and_load(void)
{
	module_unload();
	module_load();
}

static void busy_with_router(void)
{
	module_need_file();
	rig_start();
	check_busy();
	rig_open(&pub);
	check_busy();
	CHECK(!mqtt_nl_router_del(rig_nl));
	mqtt_nl_close(rig_nl);
	unload_and_load();
	/* the socket outlives it all */
	rig_send(&pub, "plain", 5);
	tcp_expect(pub.fd, "plain", 5);
	CHECK_EQ(send(pub.fd, "bytes", 5, 0), 5);
	tcp_expect(pub.client, "bytes", 5);
	rig_start();
	rig_attach(&pub);
	rig_sub(&pub, "t/u");
	rig_fence(&pub);
}

/* The owner, which is killed; its sockets are this process's as well. */
static pid_t owner_start(void)
{
	int ready[2];
	pid_t pid;
	char byte;

	CHECK_SYS(pipe(ready));
	pid = CHECK_SYS(fork());
	if (!pid) {
		rig_start();
		rig_attach(&pub);
		rig_attach(&sub);
		rig_attach(&idle);
		rig_sub(&sub, "t/u");
		CHECK_EQ(write(ready[1], "", 1), 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void owner_kill(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
}

/* Reads and throws away until the traffic ends. */
static void *drain_main(void *arg)
{
	struct packets *p = arg;
	char buf[65536];

	while (recv(p->fd, buf, sizeof(buf), 0) > 0)
		;
	return NULL;
}

/*
 * A client sends, threads go in and out of recv() on sockets that were
 * attached, and the module goes all the same.
 */
static void unload_under_traffic(void)
{
	struct traffic t = {
		.from = &pub, .topic = "t/u", .source = 1, .n = 10000000, .payload = 50,
		.batch = 500, .cpu = -1,
	};
	struct packets got = { 0 }, rest = { 0 };
	pthread_t drains[2];
	pid_t owner;
	int i;

	module_need_file();
	for (i = 0; i < ksft_scale(3, 2); i++) {
		rig_connect(&pub, NULL);
		rig_connect(&sub, NULL);
		rig_connect(&idle, NULL);
		got = (struct packets){ .fd = sub.client };
		rest.fd = pub.fd;
		owner = owner_start();
		t.stop = false;
		traffic_start(&t);
		packets_expect(&got, 1, 0, 200);
		CHECK(!pthread_create(&drains[0], NULL, drain_main, &got));
		CHECK(!pthread_create(&drains[1], NULL, drain_main, &rest));
		check_busy();
		owner_kill(owner);
		unload_and_load();
		rig_send(&idle, "still there", 11);
		tcp_expect(idle.fd, "still there", 11);
		traffic_stop(&t);
		traffic_join(&t);
		close(pub.client);
		close(sub.fd);
		pthread_join(drains[0], NULL);
		pthread_join(drains[1], NULL);
		close(pub.fd);
		close(sub.client);
		rig_close(&idle);
		bytes_free(&got.buf);
	}
}

/* A thread that sleeps in recv() must neither return into it nor hold it. */
static void unload_with_sleeping_reader(void)
{
	struct reader r;
	pid_t owner;

	module_need_file();
	rig_connect(&pub, NULL);
	rig_connect(&sub, NULL);
	rig_connect(&idle, NULL);
	owner = owner_start();
	reader_start(&r, idle.fd, 100, 0);
	owner_kill(owner);
	unload_and_load();
	CHECK(!reader_is_done(&r));
	rig_send(&idle, "still there", 11);
	reader_expect(&r, "still there", 11);
}

static const struct ksft_case cases[] = {
	{ "busy_with_router", busy_with_router },
	{ "unload_under_traffic", unload_under_traffic },
	{ "unload_with_sleeping_reader", unload_with_sleeping_reader },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
