// SPDX-License-Identifier: MIT
/*
 * Operations without memory. See op.h.
 */
#include "fault.h"
#include "ksft.h"
#include "op.h"

static const struct op *now;
static int result;
static unsigned int refused;

static void op_prepare(void *arg)
{
	(void)arg;
	if (now->prepare)
		now->prepare();
}

static void op_run(void *arg)
{
	(void)arg;
	result = now->run();
}

static void op_check(void *arg, bool once)
{
	(void)arg;
	(void)once;
	if (result && result != -ENOMEM && result != -ENOBUFS)
		FAIL("%s: %s", now->name, strerror(-result));
	refused += !!result;
	if (result && now->failed)
		now->failed();
	else if (!result && now->undo)
		now->undo();
}

void op_each(const struct op *op)
{
	static const struct faults_try try = { op_prepare, op_run, op_check, NULL };
	unsigned int n;

	now = op;
	refused = 0;
	n = faults_walk(&try);
	/* None failed in the last ones. */
	CHECK_EQ(result, 0);
	ksft_note("%s: failed at %u places and times, refused %u times", op->name, n, refused);
}
