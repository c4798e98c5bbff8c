// SPDX-License-Identifier: MIT
/* Headers of the PROXY protocol. The first byte says which versions are taken. */
#include <errno.h>

#include "fuzz.h"
#include "proxy_header.h"

/* Until a header is complete nothing can be said, and from then on the same. */
static void check_prefixes(const uint8_t *data, size_t size, unsigned int versions,
			   const struct proxy_header *whole)
{
	struct proxy_header header;
	const char *why;
	size_t i;

	for (i = 0; i < size && i < whole->size; i++)
		must(proxy_header_parse(data, i, versions, &header, &why) == -EAGAIN);
	must(!proxy_header_parse(data, whole->size, versions, &header, &why));
	must(header.size == whole->size && header.known == whole->known);
	must(!memcmp(&header.from, &whole->from, sizeof(header.from)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header header;
	const char *why = NULL;
	unsigned int versions;
	int err;

	if (!size)
		return 0;
	versions = *data % 4;
	data++;
	size--;
	err = proxy_header_parse(data, size, versions, &header, &why);
	must(!err || err == -EAGAIN || err == -EBADMSG);
	must((err == -EBADMSG) == !!why);
	must(err != -EAGAIN || size < PROXY_HEADER_MAX);
	if (err)
		return 0;
	must(versions && header.size <= size && header.size <= PROXY_HEADER_MAX);
	must(!header.certified || header.tls);
	must(!header.name || (header.name >= data &&
			      header.name + header.name_len <= data + header.size));
	check_prefixes(data, size, versions, &header);
	return 0;
}
