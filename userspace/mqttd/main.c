// SPDX-License-Identifier: MIT
/*
 * The process: command line, surroundings, signals.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <linux/container_of.h>
#include <linux/rcupdate.h>

#include "broker.h"
#include "config.h"
#include "control.h"
#include "log.h"
#include "mainloop.h"

#ifndef MQTT_VERSION
#define MQTT_VERSION "0.1.0"
#endif

/* Free memory that is not given back to the kernel, bytes, per arena. */
#define KEEP_MEMORY (8 << 20)

struct arguments {
	const char *config_file;
	unsigned int port;
	bool daemonise;
	bool verbose;
	bool test_config;
};

static const char help[] =
	"mqttd is a broker for MQTT 3.1, 3.1.1 and 5.0.\n"
	"\n"
	"Usage: mqttd [-c FILE] [-d] [-h] [-p PORT] [-v]\n"
	"\n"
	"  -c, --config-file FILE  read the configuration from FILE\n"
	"  -d, --daemon            run in the background\n"
	"  -h, --help              show this\n"
	"  -p, --port PORT         listen on PORT\n"
	"  -v, --verbose           log everything\n"
	"      --test-config       check the configuration and exit\n"
	"      --version           show the version\n"
	"\n"
	"Without a configuration file mqttd listens on port 1883 of the loopback\n"
	"addresses. See mqttd(8) and mqttd.conf(5).\n";

enum {
	OPT_TEST_CONFIG = 256,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "config-file", required_argument, NULL, 'c' },
	{ "daemon", no_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ "port", required_argument, NULL, 'p' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "test-config", no_argument, NULL, OPT_TEST_CONFIG },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ }
};

static unsigned int parse_port(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	if (end == text || *end || port < 1 || port > 65535) {
		fprintf(stderr, "Error: '%s' is not a port number from 1 to 65535.\n", text);
		exit(EXIT_FAILURE);
	}
	return port;
}

/* Ends the process where there is nothing else to do. */
static void parse_arguments(struct arguments *args, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:dhp:v", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			args->config_file = optarg;
			break;
		case 'd':
			args->daemonise = true;
			break;
		case 'p':
			args->port = parse_port(optarg);
			break;
		case 'v':
			args->verbose = true;
			break;
		case OPT_TEST_CONFIG:
			args->test_config = true;
			break;
		case OPT_VERSION:
			printf("mqttd %s\n", MQTT_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			fputs(help, stdout);
			exit(EXIT_SUCCESS);
		default:
			fputs("Try 'mqttd --help'.\n", stderr);
			exit(EXIT_FAILURE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "Error: unknown argument '%s'. Try 'mqttd --help'.\n",
			argv[optind]);
		exit(EXIT_FAILURE);
	}
}

static int load_config(struct config *conf, const struct arguments *args)
{
	int err = config_init(conf);

	if (!err && args->config_file)
		err = config_load(conf, args->config_file);
	if (!err)
		err = config_finish(conf, args->port);
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: %s",
			   *conf->error ? conf->error : strerror(-err));
	if (args->verbose)
		conf->log_types = LOG_TYPE_ALL;
	return err;
}

/* In the background nobody reads stderr. */
static int start_log(const struct config *conf, const struct arguments *args)
{
	struct log_config log = {
		.types = conf->log_types,
		.dests = conf->log_dests,
		.file = conf->log_file,
		.timestamp = conf->log_timestamp,
	};
	int err;

	if (args->daemonise && !conf->log_dests_set)
		log.dests = LOG_DEST_SYSLOG;
	err = log_configure(&log);
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot open log file %s: %s.", log.file,
			   strerror(-err));
	return err;
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log_printf(LOG_TYPE_WARNING, "Warning: cannot raise the limit of open files: %s.",
			   strerror(errno));
}

/* The parent ends here: it has seen the listeners opened. */
static int run_in_background(void)
{
	int null;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid)
		_exit(EXIT_SUCCESS);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
	return 0;
}

static int write_pid_file(const char *path)
{
	FILE *file = fopen(path, "we");
	int err = 0;

	if (!file)
		err = -errno;
	else if (fprintf(file, "%d\n", getpid()) < 0 || fclose(file))
		err = -EIO;
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot write pid_file %s: %s.", path,
			   strerror(-err));
	return err;
}

static int become_user(const char *name, struct control *control)
{
	struct passwd *user;

	if (geteuid())
		return 0;
	user = getpwnam(name);
	if (!user) {
		log_printf(LOG_TYPE_ERROR, "Error: there is no user '%s'.", name);
		return -ENOENT;
	}
	if (control_give(control, user->pw_uid) || initgroups(name, user->pw_gid) ||
	    setgid(user->pw_gid) || setuid(user->pw_uid)) {
		log_printf(LOG_TYPE_ERROR, "Error: cannot become user '%s': %s.", name,
			   strerror(errno));
		return -errno;
	}
	return 0;
}

/*
 * What can change without a restart is the log: its file is opened anew, what
 * goes there is read again.
 */
static void reload(struct config *conf, const struct arguments *args)
{
	struct config fresh;
	int err = log_reopen();

	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot open the log file again: %s.",
			   strerror(-err));
	log_printf(LOG_TYPE_INFORMATION, "Reloading config.");
	if (!args->config_file)
		return;
	if (load_config(&fresh, args)) {
		log_printf(LOG_TYPE_ERROR, "Error: the configuration stays as it was.");
	} else {
		__atomic_store_n(&conf->connection_messages, fresh.connection_messages,
				 __ATOMIC_RELAXED);
		log_set_types(fresh.log_types);
	}
	config_free(&fresh);
}

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);	/* mosquitto saves what we do not keep */
}

/**
 * struct process - what the main thread waits for
 * @loop: its events
 * @signals: readiness of @signal_fd
 * @moves: readiness of the broker's switchover
 * @broker: what runs
 * @args: command line
 * @control: socket, or NULL
 * @signal_fd: signals
 */
struct process {
	struct mainloop loop;
	struct event_source signals;
	struct event_source moves;
	struct broker *broker;
	const struct arguments *args;
	struct control *control;
	int signal_fd;
};

static void handle_signal(struct event_source *source, uint32_t events)
{
	struct process *process = container_of(source, struct process, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(process->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGINT:
	case SIGTERM:
		process->loop.end = true;
		break;
	case SIGHUP:
		reload(process->broker->conf, process->args);
		broker_reload(process->broker);
		break;
	case SIGUSR2:
		broker_log_statistics(process->broker);
		break;
	}
}

static void handle_moves(struct event_source *source, uint32_t events)
{
	struct process *process = container_of(source, struct process, moves);

	(void)events;
	switchover_event(&process->broker->switchover);
}

static const char *control_error(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "somebody listens there";
	case -EEXIST:
		return "there is a file that is no socket";
	default:
		return strerror(-err);
	}
}

/* Without being asked for a socket the broker can do without: another one may have it. */
static int open_control(struct process *process)
{
	const struct config *conf = process->broker->conf;
	int err;

	if (!strcmp(conf->control_socket_path, "none"))
		return 0;
	err = control_open(&process->control, process->broker, &process->loop,
			   conf->control_socket_path);
	if (err)
		log_printf(conf->control_socket_set ? LOG_TYPE_ERROR : LOG_TYPE_NOTICE,
			   "%s control socket %s: %s.",
			   conf->control_socket_set ? "Error: cannot open the" : "Without the",
			   conf->control_socket_path, control_error(err));
	return conf->control_socket_set ? err : 0;
}

static int process_open(struct process *process)
{
	int err;

	process->signals.handle = handle_signal;
	process->moves.handle = handle_moves;
	err = mainloop_init(&process->loop);
	if (!err)
		err = mainloop_watch(&process->loop, process->broker->switchover.event_fd,
				     EPOLLIN, &process->moves);
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot wait for events: %s.", strerror(-err));
	else
		err = open_control(process);
	return err;
}

/* In the process that is to get them: epoll watches those of the one that calls it. */
static int watch_signals(struct process *process)
{
	sigset_t signals;
	int err;

	block_signals(&signals);
	process->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (process->signal_fd < 0)
		err = -errno;
	else
		err = mainloop_watch(&process->loop, process->signal_fd, EPOLLIN,
				     &process->signals);
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot wait for signals: %s.", strerror(-err));
	return err;
}

static void process_close(struct process *process)
{
	control_close(process->control);
	if (process->signal_fd >= 0)
		close(process->signal_fd);
	mainloop_destroy(&process->loop);
}

static int serve(struct process *process)
{
	const struct config *conf = process->broker->conf;
	int err;

	if (process->args->daemonise) {
		err = run_in_background();
		if (err)
			return err;
	}
	if (conf->pid_file) {
		err = write_pid_file(conf->pid_file);
		if (err)
			return err;
	}
	if (conf->user) {
		err = become_user(conf->user, process->control);
		if (err)
			return err;
	}
	err = watch_signals(process);
	if (err)
		return err;
	err = broker_start(process->broker);
	if (err) {
		log_printf(LOG_TYPE_ERROR, "Error: cannot start threads: %s.", strerror(-err));
		return err;
	}
	log_printf(LOG_TYPE_INFORMATION, "mqttd %s running", MQTT_VERSION);
	mainloop_run(&process->loop);
	broker_stop(process->broker);
	log_printf(LOG_TYPE_INFORMATION, "mqttd %s terminating", MQTT_VERSION);
	if (conf->pid_file)
		unlink(conf->pid_file);
	return 0;
}

static int run(struct config *conf, const struct arguments *args)
{
	struct broker broker;
	struct process process = { .broker = &broker, .args = args, .signal_fd = -1 };
	int err;

	log_printf(LOG_TYPE_INFORMATION, "mqttd %s starting", MQTT_VERSION);
	if (args->config_file)
		log_printf(LOG_TYPE_INFORMATION, "Config loaded from %s.", args->config_file);
	if (conf->local_only)
		log_printf(LOG_TYPE_INFORMATION,
			   "Starting in local only mode. Connections will only be possible from clients running on this machine.");
	raise_descriptor_limit();
	err = broker_open(&broker, conf);
	if (err)
		return err;
	rcu_register_thread();
	err = process_open(&process);
	if (!err)
		err = serve(&process);
	process_close(&process);
	broker_close(&broker);
	rcu_unregister_thread();
	return err;
}

/*
 * Queues grow and shrink with every burst. What they needed stays with us, or the
 * next burst would fetch the same pages from the kernel one by one.
 */
static void keep_memory(void)
{
	mallopt(M_TRIM_THRESHOLD, KEEP_MEMORY);
	mallopt(M_MMAP_THRESHOLD, KEEP_MEMORY / 8);
}

int main(int argc, char **argv)
{
	struct arguments args = {};
	struct config conf;
	int err;

	keep_memory();
	parse_arguments(&args, argc, argv);
	err = load_config(&conf, &args);
	if (!err && args.test_config) {
		printf("%s: the configuration is fine\n",
		       args.config_file ? args.config_file : "mqttd");
	} else if (!err) {
		err = start_log(&conf, &args);
		if (!err)
			err = run(&conf, &args);
	}
	config_free(&conf);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
