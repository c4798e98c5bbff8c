/* SPDX-License-Identifier: MIT */
/*
 * How bytes get to a client and back. Above this table nobody knows what kind
 * of connection it is.
 */
#ifndef MQTTD_TRANSPORT_H
#define MQTTD_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct conn;
struct tls;
struct tls_conn;
struct websocket;

/**
 * struct transport - one kind of connection
 * @name: for people
 * @recv: as recv(2), never blocks: bytes, 0 at the end of the stream, -errno;
 *	may return fewer bytes than there are
 * @sendv: as writev(2), never blocks, no SIGPIPE: bytes or -errno; without anything to
 *	send what was kept of before, 0 when that has left
 * @close: ends it
 * @barriers: the next recv() lets packets pass that the daemon does not see,
 *	so what was received must have had its effect before; and a short
 *	recv() does not mean that there is no more
 * @idle: milliseconds since anything arrived from the other side, whoever reads
 *	it; INT64_MAX if the socket does not tell
 * @tcp: the kernel's router can have it
 */
struct transport {
	const char *name;
	ssize_t (*recv)(struct conn *conn, void *buf, size_t len);
	ssize_t (*sendv)(struct conn *conn, const struct iovec *iov, int n);
	void (*close)(struct conn *conn);
	int64_t (*idle)(const struct conn *conn);
	bool barriers;
	bool tcp;
};

/**
 * struct conn - a connection
 * @transport: its kind
 * @fd: socket
 * @peer: the kernel's number for it, if it is offloaded
 * @heard: when the last bytes were received, in milliseconds, of a Unix socket or a WebSocket
 * @tls: state of TLS, from the beginning of the handshake on; with frames on top its
 *	owner is the connection below
 * @websocket: state of frames, see websocket.h, or NULL
 * @more: recv() may have something that epoll does not know of: it was not called until
 *	it had nothing
 * @unsent: sendv() has kept bytes, which the socket did not take
 */
struct conn {
	const struct transport *transport;
	int fd;
	uint32_t peer;
	uint64_t heard;
	struct tls_conn *tls;
	struct websocket *websocket;
	bool more;
	bool unsent;
};

extern const struct transport transport_plain;
extern const struct transport transport_offloaded;
extern const struct transport transport_unix;
extern const struct transport transport_tls;
extern const struct transport transport_websocket;

static inline void conn_close(struct conn *conn)
{
	conn->transport->close(conn);
}

/* Below: of TCP connections, for their tables. */
int64_t transport_tcp_idle(const struct conn *conn);

/**
 * transport_tls_accept() - the handshake, as far as it goes
 * @conn: with @conn->fd; keeps its state, whatever is returned
 * @tls: of the listener
 * @why: constant text
 *
 * Any thread, but one at a time, and before anything else is done with @conn.
 *
 * Return: 0 when it is done; -EAGAIN when the socket has to be readable first, or also
 * writable if @conn->unsent; -ENOMEM; -EPROTO and @why.
 */
int transport_tls_accept(struct conn *conn, struct tls *tls, const char **why);

/* Of a connection that recv() or sendv() returned -EPROTO for: constant text. */
const char *transport_tls_why(const struct conn *conn);

/*
 * After the handshake. Version, cipher and whether a session was resumed, for people;
 * constant texts.
 */
const char *transport_tls_version(const struct conn *conn);
const char *transport_tls_cipher(const struct conn *conn);
bool transport_tls_resumed(const struct conn *conn);

/* See tls_identity(). */
bool transport_tls_identity(const struct conn *conn, char **name);

/* See tls_peer_expires(). */
int64_t transport_tls_peer_expires(const struct conn *conn, char *subject);

#endif /* MQTTD_TRANSPORT_H */
