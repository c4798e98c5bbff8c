// SPDX-License-Identifier: MIT
/*
 * A plugin for QEMU that counts the instructions executed in each translated
 * block between mqttperf's marks (tools/mqttperf/mark.h), and writes at the end
 * mark, for each block: its address, instructions executed in it, and its first
 * bytes, which tell programs at the same address apart.
 *
 *	-plugin profile.so,out=FILE	writes FILE.1, FILE.2 ... for each end mark
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

#define EXPORT	__attribute__((visibility("default")))
#define BUCKETS	(1u << 16)
#define BYTES	16u
#define OP_ADD	0
#define NO_REGS	0

EXPORT int qemu_plugin_version = 1;

struct block {
	struct block *next;
	uint64_t address;
	uint64_t count;
	uint8_t bytes[BYTES];
};

static struct block *blocks[BUCKETS];
static char out[4096];
static unsigned int dumps;

/* A block is translated again and again; it stays one block */
static struct block *find_block(uint64_t address, const uint8_t *bytes)
{
	struct block **bucket = &blocks[(address >> 1) % BUCKETS];
	struct block *block;

	for (block = *bucket; block; block = block->next)
		if (block->address == address && !memcmp(block->bytes, bytes, BYTES))
			return block;
	block = calloc(1, sizeof(*block));
	if (!block)
		return NULL;
	block->address = address;
	memcpy(block->bytes, bytes, BYTES);
	block->next = *bucket;
	*bucket = block;
	return block;
}

static void begin(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	for (unsigned int i = 0; i < BUCKETS; i++)
		for (struct block *block = blocks[i]; block; block = block->next)
			block->count = 0;
}

static void dump(FILE *file)
{
	for (unsigned int i = 0; i < BUCKETS; i++) {
		for (struct block *block = blocks[i]; block; block = block->next) {
			if (!block->count)
				continue;
			fprintf(file, "%" PRIx64 " %" PRIu64 " ", block->address, block->count);
			for (unsigned int j = 0; j < BYTES; j++)
				fprintf(file, "%02x", block->bytes[j]);
			fputc('\n', file);
		}
	}
}

static void end(unsigned int cpu, void *data)
{
	char name[sizeof(out) + 16];
	FILE *file;

	(void)cpu;
	(void)data;
	snprintf(name, sizeof(name), "%s.%u", out, ++dumps);
	file = fopen(name, "we");
	if (!file) {
		perror(name);
		return;
	}
	dump(file);
	fclose(file);
}

static void watch_marks(struct qemu_plugin_insn *insn)
{
	static const uint8_t mark[] = { 0x0f, 0x1f, 0x84, 0x00, 0, 0x54, 0x51, 0x4d };
	const uint8_t *bytes = qemu_plugin_insn_data(insn);

	if (qemu_plugin_insn_size(insn) != sizeof(mark) || memcmp(bytes, mark, 4) ||
	    memcmp(bytes + 5, mark + 5, 3))
		return;
	if (bytes[4] == 0x42)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, NO_REGS, NULL);
	else if (bytes[4] == 0x45)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, end, NO_REGS, NULL);
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), have = 0;
	uint8_t bytes[BYTES] = { 0 };
	struct block *block;

	(void)id;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		size_t size = qemu_plugin_insn_size(insn);

		watch_marks(insn);
		size = size < BYTES - have ? size : BYTES - have;
		memcpy(bytes + have, qemu_plugin_insn_data(insn), size);
		have += size;
	}
	block = find_block(qemu_plugin_tb_vaddr(tb), bytes);
	if (block)
		qemu_plugin_register_vcpu_tb_exec_inline(tb, OP_ADD, &block->count, n);
}

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			snprintf(out, sizeof(out), "%s", argv[i] + 4);
	if (!*out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
