/* SPDX-License-Identifier: MIT */
/*
 * Text files line by line, as configuration, password and permission files are:
 * white space around a line does not matter, so neither do CRLF line ends, nor
 * does a byte order mark in front of the first one.
 */
#ifndef MQTT_LIB_LINES_H
#define MQTT_LIB_LINES_H

#include <stddef.h>
#include <stdio.h>

/**
 * struct lines - a file that is being read
 * @file: it
 * @line: the last line
 * @size: bytes allocated there
 * @number: of that line, from 1
 */
struct lines {
	FILE *file;
	char *line;
	size_t size;
	unsigned int number;
};

/* Returns 0, or -errno, and then there is nothing to close. */
int lines_open(struct lines *lines, const char *path);

/**
 * lines_next() - the next line
 * @lines: open
 * @text: the line without white space around it, to be written to at will; until
 *	the next call
 *
 * Return: 1; 0 at the end; -EINVAL for a line with a NUL byte, and the next one
 * can be read all the same; -errno if the file cannot be read.
 */
int lines_next(struct lines *lines, char **text);

/* Forgets what was read, also in memory. */
void lines_close(struct lines *lines);

/* Cuts white space off both ends. Returns where the text begins now. */
char *text_trim(char *text);

/* Cuts the first word off. Returns what follows the white space behind it, maybe "". */
char *text_cut(char *text);

#endif /* MQTT_LIB_LINES_H */
