// SPDX-License-Identifier: MIT
/*
 * Connections are made one after the other, subscribers first, and wait for the
 * broker's answers: none of this is measured. Afterwards they are nonblocking.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "loop.h"

/* How long durable sessions outlive us if we cannot end them */
#define SESSION_SECONDS	3600

static int try_address(const struct addrinfo *ai, const struct options *opt)
{
	struct timeval patience = { .tv_sec = opt->patience };
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, ai->ai_protocol);
	int err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (!connect(fd, ai->ai_addr, ai->ai_addrlen))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int open_conn(struct loop *loop, struct conn *conn, const struct addrinfo *list)
{
	int fd = -EADDRNOTAVAIL;

	for (; list && fd < 0; list = list->ai_next)
		fd = try_address(list, loop->opt);
	if (fd < 0)
		return loop_fail(loop, conn, "cannot connect to %s, port %s: %s",
				 loop->opt->host, loop->opt->port, strerror(-fd));
	conn->fd = fd;
	return 0;
}

static int set_nonblocking(struct loop *loop, const struct conn *conn)
{
	int flags = fcntl(conn->fd, F_GETFL);

	if (flags < 0 || fcntl(conn->fd, F_SETFL, flags | O_NONBLOCK))
		return loop_fail(loop, conn, "fcntl: %s", strerror(errno));
	return 0;
}

/*
 * The broker's answers
 */

static int read_all(struct loop *loop, const struct conn *conn, uint8_t *to, size_t len)
{
	ssize_t n;

	for (; len; to += n, len -= (size_t)n) {
		n = recv(conn->fd, to, len, MSG_WAITALL);
		if (n < 0 && errno == EAGAIN)
			return loop_fail(loop, conn, "no answer in %u s", loop->opt->patience);
		if (n <= 0)
			return loop_fail(loop, conn, "no answer: %s",
					 n ? strerror(errno) : "closed by the broker");
	}
	return 0;
}

static int request(struct loop *loop, const struct conn *conn, const uint8_t *packet,
		   size_t len, enum mqtt_packet_type answer)
{
	struct mqtt_fixed_header fh;
	size_t have = 2;
	int reason, err;

	if (send(conn->fd, packet, len, MSG_NOSIGNAL) != (ssize_t)len)
		return loop_fail(loop, conn, "cannot send: %s", strerror(errno));
	if (read_all(loop, conn, loop->room, have))
		return -1;
	while ((err = mqtt_fixed_header_parse(loop->room, have, &fh)) == -EAGAIN)
		if (read_all(loop, conn, loop->room + have++, 1))
			return -1;
	if (err || fh.size + (size_t)fh.remaining > loop->room_size)
		return loop_fail(loop, conn, "got a malformed packet");
	if (read_all(loop, conn, loop->room + fh.size, fh.remaining))
		return -1;
	reason = pkt_reason(loop->room, loop->opt->version, &fh);
	if (mqtt_packet_type(fh.byte1) != answer || reason < 0)
		return loop_fail(loop, conn, "got a packet that begins with 0x%02x", fh.byte1);
	if (reason != (answer == MQTT_PKT_SUBACK ? (int)loop->opt->qos : 0))
		return loop_fail(loop, conn, "the broker refuses, reason %d", reason);
	return 0;
}

static int introduce(struct loop *loop, const struct conn *conn)
{
	char id[PACKET_NAME_MAX];
	uint8_t packet[PACKET_MAX];

	snprintf(id, sizeof(id), "perf%d-%s-%s-%u", (int)getpid(),
		 scenario_names[loop->opt->scenario], conn->publisher ? "pub" : "sub",
		 conn->index);
	return request(loop, conn, packet,
		       pkt_connect(packet, loop->opt->version, id,
				   loop->opt->durable && !conn->publisher ? SESSION_SECONDS : 0),
		       MQTT_PKT_CONNACK);
}

static int subscribe(struct loop *loop, const struct subscriber *sub)
{
	uint8_t packet[PACKET_MAX];
	uint32_t i;
	size_t len;

	for (i = 0; i < sub->stream_count; i++) {
		len = pkt_subscribe(packet, loop->opt->version,
				    loop->publishers[sub->first + i].topic, loop->opt->qos);
		if (request(loop, &sub->conn, packet, len, MQTT_PKT_SUBACK))
			return -1;
	}
	return 0;
}

static int connect_to_broker(struct loop *loop, const struct addrinfo *list)
{
	const struct options *opt = loop->opt;
	uint32_t i;

	for (i = 0; i < options_subscribers(opt); i++) {
		struct subscriber *sub = &loop->subscribers[i];

		if (open_conn(loop, &sub->conn, list) || introduce(loop, &sub->conn) ||
		    subscribe(loop, sub) || set_nonblocking(loop, &sub->conn))
			return -1;
	}
	for (i = 0; i < options_publishers(opt); i++) {
		struct conn *conn = &loop->publishers[i].conn;

		if (open_conn(loop, conn, list) || introduce(loop, conn) ||
		    set_nonblocking(loop, conn))
			return -1;
	}
	return 0;
}

/*
 * Without a broker
 */

static int connect_pair(struct loop *loop, int listener, uint32_t i)
{
	struct sockaddr_storage address;
	struct addrinfo ai = {
		.ai_family = AF_INET,
		.ai_socktype = SOCK_STREAM,
		.ai_addr = (struct sockaddr *)&address,
		.ai_addrlen = sizeof(address),
	};
	struct conn *pub = &loop->publishers[i].conn, *sub = &loop->subscribers[i].conn;

	if (getsockname(listener, ai.ai_addr, &ai.ai_addrlen) || open_conn(loop, pub, &ai))
		return -1;
	sub->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (sub->fd < 0)
		return loop_fail(loop, sub, "accept: %s", strerror(errno));
	return set_nonblocking(loop, pub);
}

static int connect_pairs(struct loop *loop)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 16))
		err = loop_fail(loop, NULL, "cannot listen on 127.0.0.1: %s", strerror(errno));
	for (uint32_t i = 0; !err && i < options_publishers(loop->opt); i++)
		err = connect_pair(loop, listener, i);
	if (listener >= 0)
		close(listener);
	return err;
}

int connect_all(struct loop *loop)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int err;

	if (loop->opt->bare)
		return connect_pairs(loop);
	err = getaddrinfo(loop->opt->host, loop->opt->port, &hints, &list);
	if (err)
		return loop_fail(loop, NULL, "%s, port %s: %s", loop->opt->host,
				 loop->opt->port, gai_strerror(err));
	err = connect_to_broker(loop, list);
	freeaddrinfo(list);
	return err;
}
