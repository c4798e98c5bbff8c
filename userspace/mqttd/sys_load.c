// SPDX-License-Identifier: MIT
/*
 * Averages of what happens per minute, as mosquitto computes them and Unix its
 * load: each interval counts the less the longer it is ago.
 */
#include <math.h>

#include "sys_topics.h"

void sys_load_update(struct sys_load *load, u64 total, double seconds)
{
	static const double minutes[SYS_AVERAGES] = { 1, 5, 15 };
	/* a router that was lost takes what it has counted with it */
	u64 grown = total > load->total ? total - load->total : 0;
	double rate = grown * 60 / seconds;
	int i;

	for (i = 0; i < SYS_AVERAGES; i++)
		load->averages[i] = rate + exp(-seconds / (60 * minutes[i])) *
					   (load->averages[i] - rate);
	load->total = total;
}
