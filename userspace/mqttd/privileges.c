// SPDX-License-Identifier: MIT
/*
 * Giving up what root can do.
 *
 * Sockets, the pid file and the kernel's router are there by now. CAP_NET_ADMIN is
 * of use later only to make another router, when the operator moves the clients
 * to the kernel again.
 */
#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "log.h"
#include "privileges.h"

int privileges_find(struct identity *who, const char *user)
{
	struct passwd *entry;

	*who = (struct identity){ .uid = geteuid(), .gid = getegid() };
	if (!user || who->uid)
		return 0;
	errno = 0;
	entry = getpwnam(user);
	if (!entry) {
		log_printf(LOG_TYPE_ERROR, "Error: there is no user '%s'.", user);
		return errno ? -errno : -ENOENT;
	}
	if (entry->pw_uid)
		*who = (struct identity){ user, entry->pw_uid, entry->pw_gid };
	return 0;
}

static int failed(const char *what)
{
	int err = errno ? -errno : -EPERM;

	log_printf(LOG_TYPE_ERROR, "Error: cannot %s: %s.", what, strerror(-err));
	return err;
}

/* libcap-ng's idea of what is to be: nothing, or the one. */
static void choose_capabilities(bool net_admin)
{
	bool keep = net_admin && capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN);

	capng_clear(CAPNG_SELECT_BOTH);
	if (keep)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
}

/* Somebody who is not root may have been given capabilities. Ambient ones go along. */
static int reduce(bool net_admin)
{
	capng_select_t what = CAPNG_SELECT_CAPS;

	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		what = CAPNG_SELECT_BOTH;
	choose_capabilities(net_admin);
	errno = 0;
	return capng_apply(what) ? failed("give up capabilities") : 0;
}

static int change(const struct identity *who, bool net_admin)
{
	choose_capabilities(net_admin);
	errno = 0;
	/* It knows users by their numbers only, and groups not at all. */
	if (initgroups(who->name, who->gid))
		return failed("take on the user's groups");
	if (capng_change_id(who->uid, who->gid, CAPNG_CLEAR_BOUNDING))
		return failed("become another user");
	return 0;
}

int privileges_drop(const struct identity *who, bool net_admin)
{
	int err = 0;

	if (capng_get_caps_process())
		return failed("read the process's capabilities");
	if (who->name)
		err = change(who, net_admin);
	else if (who->uid)
		err = reduce(net_admin);
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = failed("renounce new privileges");
	return err;
}
