// SPDX-License-Identifier: MIT
/*
 * The streams that the fuzzers have kept, sent to the module itself. It forwards
 * whole packets or leaves them; what it leaves is what the daemon receives, in its
 * order, to the last byte; and nobody else is worse off.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/rig.h"

static struct rig_peer sub, pub, peer;

struct input {
	char name[512];
	unsigned char bytes[65536];
	size_t len;
};

static void input_read(struct input *in, const char *dir, const char *name)
{
	ssize_t n;
	int fd;

	snprintf(in->name, sizeof(in->name), "%s/%s", dir, name);
	fd = CHECK_SYS(open(in->name, O_RDONLY | O_CLOEXEC));
	n = CHECK_SYS(read(fd, in->bytes, sizeof(in->bytes)));
	in->len = n;
	close(fd);
}

/* Everything up to the end of the stream. */
static void daemon_reads(int fd, struct bytes *got)
{
	unsigned char buf[4096];
	ssize_t n;

	for (;;) {
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (!n)
			return;
		if (n < 0 && errno == EAGAIN) {
			tcp_wait(fd, POLLIN);
			continue;
		}
		CHECK_SYS(n);
		bytes_put(got, buf, n);
	}
}

/* Walks through what was sent: each packet is with the daemon, or was taken whole. */
static void check_view(const struct input *in, const unsigned char *sent, size_t len,
		       const struct bytes *got, unsigned long long fast, unsigned long long pings)
{
	unsigned long long packets = 0, pingreqs = 0;
	size_t at = 0, have = 0, n;

	while (at < len) {
		n = wire_length(sent + at, len - at);
		if (!n || n > len - at)
			break;
		if (got->len - have >= n && !memcmp(got->p + have, sent + at, n)) {
			have += n;
		} else if (sent[at] == 0x30) {
			packets++;
		} else if (sent[at] == 0xc0 && n == 2) {
			pingreqs++;
		} else {
			/* malformed, and from here on the daemon's */
			break;
		}
		at += n;
	}
	if (got->len - have != len - at || memcmp(got->p + have, sent + at, len - at))
		FAIL("%s: %zu bytes sent, the daemon has %zu, which differ at %zu of what was sent",
		     in->name, len, got->len, at);
	if (packets != fast || pingreqs != pings)
		FAIL("%s: %llu packets and %llu pings are missing, taken were %llu and %llu",
		     in->name, packets, pingreqs, fast, pings);
}

/* The same in pieces of @step bytes; 0: all at once */
static void replay(const struct input *in, const struct mqtt_nl_attach *attach,
		   const unsigned char *stream, size_t len, size_t step)
{
	struct bytes got = { 0 };
	size_t done = 0, n;

	rig_connect(&peer, NULL);
	rig_attach_with(&peer, attach);
	while (done < len) {
		n = step && step < len - done ? step : len - done;
		tcp_send_all(peer.client, stream + done, n);
		peer.sent += n;
		done += n;
		if (step)
			rig_wait_arrived(&peer);
	}
	CHECK_SYS(shutdown(peer.client, SHUT_WR));
	daemon_reads(peer.fd, &got);
	check_view(in, stream, len, &got, rig_peer_stat(&peer, MQTT_A_PEER_STATS_RX_PACKETS),
		   rig_peer_stat(&peer, MQTT_A_PEER_STATS_RX_PINGS));
	rig_close(&peer);
	bytes_free(&got);
}

static unsigned int replay_all(const char *dir, size_t head, unsigned int aliases)
{
	static struct input in;
	struct dirent *entry;
	unsigned int n = 0;
	DIR *d = opendir(dir);

	if (!d)
		ksft_skip("there is no %s", dir);
	while ((entry = readdir(d))) {
		struct mqtt_nl_attach attach = { 0 };

		if (*entry->d_name == '.')
			continue;
		input_read(&in, dir, entry->d_name);
		if (in.len <= head)
			continue;
		attach.protocol = MQTT_PROTOCOL_V31 + in.bytes[0] % 3;
		if (attach.protocol == MQTT_PROTOCOL_V5)
			attach.topic_alias_max = aliases;
		replay(&in, &attach, in.bytes + head, in.len - head, 0);
		replay(&in, &attach, in.bytes + head, in.len - head, 7);
		n++;
	}
	closedir(d);
	return n;
}

static void replay_corpus(const char *dir, size_t head)
{
	struct bytes b = { 0 };
	unsigned int n;

	rig_start();
	rig_open_sub(&sub, "t/alive");
	rig_open(&pub);
	n = replay_all(dir, head, 0);
	n += replay_all(dir, head, 10);
	ksft_note("%u streams", n);
	CHECK(n);
	WAIT_UNTIL(rig_peer_count() == 2);
	wire_message(&b, "t/alive", "and well");
	rig_send_bytes(&pub, &b);
	tcp_expect(sub.client, b.p, b.len);
}

static void framing(void)
{
	replay_corpus("selftests/fuzz/corpus/framing", 10);
}

static void packets(void)
{
	replay_corpus("selftests/fuzz/corpus/packet", 1);
}

static const struct ksft_case cases[] = {
	{ "framing", framing },
	{ "packets", packets },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
