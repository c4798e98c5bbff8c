// SPDX-License-Identifier: MIT
/*
 * The permissions in force.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "config.h"
#include "log.h"
#include "permissions.h"

/**
 * struct permission_list - a file that is configured
 * @next: in the list of all
 * @path: of it, in the configuration
 * @acl: what it says; under the lock
 */
struct permission_list {
	struct permission_list *next;
	const char *path;
	struct acl *acl;
};

static struct permission_list *list_find(const struct permissions *permissions, const char *path)
{
	struct permission_list *list = permissions->lists;

	while (list && strcmp(list->path, path))
		list = list->next;
	return list;
}

static int list_read(const struct permission_list *list, struct acl **acl)
{
	char why[ACL_WHY_MAX];
	int err = acl_load(acl, list->path, why);

	if (err)
		log_printf(LOG_TYPE_ERROR, "Error: acl_file: %s.", why);
	return err;
}

static int list_add(struct permissions *permissions, const char *path)
{
	struct permission_list *list;
	int err;

	if (!path || list_find(permissions, path))
		return 0;
	list = calloc(1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	list->path = path;
	err = list_read(list, &list->acl);
	if (err) {
		free(list);
		return err;
	}
	list->next = permissions->lists;
	permissions->lists = list;
	return 0;
}

int permissions_open(struct permissions *permissions, const struct config *conf)
{
	const struct listener_config *listener;
	int err = 0;

	*permissions = (struct permissions){};
	pthread_mutex_init(&permissions->lock, NULL);
	for (listener = conf->listeners; listener && !err; listener = listener->next)
		err = list_add(permissions, listener->acl_file);
	if (err)
		permissions_close(permissions);
	return err;
}

void permissions_close(struct permissions *permissions)
{
	struct permission_list *list;

	while ((list = permissions->lists)) {
		permissions->lists = list->next;
		acl_put(list->acl);
		free(list);
	}
	pthread_mutex_destroy(&permissions->lock);
}

void permissions_reload(struct permissions *permissions)
{
	struct permission_list *list;
	struct acl *fresh, *old;

	for (list = permissions->lists; list; list = list->next) {
		if (list_read(list, &fresh)) {
			log_printf(LOG_TYPE_ERROR, "Error: acl_file %s stays in force as it was.",
				   list->path);
			continue;
		}
		pthread_mutex_lock(&permissions->lock);
		old = list->acl;
		list->acl = fresh;
		pthread_mutex_unlock(&permissions->lock);
		acl_put(old);
	}
	__atomic_store_n(&permissions->generation, permissions->generation + 1, __ATOMIC_RELEASE);
}

struct acl *permissions_get(struct permissions *permissions, const char *path)
{
	struct acl *acl;

	if (!path)
		return NULL;
	pthread_mutex_lock(&permissions->lock);
	acl = acl_get(list_find(permissions, path)->acl);
	pthread_mutex_unlock(&permissions->lock);
	return acl;
}
