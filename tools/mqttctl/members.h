/* SPDX-License-Identifier: MIT */
/*
 * Members of the daemon's answers, in the order in which they are printed; what the daemon
 * leaves out is left out.
 */
#ifndef MQTTCTL_MEMBERS_H
#define MQTTCTL_MEMBERS_H

#include <jansson.h>

struct ctl;

enum ctl_member_kind {
	AS_WORD,
	AS_STRING,
	AS_COUNT,
	AS_BYTES,
	AS_NUMBER,	/* perhaps below zero */
	AS_NAMES,	/* strings, in an array */
	AS_LINE,	/* text: the next line begins */
};

struct ctl_member {
	const char *name;
	enum ctl_member_kind kind;
};

/* @fields end with a NULL name. */
void ctl_show_members(struct ctl *ctl, const struct ctl_member *fields, const json_t *object);
void ctl_show_members_of(struct ctl *ctl, const char *name, const struct ctl_member *fields,
			 const json_t *array);

/*
 * A list that comes in pages, in member @name of the answers to @command, until there is no
 * next one; a list that was begun is ended. Exit status.
 */
int ctl_show_pages(struct ctl *ctl, const char *command, const char *name,
		   const struct ctl_member *fields);

#endif /* MQTTCTL_MEMBERS_H */
