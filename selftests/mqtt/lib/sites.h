/* SPDX-License-Identifier: MIT */
/*
 * Which allocations failed, and where in the module's text they were asked for: the
 * kernel's own events of the allocators, with the stack. What is found is kept for
 * the machine's other tests, until test_nomem_sites compares it with all there are.
 */
#ifndef SELFTESTS_SITES_H
#define SELFTESTS_SITES_H

#include <stdbool.h>

#define SITES_FILE "/tmp/mqtt-nomem-sites"

/* From now on, in main() of @program; without such a kernel nothing happens. */
void sites_begin(const char *program);

/*
 * What has failed since the last call. Returns bytes that the first of them counts
 * as, see faults_after(), or 0 if none has failed; sets @pages if one was of pages.
 */
unsigned int sites_failed(bool *pages);

#endif /* SELFTESTS_SITES_H */
