// SPDX-License-Identifier: MIT
/* mqttctl: options, the way to a command, help, and errors. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "mqttctl.h"
#include "version.h"

static const struct command objects[] = {
	{ "router", router_main, "the router and its limits" },
	{ "peer", peer_main, "connected clients in the kernel" },
	{ "sub", sub_main, "their subscriptions" },
	{ "acl", acl_main, "sets of rules: who may publish and get what, and why" },
	{ "user", user_main, "users and their roles and groups" },
	{ "group", group_main, "groups of users and their roles" },
	{ "role", role_main, "roles, and what is allowed without one" },
	{ "grant", grant_main, "what a role allows and denies" },
	{ "stat", stat_main, "counters" },
	{ "port", port_main, "ways between mqttd and the router" },
	{ "dataplane", dataplane_main, "who forwards: mqttd or the kernel" },
	{ "session", session_main, "clients of mqttd, connected or not" },
	{ "ban", ban_main, "addresses that mqttd does not let in" },
	{ "monitor", monitor_main, "events as they happen" },
	{ "trace", trace_main, "messages on their way through the kernel" },
	{ "passwd", passwd_main, "users and passwords in a file" },
	{ 0 }
};

/*
 * Errors
 */

static const char not_permitted[] =
	"not permitted: CAP_NET_ADMIN in this network namespace is needed";

/* Whose help is worth to be tried. */
static const char *usage_object;

int ctl_usage(const char *fmt, ...)
{
	va_list args;

	fputs("mqttctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "; try 'mqttctl %s%shelp'\n", usage_object ? usage_object : "",
		usage_object ? " " : "");
	return USAGE;
}

int ctl_fail(const char *sentence)
{
	fprintf(stderr, "mqttctl: %s\n", sentence);
	return FAILED;
}

int ctl_opened(int err)
{
	if (err == -ENOENT)
		return ctl_fail("the kernel module mqtt is not loaded: "
				"run 'modprobe mqtt' as root");
	if (err == -EPERM)
		return ctl_fail(not_permitted);
	return err ? ctl_fail(strerror(-err)) : DONE;
}

int ctl_open(struct ctl *ctl)
{
	return ctl_opened(mqtt_nl_open(&ctl->nl));
}

int ctl_result(const struct ctl *ctl, int err)
{
	if (!err)
		return DONE;
	if (err == -EPERM)
		return ctl_fail(not_permitted);
	if (err == -ENODEV)
		return ctl_fail("no router in this network namespace: "
				"is mqttd running with the kernel data plane?");
	return ctl_fail(mqtt_nl_error(ctl->nl));
}

/*
 * Arguments
 */

bool ctl_is(const char *word, const char *keyword)
{
	return *word && !strncmp(word, keyword, strlen(word));
}

/* Digits and nothing else up to *@end; strtoull() would take a sign and blanks. */
static bool number_parse(const char *word, uint64_t *number, char **end)
{
	if (!isdigit((unsigned char)*word))
		return false;
	errno = 0;
	*number = strtoull(word, end, 10);
	return !errno;
}

static int id_parse(const char *word, const char *object, uint32_t *id)
{
	uint64_t number;
	char *end;

	if (!number_parse(word, &number, &end) || *end || !number || number > UINT32_MAX)
		return ctl_usage("'%s' is not a %s id", word, object);
	*id = (uint32_t)number;
	return 0;
}

int ctl_peer_id(const char *word, uint32_t *id)
{
	return id_parse(word, "peer", id);
}

int ctl_port_id(const char *word, uint32_t *id)
{
	return id_parse(word, "port", id);
}

int ctl_acl_id(const char *word, uint32_t *id)
{
	return id_parse(word, "set", id);
}

int ctl_number(const char *word, uint64_t max, uint64_t *number)
{
	char *end;

	if (!number_parse(word, number, &end) || *end || *number > max)
		return ctl_usage("'%s' is not a number up to %llu", word, (unsigned long long)max);
	return 0;
}

int ctl_count(const char *word, uint64_t *count)
{
	char *end;

	if (!number_parse(word, count, &end) || *end || !*count)
		return ctl_usage("'%s' is not a number from 1 on", word);
	return 0;
}

int ctl_bytes(const char *word, uint64_t *bytes)
{
	static const char units[] = "kmg";
	unsigned int shift = 0;
	const char *unit;
	char *end;

	if (!number_parse(word, bytes, &end))
		return ctl_usage("'%s' is not a number of bytes", word);
	unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
		end += 2 * !strcmp(end, "iB");
	}
	if (*end || !*bytes || *bytes > UINT64_MAX >> shift)
		return ctl_usage("'%s' is not a number of bytes", word);
	*bytes <<= shift;
	return 0;
}

/*
 * Help
 */

static int help_top(void)
{
	printf("Usage: mqttctl [ -json ] [ -pretty ] [ -statistics ] [ -socket PATH ]\n"
	       "               OBJECT { COMMAND | help }\n"
	       "\n");
	for (const struct command *object = objects; object->name; object++)
		printf("    %-9s %s\n", object->name, object->help);
	printf("\n"
	       "    -j        JSON\n"
	       "    -p        JSON with line breaks\n"
	       "    -s        all there is to know\n"
	       "    -S PATH   mqttd's control socket\n"
	       "    --version\n");
	return DONE;
}

static int help_command(const char *lead, const char *object, const struct command *command)
{
	printf("%s mqttctl %s %s%s%s\n", lead, object, command->name,
	       *command->help ? " " : "", command->help);
	return DONE;
}

static int help(const char *object, const struct command *table)
{
	if (!object)
		return help_top();
	for (const struct command *command = table; command->name; command++)
		help_command(command == table ? "Usage:" : "      ", object, command);
	return DONE;
}

/*
 * The way to a command
 */

/* NULL if no name begins with @word, or more than one and none is equal. */
static const struct command *find(const struct command *table, const char *word, int *matches)
{
	const struct command *found = NULL;

	*matches = 0;
	for (const struct command *command = table; command->name; command++) {
		if (!strcmp(word, command->name))
			return command;
		if (!ctl_is(word, command->name))
			continue;
		found = command;
		++*matches;
	}
	return *matches == 1 ? found : NULL;
}

int ctl_dispatch(struct ctl *ctl, const char *object, const struct command *table,
		 int argc, char **argv)
{
	const struct command *command;
	int matches;

	if (!argc)
		return table->function(ctl, 0, argv);
	command = find(table, argv[0], &matches);
	if (!command && matches)
		return ctl_usage("'%s' is ambiguous", argv[0]);
	if (!command && ctl_is(argv[0], "help"))
		return help(object, table);
	if (!command)
		return ctl_usage("there is no %s '%s'", object ? "command" : "object", argv[0]);
	if (!object)
		usage_object = command->name;
	if (object && argc == 2 && !strcmp(argv[1], "help"))
		return help_command("Usage:", object, command);
	return command->function(ctl, argc - 1, argv + 1);
}

/*
 * @letters: with a '+' in front, up to the first word that is no option.
 *
 * Return: -1 to go on, or the exit status.
 */
static int options(struct ctl *ctl, const char *letters, int argc, char **argv)
{
	static const struct option names[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "pretty", no_argument, NULL, 'p' },
		{ "statistics", no_argument, NULL, 's' },
		{ "socket", required_argument, NULL, 'S' },
		{ "user", required_argument, NULL, 'U' },
		{ "client-id", required_argument, NULL, 'C' },
		{ "roles", required_argument, NULL, 'R' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 }
	};
	unsigned int flags = 0;
	int option;

	opterr = 0;
	while ((option = getopt_long_only(argc, argv, letters, names, NULL)) != -1) {
		switch (option) {
		case 'j':
			flags |= OUT_JSON;
			break;
		case 'p':
			flags |= OUT_PRETTY;
			break;
		case 's':
			ctl->statistics = true;
			break;
		case 'S':
			ctl->socket = optarg;
			break;
		case 'U':
			ctl->user = optarg;
			break;
		case 'C':
			ctl->client_id = optarg;
			break;
		case 'R':
			ctl->roles = optarg;
			break;
		case 'h':
			return help_top();
		case 'v':
			printf("mqttctl %s\n", MQTT_VERSION);
			return DONE;
		case ':':
			return ctl_usage("option '%s' needs a value", argv[optind - 1]);
		default:
			/* Of words it is 0, or a letter that is known. */
			if (optopt && !strchr(letters, optopt))
				return ctl_usage("unknown option '-%c'", optopt);
			return ctl_usage("unknown option '%s'", argv[optind - 1]);
		}
	}
	out_init(&ctl->out, stdout, flags);
	return -1;
}

static bool is_object(const char *word, int (*function)(struct ctl *ctl, int argc, char **argv))
{
	const struct command *object;
	int matches;

	object = find(objects, word, &matches);
	return object && object->function == function;
}

int main(int argc, char **argv)
{
	static const char letters[] = "+:jpsS:h";
	struct ctl ctl = { 0 };
	int status = options(&ctl, letters, argc, argv);

	/* Ours may stand anywhere, but not behind an object that has its own. */
	if (status < 0 && optind < argc && !is_object(argv[optind], passwd_main)) {
		optind = 0;
		status = options(&ctl, letters + 1, argc, argv);
	}
	if (status >= 0)
		return status;
	if (optind == argc)
		return ctl_usage("which object");
	if ((ctl.user || ctl.client_id || ctl.roles) && !is_object(argv[optind], acl_main))
		return ctl_usage("--user, --client-id and --roles are for 'acl test'");
	status = ctl_dispatch(&ctl, NULL, objects, argc - optind, argv + optind);
	if (out_finish(&ctl.out))
		status = ctl_fail("cannot write the output");
	mqtt_nl_close(ctl.nl);
	return status;
}
