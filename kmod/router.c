// SPDX-License-Identifier: GPL-2.0-only
/*
 * A router's life: made by a netlink request, ended by another one, or by the
 * death of its owner socket.
 */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "discard.h"
#include "event.h"
#include "group.h"
#include "peer.h"
#include "port.h"
#include "router.h"
#include "socket.h"

/* Between two looks at the sockets of a router that ends; twice as long each time. */
#define MQTT_END_RETRY_MIN	1
#define MQTT_END_RETRY_MAX	HZ

struct workqueue_struct *mqtt_wq;
struct workqueue_struct *mqtt_forget_wq;
struct workqueue_struct *mqtt_end_wq;
struct workqueue_struct *mqtt_free_wq;

/* What a namespace has: a router, or NULL */
struct mqtt_net {
	struct mutex lock;	/* of @router */
	struct mqtt_router *router;
};

static unsigned int mqtt_net_id;

static struct mqtt_net *mqtt_net(const struct net *net)
{
	return net_generic(net, mqtt_net_id);
}

static void mqtt_router_free_work(struct work_struct *work)
{
	struct mqtt_router *router = container_of(work, struct mqtt_router, free_work);

	mqtt_groups_destroy(router);
	mqtt_trie_destroy(&router->trie);
	mqtt_acl_destroy(&router->acls);
	xa_destroy(&router->peers);
	xa_destroy(&router->ports);
	free_percpu(router->stats);
	mutex_destroy(&router->lock);
	put_net(router->net);
	kfree(router);
	module_put(THIS_MODULE);
}

/* No request finds it any more. */
static void mqtt_router_die(struct mqtt_router *router)
{
	mutex_lock(&router->lock);
	router->dead = true;
	mqtt_port_end_all(router);
	mutex_unlock(&router->lock);
}

/*
 * Goes on with the end of a router that is dead: one at a time does. Takes the
 * namespace's reference when it returns true; otherwise it is to be called again.
 */
static bool mqtt_router_finish(struct mqtt_router *router)
{
	if (!mqtt_peer_end_all(router)) {
		router->end_retry = min_t(unsigned long, 2 * router->end_retry,
					  MQTT_END_RETRY_MAX);
		return false;
	}
	mqtt_acl_end_all(router);
	mqtt_router_put(router);
	return true;
}

static void mqtt_router_end_work(struct work_struct *work)
{
	struct mqtt_router *router = container_of(to_delayed_work(work), struct mqtt_router,
						  end_work);

	if (!router->dead)
		mqtt_router_die(router);
	if (!mqtt_router_finish(router))
		queue_delayed_work(mqtt_end_wq, &router->end_work, router->end_retry);
}

static struct mqtt_router *mqtt_router_alloc(struct net *net, const struct sock *owner,
					     u32 portid)
{
	struct mqtt_router *router;

	/* Fails while the module is on its way out. */
	if (!try_module_get(THIS_MODULE))
		return NULL;
	router = kzalloc(sizeof(*router), GFP_KERNEL_ACCOUNT);
	if (!router)
		goto err_router;
	router->stats = mqtt_stats_alloc();
	if (!router->stats)
		goto err_stats;
	if (mqtt_trie_init(&router->trie))
		goto err_trie;
	if (mqtt_groups_init(router))
		goto err_groups;

	refcount_set(&router->refs, 1);
	mutex_init(&router->lock);
	xa_init_flags(&router->peers, XA_FLAGS_ALLOC1);
	xa_init_flags(&router->ports, XA_FLAGS_ALLOC1);
	mqtt_acl_init(&router->acls);
	INIT_DELAYED_WORK(&router->end_work, mqtt_router_end_work);
	router->end_retry = MQTT_END_RETRY_MIN;
	INIT_WORK(&router->free_work, mqtt_router_free_work);
	router->queue_limit = MQTT_QUEUE_LIMIT_DEFAULT;
	mqtt_memory_init(&router->memory);
	mqtt_discard_init(router);
	router->offload_max_packet = MQTT_OFFLOAD_MAX_PACKET_DEFAULT;
	/* Other routers' groups have others, most likely. */
	router->next_group = get_random_u32();
	router->owner_portid = portid;
	router->owner = owner;
	router->net = get_net(net);
	return router;

err_groups:
	mqtt_trie_destroy(&router->trie);
err_trie:
	free_percpu(router->stats);
err_stats:
	kfree(router);
err_router:
	module_put(THIS_MODULE);
	return NULL;
}

/**
 * mqtt_router_new() - make a namespace's router
 * @net: namespace
 * @owner: netlink socket that will own it
 * @portid: its port id
 *
 * Context: may sleep.
 * Return: the router with a reference for the caller; ERR_PTR(-EEXIST) if
 * the namespace has one; ERR_PTR(-ENOMEM).
 */
struct mqtt_router *mqtt_router_new(struct net *net, const struct sock *owner, u32 portid)
{
	struct mqtt_net *mn = mqtt_net(net);
	struct mqtt_router *router;

	mutex_lock(&mn->lock);
	if (mn->router) {
		router = ERR_PTR(-EEXIST);
	} else {
		router = mqtt_router_alloc(net, owner, portid);
		if (router) {
			refcount_inc(&router->refs);
			mn->router = router;
			mqtt_event_router(net, MQTT_EVENT_TYPE_ROUTER_NEW);
		} else {
			router = ERR_PTR(-ENOMEM);
		}
	}
	mutex_unlock(&mn->lock);
	return router;
}

/**
 * mqtt_router_get() - a namespace's router
 * @net: namespace
 *
 * Context: may sleep.
 * Return: the router with a reference for the caller, or NULL.
 */
struct mqtt_router *mqtt_router_get(struct net *net)
{
	struct mqtt_net *mn = mqtt_net(net);
	struct mqtt_router *router;

	mutex_lock(&mn->lock);
	router = mn->router;
	if (router)
		refcount_inc(&router->refs);
	mutex_unlock(&mn->lock);
	return router;
}

/**
 * mqtt_router_put() - drop a reference
 * @router: router
 *
 * Context: any but hard interrupt.
 */
void mqtt_router_put(struct mqtt_router *router)
{
	if (refcount_dec_and_test(&router->refs))
		queue_work(mqtt_wq, &router->free_work);
}

/* Take a namespace's router away from it. Events keep the order of routers. */
static struct mqtt_router *mqtt_router_take(struct net *net, u32 portid)
{
	struct mqtt_net *mn = mqtt_net(net);
	struct mqtt_router *router;

	mutex_lock(&mn->lock);
	router = mn->router;
	if (router && router->owner_portid != portid)
		router = NULL;
	if (router) {
		mn->router = NULL;
		WRITE_ONCE(router->ended, true);
		mqtt_event_router(net, MQTT_EVENT_TYPE_ROUTER_END);
	}
	mutex_unlock(&mn->lock);
	return router;
}

/**
 * mqtt_router_end() - end a namespace's router
 * @net: namespace
 * @portid: only if this socket owns it
 * @extack: is told what is left
 *
 * Its peers' sockets go back to the daemon. Those that have an owner are waited for, all
 * together for MQTT_SOCKET_WAIT at most; then a worker goes on with them. Nothing happens
 * if there is no such router.
 *
 * Context: may sleep.
 */
void mqtt_router_end(struct net *net, u32 portid, struct netlink_ext_ack *extack)
{
	struct mqtt_router *router = mqtt_router_take(net, portid);
	unsigned long until;

	if (!router)
		return;
	mqtt_router_die(router);
	until = jiffies + MQTT_SOCKET_WAIT;
	while (!mqtt_router_finish(router)) {
		if (time_before(jiffies, until) && !fatal_signal_pending(current)) {
			schedule_timeout_killable(router->end_retry);
			continue;
		}
		NL_SET_ERR_MSG(extack, "some sockets are given back when their owners leave them");
		queue_delayed_work(mqtt_end_wq, &router->end_work, router->end_retry);
		break;
	}
}

/**
 * mqtt_router_end_later() - end a namespace's router without waiting
 * @net: namespace
 * @portid: only if this socket owns it
 *
 * Context: may sleep, but not for the peers' sockets.
 */
void mqtt_router_end_later(struct net *net, u32 portid)
{
	struct mqtt_router *router = mqtt_router_take(net, portid);

	if (router)
		queue_delayed_work(mqtt_end_wq, &router->end_work, 0);
}

static int __net_init mqtt_net_init(struct net *net)
{
	mutex_init(&mqtt_net(net)->lock);
	return 0;
}

/* A router holds its namespace, so none is left when the namespace goes. */
static void __net_exit mqtt_net_exit(struct net *net)
{
	WARN_ON_ONCE(mqtt_net(net)->router);
	mutex_destroy(&mqtt_net(net)->lock);
}

static struct pernet_operations mqtt_net_ops = {
	.init = mqtt_net_init,
	.exit = mqtt_net_exit,
	.id = &mqtt_net_id,
	.size = sizeof(struct mqtt_net),
};

static void mqtt_router_queues_free(void)
{
	/* The end of a router puts its last work into another one. */
	if (mqtt_end_wq)
		destroy_workqueue(mqtt_end_wq);
	if (mqtt_free_wq)
		destroy_workqueue(mqtt_free_wq);
	if (mqtt_forget_wq)
		destroy_workqueue(mqtt_forget_wq);
	if (mqtt_wq)
		destroy_workqueue(mqtt_wq);
}

int __init mqtt_router_module_init(void)
{
	const unsigned int flags = WQ_UNBOUND | WQ_MEM_RECLAIM;
	int err = -ENOMEM;

	mqtt_wq = alloc_workqueue("mqtt", flags, 0);
	mqtt_forget_wq = alloc_workqueue("mqtt_forget", flags, 0);
	mqtt_end_wq = alloc_workqueue("mqtt_end", flags, 0);
	mqtt_free_wq = alloc_workqueue("mqtt_free", flags, 0);
	if (mqtt_wq && mqtt_forget_wq && mqtt_end_wq && mqtt_free_wq)
		err = register_pernet_subsys(&mqtt_net_ops);
	if (err)
		mqtt_router_queues_free();
	return err;
}

void mqtt_router_module_exit(void)
{
	unregister_pernet_subsys(&mqtt_net_ops);
	mqtt_router_queues_free();
}
