/* SPDX-License-Identifier: MIT */
/*
 * Operations of the daemon which do not get the memory that they need.
 */
#ifndef SELFTESTS_OP_H
#define SELFTESTS_OP_H

/* But for @run they may be NULL. */
struct op {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);	/* 0 or a negative errno */
	void (*failed)(void);	/* checks that nothing has changed */
	void (*undo)(void);	/* what run() has done */
};

/*
 * Each allocation of it fails once: it is done, or refused for want of memory. In the
 * end it is done.
 */
void op_each(const struct op *op);

#endif /* SELFTESTS_OP_H */
