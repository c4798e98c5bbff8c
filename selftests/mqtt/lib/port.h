/* SPDX-License-Identifier: MIT */
/*
 * Ports under the test's control, and peers that are hosted on them.
 */
#ifndef SELFTESTS_PORT_H
#define SELFTESTS_PORT_H

#include "rig.h"

struct rig_port {
	unsigned int id;
	int fd;
	unsigned char buf[1 << 20];	/* what the last read() brought */
	size_t len;
	size_t taken;			/* of it */
};

void rig_port_open(struct rig_port *port, unsigned long long queue_limit);
/* How many the router has; asked by a socket of the test's. */
int rig_port_count(struct mqtt_nl *nl);

/* A peer without connection; @p->client and @p->fd stay what they are. */
void rig_attach_hosted(struct rig_peer *p, struct rig_port *port);
/* An offloaded peer becomes hosted. */
void rig_host(struct rig_peer *p, struct rig_port *port);
/* A hosted peer becomes offloaded, by @p->fd. */
void rig_offload(struct rig_peer *p, bool hold);
void rig_release(struct rig_peer *p);
/* The same, and 0 or the errno. */
int rig_try_offload(struct rig_peer *p, bool hold, unsigned int rx_skip);

/* The next record, read if need be; NULL if there is none. */
const struct mqtt_port_record *rig_port_next(struct rig_port *port);
const struct mqtt_port_record *rig_port_wait(struct rig_port *port);
const unsigned char *rig_port_packet(const struct mqtt_port_record *record);
/* The publisher's id or 0; and whom it is for. */
unsigned int rig_port_source(const struct mqtt_port_record *record);
const unsigned int *rig_port_receivers(const struct mqtt_port_record *record, unsigned int *n);

/* The next record is @packet for @p alone. */
void rig_port_expect(struct rig_port *port, const struct bytes *packet,
		     const struct rig_peer *p);
/* The next record says that @p is offloaded. */
void rig_port_expect_mark(struct rig_port *port, const struct rig_peer *p);
void rig_port_expect_empty(struct rig_port *port);

/* Appends a record for write(); @source 0: nobody's. */
void rig_record(struct bytes *b, const struct bytes *packet, unsigned int source);
/* write() of all of @b, which is emptied. */
void rig_port_write(struct rig_port *port, struct bytes *b);

#endif /* SELFTESTS_PORT_H */
