// SPDX-License-Identifier: MIT
/*
 * KTAP output, one process per case, deadlines. See ksft.h.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ksft.h"
#include "tcp.h"

static unsigned int random_state;

bool ksft_slow(void)
{
	const char *env = getenv("MQTT_SLOW");

	if (env)
		return strcmp(env, "0");
	return !access("/sys/kernel/debug/kmemleak", F_OK) ||
	       !access("/sys/kernel/debug/kcsan", F_OK);
}

int ksft_scale(int fast, int slow)
{
	return ksft_slow() ? slow : fast;
}

long long ksft_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

long long ksft_deadline(void)
{
	return ksft_now_ms() + ksft_scale(10000, 40000);
}

/* Polling interval only: no caller relies on its length. */
void ksft_pause(void)
{
	struct timespec interval = { .tv_nsec = 1000000 };

	nanosleep(&interval, NULL);
}

bool ksft_flag(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

void ksft_flag_set(bool *flag)
{
	__atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

void ksft_run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		ksft_note("cannot run on CPU %d", cpu);
}

unsigned int ksft_random(unsigned int below)
{
	if (!random_state) {
		const char *env = getenv("MQTT_SEED");

		random_state = env ? strtoul(env, NULL, 0) : (unsigned int)(time(NULL) ^ getpid());
		random_state |= !random_state;
		ksft_note("MQTT_SEED=%u", random_state);
	}
	/* xorshift32 */
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % below;
}

void ksft_exit(int status)
{
	fflush(stdout);
	_exit(status);
}

static noreturn void case_run(const struct ksft_case *c)
{
	setpgid(0, 0);
	signal(SIGPIPE, SIG_IGN);
	alarm(ksft_scale(60, 200));
	c->run();
	ksft_exit(0);
}

/* Returns a wait status; no process of the case is left. */
static int case_fork(const struct ksft_case *c)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (!pid)
		case_run(c);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	kill(-pid, SIGKILL);
	/* its children have become this process's */
	while (wait(NULL) > 0)
		;
	return status;
}

/* True if it did not fail. */
static bool case_report(const struct ksft_case *c, size_t number)
{
	long long start = ksft_now_ms();
	int status = case_fork(c);
	long long ms = ksft_now_ms() - start;

	if (WIFEXITED(status) && !WEXITSTATUS(status)) {
		printf("ok %zu %s\n", number, c->name);
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP) {
		printf("ok %zu %s # SKIP\n", number, c->name);
	} else {
		if (WIFSIGNALED(status))
			printf("# ended by signal %d after %lld ms\n", WTERMSIG(status), ms);
		printf("not ok %zu %s\n", number, c->name);
		fflush(stdout);
		return false;
	}
	if (getenv("MQTT_TIMES"))
		printf("# %s: %lld ms\n", c->name, ms);
	fflush(stdout);
	return true;
}

static bool is_wanted(const struct ksft_case *c, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(c->name, argv[i]))
			return true;
	}
	return argc < 2;
}

int ksft_main(int argc, char **argv, const struct ksft_case *cases, size_t n)
{
	size_t wanted = 0, number = 0, failed = 0, i;

	for (i = 0; i < n; i++)
		wanted += is_wanted(&cases[i], argc, argv);
	printf("KTAP version 1\n1..%zu\n", wanted);
	fflush(stdout);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	tcp_netns_new();
	for (i = 0; i < n; i++) {
		if (is_wanted(&cases[i], argc, argv))
			failed += !case_report(&cases[i], ++number);
	}
	return failed || !wanted;
}
