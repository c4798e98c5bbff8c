// SPDX-License-Identifier: MIT
/* The control socket, with commands of the test's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "control.h"
#include "control_path.h"
#include "mainloop.h"

#define CONNECTIONS_MAX	16	/* control.c's */

#define TEMPLATE	"/tmp/control-XXXXXX/in/sock"

static char path[sizeof(TEMPLATE)] = TEMPLATE;
static struct mainloop loop;
static struct control *control;
static struct control_request *waiting;
static char answer[65536];

#define LONG_ANSWER	300000

static unsigned int long_answers;

static void run_echo(struct control_request *request)
{
	control_answer(request, json_incref(json_object_get(request->arguments, "text")));
}

static void run_later(struct control_request *request)
{
	assert_null(waiting);
	waiting = request;
}

/* Longer than a socket takes */
static void run_long(struct control_request *request)
{
	char *text = malloc(LONG_ANSWER);

	memset(text, 'x', LONG_ANSWER);
	long_answers++;
	control_answer(request, json_stringn(text, LONG_ANSWER));
	free(text);
}

static void run_refuse(struct control_request *request)
{
	const char *quoted = json_string_value(json_object_get(request->arguments, "text"));

	control_refuse(request, "no, %.8s", quoted ? quoted : "never");
}

const struct control_command control_commands[] = {
	{ "echo", run_echo },
	{ "later", run_later },
	{ "long", run_long },
	{ "refuse", run_refuse },
	{ }
};

/* All that there is to do at the moment. */
static void run_loop(void)
{
	struct event_source *source;
	struct epoll_event event;

	while (epoll_wait(loop.epoll_fd, &event, 1, 0) == 1) {
		source = event.data.ptr;
		source->handle(source, event.events);
	}
}

static int connect_to(const char *where)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, where);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int ask_at(const char *where)
{
	int fd = connect_to(where);

	run_loop();
	return fd;
}

static int ask(void)
{
	return ask_at(path);
}

static void say_bytes(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len) {
		n = send(fd, text, len, MSG_NOSIGNAL);
		run_loop();
		if (n < 0)
			return;
		text += n;
		len -= n;
	}
}

static void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

static const char *hear(int fd)
{
	ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);

	answer[n < 0 ? 0 : n] = '\0';
	return n < 0 ? "nothing" : n ? answer : "end";
}

#define OK(what)	"{\"ok\":true,\"result\":" what "}\n"
#define ERROR(what)	"{\"ok\":false,\"error\":\"" what "\"}\n"

static int setup(void **state)
{
	char *slash = strchr(path + 5, '/');

	(void)state;
	*slash = '\0';
	if (!strcmp(path + strlen(path) - 6, "XXXXXX"))
		assert_non_null(mkdtemp(path));
	*slash = '/';
	assert_int_equal(mainloop_init(&loop), 0);
	return control_open(&control, NULL, &loop, path, NULL);
}

static int teardown(void **state)
{
	(void)state;
	control_close(control);
	mainloop_destroy(&loop);
	assert_int_equal(access(path, F_OK), -1);
	return 0;
}

static void test_requests(void **state)
{
	int fd = ask();

	(void)state;
	say(fd, "{\"command\":\"echo\",\"text\":\"a b\"}\n");
	assert_string_equal(hear(fd), OK("\"a b\""));
	/* In pieces, and several at once */
	say(fd, "{\"command\":\"ec");
	assert_string_equal(hear(fd), "nothing");
	say(fd, "ho\",\"text\":1}\n{\"command\":\"refuse\"}\n"
	    "{\"command\":\"echo\",\"text\":[2]}");
	assert_string_equal(hear(fd), OK("1") ERROR("no, never"));
	say(fd, "\n");
	assert_string_equal(hear(fd), OK("[2]"));
	close(fd);
	run_loop();
}

static void test_mistakes(void **state)
{
	static const char *const mistakes[][2] = {
		{ "{\"command\":\"none\"}\n", ERROR("there is no such command") },
		{ "{\"command\":\"ech\"}\n", ERROR("there is no such command") },
		{ "{\"command\":7}\n",
		  ERROR("a request is an object with a member \\\"command\\\"") },
		{ "[]\n", ERROR("a request is an object with a member \\\"command\\\"") },
		{ "{}\n", ERROR("a request is an object with a member \\\"command\\\"") },
	};
	static const char *const broken[] = {
		"\n", "{\n", "nonsense\n", "\"\xff\xfe\"\n", "\"\x80\n",
		"{\"command\":\"echo\"} x\n",
		"{\"command\":\"echo\",\"command\":\"echo\"}\n",
	};
	int fd = ask();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		say(fd, mistakes[i][0]);
		assert_string_equal(hear(fd), mistakes[i][1]);
	}
	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		say(fd, broken[i]);
		if (strncmp(hear(fd), "{\"ok\":false,\"error\":\"not JSON", 29))
			fail_msg("%s: %s", broken[i], answer);
	}
	say_bytes(fd, "{\"command\":\0}\n", 14);
	assert_int_equal(strncmp(hear(fd), "{\"ok\":false", 11), 0);
	/* A quotation that ends within a character */
	say(fd, "{\"command\":\"refuse\",\"text\":\"a\xc3\xa4\xe2\x82\xac\xe2\x82\xac.\"}\n");
	assert_string_equal(hear(fd), ERROR("no, a\xc3\xa4\xe2\x82\xac??"));
	say(fd, "{\"command\":\"echo\",\"text\":0}\n");
	assert_string_equal(hear(fd), OK("0"));
	close(fd);
	run_loop();
}

static void test_too_long(void **state)
{
	char *line = malloc(CONTROL_REQUEST_MAX + 1);
	int fd = ask();

	(void)state;
	memset(line, ' ', CONTROL_REQUEST_MAX + 1);
	memcpy(line, "{\"command\":\"echo\",\"text\":3}", 27);
	line[CONTROL_REQUEST_MAX - 1] = '\n';
	say_bytes(fd, line, CONTROL_REQUEST_MAX);
	assert_string_equal(hear(fd), OK("3"));
	line[CONTROL_REQUEST_MAX - 1] = ' ';
	say_bytes(fd, line, CONTROL_REQUEST_MAX + 1);
	assert_string_equal(hear(fd), ERROR("the request is too long"));
	hear(fd);
	assert_int_not_equal(errno, EAGAIN);
	close(fd);
	free(line);
}

/* Many requests at once, with long answers: one at a time is in memory. */
static void test_greedy(void **state)
{
	static const char request[] = "{\"command\":\"long\"}\n";
	char requests[1000 * (sizeof(request) - 1)];
	int fd = ask(), i, answers = 0;
	ssize_t got;

	(void)state;
	long_answers = 0;
	for (i = 0; i < 1000; i++)
		memcpy(requests + i * (sizeof(request) - 1), request, sizeof(request) - 1);
	say_bytes(fd, requests, sizeof(requests));
	assert_true(long_answers < 10);
	while ((got = recv(fd, answer, sizeof(answer), 0)) > 0) {
		for (i = 0; i < got; i++)
			answers += answer[i] == '\n';
		run_loop();
	}
	assert_int_equal(answers, 1000);
	close(fd);
	run_loop();
}

/* What comes behind a request that takes its time waits. */
static void test_later(void **state)
{
	int fd = ask(), other = ask();

	(void)state;
	say(fd, "{\"command\":\"later\"}\n{\"command\":\"echo\",\"text\":4}\n");
	assert_non_null(waiting);
	assert_string_equal(hear(fd), "nothing");
	say(other, "{\"command\":\"echo\",\"text\":5}\n");
	assert_string_equal(hear(other), OK("5"));
	control_answer(waiting, json_string("done"));
	waiting = NULL;
	run_loop();
	assert_string_equal(hear(fd), OK("\"done\"") OK("4"));

	/* Who has gone does not get the answer, and that is all. */
	say(fd, "{\"command\":\"later\"}\n");
	close(fd);
	run_loop();
	assert_null(waiting->connection);
	control_answer(waiting, json_string("done"));
	waiting = NULL;

	/* Who does not write any more still gets it. */
	say(other, "{\"command\":\"later\"}\n");
	shutdown(other, SHUT_WR);
	run_loop();
	control_refuse(waiting, "sorry");
	waiting = NULL;
	run_loop();
	assert_string_equal(hear(other), ERROR("sorry"));
	assert_string_equal(hear(other), "end");
	close(other);
}

static void test_many(void **state)
{
	int fds[CONNECTIONS_MAX], more, i;

	(void)state;
	for (i = 0; i < CONNECTIONS_MAX; i++)
		fds[i] = ask();
	more = ask();
	assert_string_equal(hear(more), ERROR("too many control connections"));
	assert_string_equal(hear(more), "end");
	close(more);
	close(fds[3]);
	run_loop();
	fds[3] = ask();
	say(fds[3], "{\"command\":\"echo\",\"text\":6}\n");
	assert_string_equal(hear(fds[3]), OK("6"));
	for (i = 0; i < CONNECTIONS_MAX; i++)
		close(fds[i]);
}

/* Without descriptors nobody is accepted, nor is that tried again and again. */
static void test_no_descriptor(void **state)
{
	struct rlimit limit, none;
	int fd = connect_to(path);

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	run_loop();		/* does not end if it is */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	say(fd, "{\"command\":\"echo\",\"text\":7}\n");
	assert_string_equal(hear(fd), "nothing");
	timer_run(&loop.timers, UINT64_MAX);
	run_loop();
	assert_string_equal(hear(fd), OK("7"));
	close(fd);
}

static void test_socket(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct control *other = NULL;
	char left[64], taken[64];
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(control_open(&other, NULL, &loop, path, NULL), -EADDRINUSE);
	assert_null(other);

	/* One that a daemon has left behind is replaced, another file is not. */
	sprintf(left, "%s-left", path);
	sprintf(taken, "%s-taken", path);
	strcpy(address.sun_path, left);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(control_open(&other, NULL, &loop, left, NULL), 0);
	close(ask_at(left));
	run_loop();
	control_close(other);
	fclose(fopen(taken, "w"));
	assert_int_equal(control_open(&other, NULL, &loop, taken, NULL), -EEXIST);
	assert_int_equal(unlink(taken), 0);
	assert_int_equal(control_open(&other, NULL, &loop, "/nonexistent/dir/sock", NULL),
			 -ENOENT);
	assert_int_equal(control_open(&other, NULL, &loop, left, "no such group"), -ESRCH);
}

static int remove_directory(void **state)
{
	char *slash = strrchr(path, '/');

	(void)state;
	*slash = '\0';
	rmdir(path);
	slash = strrchr(path, '/');
	*slash = '\0';
	return rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_greedy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_descriptor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_socket, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, remove_directory);
}
