// SPDX-License-Identifier: MIT
/*
 * Reading text files line by line.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"

char *text_trim(char *text)
{
	char *end = text + strlen(text);

	while (isspace((unsigned char)*text))
		text++;
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return text;
}

char *text_cut(char *text)
{
	char *rest = text + strcspn(text, " \t");

	if (*rest)
		*rest++ = '\0';
	return rest + strspn(rest, " \t");
}

int lines_open(struct lines *lines, const char *path)
{
	*lines = (struct lines){ .file = fopen(path, "re") };
	return lines->file ? 0 : -errno;
}

/* Some editors begin a file with a byte order mark. */
static size_t mark_length(const char *line)
{
	return strncmp(line, "\xef\xbb\xbf", 3) ? 0 : 3;
}

int lines_next(struct lines *lines, char **text)
{
	ssize_t len;

	errno = 0;
	len = getline(&lines->line, &lines->size, lines->file);
	if (len < 0) {
		if (feof(lines->file) && !ferror(lines->file))
			return 0;
		return errno ? -errno : -EIO;
	}
	lines->number++;
	if (strlen(lines->line) != (size_t)len)
		return -EINVAL;
	*text = text_trim(lines->line + (lines->number == 1 ? mark_length(lines->line) : 0));
	return 1;
}

void lines_close(struct lines *lines)
{
	if (lines->line)
		explicit_bzero(lines->line, lines->size);
	free(lines->line);
	fclose(lines->file);
}
