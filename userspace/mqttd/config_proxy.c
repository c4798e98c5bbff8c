// SPDX-License-Identifier: MIT
/*
 * Options of proxies and WebSockets.
 */
#include <errno.h>
#include <string.h>

#include "config.h"
#include "networks.h"
#include "proxy_header.h"

int config_set_proxy_trusted(struct config *conf, const struct config_option *opt, char *value)
{
	struct networks *list;
	const char *why, *entry;
	int err;

	err = networks_parse(&list, value, &why, &entry);
	if (err == -EINVAL)
		return config_error(conf, "'%.*s' %s", (int)strcspn(entry, " \t"), entry, why);
	if (err)
		return err;
	networks_free(list);
	return config_add_words(conf, opt, value);
}

/* "https://example.com:8080", as browsers write it: no path, no blanks. */
int config_set_origin(struct config *conf, const struct config_option *opt, char *value)
{
	if (strpbrk(value, " \t"))
		return config_error(conf, "'%s' is not one origin; each is a line of its own",
				    value);
	return config_add_words(conf, opt, value);
}

int config_set_path(struct config *conf, const struct config_option *opt, char *value)
{
	if (*value != '/' || strpbrk(value, " \t?#"))
		return config_error(conf, "'%s' is not a path, which begins with '/'", value);
	return config_set_string(conf, opt, value);
}

static int check_certificates(struct config *conf, const struct listener_config *listener)
{
	const struct tls_config *tls = &listener->tls;

	if (!tls->require_certificate && !tls->use_identity)
		return 0;
	if (listener->proxy_protocol != PROXY_V2)
		return config_complain(conf, listener, tls->require_certificate ?
				       "require_certificate" : "use_identity_as_username",
				       "needs 'enable_proxy_protocol 2', or TLS of its own");
	if (!tls->require_certificate)
		return config_complain(conf, listener, "use_identity_as_username",
				       "needs 'require_certificate true'");
	return 0;
}

static int check_proxy(struct config *conf, const struct listener_config *listener)
{
	if (!listener->proxy_trusted)
		return config_complain(conf, listener, "enable_proxy_protocol",
				       "needs 'proxy_trusted': whom to believe");
	if (listener->proxy_require_tls && listener->proxy_protocol != PROXY_V2)
		return config_complain(conf, listener, "proxy_protocol_v2_require_tls",
				       "needs 'enable_proxy_protocol 2'");
	return tls_config_on(&listener->tls) ? 0 : check_certificates(conf, listener);
}

/* Each line is fine, but there may be too many. */
static int check_trusted(struct config *conf, const struct listener_config *listener)
{
	struct networks *list;
	const char *why, *entry;
	int err;

	if (!listener->proxy_trusted)
		return 0;
	err = networks_parse(&list, listener->proxy_trusted, &why, &entry);
	if (err == -EINVAL)
		return config_complain(conf, listener, "proxy_trusted", "has too many networks");
	if (!err)
		networks_free(list);
	return err;
}

int config_check_proxy(struct config *conf, const struct listener_config *listener)
{
	bool web = listener->protocol == PROTOCOL_WEBSOCKETS;
	int err = check_trusted(conf, listener);

	if (err)
		return err;
	if (!web && listener->websockets_origin)
		return config_complain(conf, listener, "websockets_origin",
				       "needs 'protocol websockets'");
	if (!web && listener->websockets_path)
		return config_complain(conf, listener, "websockets_path",
				       "needs 'protocol websockets'");
	if (listener->proxy_protocol)
		return check_proxy(conf, listener);
	if (listener->proxy_require_tls)
		return config_complain(conf, listener, "proxy_protocol_v2_require_tls",
				       "needs 'enable_proxy_protocol 2'");
	if (!web && listener->proxy_trusted)
		return config_complain(conf, listener, "proxy_trusted",
				       "needs 'enable_proxy_protocol' or 'protocol websockets'");
	return 0;
}
