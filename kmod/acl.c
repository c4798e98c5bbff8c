// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets of rules come, change and go, and peers have them.
 *
 * A set's rules are never changed, but replaced by others: readers under RCU see
 * the ones or the others. After that the router's generation changes, so that what
 * a publisher remembers is not taken for an answer of the new rules. Since both
 * come before the reply to the request, and a message is framed before it is asked
 * for, what is framed after the reply is asked of the new ones.
 *
 * A peer's chain is likewise replaced and not changed. It lives until the peer is
 * freed, and keeps its sets: neither the publisher under its socket's lock nor a
 * reader who has found a subscription can see it without them.
 */
#include <linux/slab.h>

#include "acl.h"
#include "netlink.h"
#include "peer.h"
#include "router.h"

/* The sets of a router that has just been made. */
void mqtt_acl_init(struct mqtt_acls *acls)
{
	xa_init(&acls->sets);
	mutex_init(&acls->stage_lock);
	INIT_LIST_HEAD(&acls->stages);
}

static void mqtt_acl_version_work(struct work_struct *work)
{
	mqtt_acl_version_drop(container_of(to_rcu_work(work), struct mqtt_acl_version, free));
}

/**
 * mqtt_acl_version_new() - an empty list of rules
 *
 * Return: it, to be filled and given to mqtt_acl_install() or
 * mqtt_acl_version_drop(); NULL without memory.
 */
struct mqtt_acl_version *mqtt_acl_version_new(void)
{
	struct mqtt_acl_version *version = kzalloc(sizeof(*version), GFP_KERNEL_ACCOUNT);

	if (version)
		INIT_RCU_WORK(&version->free, mqtt_acl_version_work);
	return version;
}

/**
 * mqtt_acl_version_drop() - free rules that no reader is in
 * @version: they
 *
 * Context: process; may sleep.
 */
void mqtt_acl_version_drop(struct mqtt_acl_version *version)
{
	struct mqtt_router *router = version->router;

	mqtt_acl_rules_clear(&version->rules);
	kfree(version);
	if (router)
		mqtt_router_put(router);
}

/*
 * No reader finds it any more. Any context. A router may end with a million sets, and
 * packets of other namespaces are not to wait for them.
 */
static void mqtt_acl_version_retire(struct mqtt_acl_version *version)
{
	queue_rcu_work(mqtt_free_wq, &version->free);
}

static void mqtt_acl_put(struct mqtt_acl *acl)
{
	if (!refcount_dec_and_test(&acl->refs))
		return;
	mqtt_acl_version_retire(rcu_dereference_protected(acl->version, true));
	kfree_rcu(acl, rcu);
}

static struct mqtt_acl *mqtt_acl_add(struct mqtt_router *router, u32 id,
				     struct netlink_ext_ack *extack)
{
	struct mqtt_acl *acl;
	int err;

	if (router->acls.nr >= MQTT_ACLS_MAX) {
		NL_SET_ERR_MSG(extack, "the router has too many sets of rules");
		return ERR_PTR(-ENOSPC);
	}
	acl = kzalloc(sizeof(*acl), GFP_KERNEL_ACCOUNT);
	if (!acl)
		return ERR_PTR(-ENOMEM);
	acl->id = id;
	refcount_set(&acl->refs, 1);
	err = xa_insert(&router->acls.sets, id, acl, GFP_KERNEL_ACCOUNT);
	if (err) {
		kfree(acl);
		return ERR_PTR(err);
	}
	router->acls.nr++;
	return acl;
}

/**
 * mqtt_acl_install() - make a set, or give it other rules
 * @router: whose
 * @id: the set's
 * @version: finished rules, the router's from now on; an error leaves them the
 *	     caller's
 * @extack: is told what is wrong
 *
 * Context: may sleep; takes the router's lock.
 * Return: 0, and the rules are in force for what is framed after this; -ENODEV;
 * -ENOSPC if there are too many sets; -ENOMEM, and the set is what it was.
 */
int mqtt_acl_install(struct mqtt_router *router, u32 id, struct mqtt_acl_version *version,
		     struct netlink_ext_ack *extack)
{
	struct mqtt_acl_version *old;
	struct mqtt_acl *acl;
	int err = 0;

	mutex_lock(&router->lock);
	if (router->dead) {
		NL_SET_ERR_MSG(extack, "the router has just ended");
		err = -ENODEV;
		goto out;
	}
	acl = xa_load(&router->acls.sets, id);
	if (!acl)
		acl = mqtt_acl_add(router, id, extack);
	if (IS_ERR(acl)) {
		err = PTR_ERR(acl);
		goto out;
	}
	refcount_inc(&router->refs);
	version->router = router;
	old = rcu_replace_pointer(acl->version, version, lockdep_is_held(&router->lock));
	/* Pairs with the acquire in mqtt_acl_ask_publish(). */
	smp_store_release(&router->acls.generation, router->acls.generation + 1);
	if (old)
		mqtt_acl_version_retire(old);
out:
	mutex_unlock(&router->lock);
	return err;
}

/**
 * mqtt_acl_del() - delete a set that no peer has
 * @router: whose
 * @id: the set's
 * @extack: is told what is wrong
 *
 * Return: 0; -ENOENT; -EBUSY.
 */
int mqtt_acl_del(struct mqtt_router *router, u32 id, struct netlink_ext_ack *extack)
{
	struct mqtt_acl *acl;
	int err = 0;

	mutex_lock(&router->lock);
	acl = xa_load(&router->acls.sets, id);
	if (!acl) {
		NL_SET_ERR_MSG(extack, "no set of rules has this id");
		err = -ENOENT;
	} else if (acl->peers) {
		NL_SET_ERR_MSG(extack, "a peer has this set of rules");
		err = -EBUSY;
	} else {
		xa_erase(&router->acls.sets, id);
		router->acls.nr--;
		mqtt_acl_put(acl);
	}
	mutex_unlock(&router->lock);
	return err;
}

/**
 * mqtt_acl_end_all() - the router ends
 * @router: router; dead, so that no set is added
 *
 * Context: may sleep.
 */
void mqtt_acl_end_all(struct mqtt_router *router)
{
	struct mqtt_acl *acl;
	unsigned long id;

	mutex_lock(&router->lock);
	xa_for_each(&router->acls.sets, id, acl) {
		xa_erase(&router->acls.sets, id);
		mqtt_acl_put(acl);
		cond_resched();
	}
	router->acls.nr = 0;
	mutex_unlock(&router->lock);
	mqtt_acl_stage_drop_all(&router->acls);
}

/* Nobody has a reference to the router. */
void mqtt_acl_destroy(struct mqtt_acls *acls)
{
	mqtt_acl_stage_drop_all(acls);
	xa_destroy(&acls->sets);
	mutex_destroy(&acls->stage_lock);
}

/* --- chains ------------------------------------------------------------------ */

static struct mqtt_acl *mqtt_acl_chain_find(struct mqtt_router *router,
					    const struct mqtt_acl_chain *chain, u32 id,
					    struct netlink_ext_ack *extack)
{
	struct mqtt_acl *acl = xa_load(&router->acls.sets, id);
	u8 i;

	if (!acl) {
		NL_SET_ERR_MSG(extack, "no set of rules has this id");
		return ERR_PTR(-ENOENT);
	}
	for (i = 0; i < chain->nr; i++)
		if (chain->sets[i] == acl) {
			NL_SET_ERR_MSG(extack, "the same set of rules twice");
			return ERR_PTR(-EINVAL);
		}
	return acl;
}

/**
 * mqtt_acl_chain_new() - the sets that a peer is to have
 * @router: whose; its lock is held
 * @ids: of the sets
 * @nr: how many, at most MQTT_PEER_ACLS_MAX
 * @extack: is told what is wrong
 *
 * Return: a chain to be given to mqtt_acl_chain_put(); NULL for no sets;
 * ERR_PTR(-ENOENT) if there is no such set, ERR_PTR(-EINVAL) if one is there
 * twice, ERR_PTR(-ENOMEM).
 */
struct mqtt_acl_chain *mqtt_acl_chain_new(struct mqtt_router *router, const u32 *ids, u32 nr,
					  struct netlink_ext_ack *extack)
{
	struct mqtt_acl_chain *chain;
	struct mqtt_acl *acl;

	lockdep_assert_held(&router->lock);
	if (!nr)
		return NULL;
	chain = kzalloc(sizeof(*chain), GFP_KERNEL_ACCOUNT);
	if (!chain)
		return ERR_PTR(-ENOMEM);
	while (chain->nr < nr) {
		acl = mqtt_acl_chain_find(router, chain, ids[chain->nr], extack);
		if (IS_ERR(acl)) {
			mqtt_acl_chain_put(chain);
			return ERR_CAST(acl);
		}
		refcount_inc(&acl->refs);
		chain->sets[chain->nr++] = acl;
	}
	chain->told = jiffies - HZ;
	return chain;
}

/**
 * mqtt_acl_chain_count() - a listed peer has a chain now, or has it no more
 * @chain: it, or NULL
 * @n: 1 or -1
 *
 * Context: the router's lock is held.
 */
void mqtt_acl_chain_count(struct mqtt_acl_chain *chain, int n)
{
	u8 i;

	for (i = 0; chain && i < chain->nr; i++)
		chain->sets[i]->peers += n;
}

/**
 * mqtt_acl_chain_put() - free a chain that nobody finds any more
 * @chain: it, or NULL
 *
 * Context: any but hard interrupt.
 */
void mqtt_acl_chain_put(struct mqtt_acl_chain *chain)
{
	u8 i;

	if (!chain)
		return;
	for (i = 0; i < chain->nr; i++)
		mqtt_acl_put(chain->sets[i]);
	kfree_rcu(chain, rcu);
}

/**
 * mqtt_acl_chain_replace() - give a peer other sets
 * @peer: listed peer; its router's lock is held
 * @chain: of mqtt_acl_chain_new(), the peer's from now on
 */
void mqtt_acl_chain_replace(struct mqtt_peer *peer, struct mqtt_acl_chain *chain)
{
	struct mqtt_acl_chain *old;

	old = rcu_dereference_protected(peer->acls, lockdep_is_held(&peer->router->lock));
	if (chain && old)
		chain->told = READ_ONCE(old->told);
	mqtt_acl_chain_count(chain, 1);
	rcu_assign_pointer(peer->acls, chain);
	mqtt_acl_chain_count(old, -1);
	mqtt_acl_chain_put(old);
}
