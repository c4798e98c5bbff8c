// SPDX-License-Identifier: MIT
/*
 * The receive window opens again before a publisher has to ask for it.
 *
 * TCP asks when the window has been too small for a segment for as long as it would wait
 * for an acknowledgement. That is made longer than any test waits: so a stream comes to
 * its end, or it stands still.
 */
#include <stdlib.h>

#include "lib/rig.h"

#define KIB 1024
#define BYTES (4096 * KIB)

static struct rig_peer pub;

static void start(void)
{
	CHECK(!system("ip route change local 127.0.0.1 dev lo table local scope host "
		      "src 127.0.0.1 rto_min 100s"));
	rig_start();
}

/* Packets with payloads that long, sent in pieces of that length or up to that length. */
static void stream(const struct tcp_options *opt, size_t payload, size_t piece, bool random)
{
	struct bytes b = { 0 };
	unsigned int n = 0;
	size_t at, len;

	ksft_note("payloads of %zu bytes, pieces of %s%zu", payload, random ? "up to " : "",
		  piece);
	rig_open_with(&pub, opt);
	while (b.len < BYTES)
		wire_publish_of(&b, 0x30, "t/u", 5 + payload, n++);
	for (at = 0; at < b.len; at += len) {
		len = random ? 1 + ksft_random(piece) : piece;
		len = len < b.len - at ? len : b.len - at;
		tcp_send_all(pub.client, b.p + at, len);
	}
	WAIT_UNTIL(rig_peer_stat(&pub, MQTT_A_PEER_STATS_RX_PACKETS) == n);
	rig_close(&pub);
	bytes_free(&b);
}

static void streams(const struct tcp_options *opt, const size_t *payloads, size_t n)
{
	static const size_t pieces[] = { 30 * KIB, 64 * KIB, BYTES };
	size_t i, k;

	start();
	for (i = 0; i < n; i++) {
		for (k = 0; k < ARRAY_LEN(pieces); k++) {
			stream(opt, payloads[i], pieces[k], false);
			stream(opt, payloads[i], pieces[k], true);
		}
	}
	CHECK_EQ(rig_stat(MQTT_A_STATS_RX_NO_BUFFER), 0);
}

static void growing(void)
{
	static const size_t payloads[] = { 5 * KIB, 40 * KIB, 64 * KIB, 100 * KIB };

	streams(&(struct tcp_options){ .family = AF_INET }, payloads, ARRAY_LEN(payloads));
}

/* The buffer's size is the daemon's choice. */
static void fixed(void)
{
	static const size_t payloads[] = { 5 * KIB, 64 * KIB };
	static const struct tcp_options opt = { .family = AF_INET, .server_rcvbuf = 200 * KIB };

	streams(&opt, payloads, ARRAY_LEN(payloads));
}

static const struct ksft_case cases[] = {
	{ "growing", growing },
	{ "fixed", fixed },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
