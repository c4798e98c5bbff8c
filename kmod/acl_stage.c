// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets of rules that come in several requests.
 *
 * A socket sends one set at a time. What has come of it is dropped when the socket
 * begins with another one, or is closed, or a request of it is refused: then it has
 * to begin anew. No peer can see any of this.
 *
 * A part may be dropped that its sender does not know of: a socket may have the port id
 * of one that has just been closed, and of which only that is told. So each request
 * says how many rules the set has in all, the only one of a set too: what comes alone may
 * be the last of several.
 */
#include <linux/list.h>
#include <linux/netlink.h>
#include <linux/slab.h>

#include "acl.h"
#include "router.h"

/* What one socket has sent so far. */
struct mqtt_acl_stage {
	struct list_head list;
	struct mqtt_acl_sender sender;
	u32 id;
	struct mqtt_acl_version *version;
};

static void mqtt_acl_stage_free(struct mqtt_acls *acls, struct mqtt_acl_stage *stage)
{
	list_del(&stage->list);
	WRITE_ONCE(acls->nr_stages, acls->nr_stages - 1);
	if (stage->version)
		mqtt_acl_version_drop(stage->version);
	kfree(stage);
}

/*
 * A socket may have the port id of one that is gone, and whose death has not been
 * told yet.
 */
static struct mqtt_acl_stage *mqtt_acl_stage_of(struct mqtt_acls *acls,
						const struct mqtt_acl_sender *sender)
{
	struct mqtt_acl_stage *stage;

	lockdep_assert_held(&acls->stage_lock);
	list_for_each_entry(stage, &acls->stages, list) {
		if (stage->sender.portid != sender->portid)
			continue;
		if (stage->sender.sk == sender->sk)
			return stage;
		mqtt_acl_stage_free(acls, stage);
		break;
	}
	return NULL;
}

static bool mqtt_acl_stage_busy(const struct mqtt_acls *acls,
				const struct mqtt_acl_sender *sender, u32 id)
{
	const struct mqtt_acl_stage *stage;

	list_for_each_entry(stage, &acls->stages, list)
		if (stage->id == id && stage->sender.sk != sender->sk)
			return true;
	return false;
}

static struct mqtt_acl_stage *mqtt_acl_stage_new(struct mqtt_acls *acls,
						 const struct mqtt_acl_sender *sender, u32 id)
{
	struct mqtt_acl_stage *stage = kzalloc(sizeof(*stage), GFP_KERNEL_ACCOUNT);

	if (!stage)
		return ERR_PTR(-ENOMEM);
	stage->version = mqtt_acl_version_new();
	if (!stage->version) {
		kfree(stage);
		return ERR_PTR(-ENOMEM);
	}
	stage->sender = *sender;
	stage->id = id;
	list_add_tail(&stage->list, &acls->stages);
	WRITE_ONCE(acls->nr_stages, acls->nr_stages + 1);
	return stage;
}

/* What this socket has sent of this set: perhaps nothing yet. */
static struct mqtt_acl_stage *mqtt_acl_stage_get(struct mqtt_acls *acls,
						 const struct mqtt_acl_sender *sender, u32 id,
						 struct netlink_ext_ack *extack)
{
	struct mqtt_acl_stage *stage = mqtt_acl_stage_of(acls, sender);

	if (stage && stage->id == id)
		return stage;
	if (stage)
		mqtt_acl_stage_free(acls, stage);
	if (mqtt_acl_stage_busy(acls, sender, id)) {
		NL_SET_ERR_MSG(extack, "another socket is in the middle of setting this one");
		return ERR_PTR(-EBUSY);
	}
	if (acls->nr_stages >= MQTT_ACL_STAGES_MAX) {
		NL_SET_ERR_MSG(extack, "too many sets of rules are being sent");
		return ERR_PTR(-ENOSPC);
	}
	return mqtt_acl_stage_new(acls, sender, id);
}

static int mqtt_acl_stage_fill(struct mqtt_acl_rules *to, const struct mqtt_acl_input *rules,
			       u32 nr, struct netlink_ext_ack *extack)
{
	int err = 0;
	u32 i;

	if (nr > MQTT_ACL_RULES_MAX - to->nr) {
		NL_SET_ERR_MSG(extack, "too many rules in one set");
		return -ENOSPC;
	}
	for (i = 0; i < nr && !err; i++)
		err = mqtt_acl_rules_add(to, rules[i].filter, rules[i].len, rules[i].action,
					 rules[i].access);
	return err;
}

/**
 * mqtt_acl_stage() - rules of a set have come
 * @router: whose
 * @sender: from this socket
 * @id: the set's
 * @rules: rules, checked; copied
 * @nr: how many
 * @extack: is told what is wrong
 *
 * Context: may sleep.
 * Return: 0; -EBUSY, -ENOSPC or -ENOMEM, and what this socket has sent before is
 * dropped.
 */
int mqtt_acl_stage(struct mqtt_router *router, const struct mqtt_acl_sender *sender, u32 id,
		   const struct mqtt_acl_input *rules, u32 nr, struct netlink_ext_ack *extack)
{
	struct mqtt_acls *acls = &router->acls;
	struct mqtt_acl_stage *stage;
	int err;

	mutex_lock(&acls->stage_lock);
	stage = mqtt_acl_stage_get(acls, sender, id, extack);
	if (IS_ERR(stage)) {
		err = PTR_ERR(stage);
	} else {
		err = mqtt_acl_stage_fill(&stage->version->rules, rules, nr, extack);
		if (err)
			mqtt_acl_stage_free(acls, stage);
	}
	mutex_unlock(&acls->stage_lock);
	return err;
}

/**
 * mqtt_acl_stage_end() - all rules of a set have come
 * @router: whose
 * @sender: from this socket, by mqtt_acl_stage() just before
 * @id: the set's
 * @fallback: enum mqtt_acl_action
 * @total: how many rules there have to be
 * @extack: is told what is wrong
 *
 * Context: may sleep.
 * Return: the finished rules, the caller's; ERR_PTR(-EINVAL) if they are not as
 * many as they have to be, ERR_PTR(-ENOMEM). In any case nothing is left of what
 * the socket has sent.
 */
struct mqtt_acl_version *mqtt_acl_stage_end(struct mqtt_router *router,
					    const struct mqtt_acl_sender *sender, u32 id,
					    u8 fallback, u32 total,
					    struct netlink_ext_ack *extack)
{
	struct mqtt_acl_version *version = NULL;
	struct mqtt_acls *acls = &router->acls;
	struct mqtt_acl_stage *stage;
	int err = -EINVAL;

	mutex_lock(&acls->stage_lock);
	stage = mqtt_acl_stage_of(acls, sender);
	/* Another thread may use the socket, too, or the router has ended. */
	if (stage && stage->id == id) {
		version = stage->version;
		stage->version = NULL;
		mqtt_acl_stage_free(acls, stage);
	}
	mutex_unlock(&acls->stage_lock);

	if (!version || total != version->rules.nr) {
		NL_SET_ERR_MSG(extack, "not as many rules as there have to be; begin anew");
		goto err_version;
	}
	version->rules.fallback = fallback;
	err = mqtt_acl_rules_finish(&version->rules);
	if (!err)
		return version;
err_version:
	if (version)
		mqtt_acl_version_drop(version);
	return ERR_PTR(err);
}

/**
 * mqtt_acl_stage_drop() - a socket sends no more of what it has begun
 * @router: whose
 * @sender: the socket; one that is closed has no sk
 *
 * Context: may sleep; no lock of the router's is taken.
 */
void mqtt_acl_stage_drop(struct mqtt_router *router, const struct mqtt_acl_sender *sender)
{
	struct mqtt_acls *acls = &router->acls;
	struct mqtt_acl_stage *stage;

	if (!READ_ONCE(acls->nr_stages))
		return;
	mutex_lock(&acls->stage_lock);
	list_for_each_entry(stage, &acls->stages, list) {
		if (stage->sender.portid != sender->portid ||
		    (sender->sk && stage->sender.sk != sender->sk))
			continue;
		mqtt_acl_stage_free(acls, stage);
		break;
	}
	mutex_unlock(&acls->stage_lock);
}

void mqtt_acl_stage_drop_all(struct mqtt_acls *acls)
{
	struct mqtt_acl_stage *stage, *next;

	mutex_lock(&acls->stage_lock);
	list_for_each_entry_safe(stage, next, &acls->stages, list)
		mqtt_acl_stage_free(acls, stage);
	mutex_unlock(&acls->stage_lock);
}
