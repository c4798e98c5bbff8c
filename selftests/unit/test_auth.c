// SPDX-License-Identifier: MIT
/*
 * Asking mqttd-auth: the process as it is, and one that is silent, lies, or is gone.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "auth.h"
#include "auth/chain.h"
#include "auth/helper.h"
#include "auth/wire.h"
#include "client.h"
#include "config.h"
#include "file_fixture.h"
#include "listener.h"
#include "log.h"

/* Written by mosquitto_passwd of mosquitto 2.0.11: "secret" */
#define ALICE \
	"$7$101$hx5n8vpPz8/hq9zI$ZaebFrr9gyXu83UxBV6cHGa0s/o3hfw96uVI3TYN4h3Pl3V9a9RfkoT/a81+NrW" \
	"mul2SvgZTwhnPPOgbVZPI+A=="
#define CAROL \
	"$6$lToxWbwyS8dCJvka$kf3l2X/Dcg2pY8CRK00XnQZz3Ei6/+KwKKdHFvCC2d+PUman0hJ53gXXfw33Uk3iMpI" \
	"5XhHlAkywamfINHwFxQ=="

static void write_text(const char *text)
{
	write_file(text, strlen(text));
}

/**
 * struct fixture - the daemon's side
 * @fd: the other end of the socket, or ours once more if there is a process that has it
 * @pid: this process, or 0
 */
struct fixture {
	struct listener_config listener;
	struct endpoint endpoint;
	struct config conf;
	struct worker worker;
	struct auth *auth;
	int fd;
	pid_t pid;
};

static void reply(struct fixture *f, const struct wire_reply *what)
{
	assert_int_equal(wire_send_reply(f->fd, what), 0);
}

static void set(struct fixture *f)
{
	*f = (struct fixture){
		.listener = { .password_file = path },
		.endpoint = { .conf = &f->listener },
		.conf = {
			.listeners = &f->listener, .auth_threads = 2, .auth_timeout = 60,
			.log_types = LOG_TYPE_ALL,
		},
	};
	assert_int_equal(mailbox_init(&f->worker.mailbox), 0);
}

/* With a process */
static void start(struct fixture *f)
{
	int fds[2];

	set(f);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (!f->pid) {
		close(fds[0]);
		_exit(auth_helper_run(&f->conf, fds[1]) ? 1 : 0);
	}
	close(fds[1]);
	f->fd = dup(fds[0]);
	assert_true(f->fd >= 0);
	assert_int_equal(auth_open(&f->auth, &f->conf, fds[0]), 0);
	assert_int_equal(auth_start(f->auth), 0);
}

/* Without: the test is it. */
static void fake(struct fixture *f, int64_t timeout)
{
	const struct wire_reply hello = { .type = WIRE_HELLO };
	int fds[2];

	set(f);
	f->conf.auth_timeout = timeout;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	f->fd = fds[1];
	reply(f, &hello);
	assert_int_equal(auth_open(&f->auth, &f->conf, fds[0]), 0);
	assert_int_equal(auth_start(f->auth), 0);
}

static void stop(struct fixture *f)
{
	int status = 0;

	auth_stop(f->auth);
	auth_close(f->auth);
	if (f->fd >= 0)
		close(f->fd);
	if (f->pid)
		assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	assert_int_equal(status, 0);
	mailbox_discard(&f->worker.mailbox);
	mailbox_destroy(&f->worker.mailbox);
	rcu_barrier();
}

static struct client *client_of(struct fixture *f)
{
	struct client *client = calloc(1, sizeof(*client));

	assert_non_null(client);
	client->refs = 1;
	client->worker = &f->worker;
	client->endpoint = &f->endpoint;
	return client;
}

static enum auth_result ask(struct fixture *f, struct client *client, const char *user,
			    const char *secret)
{
	return auth_check(f->auth, client, "id", user, (const u8 *)secret,
			  secret ? strlen(secret) : 0);
}

static enum auth_result await(struct fixture *f, struct client *client)
{
	bool told = false;

	while (!told) {
		struct pollfd event = { .fd = f->worker.mailbox.event_fd, .events = POLLIN };

		assert_int_equal(poll(&event, 1, 60000), 1);
		pthread_mutex_lock(&f->worker.mailbox.lock);
		told = client->notices.flags & NOTICE_AUTH;
		pthread_mutex_unlock(&f->worker.mailbox.lock);
	}
	return client->auth;
}

static enum auth_result check(struct fixture *f, const char *user, const char *secret)
{
	struct client *client = client_of(f);
	enum auth_result result = ask(f, client, user, secret);

	if (result == AUTH_PENDING)
		result = await(f, client);
	client_put(client);
	return result;
}

/* --- with a process --------------------------------------------------------------- */

static void reload(struct fixture *f)
{
	assert_int_equal(auth_prepare(f->auth), 0);
	assert_int_equal(auth_commit(f->auth), 0);
}

static void test_passwords(void **state)
{
	struct fixture f;

	(void)state;
	write_text("alice:" ALICE "\ncarol:" CAROL "\n");
	start(&f);
	assert_int_equal(check(&f, "alice", "secret"), AUTH_OK);
	assert_int_equal(check(&f, "alice", "wrong"), AUTH_DENIED);
	assert_int_equal(check(&f, "alice", ""), AUTH_DENIED);
	assert_int_equal(check(&f, "alice", NULL), AUTH_DENIED);
	assert_int_equal(check(&f, "carol", "secret"), AUTH_OK);
	assert_int_equal(check(&f, "dave", "secret"), AUTH_DENIED);
	assert_int_equal(check(&f, NULL, NULL), AUTH_ANONYMOUS);
	assert_int_equal(check(&f, NULL, "secret"), AUTH_DENIED);
	f.listener.allow_anonymous = true;
	assert_int_equal(check(&f, NULL, NULL), AUTH_OK);
	assert_int_equal(check(&f, "dave", "secret"), AUTH_DENIED);

	/* without a file there is nothing to check */
	f.listener.password_file = NULL;
	assert_int_equal(check(&f, "dave", "secret"), AUTH_OK);
	f.listener.allow_anonymous = false;
	assert_int_equal(check(&f, "dave", "secret"), AUTH_ANONYMOUS);
	stop(&f);
}

static void test_reload(void **state)
{
	struct fixture f;

	(void)state;
	write_text("alice:" ALICE "\n");
	start(&f);
	write_text("dave:" CAROL "\n");
	assert_int_equal(check(&f, "alice", "secret"), AUTH_OK);
	/* Read, but not used */
	assert_int_equal(auth_prepare(f.auth), 0);
	assert_int_equal(check(&f, "alice", "secret"), AUTH_OK);
	auth_cancel(f.auth);
	assert_int_equal(auth_commit(f.auth), 0);
	assert_int_equal(check(&f, "alice", "secret"), AUTH_OK);
	reload(&f);
	assert_int_equal(check(&f, "alice", "secret"), AUTH_DENIED);
	assert_int_equal(check(&f, "dave", "secret"), AUTH_OK);
	unlink(path);
	assert_int_equal(auth_prepare(f.auth), -EINVAL);
	assert_int_equal(auth_commit(f.auth), 0);
	assert_int_equal(check(&f, "dave", "secret"), AUTH_OK);
	write_text("");
	reload(&f);
	assert_int_equal(check(&f, "dave", "secret"), AUTH_DENIED);
	stop(&f);
}

/* Nothing that it is sent makes it end, but the end. */
static void test_junk_for_it(void **state)
{
	const u8 nobody[] = { WIRE_ASK, 1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0,
			      1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0 };
	struct wire_request request;
	unsigned int i, j;
	struct fixture f;
	u8 junk[300];

	(void)state;
	write_text("alice:" ALICE "\n");
	start(&f);
	/* A listener that there is not: nobody has asked, so nobody hears of it */
	assert_int_equal(wire_parse_request(&request, nobody, sizeof(nobody)), 0);
	assert_int_equal(send(f.fd, nobody, sizeof(nobody), 0), sizeof(nobody));
	for (i = 1; i < sizeof(junk); i++) {
		for (j = 0; j < i; j++)
			junk[j] = i * 7 + j * 13;
		junk[0] = i % 2 ? WIRE_ASK : 5 + i % 9;
		assert_int_equal(send(f.fd, junk, i, 0), i);
	}
	assert_int_equal(check(&f, "alice", "secret"), AUTH_OK);
	assert_int_equal(check(&f, "alice", "wrong"), AUTH_DENIED);
	stop(&f);
}

/* --- without ----------------------------------------------------------------------- */

/* The question that has come; @message holds it. */
static struct wire_request question(struct fixture *f, u8 *message)
{
	ssize_t len = wire_receive(f->fd, message, WIRE_ASK_MAX, 0);
	struct wire_request request;

	assert_true(len > 0);
	assert_int_equal(wire_parse_request(&request, message, len), 0);
	return request;
}

static void test_grant(void **state)
{
	struct wire_reply yes = {
		.type = WIRE_ANSWER, .answer = WIRE_GRANTED,
		.grant = {
			.username = "anna", .client_id = "only", .expires = 1234567890123,
			.roles = { "a", "b" }, .n_roles = 2,
			.claims = { { "site", "north" } }, .n_claims = 1,
		},
	};
	struct wire_request request;
	struct client *client;
	struct fixture f;
	u8 *message = malloc(WIRE_ASK_MAX);

	(void)state;
	fake(&f, 60);
	client = client_of(&f);
	f.listener.auth_methods = "password";
	assert_int_equal(ask(&f, client, "x", "y"), AUTH_PENDING);
	request = question(&f, message);
	assert_string_equal(request.ask.client_id, "id");
	assert_string_equal(request.ask.username, "x");
	assert_int_equal(request.ask.password_len, 1);
	assert_memory_equal(request.ask.password, "y", 1);
	yes.id = request.id;
	reply(&f, &yes);
	assert_int_equal(await(&f, client), AUTH_OK);
	assert_string_equal(client->grant->username, "anna");
	assert_string_equal(client->grant->client_id, "only");
	assert_int_equal(client->grant->expires, 1234567890123);
	assert_int_equal(client->grant->n_roles, 2);
	assert_string_equal(client->grant->roles[1], "b");
	assert_int_equal(client->grant->n_claims, 1);
	assert_string_equal(client->grant->claims[0].value, "north");
	client_put(client);
	free(message);
	stop(&f);
}

/* Answers to what was not asked, twice, and what is none: nobody is let in for it. */
static void test_lies(void **state)
{
	struct wire_reply yes = { .type = WIRE_ANSWER, .answer = WIRE_GRANTED };
	struct wire_reply no = { .type = WIRE_ANSWER, .answer = WIRE_DENIED, .text = "no" };
	struct wire_request request;
	struct client *client;
	struct fixture f;
	u8 *message = malloc(WIRE_ASK_MAX);
	unsigned int i;

	(void)state;
	fake(&f, 60);
	client = client_of(&f);
	assert_int_equal(ask(&f, client, "x", "y"), AUTH_PENDING);
	request = question(&f, message);
	for (i = 0; i < 2048; i++) {
		yes.id = request.id + 1 + i;
		reply(&f, &yes);
	}
	for (i = 6; i < 200; i++) {
		memset(message, i, i);
		message[0] = i % 12;
		assert_int_equal(send(f.fd, message, i, 0), i);
	}
	memset(message, 0, WIRE_ASK_MAX);
	assert_int_equal(send(f.fd, message, WIRE_REPLY_MAX + 1, 0), WIRE_REPLY_MAX + 1);
	no.id = request.id;
	yes.id = request.id;
	reply(&f, &no);
	reply(&f, &yes);
	assert_int_equal(await(&f, client), AUTH_DENIED);
	assert_string_equal(client->auth_why, "no");
	/* The second answer has been read when the next question's has been. */
	client_put(client);
	client = client_of(&f);
	assert_int_equal(ask(&f, client, "x", "y"), AUTH_PENDING);
	no.id = question(&f, message).id;
	assert_int_not_equal(no.id, yes.id);
	reply(&f, &no);
	assert_int_equal(await(&f, client), AUTH_DENIED);
	client_put(client);
	free(message);
	stop(&f);
}

/* All who ask are told, each once; and when there are too many. */
static void test_silence(void **state)
{
	struct client *clients[1100];
	unsigned int i, pending = 0;
	enum auth_result result;
	struct fixture f;

	(void)state;
	fake(&f, 1);
	for (i = 0; i < 1100; i++) {
		clients[i] = client_of(&f);
		result = ask(&f, clients[i], "x", "y");
		if (result != AUTH_PENDING) {
			assert_int_equal(result, AUTH_BUSY);
			break;
		}
		pending++;
	}
	assert_in_range(pending, 10, 1024);
	client_put(clients[pending]);
	for (i = 0; i < pending; i++) {
		assert_int_equal(await(&f, clients[i]), AUTH_UNAVAILABLE);
		client_put(clients[i]);
	}
	/* Nor is a reload waited for longer. */
	assert_true(auth_prepare(f.auth) < 0);
	stop(&f);
}

static void test_gone(void **state)
{
	const struct wire_reply gone = { .type = WIRE_GONE, .error = 9 };
	const struct wire_reply hello = { .type = WIRE_HELLO };
	const struct wire_reply failed = { .type = WIRE_HELLO, .error = ENOENT };
	struct wire_reply yes = { .type = WIRE_ANSWER, .answer = WIRE_GRANTED };
	struct client *client, *other;
	struct fixture f;
	u8 *message = malloc(WIRE_ASK_MAX);

	(void)state;
	fake(&f, 60);
	client = client_of(&f);
	assert_int_equal(ask(&f, client, "x", "y"), AUTH_PENDING);
	yes.id = question(&f, message).id;
	reply(&f, &gone);
	assert_int_equal(await(&f, client), AUTH_UNAVAILABLE);
	assert_int_equal(check(&f, "x", "y"), AUTH_UNAVAILABLE);
	assert_int_equal(auth_prepare(f.auth), -ENOTCONN);
	/* The next one cannot begin, the one after that can; what was asked before is forgotten. */
	reply(&f, &failed);
	reply(&f, &yes);
	reply(&f, &hello);
	other = client_of(&f);
	while (ask(&f, other, "x", "y") != AUTH_PENDING)
		sched_yield();
	yes.id = question(&f, message).id;
	reply(&f, &yes);
	assert_int_equal(await(&f, other), AUTH_OK);
	assert_null(other->grant);
	client_put(other);
	client_put(client);
	/* And then there is nobody any more. */
	client = client_of(&f);
	assert_int_equal(ask(&f, client, "x", "y"), AUTH_PENDING);
	close(f.fd);
	f.fd = -1;
	assert_int_equal(await(&f, client), AUTH_UNAVAILABLE);
	assert_int_equal(check(&f, "x", "y"), AUTH_UNAVAILABLE);
	client_put(client);
	free(message);
	stop(&f);
}

/* --- messages ---------------------------------------------------------------------- */

/* Cut anywhere, or with more behind it, a message is none. */
static void test_cut(void **state)
{
	const struct wire_reply yes = {
		.type = WIRE_ANSWER, .answer = WIRE_GRANTED, .id = 7,
		.grant = { .username = "anna", .roles = { "a" }, .n_roles = 1,
			   .claims = { { "b", "c" } }, .n_claims = 1 },
	};
	u8 message[512], exact[512];
	struct wire_reply reply;
	int fds[2];
	ssize_t len, i;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	assert_int_equal(wire_send_reply(fds[0], &yes), 0);
	len = wire_receive(fds[1], message, sizeof(message) - 1, 0);
	assert_true(len > 0);
	message[len] = 0;
	for (i = 0; i <= len + 1; i++) {
		u8 *copy = malloc(i ? i : 1);

		memcpy(copy, message, i);
		assert_int_equal(wire_parse_reply(&reply, copy, i), i == len ? 0 : -EBADMSG);
		auth_grant_clear(&reply.grant);
		free(copy);
	}
	/* More roles than there may be */
	memcpy(exact, message, len);
	for (i = 0; i + 4 <= len; i++) {
		memcpy(exact, message, len);
		memset(exact + i, 0xfe, 4);
		wire_parse_reply(&reply, exact, len);
		auth_grant_clear(&reply.grant);
	}
	close(fds[0]);
	close(fds[1]);
}

/* --- chains ------------------------------------------------------------------------- */

static void test_chain(void **state)
{
	struct listener_config listener = { .password_file = path };

	(void)state;
	assert_ptr_equal(auth_chain_method(&listener, 0), &auth_password_method);
	listener.auth_methods = " password ";
	assert_ptr_equal(auth_chain_method(&listener, 0), &auth_password_method);
	assert_null(auth_chain_method(&listener, 1));
	listener.auth_methods = NULL;
	listener.password_file = NULL;
	assert_null(auth_chain_method(&listener, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_junk_for_it),
		cmocka_unit_test(test_grant),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_chain),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
