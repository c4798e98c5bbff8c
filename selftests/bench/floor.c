// SPDX-License-Identifier: MIT
/*
 * The floor: what it costs to forward MQTT packets through a process when
 * nothing is done to them. It copies whole packets from publishers' sockets to
 * subscribers' sockets and looks at nothing but fixed headers; who gets what is
 * in the client ids of mqttperf, "perf<pid>-<scenario>-<pub|sub>-<index>". One
 * read for all that a socket has, one write per subscriber and round.
 *
 * It is no broker: what it does not expect ends it.
 *
 *	floor PORT
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mqtt/wire.h>

#define CLIENTS_MAX	16384
#define EVENTS		256
#define ROOM		(256u << 10)

enum scenario { P2P, FANOUT, FANIN };

/**
 * struct client - a connection
 * @fd: its socket, which is its number
 * @publisher: else it is a subscriber
 * @v5: it speaks 5.0, else 3.1.1
 * @index: among those of its kind
 * @scenario: who gets its packets
 * @in: the beginning of a packet
 * @in_len: bytes of it
 * @in_size: room for them
 * @out: to be sent
 * @out_start: what was sent of it already
 * @out_len: bytes in it
 * @out_size: room for them
 * @dirty: in the list of those with something new to send
 */
struct client {
	int fd;
	bool publisher;
	bool v5;
	unsigned int index;
	enum scenario scenario;
	uint8_t *in;
	size_t in_len, in_size;
	uint8_t *out;
	size_t out_start, out_len, out_size;
	bool dirty;
};

static struct client *clients[CLIENTS_MAX];	/* by descriptor */
static struct client *subscribers[CLIENTS_MAX];	/* by index */
static unsigned int subscriber_count;
static struct client *dirty[CLIENTS_MAX];
static unsigned int dirty_count;
static uint8_t room[ROOM];
static int epoll;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

/*
 * Sending
 */

static void append(uint8_t **to, size_t *len, size_t *size, const void *from, size_t n)
{
	if (*len + n > *size) {
		*size = 2 * (*len + n);
		*to = realloc(*to, *size);
		if (!*to)
			die("realloc");
	}
	memcpy(*to + *len, from, n);
	*len += n;
}

/* @client may have gone */
static void give(struct client *client, const void *from, size_t n)
{
	if (!client)
		return;
	append(&client->out, &client->out_len, &client->out_size, from, n);
	if (client->dirty)
		return;
	client->dirty = true;
	dirty[dirty_count++] = client;
}

static void flush(struct client *client)
{
	ssize_t n;

	client->dirty = false;
	n = send(client->fd, client->out + client->out_start,
		 client->out_len - client->out_start, MSG_NOSIGNAL);
	if (n > 0)
		client->out_start += (size_t)n;
	if (client->out_start < client->out_len)
		return;			/* EPOLLOUT will come */
	client->out_start = 0;
	client->out_len = 0;
}

/*
 * Receiving
 */

static void forward(const struct client *from, const void *packets, size_t n)
{
	unsigned int i;

	switch (from->scenario) {
	case P2P:
		give(subscribers[from->index], packets, n);
		break;
	case FANIN:
		give(subscribers[0], packets, n);
		break;
	case FANOUT:
		for (i = 0; i < subscriber_count; i++)
			give(subscribers[i], packets, n);
		break;
	}
}

/* The client id is the first thing behind ten bytes, in 5.0 behind eleven */
static void handle_connect(struct client *client, const uint8_t *body)
{
	const uint8_t *name;
	char id[64] = "", scenario[16], role[16];

	client->v5 = body[6] == 5;
	name = body + 10 + client->v5;
	memcpy(id, name + 2, name[1] < sizeof(id) ? name[1] : 0);
	if (sscanf(id, "perf%*d-%15[^-]-%15[^-]-%u", scenario, role, &client->index) != 3 ||
	    client->index >= CLIENTS_MAX)
		die("whose client id is that");
	client->scenario = !strcmp(scenario, "p2p") ? P2P :
			   !strcmp(scenario, "fanout") ? FANOUT : FANIN;
	client->publisher = !strcmp(role, "pub");
	if (!client->publisher) {
		subscribers[client->index] = client;
		subscriber_count = client->index + 1;
	}
	give(client, client->v5 ? "\x20\x03\0\0" : "\x20\x02\0", 4 + client->v5);
}

static void handle(struct client *client, const uint8_t *packet,
		   const struct mqtt_fixed_header *fh)
{
	const uint8_t *body = packet + fh->size;
	uint8_t suback[] = { MQTT_PKT_SUBACK << 4, 3 + client->v5, body[0], body[1], 0, 0 };

	switch (mqtt_packet_type(fh->byte1)) {
	case MQTT_PKT_CONNECT:
		handle_connect(client, body);
		break;
	case MQTT_PKT_SUBSCRIBE:
		give(client, suback, 5 + client->v5);
		break;
	default:
		die("got a packet that it does not know");
	}
}

/* Neighbouring PUBLISH packets are forwarded together. Returns bytes that were whole packets. */
static size_t take(struct client *client, const uint8_t *p, size_t len)
{
	struct mqtt_fixed_header fh;
	size_t done = 0, run = 0;

	while (!mqtt_fixed_header_parse(p + done, len - done, &fh) &&
	       fh.size + fh.remaining <= len - done) {
		if (mqtt_packet_type(fh.byte1) != MQTT_PKT_PUBLISH) {
			handle(client, p + done, &fh);
			run = done + fh.size + fh.remaining;
		}
		done += fh.size + fh.remaining;
	}
	if (done > run)
		forward(client, p + run, done - run);
	return done;
}

static void drop(struct client *client)
{
	unsigned int i;

	for (i = 0; i < dirty_count; i++)
		if (dirty[i] == client)
			dirty[i--] = dirty[--dirty_count];
	if (subscribers[client->index] == client)
		subscribers[client->index] = NULL;
	clients[client->fd] = NULL;
	close(client->fd);
	free(client->in);
	free(client->out);
	free(client);
}

static void receive(struct client *client)
{
	size_t done;
	ssize_t n;

	do {
		n = recv(client->fd, room, ROOM, 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			drop(client);
			return;
		}
		if (!client->in_len) {
			done = take(client, room, (size_t)n);
			append(&client->in, &client->in_len, &client->in_size, room + done,
			       (size_t)n - done);
		} else {
			append(&client->in, &client->in_len, &client->in_size, room, (size_t)n);
			done = take(client, client->in, client->in_len);
			client->in_len -= done;
			memmove(client->in, client->in + done, client->in_len);
		}
	} while (n == ROOM);
}

/*
 * Connections
 */

static void watch(int fd, unsigned int events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl");
}

static void accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (fd >= CLIENTS_MAX)
			die("too many clients");
		clients[fd] = calloc(1, sizeof(*clients[fd]));
		if (!clients[fd])
			die("calloc");
		clients[fd]->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		watch(fd, EPOLLIN | EPOLLOUT | EPOLLET);
	}
}

static int listen_on(const char *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1024))
		die("cannot listen");
	return fd;
}

static void round_once(int listener)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(epoll, events, EVENTS, -1);
	struct client *client;
	int i;

	for (i = 0; i < n; i++) {
		if (events[i].data.fd == listener) {
			accept_all(listener);
			continue;
		}
		client = clients[events[i].data.fd];
		if (events[i].events & EPOLLOUT && client->out_len && !client->dirty)
			flush(client);
		if (events[i].events & ~EPOLLOUT)
			receive(client);
	}
	for (i = 0; i < (int)dirty_count; i++)
		flush(dirty[i]);
	dirty_count = 0;
}

int main(int argc, char **argv)
{
	int listener;

	if (argc != 2) {
		fputs("usage: floor PORT\n", stderr);
		return 2;
	}
	listener = listen_on(argv[1]);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		die("epoll_create1");
	watch(listener, EPOLLIN | EPOLLET);
	for (;;)
		round_once(listener);
}
