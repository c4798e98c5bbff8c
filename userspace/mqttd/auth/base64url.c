// SPDX-License-Identifier: MIT
/*
 * base64url. Pure code.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>

#include "auth/base64url.h"

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

ssize_t base64url_decode(u8 *to, const char *text, size_t len)
{
	unsigned int bits = 0, n_bits = 0;
	size_t i, n = 0;

	if (len % 4 == 1)
		return -EINVAL;
	for (i = 0; i < len; i++) {
		int value = digit(text[i]);

		if (value < 0)
			return -EINVAL;
		bits = bits << 6 | value;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		to[n++] = bits >> n_bits;
		bits &= (1u << n_bits) - 1;
	}
	return bits ? -EINVAL : (ssize_t)n;
}

u8 *base64url_bytes(const char *text, size_t *len)
{
	u8 *bytes = malloc(BASE64URL_BYTES(*len) + 1);
	ssize_t n;

	if (!bytes) {
		errno = ENOMEM;
		return NULL;
	}
	n = base64url_decode(bytes, text, *len);
	if (n < 0) {
		free(bytes);
		errno = -n;
		return NULL;
	}
	bytes[n] = 0;
	*len = n;
	return bytes;
}
