/* SPDX-License-Identifier: MIT */
/*
 * mqttctl: shows and adjusts the kernel's MQTT router. One file per object;
 * main.c has what they share.
 */
#ifndef MQTTCTL_H
#define MQTTCTL_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include <netlink/attr.h>

#include "netlink.h"
#include "output.h"

/* Exit status */
#define DONE	0
#define FAILED	1
#define USAGE	2

struct ctl {
	struct mqtt_nl *nl;		/* from ctl_open() on */
	struct out out;
	bool statistics;		/* -s */
	const char *socket;		/* -S, or NULL */
	const char *user;		/* these three for 'acl test', or NULL */
	const char *client_id;
	const char *roles;
	bool listing;			/* between ctl_list_open() and ctl_list_close() */
};

/*
 * One table for the objects, one per object for its commands. The function
 * gets the words behind the name and returns the exit status.
 */
struct command {
	const char *name;
	int (*function)(struct ctl *ctl, int argc, char **argv);
	const char *help;
};

int router_main(struct ctl *ctl, int argc, char **argv);
int peer_main(struct ctl *ctl, int argc, char **argv);
int sub_main(struct ctl *ctl, int argc, char **argv);
int acl_main(struct ctl *ctl, int argc, char **argv);
int stat_main(struct ctl *ctl, int argc, char **argv);
int stat_delay(struct ctl *ctl, int argc, char **argv);
int port_main(struct ctl *ctl, int argc, char **argv);
int dataplane_main(struct ctl *ctl, int argc, char **argv);
int session_main(struct ctl *ctl, int argc, char **argv);
int ban_main(struct ctl *ctl, int argc, char **argv);
int monitor_main(struct ctl *ctl, int argc, char **argv);
int trace_main(struct ctl *ctl, int argc, char **argv);
int passwd_main(struct ctl *ctl, int argc, char **argv);
int user_main(struct ctl *ctl, int argc, char **argv);
int group_main(struct ctl *ctl, int argc, char **argv);
int role_main(struct ctl *ctl, int argc, char **argv);
int grant_main(struct ctl *ctl, int argc, char **argv);
int acl_test(struct ctl *ctl, int argc, char **argv);

/*
 * Finds the command that argv[0] abbreviates and runs it; the first of the
 * table if there is no word. @table ends with a NULL name.
 */
int ctl_dispatch(struct ctl *ctl, const char *object, const struct command *table,
		 int argc, char **argv);

/* The word is @keyword, or the beginning of it. */
bool ctl_is(const char *word, const char *keyword);

/* A sentence on stderr; returns USAGE. */
int ctl_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same; returns FAILED. */
int ctl_fail(const char *sentence);

/* Exit status for the errno of opening something; a sentence unless it is 0. */
int ctl_opened(int err);

/* Connects to the kernel. Returns DONE, or FAILED after a sentence on stderr. */
int ctl_open(struct ctl *ctl);

/*
 * Asks mqttd; @request is taken over. The answer's result is the caller's; NULL
 * after a sentence on stderr.
 */
json_t *ctl_ask(const struct ctl *ctl, json_t *request);

/*
 * Exit status for the result of a request; a sentence on stderr unless it is
 * 0. @err is a negative errno of netlink.h, whose sentence is in ctl->nl.
 */
int ctl_result(const struct ctl *ctl, int err);

/*
 * A list of objects. Opened before the first object, any number of times, so
 * that a request that fails prints no list. Closing takes the dump's result
 * and turns it into the exit status.
 */
void ctl_list_open(struct ctl *ctl);
int ctl_list_close(struct ctl *ctl, int err);

/* An argument's number. Return: 0, or USAGE after a sentence on stderr. */
int ctl_peer_id(const char *word, uint32_t *id);
int ctl_port_id(const char *word, uint32_t *id);
int ctl_acl_id(const char *word, uint32_t *id);
int ctl_bytes(const char *word, uint64_t *bytes);
int ctl_number(const char *word, uint64_t max, uint64_t *number);
int ctl_count(const char *word, uint64_t *count);	/* from 1 on */

/*
 * SIGHUP, SIGINT and SIGTERM, to be read; SIGPIPE is an errno of writing. Return: a
 * descriptor, or -1 with errno set.
 */
int ctl_signals_open(void);

/**
 * struct ctl_field - an attribute that is a number, of any width
 * @attr: its place; 0 with a @name: the next line of the text begins
 * @name: what it is called; NULL ends a list
 * @bytes: that is what it counts
 */
struct ctl_field {
	int attr;
	const char *name;
	bool bytes;
};

#define CTL_COUNT(place, what)	{ .attr = (place), .name = (what) }
#define CTL_BYTES(place, what)	{ .attr = (place), .name = (what), .bytes = true }
#define CTL_LINE		{ .name = "" }

/* Attributes as values; nothing is printed for one that the kernel left out. */
void ctl_show_fields(struct ctl *ctl, struct nlattr **attrs, const struct ctl_field *fields);
/* A number as one of @words, which end with NULL. */
void ctl_show_word(struct ctl *ctl, const char *name, const struct nlattr *attr,
		   const char *const *words);
void ctl_show_u32(struct ctl *ctl, const char *name, const struct nlattr *attr);
void ctl_show_u64(struct ctl *ctl, const char *name, const struct nlattr *attr);
void ctl_show_bytes64(struct ctl *ctl, const char *name, const struct nlattr *attr);
void ctl_show_string(struct ctl *ctl, const char *name, const struct nlattr *attr);
void ctl_show_address(struct ctl *ctl, const char *name, const struct nlattr *attr);
void ctl_show_protocol(struct ctl *ctl, const struct nlattr *attr);

#endif /* MQTTCTL_H */
