/* SPDX-License-Identifier: MIT */
/*
 * base64url without padding, RFC 4648 and RFC 7515: each text stands for other bytes.
 */
#ifndef MQTTD_AUTH_BASE64URL_H
#define MQTTD_AUTH_BASE64URL_H

#include <stddef.h>
#include <linux/types.h>

/* Bytes that @len characters stand for. */
#define BASE64URL_BYTES(len) ((len) * 3 / 4)

/**
 * base64url_decode() - bytes of a text
 * @to: room for BASE64URL_BYTES(@len)
 * @text: maybe empty, not terminated
 * @len: characters there
 *
 * Padding, white space, letters of other alphabets and bits that are left over but not 0
 * are errors.
 *
 * Return: bytes, or -EINVAL.
 */
ssize_t base64url_decode(u8 *to, const char *text, size_t len);

/**
 * base64url_bytes() - likewise, allocated
 * @len: characters there; bytes afterwards
 *
 * Return: a byte more than that, which is 0; to be freed. NULL, errno: EINVAL or ENOMEM.
 */
u8 *base64url_bytes(const char *text, size_t *len);

#endif /* MQTTD_AUTH_BASE64URL_H */
