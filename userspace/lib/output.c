// SPDX-License-Identifier: MIT
/* Text or JSON; see output.h. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "output.h"

#define NAME_WIDTH	20		/* of a column's names */

static bool is_json(const struct out *out)
{
	return out->flags & OUT_JSON;
}

static void indent(struct out *out, int levels)
{
	fprintf(out->file, "%*s", 4 * levels, "");
}

void out_init(struct out *out, FILE *file, unsigned int flags)
{
	*out = (struct out){
		.file = file,
		.flags = flags,
		.line_empty = true,
		.list_empty = true,
	};
}

int out_finish(struct out *out)
{
	if (is_json(out) && !out->list_empty)
		fputc('\n', out->file);
	return fflush(out->file) || ferror(out->file) ? -EIO : 0;
}

/*
 * Characters
 */

/* Bytes of the character at @s, which has @len bytes; 0 if it is none. */
static size_t char_decode(const uint8_t *s, size_t len, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 :
		   s[0] < 0xf5 ? 4 : 0;

	if (!n || n > len)
		return 0;
	*code = n == 1 ? s[0] : s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return n;
}

/* Commands to a terminal, and characters that are not seen where they stand. */
static bool char_is_unsafe(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} unsafe[] = {
		{ 0x00, 0x1f },			/* C0 controls */
		{ 0x7f, 0x9f },			/* DEL, C1 controls */
		{ 0xad, 0xad },			/* soft hyphen */
		{ 0x61c, 0x61c },		/* Arabic letter mark */
		{ 0x180e, 0x180e },		/* Mongolian vowel separator */
		{ 0x200b, 0x200f },		/* zero width, direction marks */
		{ 0x2028, 0x202e },		/* separators, embeddings, overrides */
		{ 0x2060, 0x206f },		/* invisible operators, isolates */
		{ 0xfeff, 0xfeff },		/* byte order mark */
		{ 0xfff0, 0xfffb },		/* interlinear annotation */
		{ 0xe0000, 0xe0fff },		/* tags, variation selectors */
	};

	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++) {
		if (code >= unsafe[i].first && code <= unsafe[i].last)
			return true;
	}
	return false;
}

static void text_escape(FILE *file, uint32_t code)
{
	if (code < 0x10000)
		fprintf(file, "\\u%04" PRIx32, code);
	else
		fprintf(file, "\\U%08" PRIx32, code);
}

static void json_escape(FILE *file, uint32_t code)
{
	if (code < 0x10000)
		fprintf(file, "\\u%04" PRIx32, code);
	else
		fprintf(file, "\\u%04" PRIx32 "\\u%04" PRIx32,
			0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
}

/* @s begins a character of @n bytes, or is a byte that is part of none. */
static void put_char(const struct out *out, const uint8_t *s, size_t n, uint32_t code)
{
	FILE *file = out->file;

	if (!n && is_json(out))
		fputs("\\ufffd", file);
	else if (!n)
		fprintf(file, "\\x%02x", s[0]);
	else if (code == '"' || code == '\\')
		fprintf(file, "\\%c", (int)code);
	else if (char_is_unsafe(code))
		(is_json(out) ? json_escape : text_escape)(file, code);
	else
		fwrite(s, 1, n, file);
}

static void put_string(const struct out *out, const uint8_t *s, size_t len)
{
	uint32_t code = 0;
	size_t n;

	fputc('"', out->file);
	while (len) {
		n = char_decode(s, len, &code);
		put_char(out, s, n, code);
		s += n ? n : 1;
		len -= n ? n : 1;
	}
	fputc('"', out->file);
}

/*
 * What stands in front of a value, and what around several
 */

static void json_next(struct out *out, const char *name)
{
	bool pretty = out->flags & OUT_PRETTY;

	if (!out->list_empty)
		fputc(',', out->file);
	if (pretty && out->depth) {
		fputc('\n', out->file);
		indent(out, out->depth);
	}
	if (name)
		fprintf(out->file, pretty ? "\"%s\": " : "\"%s\":", name);
	out->list_empty = false;
}

static void json_begin(struct out *out, const char *name, char bracket)
{
	json_next(out, name);
	fputc(bracket, out->file);
	out->list_empty = true;
}

static void json_end(struct out *out, char bracket)
{
	if ((out->flags & OUT_PRETTY) && !out->list_empty) {
		fputc('\n', out->file);
		indent(out, out->depth);
	}
	fputc(bracket, out->file);
	out->list_empty = false;
}

static enum out_form form(const struct out *out)
{
	return out->depth ? out->forms[out->depth - 1] : OUT_ROW;
}

static void text_newline(struct out *out)
{
	if (!out->line_empty)
		fputc('\n', out->file);
	out->line_empty = true;
}

static void text_name(struct out *out, const char *name)
{
	if (form(out) == OUT_COLUMN)
		text_newline(out);
	if (out->line_empty)
		indent(out, out->indent);
	else
		fputc(' ', out->file);
	if (form(out) == OUT_COLUMN)
		fprintf(out->file, "%-*s ", NAME_WIDTH, name);
	else
		fprintf(out->file, "%s ", name);
	out->line_empty = false;
}

static void put_name(struct out *out, const char *name)
{
	if (is_json(out))
		json_next(out, name);
	else
		text_name(out, name);
}

static void push(struct out *out, enum out_form form)
{
	assert(out->depth < OUT_DEPTH_MAX);
	out->forms[out->depth++] = form;
}

void out_array_begin(struct out *out, const char *name)
{
	if (is_json(out))
		json_begin(out, name, '[');
	push(out, OUT_ROW);
}

void out_array_end(struct out *out)
{
	out->depth--;
	if (is_json(out))
		json_end(out, ']');
}

/* Text: an object within another has its name as a heading and is indented. */
static void text_object_begin(struct out *out, const char *name)
{
	text_newline(out);
	out->indent = 0;
	if (!name)
		return;
	indent(out, 1);
	fprintf(out->file, "%s\n", name);
	out->indent = 2;
}

void out_object_begin(struct out *out, const char *name, enum out_form form)
{
	if (is_json(out))
		json_begin(out, name, '{');
	else
		text_object_begin(out, name);
	push(out, form);
}

void out_object_end(struct out *out)
{
	out->depth--;
	if (is_json(out))
		json_end(out, '}');
	else
		text_newline(out);
}

void out_line(struct out *out)
{
	if (is_json(out) || form(out) == OUT_COLUMN)
		return;
	text_newline(out);
	out->indent = 1;
}

/*
 * Values
 */

void out_word(struct out *out, const char *name, const char *word)
{
	put_name(out, name);
	fprintf(out->file, is_json(out) ? "\"%s\"" : "%s", word);
}

void out_string(struct out *out, const char *name, const void *string, size_t len)
{
	put_name(out, name);
	put_string(out, string, len);
}

void out_count(struct out *out, const char *name, uint64_t count)
{
	put_name(out, name);
	fprintf(out->file, "%" PRIu64, count);
}

/* The largest unit that leaves at least 1; one decimal unless it is exact. */
static void text_bytes(FILE *file, uint64_t bytes)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned int shift = 0;

	while (bytes >> shift >= 1024)
		shift += 10;
	if (bytes == bytes >> shift << shift)
		fprintf(file, "%" PRIu64 " %s", bytes >> shift, units[shift / 10]);
	else
		fprintf(file, "%.1f %s", (double)bytes / (double)(1ull << shift),
			units[shift / 10]);
}

void out_bytes(struct out *out, const char *name, uint64_t bytes)
{
	put_name(out, name);
	if (is_json(out) || form(out) == OUT_COLUMN)
		fprintf(out->file, "%" PRIu64, bytes);
	else
		text_bytes(out->file, bytes);
	if (!is_json(out) && form(out) == OUT_COLUMN && bytes >= 1024) {
		fputs(" (", out->file);
		text_bytes(out->file, bytes);
		fputc(')', out->file);
	}
}

void out_number(struct out *out, const char *name, int64_t number)
{
	put_name(out, name);
	fprintf(out->file, "%" PRId64, number);
}

void out_strings(struct out *out, const char *name, size_t n,
		 const char *(*get)(const void *ctx, size_t i, size_t *len), const void *ctx)
{
	const char *text;
	size_t i, len;

	if (!n && !is_json(out))
		return;
	put_name(out, name);
	if (is_json(out))
		fputc('[', out->file);
	for (i = 0; i < n; i++) {
		if (i)
			fputc(is_json(out) ? ',' : ' ', out->file);
		text = get(ctx, i, &len);
		put_string(out, (const uint8_t *)text, len);
	}
	if (is_json(out))
		fputc(']', out->file);
}
