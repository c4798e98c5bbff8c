/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Topic names, topic filters, and which matches which, with the standards'
 * examples: for the unit tests and for KUnit.
 */
#ifndef SELFTESTS_VECTORS_TOPIC_H
#define SELFTESTS_VECTORS_TOPIC_H

#include <linux/types.h>

struct topic_case {
	const char *text;
	bool name;
	bool filter;
	unsigned int levels;
};

static const struct topic_case topics[] = {
	/* 4.7.3: the standard's examples of legal ones */
	{ "/", true, true, 2 },
	{ "/finance", true, true, 2 },
	{ "ACCOUNTS", true, true, 1 },
	{ "Accounts payable", true, true, 1 },
	{ "sensors/0042/temp", true, true, 3 },
	{ "sport/", true, true, 2 },
	{ "a//b", true, true, 3 },
	{ "///", true, true, 4 },
	{ "//////////", true, true, 11 },
	{ "12345678/", true, true, 2 },
	{ "1234567/12345678/x", true, true, 3 },
	{ " ", true, true, 1 },
	/* 4.7.2: '$' is a matter of matching */
	{ "$SYS/broker", true, true, 2 },
	{ "$", true, true, 1 },
	/* '*' next to '+', '"' and '$' next to '#', "/" next to neither */
	{ "*,\"$", true, true, 1 },
	{ "\x2a\x2c\x22\x24\x0b\x03\x6b\x63", true, true, 1 },
	{ "caf\xc3\xa9/\xe6\xb8\xa9\xe5\xba\xa6", true, true, 2 },
	/* [MQTT-4.7.1-1] (5.0: [MQTT-4.7.0-1]): no wildcards in names */
	{ "#", false, true, 1 },
	{ "+", false, true, 1 },
	/* 4.7.1.2, [MQTT-4.7.1-2] (5.0: 4.7.1.2, [MQTT-4.7.1-1]) */
	{ "sport/tennis/player1/#", false, true, 4 },
	{ "sport/#", false, true, 2 },
	{ "/#", false, true, 2 },
	{ "sport/tennis#", false, false, 2 },
	{ "sport/tennis/#/ranking", false, false, 4 },
	{ "#/", false, false, 2 },
	{ "##", false, false, 1 },
	{ "#a", false, false, 1 },
	{ "a#", false, false, 1 },
	/* 4.7.1.3, [MQTT-4.7.1-3] (5.0: 4.7.1.3, [MQTT-4.7.1-2]) */
	{ "+/tennis/#", false, true, 3 },
	{ "sport/+/player1", false, true, 3 },
	{ "sport/tennis/+", false, true, 3 },
	{ "/+", false, true, 2 },
	{ "+/+", false, true, 2 },
	{ "+/", false, true, 2 },
	{ "+//+", false, true, 3 },
	{ "+/#", false, true, 2 },
	{ "sport+", false, false, 1 },
	{ "+sport", false, false, 1 },
	{ "++", false, false, 1 },
	{ "+#", false, false, 1 },
	{ "#+", false, false, 1 },
	{ "a/+b/c", false, false, 3 },
	{ "a/b+/c", false, false, 3 },
	/* [MQTT-1.5.3-1]: ill-formed */
	{ "a/\xc3", false, false, 2 },
	{ "a/\xed\xa0\x80", false, false, 2 },
	{ "caf\xc3\xa9/+", false, true, 2 },
	{ "12345678caf\xc3\xa9/#", false, true, 2 },
	{ "\xc3\xa9+", false, false, 1 },
};

struct match_case {
	const char *filter;
	const char *topic;
	bool match;
};

#define SIXTEEN_LEVELS	"0/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f"

static const struct match_case matches[] = {
	/* 4.7.1.2, '#' */
	{ "sport/tennis/player1/#", "sport/tennis/player1", true },
	{ "sport/tennis/player1/#", "sport/tennis/player1/ranking", true },
	{ "sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true },
	{ "sport/tennis/player1/#", "sport/tennis/player2", false },
	{ "sport/#", "sport", true },
	{ "sport/#", "sport/", true },
	{ "sport/#", "sports", false },
	{ "sport/#", "/sport", false },
	{ "#", "sport", true },
	{ "#", "/", true },
	{ "#", "a/b/c/d/e/f/g/h", true },
	{ "/#", "/", true },
	{ "/#", "/a", true },
	{ "/#", "a", false },
	{ "/#", "a/b", false },
	/* 4.7.1.3, '+' */
	{ "sport/tennis/+", "sport/tennis/player1", true },
	{ "sport/tennis/+", "sport/tennis/player1/ranking", false },
	{ "sport/+", "sport", false },
	{ "sport/+", "sport/", true },
	{ "+", "finance", true },
	{ "+", "/finance", false },
	{ "/+", "/finance", true },
	{ "+/+", "/finance", true },
	{ "+/tennis/#", "sport/tennis", true },
	{ "+/tennis/#", "sport/tennis/a", true },
	{ "+/#", "a", true },
	{ "+/#", "/", true },
	{ "+/+/#", "a", false },
	{ "sport/+/player1", "sport/tennis/player1", true },
	{ "sport/+/player1", "sport//player1", true },
	{ "sport/+/player1", "sport/player1", false },
	{ "sport/+/player1", "sport/a/b/player1", false },
	{ "+//+", "a//b", true },
	{ "+//+", "a/b", false },
	/* [MQTT-4.7.2-1] */
	{ "#", "$SYS", false },
	{ "#", "$SYS/monitor/Clients", false },
	{ "+", "$SYS", false },
	{ "+/#", "$SYS/monitor/Clients", false },
	{ "+/monitor/Clients", "$SYS/monitor/Clients", false },
	{ "$SYS/#", "$SYS", true },
	{ "$SYS/#", "$SYS/monitor/Clients", true },
	{ "$SYS/monitor/+", "$SYS/monitor/Clients", true },
	{ "$SYS/+/Clients", "$SYS/monitor/Clients", true },
	{ "$SYS/monitor/Clients", "$SYS/monitor/Clients", true },
	{ "a/#", "a/$SYS", true },
	{ "a/+", "a/$SYS", true },
	{ "#", "a/$SYS", true },
	{ "$", "$", true },
	/* 4.7.3: case matters, a slash makes another topic */
	{ "ACCOUNTS", "Accounts", false },
	{ "/A", "A", false },
	{ "a/", "a", false },
	{ "a", "a/", false },
	{ "a//b", "a//b", true },
	{ "a//b", "a/b", false },
	{ "/", "/", true },
	{ "/", "//", false },
	{ "//", "//", true },
	/* prefixes, words of eight and their neighbours */
	{ "1234567", "12345678", false },
	{ "12345678", "12345678", true },
	{ "12345678", "1234567", false },
	{ "12345678", "123456789", false },
	{ "123456789", "123456789", true },
	{ "123456789", "12345678", false },
	{ "12345678x", "12345678y", false },
	{ "123456781234567x/a", "123456781234567y/a", false },
	{ "12345678/12345678", "12345678/12345678", true },
	{ "1234567/12345678/123456789/1", "1234567/12345678/123456789/1", true },
	{ "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r", true },
	{ "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/s", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r", false },
	{ "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/+/r", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r", true },
	{ "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/#", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", true },
	{ "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/#", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", true },
	/* deep ones: with the first, all the way down and back to the second's wildcard */
	{ SIXTEEN_LEVELS "/g/h/i/x", SIXTEEN_LEVELS "/g/h/i/j", false },
	{ SIXTEEN_LEVELS "/+/h/i/j", SIXTEEN_LEVELS "/g/h/i/j", true },
	{ SIXTEEN_LEVELS "/+/h/i/k", SIXTEEN_LEVELS "/g/h/i/j", false },
	{ SIXTEEN_LEVELS "/g/", SIXTEEN_LEVELS "/g/", true },
	{ SIXTEEN_LEVELS "/g/+", SIXTEEN_LEVELS "/g/", true },
	{ SIXTEEN_LEVELS "/g", SIXTEEN_LEVELS "/g/", false },
};

#endif /* SELFTESTS_VECTORS_TOPIC_H */
