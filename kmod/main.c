// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module comes and goes.
 *
 * It cannot go while a router exists: routers hold a reference to it, peers
 * to their router. So here nothing is left but threads on their way out.
 */
#include <linux/init.h>
#include <linux/module.h>

#include "conflate.h"
#include "keepalive.h"
#include "netlink.h"
#include "peer.h"
#include "router.h"
#include "socket.h"
#include "tcp.h"
#include "tx.h"

static int __init mqtt_init(void)
{
	int err;

	err = mqtt_peer_module_init();
	if (err)
		return err;
	err = mqtt_conflate_module_init();
	if (err)
		goto err_conflate;
	err = mqtt_tx_module_init();
	if (err)
		goto err_tx;
	err = mqtt_router_module_init();
	if (err)
		goto err_router;
	err = mqtt_netlink_module_init();
	if (err)
		goto err_netlink;
	return 0;

err_netlink:
	mqtt_router_module_exit();
err_router:
	mqtt_tx_module_exit();
err_tx:
	mqtt_conflate_module_exit();
err_conflate:
	mqtt_peer_module_exit();
	return err;
}

static void __exit mqtt_exit(void)
{
	mqtt_netlink_module_exit();
	mqtt_tcp_module_exit();
	mqtt_keepalive_module_exit();
	mqtt_tx_module_exit();
	mqtt_router_module_exit();
	mqtt_socket_module_exit();
	mqtt_conflate_module_exit();
	mqtt_peer_module_exit();
}

module_init(mqtt_init);
module_exit(mqtt_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("MQTT router: QoS 0 PUBLISH packets between TCP sockets");
MODULE_ALIAS_GENL_FAMILY(MQTT_GENL_NAME);
