// SPDX-License-Identifier: MIT
/*
 * Permissions of those who have published retained messages.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "broker.h"
#include "client_roles.h"
#include "listener.h"
#include "permissions.h"
#include "retain_source.h"
#include "stored.h"

void retain_source_clear(struct retain_source *source)
{
	while (source->n) {
		acl_rules_free(source->rules[--source->n]);
		client_roles_free(source->broker, source->roles[source->n]);
	}
	free(source->rules);
	free(source->roles);
	free(source->client_id);
	free(source->username);
	*source = (struct retain_source){};
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Roles that a token named are not known any more. */
static int compile_roles(struct retain_source *source, const struct listener_config *conf)
{
	struct role_person person = {
		.who = { .client_id = source->client_id, .username = source->username },
	};

	if (!conf->roles)
		return 0;
	source->roles[source->n] = client_roles_new(source->broker, &person);
	return source->roles[source->n] ? 0 : -ENOMEM;
}

static int compile(struct retain_source *source, const struct listener_config *conf)
{
	struct acl *acl;
	int err;

	acl = permissions_get(&source->broker->permissions, conf->acl_file);
	err = acl_compile(&source->rules[source->n], acl, source->client_id, source->username);
	acl_put(acl);
	if (err)
		return err;
	err = compile_roles(source, conf);
	if (err)
		acl_rules_free(source->rules[source->n]);
	else
		source->n++;
	return err;
}

static int load(struct retain_source *source, struct broker *broker, const struct stored *msg)
{
	unsigned int i;
	int err = 0;

	retain_source_clear(source);
	source->generation = permissions_generation(&broker->permissions);
	source->roles_generation = roles_generation(&broker->roles);
	source->broker = broker;
	source->rules = calloc(broker->n_endpoints, sizeof(struct acl_rules *));
	source->roles = calloc(broker->n_endpoints, sizeof(struct client_roles *));
	source->client_id = strdup(msg->client_id);
	source->username = msg->username ? strdup(msg->username) : NULL;
	if (!source->rules || !source->roles || !source->client_id ||
	    (msg->username && !source->username))
		err = -ENOMEM;
	for (i = 0; i < broker->n_endpoints && !err; i++)
		err = compile(source, broker->endpoints[i].conf);
	if (err)
		retain_source_clear(source);
	return err;
}

static bool is_current(const struct retain_source *source, const struct broker *broker,
		       const struct stored *msg)
{
	return source->client_id &&
	       source->generation == permissions_generation(&broker->permissions) &&
	       source->roles_generation == roles_generation(&broker->roles) &&
	       !strcmp(source->client_id, msg->client_id) &&
	       same_text(source->username, msg->username);
}

static bool allows(const struct retain_source *source, unsigned int i, const char *mount,
		   const struct stored *msg)
{
	size_t len = mount ? strlen(mount) : 0;

	if (len && (msg->topic_len <= len || memcmp(msg->topic, mount, len)))
		return false;
	return client_roles_allow(source->broker, source->roles[i], source->rules[i], ACL_WRITE,
				  msg->topic, msg->topic_len);
}

static bool allowed_by(struct retain_source *source, struct broker *broker,
		       const struct endpoint *by, const struct stored *msg)
{
	unsigned int i;

	/* The broker's own */
	if (!*msg->client_id)
		return true;
	if (!is_current(source, broker, msg) && load(source, broker, msg))
		return false;
	for (i = 0; i < source->n; i++)
		if ((!by || by == &broker->endpoints[i]) &&
		    allows(source, i, broker->endpoints[i].conf->mount_point, msg))
			return true;
	return false;
}

bool retain_source_allowed(struct retain_source *source, struct broker *broker,
			   const struct stored *msg)
{
	return allowed_by(source, broker, NULL, msg);
}

bool publisher_allowed(struct broker *broker, const struct endpoint *by, const struct stored *msg)
{
	struct retain_source source = {};
	bool allowed = allowed_by(&source, broker, by, msg);

	retain_source_clear(&source);
	return allowed;
}
