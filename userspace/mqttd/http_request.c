// SPDX-License-Identifier: MIT
/*
 * Heads of HTTP requests, line by line.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http_request.h"

static bool is_token(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* In a target: what is visible. */
static bool is_visible(char c)
{
	return c > ' ' && c < 0x7f;
}

/* In a value: also blanks, and bytes of other character sets. */
static bool is_value(char c)
{
	return is_visible(c) || c == ' ' || c == '\t' || (unsigned char)c >= 0x80;
}

static size_t span(const char *at, size_t len, bool (*is)(char c))
{
	size_t n = 0;

	while (n < len && is(at[n]))
		n++;
	return n;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void trim(struct http_text *text)
{
	size_t blanks = span(text->at, text->len, is_blank);

	text->at += blanks;
	text->len -= blanks;
	while (text->len && is_blank(text->at[text->len - 1]))
		text->len--;
}

/* Takes what is like that, and the character behind it, off the line. */
static bool take(struct http_text *line, struct http_text *text, bool (*is)(char c), char end)
{
	text->at = line->at;
	text->len = span(line->at, line->len, is);
	if (!text->len || text->len == line->len || line->at[text->len] != end)
		return false;
	line->at += text->len + 1;
	line->len -= text->len + 1;
	return true;
}

/* METHOD TARGET HTTP/1.1 */
static int parse_line(struct http_request *request, struct http_text line)
{
	if (!take(&line, &request->method, is_token, ' ') ||
	    !take(&line, &request->target, is_visible, ' '))
		return -EBADMSG;
	if (line.len != 8 || memcmp(line.at, "HTTP/", 5) || line.at[6] != '.' ||
	    line.at[5] < '0' || line.at[5] > '9' || line.at[7] < '0' || line.at[7] > '9')
		return -EBADMSG;
	request->version = line.at[5] == '1' ? line.at[7] - '0' : -1;
	return *request->target.at == '/' ? 0 : -EBADMSG;
}

/* NAME: VALUE. A line that begins with a blank would go on with the one before. */
static int parse_field(struct http_request *request, struct http_text line)
{
	struct http_field *field = &request->fields[request->n];

	if (request->n == HTTP_FIELDS_MAX)
		return -E2BIG;
	if (!take(&line, &field->name, is_token, ':'))
		return -EBADMSG;
	field->value = line;
	trim(&field->value);
	if (span(line.at, line.len, is_value) != line.len)
		return -EBADMSG;
	request->n++;
	return 0;
}

/* A line that is not complete: can it be the beginning of one? */
static int check_cut(const char *at, size_t len, bool first)
{
	size_t n = span(at, len, is_token);

	if (n == len)
		return -EAGAIN;
	/* What came before may be all but the line's last byte. */
	if (at[len - 1] == '\r')
		len--;
	if (!n && len)
		return -EBADMSG;
	if (n < len && at[n] != (first ? ' ' : ':'))
		return -EBADMSG;
	return span(at, len, is_value) == len ? -EAGAIN : -EBADMSG;
}

int http_request_parse(const char *data, size_t len, struct http_request *request, size_t *size)
{
	const char *at = data, *end;
	struct http_text line;
	int err = 0;

	request->n = 0;
	while ((end = memchr(at, '\n', data + len - at))) {
		if (end == at || end[-1] != '\r')
			return -EBADMSG;
		line = (struct http_text){ .at = at, .len = end - 1 - at };
		if (!line.len) {
			*size = end + 1 - data;
			return at == data ? -EBADMSG : 0;
		}
		err = at == data ? parse_line(request, line) : parse_field(request, line);
		if (err)
			return err;
		at = end + 1;
	}
	return check_cut(at, data + len - at, at == data);
}

bool http_text_is(const struct http_text *text, const char *word)
{
	return strlen(word) == text->len && !strncasecmp(text->at, word, text->len);
}

const struct http_field *http_request_field(const struct http_request *request, const char *name,
					    const struct http_field *field)
{
	for (field = field ? field + 1 : request->fields; field < request->fields + request->n;
	     field++)
		if (http_text_is(&field->name, name))
			return field;
	return NULL;
}

unsigned int http_request_count(const struct http_request *request, const char *name)
{
	const struct http_field *field = NULL;
	unsigned int n = 0;

	while ((field = http_request_field(request, name, field)))
		n++;
	return n;
}

bool http_list_next(struct http_text *rest, struct http_text *element)
{
	const char *comma;

	while (rest->len) {
		comma = memchr(rest->at, ',', rest->len);
		element->at = rest->at;
		element->len = comma ? (size_t)(comma - rest->at) : rest->len;
		rest->at += element->len + !!comma;
		rest->len -= element->len + !!comma;
		trim(element);
		if (element->len)
			return true;
	}
	return false;
}
