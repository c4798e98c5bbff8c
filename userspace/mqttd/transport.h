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

/**
 * struct transport - one kind of connection
 * @name: for the log
 * @recv: as recv(2), never blocks: bytes, 0 at the end of the stream, -errno;
 *	may return fewer bytes than there are
 * @sendv: as writev(2), never blocks, no SIGPIPE: bytes or -errno
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
	int64_t (*idle)(const struct conn *conn);
	bool barriers;
	bool tcp;
};

/**
 * struct conn - a connection
 * @transport: its kind
 * @fd: socket
 * @peer: the kernel's number for it, if it is offloaded
 * @heard: when the last bytes were received, in milliseconds, of a Unix socket
 */
struct conn {
	const struct transport *transport;
	int fd;
	uint32_t peer;
	uint64_t heard;
};

extern const struct transport transport_plain;
extern const struct transport transport_offloaded;
extern const struct transport transport_unix;

#endif /* MQTTD_TRANSPORT_H */
