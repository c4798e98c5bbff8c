/* SPDX-License-Identifier: MIT */
/*
 * Generic netlink by hand: requests the library would not send, and all that
 * a refusal says.
 */
#ifndef SELFTESTS_RAWNL_H
#define SELFTESTS_RAWNL_H

#include <linux/mqtt.h>

#include "wire.h"

struct rawnl {
	int fd;
	unsigned short family;
	unsigned int seq;
};

struct rawnl_answer {
	int error;		/* positive errno, 0: acknowledged */
	char text[256];		/* extack message */
	unsigned int offset;	/* of the offending attribute in the request, or 0 */
};

void rawnl_open(struct rawnl *nl);
void rawnl_open_as(struct rawnl *nl, unsigned int port);	/* 0: any */
unsigned int rawnl_port(const struct rawnl *nl);
void rawnl_close(struct rawnl *nl);

/* A request: headers, then attributes, then rawnl_call(), which empties @b. */
void rawnl_begin(struct rawnl *nl, struct bytes *b, unsigned int cmd, unsigned int flags);
/* Each returns the attribute's offset in the request. */
size_t rawnl_put(struct bytes *b, unsigned int type, const void *data, size_t len);
size_t rawnl_put_u8(struct bytes *b, unsigned int type, unsigned char value);
size_t rawnl_put_u32(struct bytes *b, unsigned int type, unsigned int value);
size_t rawnl_put_u64(struct bytes *b, unsigned int type, unsigned long long value);
size_t rawnl_nest(struct bytes *b, unsigned int type);
void rawnl_nest_end(struct bytes *b, size_t nest);

/* Sends, waits for the acknowledgment; data that is not one is passed over. */
void rawnl_call(struct rawnl *nl, struct bytes *b, struct rawnl_answer *answer);

#endif /* SELFTESTS_RAWNL_H */
