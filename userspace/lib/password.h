/* SPDX-License-Identifier: MIT */
/*
 * Passwords as they are kept in files:
 *
 *   $6$SALT$HASH                              SHA-512, once: mosquitto before 2.0
 *   $7$ITERATIONS$SALT$HASH                   PBKDF2 with SHA-512: mosquitto 2.0
 *   $argon2id$v=19$m=KIB,t=PASSES,p=LANES$SALT$HASH  Argon2 1.3
 */
#ifndef MQTT_LIB_PASSWORD_H
#define MQTT_LIB_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASSWORD_SALT_MAX	64
#define PASSWORD_HASH_MAX	64
/* Of a password as a file has it, with the NUL. */
#define PASSWORD_TEXT_MAX	256

enum password_kind {
	PASSWORD_SHA512,
	PASSWORD_PBKDF2,
	PASSWORD_ARGON2ID,
};

/**
 * struct password - what is kept of a password
 * @kind: how it was hashed
 * @passes: how often
 * @memory: KiB that it takes, with Argon2
 * @lanes: likewise: of it, side by side
 * @salt_len: bytes of @salt
 * @hash_len: bytes of @hash
 * @salt: random
 * @hash: of password and salt
 */
struct password {
	enum password_kind kind;
	uint32_t passes;
	uint32_t memory;
	uint32_t lanes;
	uint8_t salt_len;
	uint8_t hash_len;
	uint8_t salt[PASSWORD_SALT_MAX];
	uint8_t hash[PASSWORD_HASH_MAX];
};

/* Reads the form above. Returns 0, or -EINVAL if it is none of them. */
int password_parse(struct password *password, const char *text);

/* Writes it; @text has room for PASSWORD_TEXT_MAX bytes. */
void password_format(const struct password *password, char *text);

/* Hashes @len bytes at @secret with a new salt. Returns 0, -ENOMEM or -EIO. */
int password_make(struct password *password, enum password_kind kind, const void *secret,
		  size_t len);

/*
 * Is it this one? Takes as long for a wrong one as for the right one: up to seconds,
 * and for Argon2 the memory that it wants. Without that, false.
 */
bool password_is(const struct password *password, const void *secret, size_t len);

#endif /* MQTT_LIB_PASSWORD_H */
