// SPDX-License-Identifier: MIT
#include "ksft.h"
#include "planes.h"

void planes_start(void)
{
	daemon_start("workers 3\n"
		     "max_queued_bytes 100000000\n"
		     "allow_anonymous true\n"
		     "log_dest none\n"
		     "dataplane kernel\n"
		     "listener 1883 127.0.0.1\n"
		     "listener 1884 127.0.0.1\n"
		     "dataplane user");
}

void planes_ask(const char *request, const char *part)
{
	char answer[1024];

	daemon_ask(request, answer, sizeof(answer));
	if (!strstr(answer, part))
		FAIL("%s answers %s", request, answer);
}

void planes_move(const char *plane)
{
	char request[64];

	sprintf(request, "{\"command\":\"dataplane-set\",\"plane\":\"%s\"}\n", plane);
	planes_ask(request, "\"failed\":0");
}
