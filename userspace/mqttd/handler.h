/* SPDX-License-Identifier: MIT */
/*
 * What the broker does with each type of control packet: one file per type,
 * and a table.
 *
 * A handler runs in the client's worker, gets a complete packet, and is done
 * with all its effects when it returns. It closes the client if it does not
 * like the packet.
 */
#ifndef MQTTD_HANDLER_H
#define MQTTD_HANDLER_H

#include <stdbool.h>
#include <stddef.h>

#include "auth.h"
#include "packet.h"

struct client;
struct session_filter;

/*
 * May a packet come that begins with @byte1, and have @size bytes (0: not
 * known yet)? If not the client is closed.
 */
bool handler_admit(struct client *client, u8 byte1, size_t size);

/* After handler_admit(). */
void handler_run(struct client *client, struct packet *packet);

/*
 * The rest of CONNECT: when its password was checked, and there is no connection with
 * its client id any more, and its session is durable.
 */
void handler_connect_auth(struct client *client, enum auth_result result);
void handler_connect_claim(struct client *client);
void handler_connect_finish(struct client *client);

/* Closes the client for what parsing a packet has returned; -EBADMSG or -EPROTO. */
void handler_refuse(struct client *client, int err, const char *why);

/*
 * Below: handle_filters.c. The filters of a SUBSCRIBE or UNSUBSCRIBE, @list->n of
 * them, to be freed with free(); NULL: the client was closed.
 */
struct session_filter *handler_filters(struct client *client, const struct packet *packet,
				       struct packet_filters *list);
/* Answers with the codes of @filters, once change number @ticket is durable. */
void handler_ack(struct client *client, u8 type, const struct packet_filters *list,
		 const struct session_filter *filters, u64 ticket);

void handle_connect(struct client *client, struct packet *packet);
void handle_publish(struct client *client, struct packet *packet);
void handle_subscribe(struct client *client, struct packet *packet);
void handle_unsubscribe(struct client *client, struct packet *packet);
void handle_pingreq(struct client *client, struct packet *packet);
void handle_disconnect(struct client *client, struct packet *packet);
void handle_puback(struct client *client, struct packet *packet);
void handle_pubrec(struct client *client, struct packet *packet);
void handle_pubrel(struct client *client, struct packet *packet);
void handle_pubcomp(struct client *client, struct packet *packet);

#endif /* MQTTD_HANDLER_H */
