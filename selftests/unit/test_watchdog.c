// SPDX-License-Identifier: MIT
/* The service manager's watchdog: fed as long as all workers go round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "broker.h"
#include "mainloop.h"
#include "systemd.h"
#include "worker.h"

static struct worker workers[3];
static struct broker broker = { .workers = workers, .n_workers = 3 };
static struct mainloop loop;
static struct watchdog watchdog;
static int manager;

static int setup(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(address.sun_family);
	char name[64] = "@";
	unsigned int i;

	(void)state;
	/* A name of the kernel's choice */
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&address, len), 0);
	len = sizeof(address);
	assert_int_equal(getsockname(manager, (struct sockaddr *)&address, &len), 0);
	memcpy(name + 1, address.sun_path + 1, len - sizeof(address.sun_family) - 1);
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "4000000", 1);
	for (i = 0; i < 3; i++)
		assert_int_equal(mailbox_init(&workers[i].mailbox), 0);
	return mainloop_init(&loop);
}

static int teardown(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++)
		mailbox_destroy(&workers[i].mailbox);
	mainloop_destroy(&loop);
	return close(manager);
}

static const char *told(void)
{
	static char text[256];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static bool woken(struct worker *worker)
{
	uint64_t count;

	worker->mailbox.signaled = false;
	return read(worker->mailbox.event_fd, &count, sizeof(count)) == sizeof(count);
}

/* The time for the next look has come. */
static void pass(void)
{
	timer_run(&loop.timers, watchdog.timer.deadline);
}

static void test_watchdog(void **state)
{
	unsigned int i;

	(void)state;
	assert_int_equal(watchdog_start(&watchdog, &broker, &loop), 0);
	for (i = 0; i < 3; i++)
		assert_true(woken(&workers[i]));
	/* Nobody has gone round, then not all, then all */
	pass();
	assert_string_equal(told(), "");
	for (i = 0; i < 3; i++) {
		assert_true(woken(&workers[i]));
		workers[i].rounds++;
		if (i == 1)
			pass();
	}
	assert_string_equal(told(), "");
	/* What was done before the last look does not count again */
	pass();
	assert_string_equal(told(), "");
	for (i = 0; i < 3; i++)
		workers[i].rounds += 7;
	pass();
	assert_string_equal(told(), "WATCHDOG=1");
	pass();
	assert_string_equal(told(), "");
	watchdog_stop(&watchdog);
	assert_int_equal(loop.timers.count, 0);
}

static void test_unwanted(void **state)
{
	(void)state;
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(watchdog_start(&watchdog, &broker, &loop), 0);
	assert_int_equal(loop.timers.count, 0);
	watchdog_stop(&watchdog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_watchdog, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unwanted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
