/* SPDX-License-Identifier: MIT */
/*
 * What a command prints, as text for people or as JSON for programs, from the
 * same calls. Values are named; the names are JSON's keys.
 *
 * Text comes in two forms. In a row, names and values follow one another on a
 * line, and out_line() begins the next, indented one. In a column every value
 * has its own line and the numbers are exact.
 *
 * Strings may come from strangers. In either form they cannot send control
 * characters to a terminal, hide or turn around what is printed, or pretend to
 * be a name or a value of ours; JSON is valid whatever the bytes are.
 */
#ifndef MQTT_LIB_OUTPUT_H
#define MQTT_LIB_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OUT_JSON	0x1u
#define OUT_PRETTY	0x2u		/* JSON with line breaks */

#define OUT_DEPTH_MAX	8

enum out_form {
	OUT_ROW,
	OUT_COLUMN,
};

/**
 * struct out - where output goes, and how far it is
 * @file: the caller's
 * @flags: OUT_*
 * @depth: open objects and arrays
 * @forms: text: the form of each open object
 * @indent: text: levels of the present line's indentation
 * @line_empty: text: nothing was printed on this line
 * @list_empty: JSON: nothing was printed in the innermost object or array
 */
struct out {
	FILE *file;
	unsigned int flags;
	int depth;
	enum out_form forms[OUT_DEPTH_MAX];
	int indent;
	bool line_empty;
	bool list_empty;
};

void out_init(struct out *out, FILE *file, unsigned int flags);

/* Ends the output, if there was any. Return: 0, or -EIO if not all could be written. */
int out_finish(struct out *out);

/* At most OUT_DEPTH_MAX deep. An object in an array, or the outermost, has no @name. */
void out_array_begin(struct out *out, const char *name);
void out_array_end(struct out *out);
void out_object_begin(struct out *out, const char *name, enum out_form form);
void out_object_end(struct out *out);

/* Text: begins a line. */
void out_line(struct out *out);

/* @name and @word are the program's own, plain ASCII. */
void out_word(struct out *out, const char *name, const char *word);
void out_count(struct out *out, const char *name, uint64_t count);
void out_bytes(struct out *out, const char *name, uint64_t bytes);

/* @string is anybody's; ends at @len, may have anything in it. */
void out_string(struct out *out, const char *name, const void *string, size_t len);

/* Perhaps below zero. */
void out_number(struct out *out, const char *name, int64_t number);

/* @n of them, which @get tells one by one; text: nothing for none. */
void out_strings(struct out *out, const char *name, size_t n,
		 const char *(*get)(const void *ctx, size_t i, size_t *len), const void *ctx);

#endif /* MQTT_LIB_OUTPUT_H */
