// SPDX-License-Identifier: MIT
/* Files on a disk that has no memory of what was not synchronised. */
#include <assert.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faulty_vfs.h"
#include "store_fixture.h"

#define FILES_MAX	8
#define SECTOR		512

/* A write that was not synchronised; @len 0: the file was cut at @offset */
struct unsynced {
	struct unsynced *next;
	size_t offset;
	size_t len;
	u8 bytes[];
};

/**
 * struct image - a file on the disk
 * @name: full path, empty: unused
 * @bytes: what is there for sure
 * @len: how long it is
 * @exists: its name is there for sure
 * @deleted: it was, but that is not sure
 * @first: writes since, in their order
 * @last: where the next one goes
 */
struct image {
	char name[STORE_PATH_MAX + 8];
	u8 *bytes;
	size_t len;
	bool exists;
	bool deleted;
	struct unsynced *first;
	struct unsynced **last;
};

struct faulty_file {
	sqlite3_file base;
	struct image *image;
	sqlite3_file *real;
};

static struct image images[FILES_MAX];
static sqlite3_vfs *unix_vfs;
static unsigned int seed;
static int syncs_left;
static int calls_left;
static int fail_result;
static bool fail_stays;
static bool failed;
static bool power_off;

static unsigned int random_below(unsigned int limit)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 8) % limit;
}

/* --- images --------------------------------------------------------------- */

static void image_forget_writes(struct image *image)
{
	struct unsynced *write;

	while ((write = image->first)) {
		image->first = write->next;
		free(write);
	}
	image->last = &image->first;
}

static void image_free(struct image *image)
{
	image_forget_writes(image);
	free(image->bytes);
	memset(image, 0, sizeof(*image));
}

static struct image *image_of(const char *name)
{
	struct image *unused = NULL;
	int i;

	for (i = 0; i < FILES_MAX; i++) {
		if (!strcmp(images[i].name, name))
			return &images[i];
		if (!images[i].name[0])
			unused = &images[i];
	}
	assert(unused);
	snprintf(unused->name, sizeof(unused->name), "%s", name);
	unused->last = &unused->first;
	/* What it was before anybody here has seen it is sure */
	unused->bytes = file_bytes(name, &unused->len);
	unused->exists = unused->bytes;
	return unused;
}

static void image_write(struct image *image, const void *bytes, size_t offset, size_t len)
{
	struct unsynced *write = malloc(sizeof(*write) + len);

	assert(write);
	*write = (struct unsynced){ .offset = offset, .len = len };
	if (len)
		memcpy(write->bytes, bytes, len);
	*image->last = write;
	image->last = &write->next;
}

/* All of a write, or of each of its sectors at random */
static void image_apply(struct image *image, const struct unsynced *write, bool all)
{
	size_t end = write->offset + write->len, at, n;

	if (!write->len) {
		if (all || random_below(2))
			image->len = write->offset < image->len ? write->offset : image->len;
		return;
	}
	for (at = write->offset; at < end; at += n) {
		n = SECTOR - at % SECTOR;
		if (n > end - at)
			n = end - at;
		if (!all && random_below(2))
			continue;
		if (at + n > image->len) {
			image->bytes = realloc(image->bytes, at + n);
			assert(image->bytes);
			memset(image->bytes + image->len, 0, at + n - image->len);
			image->len = at + n;
		}
		memcpy(image->bytes + at, write->bytes + (at - write->offset), n);
	}
}

static void image_sync(struct image *image)
{
	struct unsynced *write;

	for (write = image->first; write; write = write->next)
		image_apply(image, write, true);
	image_forget_writes(image);
	image->exists = true;
}

static void image_restore(struct image *image)
{
	struct unsynced *write;
	unsigned int how = random_below(3);

	/* Of what was written since nothing is there, or all, or some */
	for (write = image->first; write && how; write = write->next)
		image_apply(image, write, how == 1);
	if (image->exists || (how && random_below(2)))
		file_write(image->name, image->bytes, image->len);
	else
		unlink(image->name);
	if (image->deleted && random_below(2))
		unlink(image->name);
	image_free(image);
}

/* --- faults --------------------------------------------------------------- */

static int fault(void)
{
	if (power_off)
		return SQLITE_IOERR;
	if (!calls_left || --calls_left)
		return SQLITE_OK;
	calls_left = fail_stays;
	failed = true;
	return fail_result;
}

void faulty_fail_at(int at, int result, bool stay)
{
	calls_left = at;
	fail_result = result;
	fail_stays = stay;
	failed = false;
}

void faulty_fail_never(void)
{
	calls_left = 0;
}

bool faulty_has_failed(void)
{
	return failed;
}

void faulty_power_off_at(int at, unsigned int how)
{
	syncs_left = at;
	seed = how;
}

bool faulty_power_is_off(void)
{
	return __atomic_load_n(&power_off, __ATOMIC_ACQUIRE);
}

void faulty_power_on(void)
{
	int i;

	for (i = 0; i < FILES_MAX; i++)
		if (power_off && images[i].name[0])
			image_restore(&images[i]);
	power_off = false;
	syncs_left = 0;
}

void faulty_reset(void)
{
	int i;

	for (i = 0; i < FILES_MAX; i++)
		image_free(&images[i]);
	power_off = false;
	syncs_left = 0;
	faulty_fail_never();
	failed = false;
}

/* --- SQLite's view -------------------------------------------------------- */

static struct faulty_file *faulty(sqlite3_file *file)
{
	return (struct faulty_file *)file;
}

static int file_close(sqlite3_file *file)
{
	sqlite3_file *real = faulty(file)->real;

	return real->pMethods->xClose(real);
}

static int file_read(sqlite3_file *file, void *to, int len, sqlite3_int64 offset)
{
	sqlite3_file *real = faulty(file)->real;
	int ret = fault();

	return ret ? ret : real->pMethods->xRead(real, to, len, offset);
}

static int file_write_at(sqlite3_file *file, const void *from, int len, sqlite3_int64 offset)
{
	sqlite3_file *real = faulty(file)->real;
	int ret = fault();

	if (ret)
		return ret;
	image_write(faulty(file)->image, from, offset, len);
	return real->pMethods->xWrite(real, from, len, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	sqlite3_file *real = faulty(file)->real;
	int ret = fault();

	if (ret)
		return ret;
	image_write(faulty(file)->image, NULL, size, 0);
	return real->pMethods->xTruncate(real, size);
}

static int file_sync(sqlite3_file *file, int flags)
{
	int ret = fault();

	(void)flags;
	if (ret)
		return ret;
	if (syncs_left && !--syncs_left) {
		__atomic_store_n(&power_off, true, __ATOMIC_RELEASE);
		return SQLITE_IOERR_FSYNC;
	}
	image_sync(faulty(file)->image);
	return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	sqlite3_file *real = faulty(file)->real;
	int ret = fault();

	return ret ? ret : real->pMethods->xFileSize(real, size);
}

static int file_lock(sqlite3_file *file, int level)
{
	sqlite3_file *real = faulty(file)->real;

	return real->pMethods->xLock(real, level);
}

static int file_unlock(sqlite3_file *file, int level)
{
	sqlite3_file *real = faulty(file)->real;

	return real->pMethods->xUnlock(real, level);
}

static int file_check_lock(sqlite3_file *file, int *result)
{
	sqlite3_file *real = faulty(file)->real;

	return real->pMethods->xCheckReservedLock(real, result);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	sqlite3_file *real = faulty(file)->real;

	return real->pMethods->xFileControl(real, op, arg);
}

static int file_sector_size(sqlite3_file *file)
{
	sqlite3_file *real = faulty(file)->real;

	return real->pMethods->xSectorSize(real);
}

static int file_characteristics(sqlite3_file *file)
{
	sqlite3_file *real = faulty(file)->real;

	return real->pMethods->xDeviceCharacteristics(real);
}

/* Version 1: no shared memory, which is not needed with a lock of one's own */
static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write_at,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_characteristics,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct faulty_file *f = faulty(file);
	int ret = fault();

	(void)vfs;
	file->pMethods = NULL;
	if (ret)
		return ret == SQLITE_FULL ? ret : SQLITE_CANTOPEN;
	/* Without a name, a file for sorting: none of ours */
	assert(name);
	f->image = image_of(name);
	f->image->deleted = false;
	f->real = (sqlite3_file *)(f + 1);
	ret = unix_vfs->xOpen(unix_vfs, name, f->real, flags, out);
	if (!ret)
		file->pMethods = &methods;
	return ret;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
	struct image *image = image_of(name);
	int ret = fault();

	(void)vfs;
	if (ret)
		return ret;
	if (sync_directory)
		image_free(image);
	else
		image->deleted = true;
	return unix_vfs->xDelete(unix_vfs, name, sync_directory);
}

void faulty_register(void)
{
	static sqlite3_vfs vfs;

	unix_vfs = sqlite3_vfs_find(NULL);
	vfs = *unix_vfs;
	vfs.zName = "faulty";
	vfs.szOsFile = sizeof(struct faulty_file) + unix_vfs->szOsFile;
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	sqlite3_vfs_register(&vfs, 1);
}

/* --- memory --------------------------------------------------------------- */

static sqlite3_mem_methods real_memory;
static int memory_left;
static int memory_times;
static bool memory_failed;

static bool memory_fault(void)
{
	if (!memory_left)
		return false;
	if (memory_left > 1) {
		memory_left--;
		return false;
	}
	if (!--memory_times)
		memory_left = 0;
	memory_failed = true;
	return true;
}

static void *memory_malloc(int size)
{
	return memory_fault() ? NULL : real_memory.xMalloc(size);
}

static void *memory_realloc(void *memory, int size)
{
	return memory_fault() ? NULL : real_memory.xRealloc(memory, size);
}

void faulty_memory_register(void)
{
	sqlite3_mem_methods memory;

	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
	memory = real_memory;
	memory.xMalloc = memory_malloc;
	memory.xRealloc = memory_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);
}

void faulty_memory_fail_at(int at, int times)
{
	memory_left = at;
	memory_times = times;
	memory_failed = false;
}

void faulty_memory_fail_never(void)
{
	memory_left = 0;
}

bool faulty_memory_has_failed(void)
{
	return memory_failed;
}
