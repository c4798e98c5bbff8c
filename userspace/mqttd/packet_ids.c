// SPDX-License-Identifier: MIT
/*
 * Packet identifiers as bits in pages that are there while they have any.
 */
#include <errno.h>
#include <stdlib.h>

#include "packet_ids.h"

#define PAGE_IDS	1024
#define PAGES		(65536 / PAGE_IDS)

struct page {
	unsigned int count;
	u64 words[PAGE_IDS / 64];
};

struct packet_ids {
	unsigned int count;
	struct page *pages[PAGES];
};

struct packet_ids *packet_ids_new(void)
{
	return calloc(1, sizeof(struct packet_ids));
}

void packet_ids_free(struct packet_ids *ids)
{
	int i;

	for (i = 0; ids && i < PAGES; i++)
		free(ids->pages[i]);
	free(ids);
}

static u64 *word_of(struct page *page, u16 id)
{
	return &page->words[id % PAGE_IDS / 64];
}

int packet_ids_add(struct packet_ids *ids, u16 id)
{
	struct page **page = &ids->pages[id / PAGE_IDS];
	u64 bit = 1ull << id % 64;

	if (!*page)
		*page = calloc(1, sizeof(**page));
	if (!*page)
		return -ENOMEM;
	if (*word_of(*page, id) & bit)
		return 0;
	*word_of(*page, id) |= bit;
	(*page)->count++;
	ids->count++;
	return 1;
}

bool packet_ids_has(const struct packet_ids *ids, u16 id)
{
	struct page *page = ids ? ids->pages[id / PAGE_IDS] : NULL;

	return page && *word_of(page, id) & 1ull << id % 64;
}

bool packet_ids_del(struct packet_ids *ids, u16 id)
{
	struct page **page = &ids->pages[id / PAGE_IDS];
	u64 bit = 1ull << id % 64;

	if (!*page || !(*word_of(*page, id) & bit))
		return false;
	*word_of(*page, id) &= ~bit;
	ids->count--;
	if (!--(*page)->count) {
		free(*page);
		*page = NULL;
	}
	return true;
}

unsigned int packet_ids_count(const struct packet_ids *ids)
{
	return ids ? ids->count : 0;
}
