// SPDX-License-Identifier: MIT
/*
 * Sentences that quote what others have said.
 */
#include <string.h>

#include <mqtt/utf8.h>

#include "sentence.h"

/* Bytes of the character at @text, 0 if it is none. */
static size_t character(const char *text)
{
	size_t len = strnlen(text, 4), n;

	for (n = 1; n <= len; n++)
		if (mqtt_utf8_valid((const u8 *)text, n))
			return n;
	return 0;
}

void sentence_mend(char *sentence)
{
	size_t n;

	while (*sentence) {
		n = character(sentence);
		if (!n)
			*sentence = '?';
		sentence += n ? n : 1;
	}
}
