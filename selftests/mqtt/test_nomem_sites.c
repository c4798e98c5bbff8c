// SPDX-License-Identifier: MIT
/*
 * Has each allocation of the module failed in one of the tests before this one? Their
 * places are read from the module's code: the calls of allocators, known by where they
 * return to.
 *
 * What fails where: test_nomem_each
 *   netlink, netlink_attach, peer, alias (topics)	operations_attach
 *   rxq, socket (residue, hold)			operations_attach
 *   port						operations_of_a_port
 *   router, stats, trie_init, groups_init		operations_of_a_router
 *   sub, trie						operations_of_a_peer, table_grows
 *   tx_user, and TCP's own under send()		operations_of_a_peer
 * test_nomem_rules
 *   group						operations_of_a_group
 *   acl, acl_stage, acl_rules, netlink_acl		operations_of_rules
 *   event, and copies of it for listeners		listeners_are_told
 * test_nomem_message
 *   msg, queue, translate, rx_publish			all of them
 *   payload						long_message, pinned_message
 *   alias, rx_publish (of what is the daemon's)	aliases_are_learnt
 *   copy						identifiers
 *   port_write						injected
 * test_nomem
 *   conflate, translate (slices)			full_queues
 *   rxq (compact)					small_buffer
 * test_nomem_load
 *   socket (operations)				first_attach
 *   what is called while the module is loaded		loading
 *
 * The answers that a publisher's sets of rules have given are kept where there is room
 * already: that takes no memory.
 */
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/ksft.h"
#include "lib/sites.h"

static const char *const allocators[] = {
	"__kmalloc_noprof", "__kmalloc_cache_noprof", "__kmalloc_node_noprof",
	"__kmalloc_large_noprof", "__kvmalloc_node_noprof", "kmem_cache_alloc_noprof",
	"kmem_cache_alloc_node_noprof", "__alloc_pages_noprof", "alloc_pages_noprof",
	"pcpu_alloc_noprof", "vmalloc_noprof", "kstrdup", "kstrndup", "kmemdup_noprof",
	"nla_strdup", "__alloc_skb", "alloc_skb_with_frags", "skb_clone", "skb_copy",
	"pskb_expand_head", "__xa_alloc", "__xa_alloc_cyclic", "__xa_insert", "__xa_store",
	"xa_store", "rhashtable_init_noprof", "rhashtable_insert_slow",
	"netlink_broadcast_filtered", "anon_inode_getfile",
};

/* What no test makes fail, and why. */
static const struct {
	const char *function;
	const char *allocator;
	const char *why;
} excused[] = {
	/* fault injection sees its pages only, and the kernel keeps some in advance */
	{ "mqtt_stats_alloc", "pcpu_alloc_noprof", "only if it needs new pages just then" },
	{ "mqtt_group_join", "rhashtable_insert_slow", "only while the table is growing" },
};

static bool is_allocator(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(allocators); i++) {
		if (strlen(allocators[i]) == len && !strncmp(name, allocators[i], len))
			return true;
	}
	return false;
}

static const char *is_excused(const char *function, const char *allocator)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(excused); i++) {
		if (!strcmp(excused[i].function, function) &&
		    !strcmp(excused[i].allocator, allocator))
			return excused[i].why;
	}
	return NULL;
}

static char seen[1 << 16];

static bool was_seen(const char *site)
{
	const char *at = seen;
	size_t len = strlen(site);

	for (; (at = strstr(at, site)); at += len) {
		if ((at == seen || at[-1] == '\n') && at[len] == '\n')
			return true;
	}
	return false;
}

/* Returns whether it has failed, or need not. */
static bool site(const char *function, unsigned long long at, const char *allocator)
{
	const char *why = is_excused(function, allocator);
	char name[256];

	snprintf(name, sizeof(name), "%s+%#llx", function, at);
	if (was_seen(name))
		return true;
	ksft_note("%s of %s: %s", allocator, name, why ?: "has never failed");
	return why;
}

static void need_tests(void)
{
	static const char *const tests[] = {
		"# test_nomem", "# test_nomem_each", "# test_nomem_load", "# test_nomem_message",
		"# test_nomem_rules",
	};
	FILE *f = popen("sort -u " SITES_FILE " 2>/dev/null", "r");
	size_t len, i;

	CHECK(f);
	len = fread(seen, 1, sizeof(seen) - 1, f);
	CHECK(len < sizeof(seen) - 1);
	seen[len] = '\0';
	pclose(f);
	for (i = 0; i < ARRAY_LEN(tests); i++) {
		if (!was_seen(tests[i]))
			ksft_skip("%s has not run before", tests[i] + 2);
	}
}

static FILE *disassemble(void)
{
	const char *env = getenv("MQTT_KO");
	char command[512], path[300];
	struct utsname uts;

	CHECK_SYS(uname(&uts));
	snprintf(path, sizeof(path), "build/%s/mqtt.ko", uts.release);
	snprintf(command, sizeof(command), "objdump -dr --no-show-raw-insn -j .text %s",
		 env ?: path);
	return popen(command, "r");
}

/* What does nothing else in the end: its callers' places are seen instead. */
static char tails[16][64];
static size_t nr_tails;

static bool is_tail(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < nr_tails; i++) {
		if (strlen(tails[i]) == len && !strncmp(name, tails[i], len))
			return true;
	}
	return false;
}

static void add_tail(const char *name)
{
	if (is_tail(name, strlen(name)))
		return;
	CHECK(nr_tails < ARRAY_LEN(tails));
	snprintf(tails[nr_tails++], sizeof(tails[0]), "%s", name);
}

/*
 * Looks at all calls: "12: call 17 <f+0x17>", "13: R_X86_64_PLT32 kstrdup-0x4",
 * "17: mov ...". Returns how many are of allocators, @left those that have not failed.
 */
static unsigned int look(bool count, unsigned int *left)
{
	char line[512], function[256] = "", name[256], called[256] = "";
	unsigned long long base = 0, at;
	unsigned int sites = 0;
	bool jump = false;
	FILE *f = disassemble();

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx <%255[^>]>:", &at, name) == 2) {
			snprintf(function, sizeof(function), "%s", name);
			base = at;
		} else if (sscanf(line, " %*x: R_X86_64_PLT32 %255[^-\n]", called) == 1) {
			if (!is_allocator(called, strlen(called)) &&
			    !is_tail(called, strlen(called)))
				called[0] = '\0';
			else if (jump)
				add_tail(function);
		} else if (sscanf(line, " %llx:", &at) == 1) {
			if (*called && !jump && count) {
				sites++;
				*left += !site(function, at - base, called);
			}
			called[0] = '\0';
			jump = strstr(line, "\tjmp");
		}
	}
	pclose(f);
	return sites;
}

static void every_site(void)
{
	unsigned int sites, left = 0;

	need_tests();
	look(false, &left);
	sites = look(true, &left);
	ksft_note("%u places, %u without a failure", sites, left);
	CHECK(sites > 30);
	CHECK_EQ(left, 0);
}

static const struct ksft_case cases[] = {
	{ "every_site", every_site },
};

int main(int argc, char **argv)
{
	return ksft_main(argc, argv, cases, ARRAY_LEN(cases));
}
