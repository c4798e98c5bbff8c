// SPDX-License-Identifier: MIT
/*
 * Why somebody may do something, or may not: the same questions as are asked for a
 * client's packets, one rule after the other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mqtt/topic.h>

#include "auth/method.h"
#include "broker.h"
#include "client.h"
#include "client_roles.h"
#include "control.h"
#include "control_roles.h"
#include "listener.h"
#include "permissions.h"
#include "rendezvous.h"
#include "session.h"
#include "subscribe.h"

/* Rules that are listed, and the one that decides. */
#define RULES_LISTED	1000

/**
 * struct question - what is to be explained
 * @person: who
 * @conf: the listener that it comes by
 * @access: enum role_access
 * @topic: name, or filter if it is about subscribing; with the mount point
 * @len: bytes at @topic
 * @rules: result: those that were asked
 * @n: how many
 * @decided: one has said something
 * @allowed: and that is it
 * @because: in one word or two
 */
struct question {
	struct role_person person;
	const struct listener_config *conf;
	u8 access;
	const char *topic;
	size_t len;
	json_t *rules;
	size_t n;
	bool decided;
	bool allowed;
	const char *because;
};

static void decide(struct question *question, bool allowed, const char *because)
{
	question->decided = true;
	question->allowed = allowed;
	question->because = because;
}

/* --- roles ------------------------------------------------------------------------ */

static const char *made_name(enum grant_made made)
{
	switch (made) {
	case GRANT_NO_VALUE:
		return "no-value";
	case GRANT_BAD_VALUE:
		return "bad-value";
	case GRANT_TOO_LONG:
		return "too-long";
	default:
		return "no-memory";
	}
}

static void ask_grant(struct question *question, const struct role *role,
		      const struct role_grant *grant)
{
	enum grant_made made = GRANT_MADE;
	const char *result = "no-match";
	char *text = NULL;
	json_t *rule;

	if (grant->varies)
		made = grant_make_out(grant, &question->person.who, &text);
	if (made != GRANT_MADE) {
		result = made_name(made);
	} else if (role_grant_matches(grant, text ? text : grant->filter,
				      text ? strlen(text) : grant->len, question->topic,
				      question->len)) {
		result = "decides";
		decide(question, grant->action == MQTT_ACL_ACTION_ALLOW, "role");
	}
	if (question->n++ < RULES_LISTED || question->decided) {
		rule = json_pack("{s:s, s:s, s:s, s:s%, s:I, s:s}", "role", role->name,
				 "action", role_action_name(grant->action),
				 "access", role_access_name(grant->access),
				 "filter", grant->filter, (size_t)grant->len,
				 "priority", (json_int_t)grant->priority, "result", result);
		control_put(rule, "made-out", text ? json_string(text) : NULL);
		json_array_append_new(question->rules, rule);
	}
	free(text);
}

static void ask_roles(struct question *question, const struct role_profile *profile)
{
	const struct role_version *version;
	unsigned int i;
	u32 k;

	if (profile->overfull)
		decide(question, false, "too-many-roles");
	for (i = 0; i < profile->n; i++) {
		version = profile->roles[i]->version;
		for (k = 0; k < version->n && !question->decided; k++)
			if (version->grants[k].access == question->access)
				ask_grant(question, profile->roles[i], &version->grants[k]);
	}
}

/* --- the listener's list ---------------------------------------------------------- */

static void ask_rule(void *ctx, const u8 *filter, size_t len, bool deny, unsigned int access)
{
	struct question *question = ctx;
	const char *result = "no-match";
	json_t *rule;

	if (question->decided ||
	    !(access & (question->access == ROLE_PUBLISH ? ACL_WRITE : ACL_READ)))
		return;
	if (mqtt_topic_matches(filter, len, (const u8 *)question->topic, question->len)) {
		result = "decides";
		decide(question, !deny, "acl-file");
	}
	if (question->n++ >= RULES_LISTED && !question->decided)
		return;
	rule = json_pack("{s:s, s:s, s:s, s:s%, s:s}", "file", question->conf->acl_file,
			 "action", deny ? "deny" : "allow",
			 "access", role_access_name(question->access),
			 "filter", (const char *)filter, len, "result", result);
	json_array_append_new(question->rules, rule);
}

/* Returns false without memory. */
static bool ask_file(struct broker *broker, struct question *question)
{
	struct acl *acl = permissions_get(&broker->permissions, question->conf->acl_file);
	const struct role_who *who = &question->person.who;
	struct acl_rules *rules;
	unsigned int part;
	int err;

	err = acl_compile(&rules, acl, who->client_id, who->username);
	acl_put(acl);
	if (err)
		return false;
	if (question->access == ROLE_SUBSCRIBE) {
		decide(question, true, "acl-file");
	} else {
		for (part = 0; part < ACL_PARTS; part++)
			acl_part_visit(rules, part, ask_rule, question);
		if (!question->decided)
			decide(question, false, "acl-file");
	}
	acl_rules_free(rules);
	return true;
}

static void ask_defaults(struct broker *broker, struct question *question)
{
	bool allowed = true;

	if (question->conf->roles)
		allowed = roles_defaults(&broker->roles) & question->access;
	decide(question, allowed, question->conf->roles ? "default" : "no-permissions");
}

/* --- answers ---------------------------------------------------------------------- */

static bool is_reserved(const struct question *question)
{
	return question->access == ROLE_PUBLISH &&
	       !acl_allows(NULL, ACL_WRITE, (const u8 *)question->topic, question->len);
}

/* Rules are about topics with their mount point. 0 or -ENOMEM; to be freed: @mounted. */
static int mount(struct question *question, char **mounted)
{
	const char *point = question->conf->mount_point;
	int len;

	*mounted = NULL;
	if (!point)
		return 0;
	len = asprintf(mounted, "%s%.*s", point, (int)question->len, question->topic);
	if (len < 0)
		return -ENOMEM;
	question->topic = *mounted;
	question->len = len;
	return 0;
}

/* Returns false without memory. */
static bool ask_all(struct broker *broker, struct question *question)
{
	struct role_profile *profile;

	if (is_reserved(question))
		decide(question, false, "reserved-topic");
	if (!question->decided && question->conf->roles) {
		profile = roles_resolve(&broker->roles, question->person.who.username,
					question->person.named, question->person.n_named);
		if (!profile)
			return false;
		ask_roles(question, profile);
		role_profile_put(&broker->roles, profile);
	}
	if (!question->decided && question->conf->acl_file && !ask_file(broker, question))
		return false;
	if (!question->decided)
		ask_defaults(broker, question);
	return true;
}

static void answer(struct control_request *request, struct question *question)
{
	const struct role_who *who = &question->person.who;
	json_t *result;
	char *mounted;

	question->rules = json_array();
	if (mount(question, &mounted) || !ask_all(request->broker, question)) {
		json_decref(question->rules);
		free(mounted);
		control_refuse(request, "out of memory");
		return;
	}
	free(mounted);
	result = json_pack("{s:s, s:s, s:s*, s:s*, s:I, s:o}",
			   "decision", question->allowed ? "allow" : "deny",
			   "because", question->because, "client-id", who->client_id,
			   "username", who->username, "port", (json_int_t)question->conf->port,
			   "rules", question->rules);
	control_answer(request, result);
}

/* --- who -------------------------------------------------------------------------- */

/* What is kept of a client while its worker goes on. */
struct found {
	struct question *question;
	char *client_id;
	char *username;
	char *named[AUTH_ROLES_MAX];
	struct auth_claim claims[AUTH_CLAIMS_MAX];
	bool failed;
};

static char *keep(struct found *found, const char *text)
{
	char *kept = text ? strdup(text) : NULL;

	if (text && !kept)
		found->failed = true;
	return kept;
}

static int find_client(void *ctx, struct session *session)
{
	const struct client *client = session->owner;
	struct found *found = ctx;
	struct question *question = found->question;
	struct role_person person;
	unsigned int i;

	if (!client || client->state != CLIENT_CONNECTED)
		return 1;
	person = client_person(client);
	found->client_id = keep(found, person.who.client_id);
	found->username = keep(found, person.who.username);
	for (i = 0; i < person.n_named; i++)
		found->named[i] = keep(found, person.named[i]);
	for (i = 0; i < person.who.n_claims; i++)
		found->claims[i] = (struct auth_claim){
			keep(found, person.who.claims[i].name),
			keep(found, person.who.claims[i].value),
		};
	question->conf = client->endpoint->conf;
	question->person = (struct role_person){
		.who = { found->client_id, found->username, found->claims,
			 person.who.n_claims },
		.named = found->named, .n_named = person.n_named,
	};
	return 1;
}

static void found_free(struct found *found)
{
	unsigned int i;

	free(found->client_id);
	free(found->username);
	for (i = 0; i < AUTH_ROLES_MAX; i++)
		free(found->named[i]);
	for (i = 0; i < AUTH_CLAIMS_MAX; i++) {
		free(found->claims[i].name);
		free(found->claims[i].value);
	}
}

static void test_connected(struct control_request *request, struct question *question,
			   const char *id)
{
	struct broker *broker = request->broker;
	struct found found = { .question = question };

	rendezvous_begin(broker);
	session_visit(&broker->sessions, id, find_client, &found);
	rendezvous_end(broker);
	if (found.failed)
		control_refuse(request, "out of memory");
	else if (found.client_id)
		answer(request, question);
	else
		control_refuse(request,
			       "no client with this id is connected: say who it would be with --user, --client-id or --roles");
	found_free(&found);
}

/* The one with this port, or else the first one where roles count. */
static const struct listener_config *find_listener(struct control_request *request)
{
	const json_t *port = json_object_get(request->arguments, "port");
	const struct broker *broker = request->broker;
	const struct listener_config *conf, *found = NULL;
	unsigned int i;

	for (i = 0; i < broker->n_endpoints; i++) {
		conf = broker->endpoints[i].conf;
		if (port ? conf->port == json_integer_value(port) :
			   !found || conf->roles > found->roles)
			found = conf;
	}
	if (!found)
		control_refuse(request, "there is no listener with this port");
	return found;
}

static bool put_claims(struct control_request *request, struct question *question,
		       struct auth_claim *claims)
{
	json_t *object = json_object_get(request->arguments, "claims"), *value;
	const char *name;

	if (object && !json_is_object(object)) {
		control_refuse(request, "\"claims\" has to be an object");
		return false;
	}
	if (json_object_size(object) > AUTH_CLAIMS_MAX) {
		control_refuse(request, "there are at most %d claims", AUTH_CLAIMS_MAX);
		return false;
	}
	json_object_foreach(object, name, value) {
		if (!json_is_string(value)) {
			control_refuse(request, "a claim is a string");
			return false;
		}
		claims[question->person.who.n_claims++] = (struct auth_claim){
			(char *)name, (char *)json_string_value(value),
		};
	}
	question->person.who.claims = claims;
	return true;
}

static void test_described(struct control_request *request, struct question *question)
{
	const json_t *list = json_object_get(request->arguments, "roles"), *role;
	const json_t *arguments = request->arguments;
	struct auth_claim claims[AUTH_CLAIMS_MAX];
	char *named[AUTH_ROLES_MAX];
	size_t i;

	question->conf = find_listener(request);
	if (!question->conf || !put_claims(request, question, claims))
		return;
	question->person.who.client_id = json_string_value(json_object_get(arguments, "as"));
	if (!question->person.who.client_id)
		question->person.who.client_id = "";
	question->person.who.username = json_string_value(json_object_get(arguments, "username"));
	question->person.named = named;
	if (list && !json_is_array(list)) {
		control_refuse(request, "\"roles\" is up to %d strings", AUTH_ROLES_MAX);
		return;
	}
	json_array_foreach(list, i, role) {
		if (i == AUTH_ROLES_MAX || !json_is_string(role)) {
			control_refuse(request, "\"roles\" is up to %d strings", AUTH_ROLES_MAX);
			return;
		}
		named[question->person.n_named++] = (char *)json_string_value(role);
	}
	answer(request, question);
}

/* As the client would say it. */
static bool parse_topic(struct control_request *request, struct question *question)
{
	const u8 *topic;
	size_t len;
	bool valid;

	question->topic = control_text(request, "topic");
	if (!question->topic)
		return false;
	question->len = strlen(question->topic);
	topic = (const u8 *)question->topic;
	len = question->len;
	if (question->access != ROLE_SUBSCRIBE) {
		valid = mqtt_topic_name_valid(topic, len);
	} else {
		valid = mqtt_topic_filter_valid(topic, len) && !subscribe_bad_share(topic, len);
		if (valid)
			subscribe_split(topic, len, (const u8 **)&question->topic,
					&question->len);
	}
	if (!valid)
		control_refuse(request, "'%.256s' is not a topic %s", question->topic,
			       question->access == ROLE_SUBSCRIBE ? "filter" : "name");
	return valid;
}

void control_acl_test(struct control_request *request)
{
	const char *id = json_string_value(json_object_get(request->arguments, "client-id"));
	struct question question = { .access = control_access(request) };

	if (!question.access || !parse_topic(request, &question))
		return;
	if (id)
		test_connected(request, &question, id);
	else
		test_described(request, &question);
}
