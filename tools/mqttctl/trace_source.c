// SPDX-License-Identifier: MIT
/*
 * The kernel's tracepoints, by way of an instance of our own in tracefs: nobody
 * else's tracing is disturbed, and nothing is left when the instance is removed.
 *
 * A file of the instance is kept open. So an instance that can be removed is one
 * whose process was killed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include <tracefs.h>

#include "mqttctl.h"
#include "trace.h"

#define NAME_PREFIX	"mqttctl-"
#define BUFFER_KB	"4096"		/* per CPU */
#define MAKE_TRIES	16

static const char *const event_names[TRACE_TYPES] = {
	[TRACE_RX]	= "mqtt_rx",
	[TRACE_MATCH]	= "mqtt_match",
	[TRACE_ENQUEUE]	= "mqtt_enqueue",
	[TRACE_TX]	= "mqtt_tx",
	[TRACE_DROP]	= "mqtt_drop",
	[TRACE_SLOW]	= "mqtt_slow",
	[TRACE_ATTACH]	= "mqtt_attach",
	[TRACE_DETACH]	= "mqtt_detach",
};

struct trace_source {
	struct tracefs_instance *instance;
	struct tep_handle *tep;
	int pin;			/* the file that is kept open */
	uint64_t lost;			/* since the beginning */
	uint64_t order;
	int (*take)(const struct trace_event *event, void *arg);
	void *arg;
	int result;			/* of @take */
};

/* --- where tracefs is --------------------------------------------------------- */

static bool kernel_has_tracefs(void)
{
	bool found = false;
	char line[128];
	FILE *file;

	file = fopen("/proc/filesystems", "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, "\ttracefs\n");
	if (file)
		fclose(file);
	return found;
}

static bool is_tracefs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == TRACEFS_MAGIC;
}

/* Where it is mounted, or NULL after a sentence. libtracefs would mount it itself. */
static const char *tracefs_path(void)
{
	static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (is_tracefs(places[i]))
			return places[i];
	}
	if (!kernel_has_tracefs())
		ctl_fail("this kernel cannot trace: it was built without CONFIG_EVENT_TRACING");
	else
		ctl_fail("tracefs is not mounted: "
			 "run 'mount -t tracefs none /sys/kernel/tracing' as root");
	return NULL;
}

static bool path_exists(const char *dir, const char *name, int mode)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return !access(path, mode);
}

/* Returns DONE, or FAILED after a sentence. */
static int check(const char *dir)
{
	if (!path_exists(dir, "instances", W_OK) || !path_exists(dir, "events", R_OK))
		return ctl_fail("not permitted: only root may trace the kernel");
	if (path_exists(dir, "events/mqtt", R_OK))
		return DONE;
	if (!access("/sys/module/mqtt", F_OK))
		return ctl_fail("the kernel module mqtt was built without tracepoints");
	return ctl_fail("the kernel module mqtt is not loaded: run 'modprobe mqtt' as root");
}

/* --- the instance ------------------------------------------------------------ */

/* What processes have left that could not remove it. */
static void sweep(const char *dir)
{
	const struct dirent *entry;
	char path[512];
	DIR *instances;

	snprintf(path, sizeof(path), "%s/instances", dir);
	instances = opendir(path);
	while (instances && (entry = readdir(instances))) {
		if (strncmp(entry->d_name, NAME_PREFIX, strlen(NAME_PREFIX)))
			continue;
		snprintf(path, sizeof(path), "%s/instances/%s", dir, entry->d_name);
		rmdir(path);
	}
	if (instances)
		closedir(instances);
}

static bool put(struct trace_source *source, const char *file, const char *value)
{
	return tracefs_instance_file_write(source->instance, file, value) >= 0;
}

/* Only what happens in this network namespace */
static bool put_filter(struct trace_source *source)
{
	char text[64];
	struct stat st;

	if (stat("/proc/self/ns/net", &st))
		return false;
	snprintf(text, sizeof(text), "net == %llu", (unsigned long long)st.st_ino);
	return put(source, "events/mqtt/filter", text);
}

static bool learn_format(struct tep_handle *tep, const char *event)
{
	char file[128], *format;
	int size, err;

	snprintf(file, sizeof(file), "events/mqtt/%s/format", event);
	format = tracefs_instance_file_read(NULL, file, &size);
	/* How events are printed may be beyond it; fields are all we want. */
	err = format ? tep_parse_event(tep, format, (unsigned long)size, "mqtt") : -1;
	free(format);
	return format && err != TEP_ERRNO__MEM_ALLOC_FAILED;
}

/* Only what is needed: libtracefs would also read all symbols of the kernel. */
static bool learn_formats(struct trace_source *source)
{
	char *header;
	int size, err;

	source->tep = tep_alloc();
	header = tracefs_instance_file_read(NULL, "events/header_page", &size);
	err = !source->tep || !header ||
	      tep_parse_header_page(source->tep, header, (unsigned long)size, sizeof(long));
	free(header);
	for (unsigned int type = 0; !err && type < TRACE_TYPES; type++)
		err = !learn_format(source->tep, event_names[type]);
	return !err;
}

/* Until its file is open somebody else's sweep() may take it away. */
static bool make_instance(struct trace_source *source)
{
	char name[64];

	snprintf(name, sizeof(name), NAME_PREFIX "%d", getpid());
	for (int i = 0; i < MAKE_TRIES && source->pin < 0; i++) {
		if (source->instance)
			tracefs_instance_free(source->instance);
		source->instance = tracefs_instance_create(name);
		if (source->instance)
			source->pin = tracefs_instance_file_open(source->instance, "tracing_on",
								 O_RDWR | O_CLOEXEC);
	}
	return source->pin >= 0;
}

static bool start(struct trace_source *source, const char *dir)
{
	sweep(dir);
	return make_instance(source) && learn_formats(source) &&
	       put(source, "trace_clock", "mono") &&
	       put(source, "buffer_size_kb", BUFFER_KB) && put_filter(source) &&
	       put(source, "events/mqtt/enable", "1");
}

int trace_source_open(struct trace_source **source)
{
	const char *dir = tracefs_path();
	struct trace_source *s;
	int err;

	*source = NULL;
	if (!dir || check(dir))
		return FAILED;
	s = calloc(1, sizeof(*s));
	if (!s)
		return ctl_fail(strerror(ENOMEM));
	s->pin = -1;
	tep_set_loglevel(TEP_LOG_NONE);
	errno = 0;
	if (tracefs_set_tracing_dir((char *)dir) || !start(s, dir)) {
		err = errno;
		trace_source_close(s);
		return ctl_fail(err ? strerror(err) : "cannot use tracefs");
	}
	*source = s;
	return DONE;
}

void trace_source_close(struct trace_source *source)
{
	if (!source)
		return;
	if (source->tep)
		tep_free(source->tep);
	if (source->pin >= 0)
		close(source->pin);
	if (source->instance) {
		trace_source_stop(source);
		tracefs_instance_destroy(source->instance);
		tracefs_instance_free(source->instance);
	}
	free(source);
}

void trace_source_stop(struct trace_source *source)
{
	put(source, "events/mqtt/enable", "0");
}

/* --- events ------------------------------------------------------------------ */

static uint64_t number(struct tep_event *event, struct tep_record *record, const char *name)
{
	unsigned long long value = 0;
	struct tep_format_field *field = tep_find_any_field(event, name);

	if (field && tep_read_number_field(field, record->data, &value))
		value = 0;
	return value;
}

static void text(struct tep_event *event, struct tep_record *record, const char *name,
		 struct trace_text *to)
{
	const void *data;
	int len = 0;

	to->len = 0;
	if (!tep_find_any_field(event, name))
		return;
	data = tep_get_field_raw(NULL, event, name, record, &len, 0);
	if (!data || len < 0)
		return;
	to->len = len < TRACE_TEXT_MAX ? (uint8_t)len : TRACE_TEXT_MAX;
	memcpy(to->bytes, data, to->len);
}

/* The type, or TRACE_TYPES */
static enum trace_type type_of(const struct tep_event *event)
{
	unsigned int type;

	for (type = 0; type < TRACE_TYPES; type++) {
		if (!strcmp(event->name, event_names[type]))
			break;
	}
	return type;
}

/* What an event of its type lacks is 0. */
static void decode(struct tep_event *event, struct tep_record *record, struct trace_event *e)
{
	bool is_port = e->type == TRACE_RX;

	e->time = record->ts;
	e->id = (uint32_t)number(event, record, "id");
	e->peer = (uint32_t)number(event, record, "peer");
	e->port = is_port ? 0 : (uint32_t)number(event, record, "port");
	e->from_port = is_port && number(event, record, "port");
	e->packets = (uint32_t)number(event, record, "packets");
	e->bytes = (uint32_t)number(event, record, "bytes");
	e->receivers = (uint32_t)number(event, record, "receivers");
	e->reason = (uint32_t)number(event, record, "reason");
	e->topic_len = (uint32_t)number(event, record, "topic_len");
	e->packet_type = (uint32_t)number(event, record, "type");
	e->flags = e->type == TRACE_SLOW ? (uint32_t)number(event, record, "flags") : 0;
	e->queue_bytes = number(event, record, "queue_bytes");
	e->delay = number(event, record, "delay");
	e->cached = number(event, record, "cached");
	e->publisher = number(event, record, "publisher");
	e->barrier = number(event, record, "barrier");
	text(event, record, "client", &e->client);
	text(event, record, "topic", &e->topic);
}

static int take_one(struct tep_event *event, struct tep_record *record, int cpu, void *arg)
{
	struct trace_source *source = arg;
	struct trace_event e;

	(void)cpu;
	e.type = type_of(event);
	if (e.type == TRACE_TYPES)
		return 0;
	decode(event, record, &e);
	e.order = source->order++;
	source->result = source->take(&e, source->arg);
	return source->result;
}

static bool module_is_there(struct trace_source *source)
{
	char *path = tracefs_instance_get_file(source->instance, "events/mqtt/enable");
	bool there = path && !access(path, F_OK);

	tracefs_put_tracing_file(path);
	return there;
}

int trace_source_read(struct trace_source *source,
		      int (*take)(const struct trace_event *event, void *arg), void *arg)
{
	uint64_t before = source->order;

	source->take = take;
	source->arg = arg;
	source->result = 0;
	errno = 0;
	if (tracefs_iterate_raw_events(source->tep, source->instance, NULL, 0, take_one,
				       source) < 0 && !source->result && errno &&
	    errno != EAGAIN && errno != EINTR)
		return -errno;
	if (!source->result && source->order == before && !module_is_there(source))
		return -ENODEV;
	return source->result;
}

/* Of one CPU; 0 if there is no such CPU. */
static uint64_t cpu_lost(struct trace_source *source, long cpu)
{
	unsigned long long overrun = 0;
	char file[64], *stats;
	const char *line;

	snprintf(file, sizeof(file), "per_cpu/cpu%ld/stats", cpu);
	stats = tracefs_instance_file_read(source->instance, file, NULL);
	line = stats ? strstr(stats, "overrun: ") : NULL;
	if (line)
		overrun = strtoull(line + strlen("overrun: "), NULL, 10);
	free(stats);
	return overrun;
}

uint64_t trace_source_lost(struct trace_source *source)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	uint64_t lost = 0, before = source->lost;

	for (long cpu = 0; cpu < cpus; cpu++)
		lost += cpu_lost(source, cpu);
	/* CPUs may go. */
	source->lost = lost;
	return lost > before ? lost - before : 0;
}
