// SPDX-License-Identifier: MIT
/*
 * Giving up what root can do.
 *
 * Sockets, the pid file and the kernel's router are there by now. To make another
 * router, when the operator moves the clients to the kernel again, there is mqttd-router,
 * which keeps CAP_NET_ADMIN for that.
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

bool privileges_for_router(void)
{
	return !capng_get_caps_process() &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN);
}

/*
 * libcap-ng's idea of what is to be: nothing, or the one; or, for root that stays root,
 * what makes it the owner of all files, which it is used to be.
 */
static void choose_capabilities(bool net_admin, bool files)
{
	static const unsigned int of_files[] = {
		CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
	};
	bool keep[CAP_LAST_CAP + 1] = {};
	unsigned int i;

	keep[CAP_NET_ADMIN] = net_admin;
	for (i = 0; files && i < sizeof(of_files) / sizeof(of_files[0]); i++)
		keep[of_files[i]] = true;
	for (i = 0; i <= CAP_LAST_CAP; i++)
		keep[i] = keep[i] && capng_have_capability(CAPNG_EFFECTIVE, i);
	capng_clear(CAPNG_SELECT_BOTH);
	for (i = 0; i <= CAP_LAST_CAP; i++)
		if (keep[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, i);
}

/* Somebody who is not root may have been given capabilities. Ambient ones go along. */
static int reduce(bool net_admin, bool files)
{
	capng_select_t what = CAPNG_SELECT_CAPS;

	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		what = CAPNG_SELECT_BOTH;
	choose_capabilities(net_admin, files);
	errno = 0;
	return capng_apply(what) ? failed("give up capabilities") : 0;
}

static int change(const struct identity *who, bool net_admin)
{
	choose_capabilities(net_admin, false);
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
	else
		err = reduce(net_admin, !who->uid);
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = failed("renounce new privileges");
	return err;
}
