// SPDX-License-Identifier: MIT
/*
 * Password files. The first line is a user name that is looked up, and a password as
 * the file would have it.
 */
#include <linux/rcupdate.h>

#include "fuzz.h"
#include "log.h"
#include "password_file.h"

/* What was understood can be written, and is the same then. */
static void check_text(const char *text)
{
	char written[PASSWORD_TEXT_MAX], again[PASSWORD_TEXT_MAX];
	struct password password;

	if (password_parse(&password, text))
		return;
	password_format(&password, written);
	must(strlen(written) < sizeof(written));
	must(!password_parse(&password, written));
	password_format(&password, again);
	must(!strcmp(written, again));
	if (password.kind == PASSWORD_SHA512)
		must(!password_is(&password, text, strlen(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_config quiet = {};
	struct password_file *file;
	struct memory_file memory;
	char *line;
	bool known;

	line = cut_line(&data, &size);
	if (!line)
		return 0;
	log_configure(&quiet);
	check_text(line);
	memory_file_open(&memory);
	memory_file_write(&memory, data, size);
	must(!password_file_load(&file, memory.path));
	if (!password_file_find(file, line, &known))
		must(!known);
	password_file_put(file);
	memory_file_close(&memory);
	free(line);
	return 0;
}
