/* SPDX-License-Identifier: MIT */
/*
 * One request and its answers over generic netlink, blocking. What netlink.c
 * is made of; nobody else needs it.
 *
 * An exchange ends with the acknowledgement, the end of the dump, or the error
 * that belongs to the request. Answers are told by their sequence number, so
 * what a timed-out exchange left behind in the socket is skipped by the next
 * one. The library's own error numbers lose errno; the error and the extack
 * text are taken from the messages.
 */
#ifndef MQTT_LIB_EXCHANGE_H
#define MQTT_LIB_EXCHANGE_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/socket.h>

#include "netlink.h"

#define EXCHANGE_TIMEOUT	30	/* seconds that the kernel has for an answer */
#define EXCHANGE_ATTRS_MAX	64	/* above every nest's number of attributes */

struct mqtt_nl {
	struct nl_sock *sock;
	int family;
	char error[256];
};

/**
 * struct exchange_reply - where answers have the object that is to be shown
 * @nest: top-level attribute of the object
 * @max: highest attribute in it, below EXCHANGE_ATTRS_MAX
 * @policy: of the attributes
 * @part: of its parts in the same message, or NULL
 * @show: for parts; of an object it is what exchange_run() is given
 */
struct exchange_reply {
	int nest;
	int max;
	const struct nla_policy *policy;
	const struct exchange_reply *part;
	mqtt_nl_show show;
};

/*
 * A request without attributes, with @room bytes for what is not its head; NULL if
 * there is no memory. exchange_run() frees it.
 */
struct nl_msg *request_new(struct mqtt_nl *nl, uint8_t cmd, int flags, size_t room);

/* @msg if all of its attributes found room (@err is 0), else NULL. */
struct nl_msg *request_finish(struct nl_msg *msg, int err);

/* The answer to a request that only does something is an acknowledgement. */
int request_run(struct mqtt_nl *nl, struct nl_msg *msg);

/* Formats mqtt_nl_error()'s sentence and returns @err. */
int exchange_fail(struct mqtt_nl *nl, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for an error of the library (-NLE_*), put in errno's terms. */
int exchange_fail_library(struct mqtt_nl *nl, int nlerr);

/**
 * exchange_run - send a request and read what comes back
 * @nl: handle
 * @msg: request, freed here; NULL if there was no memory to build it
 * @reply: what to show, or NULL if an acknowledgement is all
 * @show: called for each object with its attributes
 * @arg: for @show
 *
 * Return: 0; the kernel's error; the first non-zero value of @show, after
 * which the rest is read but not shown; -ETIMEDOUT, -ENOMEM, -EIO; -EBADMSG,
 * the answer makes no sense; -EINTR, a dump was complete but the kernel says
 * that its table changed meanwhile.
 */
int exchange_run(struct mqtt_nl *nl, struct nl_msg *msg, const struct exchange_reply *reply,
		 mqtt_nl_show show, void *arg);

#endif /* MQTT_LIB_EXCHANGE_H */
