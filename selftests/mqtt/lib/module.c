// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ksft.h"
#include "module.h"

static const char *module_path(void)
{
	static char path[512];
	const char *env = getenv("MQTT_KO");
	struct utsname uts;

	if (env)
		return env;
	CHECK_SYS(uname(&uts));
	snprintf(path, sizeof(path), "build/%s/mqtt.ko", uts.release);
	return path;
}

void module_need_file(void)
{
	if (access(module_path(), R_OK))
		ksft_skip("there is no %s", module_path());
}

int module_try_unload(void)
{
	return syscall(SYS_delete_module, "mqtt", O_NONBLOCK);
}

void module_unload(void)
{
	WAIT_UNTIL(!module_try_unload());
}

int module_try_load(void)
{
	int fd = CHECK_SYS(open(module_path(), O_RDONLY | O_CLOEXEC)), err = 0;

	if (syscall(SYS_finit_module, fd, "", 0))
		err = -errno;
	close(fd);
	return err;
}

void module_load(void)
{
	int err = module_try_load();

	if (err)
		FAIL("the module cannot be loaded: %s", strerror(-err));
}
