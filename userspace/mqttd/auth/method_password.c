// SPDX-License-Identifier: MIT
/*
 * Passwords in files.
 *
 * An unknown user takes as long as a wrong password, and what follows is the same: the
 * next method is asked. So the time tells nobody which users there are.
 */
#include <string.h>

#include "auth/method.h"
#include "config.h"
#include "log.h"
#include "password_file.h"

static bool configured(const struct listener_config *listener)
{
	return listener->password_file;
}

static int open_file(void **state, const struct config *conf,
		     const struct listener_config *listener)
{
	struct password_file *file;
	int err = password_file_load(&file, listener->password_file);

	(void)conf;
	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: cannot read password_file %s: %s.",
			   listener->password_file, strerror(-err));
	*state = file;
	return err;
}

static enum auth_verdict check(void *state, const struct auth_request *request,
			       struct auth_grant *grant, const char **why)
{
	const struct password *password;
	bool known, same;

	(void)grant;
	if (!request->username || !request->password)
		return AUTH_VERDICT_PASS;
	*why = "bad user name or password";
	password = password_file_find(state, request->username, &known);
	if (!password)
		return AUTH_VERDICT_PASS;
	same = password_is(password, request->password, request->password_len);
	return same && known ? AUTH_VERDICT_GRANTED : AUTH_VERDICT_PASS;
}

static void close_file(void *state)
{
	password_file_put(state);
}

const struct auth_method auth_password_method = {
	.name = "password",
	.configured = configured,
	.open = open_file,
	.check = check,
	.close = close_file,
};
