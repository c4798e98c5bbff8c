// SPDX-License-Identifier: MIT
/*
 * A session's subscriptions, all at once, for a router that was created when the
 * session was there already.
 */
#include <errno.h>
#include <stdlib.h>

#include "broker.h"
#include "client.h"
#include "dataplane.h"
#include "session.h"
#include "subscribe.h"
#include "worker.h"

/**
 * struct load - filters that were copied
 * @client: whose
 * @bytes: of all filters, one after the other
 * @filters: where they will point into @bytes when all are there
 * @n: how many
 */
struct load {
	struct client *client;
	struct buffer bytes;
	struct session_filter *filters;
	size_t n;
};

static int add(void *ctx, const struct session_filter *filter)
{
	struct load *load = ctx;

	load->filters[load->n] = *filter;
	load->filters[load->n++].changed = true;
	return buffer_append(&load->bytes, filter->filter, filter->len);
}

int session_load(struct client *client)
{
	struct session *session = client->session;
	struct load load = { .client = client };
	const u8 *filter;
	int err = 0;
	size_t i;

	if (!session->subs.count)
		return 0;
	load.filters = calloc(session->subs.count, sizeof(*load.filters));
	if (!load.filters)
		return -ENOMEM;
	err = route_visit(&client->worker->broker->routes, session, add, &load);
	if (!err) {
		filter = buffer_head(&load.bytes);
		for (i = 0; i < load.n; i++) {
			load.filters[i].filter = filter;
			filter += load.filters[i].len;
		}
		err = dataplane_subscribe(client->worker, &client->conn, load.filters, load.n);
	}
	buffer_free(&load.bytes);
	free(load.filters);
	return err;
}
