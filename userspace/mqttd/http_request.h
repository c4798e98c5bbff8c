/* SPDX-License-Identifier: MIT */
/*
 * The head of an HTTP/1.1 request (RFC 9110, 9112): the line, and header fields. Nothing
 * that could be read in two ways is accepted. Pure code.
 */
#ifndef MQTTD_HTTP_REQUEST_H
#define MQTTD_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_FIELDS_MAX	100

/**
 * struct http_text - bytes of the request
 * @at: the first of them; not terminated
 * @len: how many
 */
struct http_text {
	const char *at;
	size_t len;
};

struct http_field {
	struct http_text name;
	struct http_text value;		/* without blanks around it */
};

/**
 * struct http_request - a head that was read; what it points to is the caller's
 * @method: as it came
 * @target: likewise; begins with '/'
 * @version: of HTTP/1: the number behind the point, or -1 for another HTTP
 * @fields: in their order
 * @n: how many
 */
struct http_request {
	struct http_text method;
	struct http_text target;
	int version;
	struct http_field fields[HTTP_FIELDS_MAX];
	unsigned int n;
};

/**
 * http_request_parse() - read one
 * @data: the beginning of a stream
 * @len: bytes at @data
 * @request: result
 * @size: bytes of the head
 *
 * Whatever is wrong is seen with the line that it is in, without waiting for the rest.
 *
 * Return: 0; -EAGAIN: there is more of it to come; -EBADMSG: it is none; -E2BIG: it has too
 * many fields.
 */
int http_request_parse(const char *data, size_t len, struct http_request *request, size_t *size);

/* Letters of either case are the same. */
bool http_text_is(const struct http_text *text, const char *word);

/* The next field of this name, or NULL. @field: the one before, or NULL for the first. */
const struct http_field *http_request_field(const struct http_request *request, const char *name,
					    const struct http_field *field);

/* How many fields of this name are there? */
unsigned int http_request_count(const struct http_request *request, const char *name);

/*
 * The next element of a list with commas, blanks around it and empty ones left out. *@rest
 * is the list at first, then what is behind the element. False: there is none.
 */
bool http_list_next(struct http_text *rest, struct http_text *element);

#endif /* MQTTD_HTTP_REQUEST_H */
