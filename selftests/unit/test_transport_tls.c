// SPDX-License-Identifier: MIT
/*
 * The transport of TLS against a client that does as the test says, on a pair of sockets
 * that hold little.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "config.h"
#include "log.h"
#include "tls.h"
#include "transport.h"

#define BYTES	(1 << 20)

struct fixture {
	char cert[64];
	char key[64];
	struct listener_config listener;
	struct tls *tls;
	SSL_CTX *client_ctx;
	struct conn conn;
	SSL *client;
};

static void write_key(EVP_PKEY *key, const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
	fclose(file);
}

static void write_certificate(const char *cert_path, const char *key_path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	FILE *file = fopen(cert_path, "w");

	assert_non_null(key);
	assert_non_null(file);
	X509_set_version(cert, 2);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1,
				   0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()));
	assert_true(PEM_write_X509(file, cert));
	fclose(file);
	write_key(key, key_path);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static int setup(void **state)
{
	static const struct log_config quiet = { .types = 0 };
	struct fixture *f = calloc(1, sizeof(*f));

	log_configure(&quiet);
	snprintf(f->cert, sizeof(f->cert), "/tmp/test-tls-%d.pem", getpid());
	snprintf(f->key, sizeof(f->key), "/tmp/test-tls-%d.key", getpid());
	write_certificate(f->cert, f->key);
	f->listener.port = 1;
	f->listener.tls.certfile = f->cert;
	f->listener.tls.keyfile = f->key;
	assert_int_equal(tls_new(&f->tls, &f->listener), 0);
	f->client_ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_mode(f->client_ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
					SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->cert);
	unlink(f->key);
	tls_free(f->tls);
	SSL_CTX_free(f->client_ctx);
	free(f);
	return 0;
}

static void open_pair(struct fixture *f, int buffer)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	f->conn = (struct conn){ .transport = &transport_tls, .fd = fds[0] };
	f->client = SSL_new(f->client_ctx);
	SSL_set_fd(f->client, fds[1]);
	SSL_set_connect_state(f->client);
}

static void shake_hands(struct fixture *f)
{
	bool here = false, there = false;
	const char *why;
	int n, err, i;

	for (i = 0; i < 1000 && !(here && there); i++) {
		if (!there) {
			n = SSL_do_handshake(f->client);
			there = n == 1;
			assert_true(there || SSL_get_error(f->client, n) == SSL_ERROR_WANT_READ ||
				    SSL_get_error(f->client, n) == SSL_ERROR_WANT_WRITE);
		}
		if (here)
			continue;
		err = transport_tls_accept(&f->conn, f->tls, &why);
		assert_true(!err || err == -EAGAIN);
		here = !err;
	}
	assert_true(here && there);
}

static void end(struct fixture *f)
{
	int fd = SSL_get_fd(f->client);

	if (f->conn.fd >= 0)
		conn_close(&f->conn);
	SSL_free(f->client);
	close(fd);
}

static void start(struct fixture *f, int version, int buffer)
{
	SSL_CTX_set_min_proto_version(f->client_ctx, version);
	SSL_CTX_set_max_proto_version(f->client_ctx, version);
	open_pair(f, buffer);
	shake_hands(f);
}

static uint8_t pattern(size_t at)
{
	return at * 7 + at / 251;
}

/* What the client has read so far; returns how much there is now. */
static size_t client_takes(struct fixture *f, size_t at, size_t most)
{
	uint8_t data[5000];
	size_t n, i;

	while (most && SSL_read_ex(f->client, data, most < sizeof(data) ? most : sizeof(data),
				   &n)) {
		for (i = 0; i < n; i++, at++)
			assert_int_equal(data[i], pattern(at));
		most -= n;
	}
	return at;
}

/*
 * In pieces of all sizes, to a socket that takes little; what was counted as sent may be
 * overwritten by the caller at once.
 */
static void send_all(struct fixture *f)
{
	uint8_t *queue = malloc(BYTES);
	size_t sent = 0, got = 0, i, pieces;
	struct iovec iov[40];
	ssize_t n;

	while (got < BYTES) {
		size_t at = sent;

		for (i = sent; i < BYTES; i++)
			queue[i] = pattern(i);
		for (pieces = 0; pieces < 40 && at < BYTES; pieces++) {
			size_t len = pieces % 13 == 12 ? 40000 : 1 + pieces * 97;

			len = len < BYTES - at ? len : BYTES - at;
			iov[pieces] = (struct iovec){ queue + at, len };
			at += len;
		}
		n = f->conn.transport->sendv(&f->conn, iov, pieces);
		assert_true(n >= 0 || n == -EAGAIN);
		if (n > 0) {
			memset(queue + sent, 0xee, n);
			sent += n;
		}
		got = client_takes(f, got, 70000);
	}
	assert_int_equal(sent, BYTES);
	assert_false(f->conn.unsent);
	free(queue);
}

static void test_send(void **state)
{
	struct fixture *f = *state;

	start(f, TLS1_3_VERSION, 4096);
	send_all(f);
	end(f);
	start(f, TLS1_2_VERSION, 4096);
	send_all(f);
	end(f);
}

/* A short recv() is all that there is, unless conn->more says otherwise. */
static void receive_all(struct fixture *f, size_t room)
{
	uint8_t *data = malloc(BYTES), *into = malloc(room);
	size_t sent = 0, got = 0, n, i;
	ssize_t len;

	for (i = 0; i < BYTES; i++)
		data[i] = pattern(i);
	while (got < BYTES) {
		while (sent < BYTES && SSL_write_ex(f->client, data + sent, BYTES - sent, &n))
			sent += n;
		do {
			len = f->conn.transport->recv(&f->conn, into, room);
			assert_true(len > 0 || len == -EAGAIN);
			if (len > 0) {
				assert_memory_equal(into, data + got, len);
				got += len;
				assert_true((size_t)len < room || f->conn.more);
			} else {
				assert_false(f->conn.more);
			}
		} while (f->conn.more);
	}
	assert_int_equal(f->conn.transport->recv(&f->conn, into, room), -EAGAIN);
	free(into);
	free(data);
}

static void test_receive(void **state)
{
	static const size_t rooms[] = { 1000, 16384, 65536 };
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < 3; i++) {
		start(f, i ? TLS1_3_VERSION : TLS1_2_VERSION, 1 << 16);
		receive_all(f, rooms[i]);
		end(f);
	}
}

/* New keys in the middle of a record that is stuck, and asked for while nothing can be sent. */
static void test_new_keys(void **state)
{
	struct fixture *f = *state;
	uint8_t data[20000];
	struct iovec iov = { data, sizeof(data) };
	size_t at = 0, sent = 0, n, i;
	ssize_t len = 0;

	start(f, TLS1_3_VERSION, 4096);
	while (!f->conn.unsent) {
		for (i = 0; i < sizeof(data); i++)
			data[i] = pattern(sent + i);
		len = f->conn.transport->sendv(&f->conn, &iov, 1);
		assert_true(len > 0);
		sent += len;
	}
	assert_true(SSL_key_update(f->client, SSL_KEY_UPDATE_REQUESTED));
	assert_true(SSL_write_ex(f->client, "after", 5, &n));
	assert_int_equal(f->conn.transport->recv(&f->conn, data, sizeof(data)), 5);
	assert_memory_equal(data, "after", 5);
	assert_true(f->conn.unsent);
	while (f->conn.unsent) {
		at = client_takes(f, at, BYTES);
		len = f->conn.transport->sendv(&f->conn, &iov, 0);
		assert_true(!len || len == -EAGAIN);
	}
	for (i = 0; i < 100; i++)
		data[i] = pattern(sent + i);
	iov.iov_len = 100;
	assert_int_equal(f->conn.transport->sendv(&f->conn, &iov, 1), 100);
	assert_int_equal(client_takes(f, at, BYTES), sent + 100);
	end(f);
}

/* Answers to one who asks for new keys for ever, and reads nothing, have an end. */
static void test_keys_for_ever(void **state)
{
	struct fixture *f = *state;
	uint8_t data[100];
	ssize_t len;
	size_t n;
	int i;

	start(f, TLS1_3_VERSION, 4096);
	for (i = 0; i < 100000; i++) {
		SSL_key_update(f->client, SSL_KEY_UPDATE_REQUESTED);
		if (!SSL_write_ex(f->client, "x", 1, &n))
			break;
		len = f->conn.transport->recv(&f->conn, data, sizeof(data));
		if (len < 0 && len != -EAGAIN)
			break;
	}
	assert_true(i < 100000);
	assert_int_equal(len, -ENOBUFS);
	assert_int_equal(f->conn.transport->recv(&f->conn, data, sizeof(data)), -ENOBUFS);
	end(f);
}

/* What comes in front of the end is received, then the end, and it stays the end. */
static void test_end(void **state)
{
	struct fixture *f = *state;
	uint8_t data[100];
	size_t n;
	int i;

	for (i = 0; i < 2; i++) {
		start(f, TLS1_3_VERSION, 4096);
		assert_true(SSL_write_ex(f->client, "last", 4, &n));
		if (i)
			shutdown(SSL_get_fd(f->client), SHUT_WR);
		else
			SSL_shutdown(f->client);
		assert_int_equal(f->conn.transport->recv(&f->conn, data, sizeof(data)), 4);
		assert_true(f->conn.more);
		assert_int_equal(f->conn.transport->recv(&f->conn, data, sizeof(data)), 0);
		assert_int_equal(f->conn.transport->recv(&f->conn, data, sizeof(data)), 0);
		conn_close(&f->conn);
		f->conn.fd = -1;
		/* The broker says that it ends, too */
		assert_false(SSL_read_ex(f->client, data, sizeof(data), &n));
		assert_int_equal(SSL_get_error(f->client, 0), SSL_ERROR_ZERO_RETURN);
		end(f);
	}
}

/* After the handshake, something that is no record: why is known, and it stays so. */
static void test_nonsense(void **state)
{
	struct iovec iov = { "x", 1 };
	struct fixture *f = *state;
	uint8_t data[100];

	start(f, TLS1_3_VERSION, 4096);
	memset(data, 0x17, sizeof(data));
	assert_int_equal(write(SSL_get_fd(f->client), data, sizeof(data)), sizeof(data));
	assert_int_equal(f->conn.transport->recv(&f->conn, data, sizeof(data)), -EPROTO);
	assert_int_equal(f->conn.transport->recv(&f->conn, data, sizeof(data)), -EPROTO);
	assert_true(strlen(transport_tls_why(&f->conn)) > 0);
	assert_string_not_equal(transport_tls_why(&f->conn), "no reason given");
	assert_int_equal(f->conn.transport->sendv(&f->conn, &iov, 1), -EPROTO);
	end(f);
}

/* One who wants to negotiate again is told no, and goes on. */
static void test_renegotiation(void **state)
{
	struct fixture *f = *state;
	uint8_t data[100];

	start(f, TLS1_2_VERSION, 1 << 16);
	SSL_renegotiate(f->client);
	SSL_do_handshake(f->client);
	assert_true(f->conn.transport->recv(&f->conn, data, sizeof(data)) < 0);
	SSL_do_handshake(f->client);
	assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
	ERR_clear_error();
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_send, setup, teardown),
		cmocka_unit_test_setup_teardown(test_receive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renegotiation, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
