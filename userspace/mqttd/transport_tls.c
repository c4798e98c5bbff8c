// SPDX-License-Identifier: MIT
/*
 * TLS on a TCP connection, by OpenSSL.
 *
 *   recv()  <── SSL_read()  <──┐
 *                              ├── a BIO of ours <──> socket
 *   sendv() ──> SSL_write() ──>┘
 *               a record         keeps what the socket does not take: "unsent"
 *
 * A record that was made has to be sent, whatever becomes of the queue that it was made
 * from. So the BIO takes all of it, and what SSL_write() was given counts as sent:
 * SSL_write() never has to be called again with the same bytes, and SSL_read(), which
 * may answer a request for new keys, never has to wait for the socket to be writable.
 * That is one record at most, and little more: sendv() makes none while something is
 * left, and a client that wants new keys without end and reads nothing is closed.
 *
 * In the other direction SSL_read() is called until it has nothing, or the caller's
 * buffer is full: conn->more then.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>

#include "buffer.h"
#include "tls.h"
#include "transport.h"

/* Bytes of a record */
#define RECORD_MAX	16384
/* Above this nothing is kept: a record, a flight of the handshake, answers. */
#define UNSENT_MAX	(256 << 10)
/* The handshake is over: a record and a few answers. */
#define UNSENT_DONE_MAX	(64 << 10)
/*
 * Bytes from the socket for one call of recv(). OpenSSL goes on by itself for as long as
 * there are records that bring nothing, such as requests for new keys.
 */
#define RECV_BUDGET	(64 << 10)

/**
 * struct tls_conn - TLS of a connection
 * @ssl: OpenSSL's part
 * @fd: the connection's
 * @unsent: what the socket did not take
 * @unsent_max: how much that may be
 * @budget: bytes that may be read from the socket before others have their turn
 * @socket_error: why the socket does not work, errno
 * @error: what recv() and sendv() return from now on, -errno
 * @why: for -EPROTO
 * @eof: the stream has ended
 * @done: the handshake was made
 */
struct tls_conn {
	SSL *ssl;
	int fd;
	struct buffer unsent;
	size_t unsent_max;
	size_t budget;
	int socket_error;
	int error;
	const char *why;
	bool eof;
	bool done;
};

/* Pieces of messages that make up a record. */
static __thread uint8_t record[RECORD_MAX];

/* --- the socket --------------------------------------------------------------- */

static bool is_temporary(int err)
{
	return err == EAGAIN || err == EWOULDBLOCK || err == EINTR;
}

/* Bytes that the socket took, or -1. */
static ssize_t socket_send(struct tls_conn *tls, const void *data, size_t len)
{
	ssize_t n = send(tls->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0)
		return n;
	if (is_temporary(errno))
		return 0;
	tls->socket_error = errno;
	return -1;
}

static int bio_write(BIO *bio, const char *data, int len)
{
	struct tls_conn *tls = BIO_get_data(bio);
	ssize_t n = 0;

	BIO_clear_retry_flags(bio);
	if (!tls->unsent.len)
		n = socket_send(tls, data, len);
	if (n < 0)
		return -1;
	if (n < len && tls->unsent.len + len > tls->unsent_max) {
		tls->socket_error = ENOBUFS;
		return -1;
	}
	if (n < len && buffer_append(&tls->unsent, data + n, len - n)) {
		tls->socket_error = ENOMEM;
		return -1;
	}
	return len;
}

static int bio_read(BIO *bio, char *data, int len)
{
	struct tls_conn *tls = BIO_get_data(bio);
	ssize_t n = -1;

	BIO_clear_retry_flags(bio);
	errno = EAGAIN;
	if (tls->budget)
		n = recv(tls->fd, data, len, MSG_DONTWAIT);
	tls->eof = !n;
	if (n >= 0) {
		tls->budget -= (size_t)n < tls->budget ? (size_t)n : tls->budget;
		return n;
	}
	if (is_temporary(errno))
		BIO_set_retry_read(bio);
	else
		tls->socket_error = errno;
	return -1;
}

static long bio_control(BIO *bio, int what, long number, void *arg)
{
	struct tls_conn *tls = BIO_get_data(bio);

	(void)number;
	(void)arg;
	if (what == BIO_CTRL_EOF)
		return tls->eof;
	return what == BIO_CTRL_FLUSH;
}

static struct bio_method_st *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mqttd");
	if (!method)
		return;
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_ctrl(method, bio_control);
}

/* Sends what was kept: 0, -EAGAIN or why that is impossible. */
static int push(struct conn *conn)
{
	struct tls_conn *tls = conn->tls;
	ssize_t n;

	while (tls->unsent.len) {
		n = socket_send(tls, buffer_head(&tls->unsent), tls->unsent.len);
		if (n <= 0)
			return n ? -tls->socket_error : -EAGAIN;
		buffer_consume(&tls->unsent, n);
	}
	buffer_free(&tls->unsent);
	conn->unsent = false;
	return 0;
}

/* --- the handshake -------------------------------------------------------------- */

static int begin(struct conn *conn, struct tls *tls)
{
	BIO *bio;

	pthread_once(&method_once, make_method);
	conn->tls = calloc(1, sizeof(*conn->tls));
	if (!conn->tls || !method)
		return -ENOMEM;
	conn->tls->fd = conn->fd;
	conn->tls->unsent_max = UNSENT_MAX;
	conn->tls->budget = SIZE_MAX;
	conn->tls->ssl = tls_session(tls);
	bio = BIO_new(method);
	if (!conn->tls->ssl || !bio) {
		BIO_free(bio);
		return -ENOMEM;
	}
	BIO_set_data(bio, conn->tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(conn->tls->ssl, bio, bio);
	return 0;
}

/* Which certificate it does not like, and why, says more than that it does not. */
static const char *failure(const struct tls_conn *tls)
{
	long verdict = SSL_get_verify_result(tls->ssl);

	if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
	    verdict != X509_V_OK)
		return X509_verify_cert_error_string(verdict);
	return tls_reason();
}

/* What follows from OpenSSL's refusal to go on; 0: the stream has ended. */
static int classify(struct tls_conn *tls, int result)
{
	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SSL:
		tls->why = failure(tls);
		return -EPROTO;
	default:
		return tls->socket_error ? -tls->socket_error : -EIO;
	}
}

int transport_tls_accept(struct conn *conn, struct tls *tls, const char **why)
{
	int err = conn->tls ? 0 : begin(conn, tls), n;

	if (!err && conn->unsent)
		err = push(conn);
	if (err == -ENOMEM || err == -EAGAIN)
		return err;
	if (!err) {
		ERR_clear_error();
		n = SSL_accept(conn->tls->ssl);
		conn->unsent = conn->tls->unsent.len;
		if (n == 1) {
			conn->tls->unsent_max = UNSENT_DONE_MAX;
			conn->tls->done = true;
			conn->more = true;
			return 0;
		}
		err = classify(conn->tls, n);
	}
	if (err == -EAGAIN || err == -ENOMEM)
		return err;
	conn->tls->error = err ? err : -ECONNRESET;
	*why = err == -EPROTO ? conn->tls->why : err ? strerror(-err) :
						       "the connection was closed";
	ERR_clear_error();
	return -EPROTO;
}

const char *transport_tls_why(const struct conn *conn)
{
	return conn->tls && conn->tls->why ? conn->tls->why : "no reason given";
}

const char *transport_tls_version(const struct conn *conn)
{
	return SSL_get_version(conn->tls->ssl);
}

const char *transport_tls_cipher(const struct conn *conn)
{
	return SSL_get_cipher_name(conn->tls->ssl);
}

bool transport_tls_resumed(const struct conn *conn)
{
	return tls_resumed(conn->tls->ssl);
}

bool transport_tls_identity(const struct conn *conn, char **name)
{
	return tls_identity(conn->tls->ssl, name);
}

int64_t transport_tls_peer_expires(const struct conn *conn, char *subject)
{
	return tls_peer_expires(conn->tls->ssl, subject);
}

/* --- the table ------------------------------------------------------------------ */

/* Nothing more comes of it. Returns @err. */
static int fail(struct tls_conn *tls, int err)
{
	tls->error = err;
	ERR_clear_error();
	return err;
}

/* Without a handshake, or after one that has failed, only the socket is emptied. */
static ssize_t discard(struct conn *conn, void *buf, size_t len)
{
	ssize_t n = recv(conn->fd, buf, len, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

static ssize_t tls_recv(struct conn *conn, void *buf, size_t len)
{
	struct tls_conn *tls = conn->tls;
	size_t got = 0, n;
	int err = 0;

	if (!tls || !tls->done)
		return discard(conn, buf, len);
	tls->budget = RECV_BUDGET;
	while (got < len && !tls->error && !err) {
		ERR_clear_error();
		if (SSL_read_ex(tls->ssl, (uint8_t *)buf + got, len - got, &n)) {
			got += n;
			continue;
		}
		err = classify(tls, 0);
		if (!err || err == -EAGAIN)
			break;
		fail(tls, err);
	}
	conn->unsent = tls->unsent.len;
	/* After bytes the end, or an error, is for the next call. */
	conn->more = got && err != -EAGAIN;
	if (got)
		return got;
	return tls->error ? tls->error : err;
}

/* The bytes of the next record: where they are, or copied together. */
static const uint8_t *gather(const struct iovec *iov, int n, size_t skip, size_t *len)
{
	size_t have = 0, part;
	int i;

	if (iov->iov_len - skip >= RECORD_MAX || n == 1) {
		*len = iov->iov_len - skip < RECORD_MAX ? iov->iov_len - skip : RECORD_MAX;
		return (const uint8_t *)iov->iov_base + skip;
	}
	for (i = 0; i < n && have < RECORD_MAX; i++, skip = 0) {
		part = iov[i].iov_len - skip;
		if (part > RECORD_MAX - have)
			part = RECORD_MAX - have;
		memcpy(record + have, (const uint8_t *)iov[i].iov_base + skip, part);
		have += part;
	}
	*len = have;
	return record;
}

/* Makes a record. Returns its bytes or -errno. */
static ssize_t write_record(struct conn *conn, const uint8_t *data, size_t len)
{
	struct tls_conn *tls = conn->tls;
	size_t n = 0;
	int err;

	ERR_clear_error();
	if (SSL_write_ex(tls->ssl, data, len, &n)) {
		conn->unsent = tls->unsent.len;
		return n;
	}
	err = classify(tls, 0);
	conn->unsent = tls->unsent.len;
	/* The stream's other direction may have ended, not this one */
	return fail(tls, err && err != -EAGAIN ? err : -EPIPE);
}

static ssize_t tls_sendv(struct conn *conn, const struct iovec *iov, int n)
{
	struct tls_conn *tls = conn->tls;
	size_t total = 0, skip = 0, len;
	ssize_t done = tls->error;

	if (!done && conn->unsent)
		done = push(conn);
	while (done >= 0 && n && !conn->unsent) {
		const uint8_t *data = gather(iov, n, skip, &len);

		done = write_record(conn, data, len);
		if (done < 0)
			break;
		total += done;
		for (skip += done; n && skip >= iov->iov_len; iov++, n--)
			skip -= iov->iov_len;
	}
	return total ? (ssize_t)total : done < 0 ? done : 0;
}

/* What was kept leaves if it can: without it there is no saying that this is the end. */
static void tls_close(struct conn *conn)
{
	struct tls_conn *tls = conn->tls;

	if (tls) {
		if (tls->done && !tls->error && !push(conn)) {
			ERR_clear_error();
			SSL_shutdown(tls->ssl);
			ERR_clear_error();
		}
		SSL_free(tls->ssl);
		buffer_free(&tls->unsent);
		free(tls);
		conn->tls = NULL;
	}
	close(conn->fd);
}

/* Its socket is TCP's, but the kernel's router cannot read what is on it. */
const struct transport transport_tls = {
	.name = "tls",
	.recv = tls_recv,
	.sendv = tls_sendv,
	.close = tls_close,
	.idle = transport_tcp_idle,
};
