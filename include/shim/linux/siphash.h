/* SPDX-License-Identifier: MIT */
/*
 * Userspace stand-in: SipHash (Aumasson, Bernstein 2012), written from the
 * paper. siphash() is SipHash-2-4, hsiphash() is SipHash-1-3 cut to 32 bits,
 * as the kernel's on 64-bit machines.
 */
#ifndef _SHIM_LINUX_SIPHASH_H
#define _SHIM_LINUX_SIPHASH_H

#include <linux/types.h>
#include <mqtt/word.h>

typedef struct {
	u64 key[2];
} siphash_key_t;

typedef struct {
	unsigned long key[2];
} hsiphash_key_t;

static inline u64 shim_rotl(u64 x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

#define SHIM_SIP_ROUND(a, b, c, d)					\
do {									\
	a += b;								\
	c += d;								\
	b = shim_rotl(b, 13) ^ a;					\
	d = shim_rotl(d, 16) ^ c;					\
	a = shim_rotl(a, 32) + d;					\
	c += b;								\
	b = shim_rotl(b, 17) ^ c;					\
	d = shim_rotl(d, 21) ^ a;					\
	c = shim_rotl(c, 32);						\
} while (0)

/* @c rounds for each word, @d at the end; both are constants */
static inline u64 shim_sip(const void *data, size_t len, u64 k0, u64 k1, int c, int d)
{
	u64 v0 = k0 ^ 0x736f6d6570736575ULL, v1 = k1 ^ 0x646f72616e646f6dULL;
	u64 v2 = k0 ^ 0x6c7967656e657261ULL, v3 = k1 ^ 0x7465646279746573ULL;
	const u8 *p = data;
	size_t left = len;
	u64 m;
	int i;

	do {
		if (left >= 8) {
			m = mqtt_word_load(p);
			p += 8;
			left -= 8;
		} else {
			m = mqtt_word_load_part(p, left) | (u64)len << 56;
			left = -1;
		}
		v3 ^= m;
		for (i = 0; i < c; i++)
			SHIM_SIP_ROUND(v0, v1, v2, v3);
		v0 ^= m;
	} while (left + 1);
	v2 ^= 0xff;
	for (i = 0; i < d; i++)
		SHIM_SIP_ROUND(v0, v1, v2, v3);
	return v0 ^ v1 ^ v2 ^ v3;
}

static inline u64 siphash(const void *data, size_t len, const siphash_key_t *key)
{
	return shim_sip(data, len, key->key[0], key->key[1], 2, 4);
}

static inline u32 hsiphash(const void *data, size_t len, const hsiphash_key_t *key)
{
	return (u32)shim_sip(data, len, key->key[0], key->key[1], 1, 3);
}

#endif /* _SHIM_LINUX_SIPHASH_H */
