/* SPDX-License-Identifier: MIT */
/*
 * Files for SQLite on a disk that loses what was not synchronised when the power
 * goes, and whose calls fail when they are told to.
 *
 *   SQLite ── faulty ── unix ── the real files, which have all that was written
 *               └── images: what is on the disk for sure, and writes since
 *
 * While the power is off every call fails. faulty_power_on(), if it was, gives the real
 * files the contents that they would have: of the writes that were not synchronised any
 * sectors, and of files that were just created or deleted either.
 */
#ifndef FAULTY_VFS_H
#define FAULTY_VFS_H

#include <stdbool.h>

/* SQLite's default from now on. Before it is used for anything. */
void faulty_register(void);

/* No faults, nothing is known of any file. */
void faulty_reset(void);

/*
 * The power goes at synchronisation number @at from now on, 0: never. @seed: chooses
 * what becomes of writes. Has it gone?
 */
void faulty_power_off_at(int at, unsigned int seed);
bool faulty_power_is_off(void);
void faulty_power_on(void);

/* Call number @at from now on returns @result, and with @stay all that follow, too. */
void faulty_fail_at(int at, int result, bool stay);
void faulty_fail_never(void);
bool faulty_has_failed(void);

/* Likewise for SQLite's memory, @times from @at on; registered before SQLite is used. */
void faulty_memory_register(void);
void faulty_memory_fail_at(int at, int times);
void faulty_memory_fail_never(void);
bool faulty_memory_has_failed(void);

#endif /* FAULTY_VFS_H */
