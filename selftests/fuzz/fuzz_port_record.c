// SPDX-License-Identifier: MIT
/* What is read from a port of the kernel's. */
#include <errno.h>

#include "fuzz.h"
#include "port_record.h"

static u32 sum;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room = (size + 7) & ~(size_t)7, at = 0;
	struct port_record record;
	u8 *bytes = room ? aligned_alloc(8, room) : NULL;
	ssize_t len;
	u32 i;

	if (!bytes)
		return 0;
	/* at the end, so that what is read behind is seen: it is aligned if the length is */
	memcpy(bytes, data, size);
	while (at < size) {
		len = port_record_next(bytes + at, size - at, &record);
		if (len < 0) {
			must(len == -EBADMSG);
			break;
		}
		must(len > 0 && !(len % 8) && (size_t)len <= size - at);
		for (i = 0; i < record.nr_peers; i++)
			sum += record.peers[i];
		for (i = 0; i < record.packet_len; i++)
			sum += record.packet[i];
		at += len;
	}
	free(bytes);
	return 0;
}
