// SPDX-License-Identifier: MIT
/*
 * Whom a listener asks.
 */
#include <string.h>

#include "auth/chain.h"
#include "config.h"

/* auth_methods NAME... */
int config_set_auth_methods(struct config *conf, const struct config_option *opt, char *value)
{
	const struct listener_config named = { .auth_methods = value };
	const struct auth_method *method, *other;
	unsigned int n = 0, i;
	char *word;
	size_t len;

	for (word = value + strspn(value, " \t"); *word; word += len + strspn(word + len, " \t")) {
		len = strcspn(word, " \t");
		if (!auth_method_find(word, len))
			return config_error(conf, "'%.*s' is not one of password, jwt", (int)len,
					    word);
		n++;
	}
	if (n > AUTH_CHAIN_MAX)
		return config_error(conf, "'%s' is more than %d methods", value, AUTH_CHAIN_MAX);
	for (n = 0; (method = auth_chain_method(&named, n)); n++)
		for (i = 0; (other = auth_chain_method(&named, i)) && i < n; i++)
			if (other == method)
				return config_error(conf, "'%s' is there twice", method->name);
	return config_set_string(conf, opt, value);
}

int config_check_auth(struct config *conf, const struct listener_config *listener)
{
	const struct auth_method *method;
	char name[CONFIG_LISTENER_NAME_MAX];
	unsigned int i;

	for (i = 0; (method = auth_chain_method(listener, i)); i++)
		if (!method->configured(listener))
			return config_error(conf,
					    "%s%soption 'auth_methods' of %s has '%s', for which there is no option that says what is right",
					    listener->where ? listener->where : "",
					    listener->where ? ": " : "",
					    config_listener_name(listener, name), method->name);
	return 0;
}
