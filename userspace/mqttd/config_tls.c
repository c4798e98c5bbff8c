// SPDX-License-Identifier: MIT
/*
 * Options of TLS, together. Whatever is half there would protect less than it seems to.
 */
#include <stddef.h>

#include "config.h"

/**
 * struct part - an option that is of no use alone
 * @name: of it
 * @offset: in struct tls_config
 * @number: not a string
 */
struct part {
	const char *name;
	size_t offset;
	bool number;
};

#define TEXT(name, member) { name, offsetof(struct tls_config, member), false }
#define NUMBER(name, member) { name, offsetof(struct tls_config, member), true }

static const struct part parts[] = {
	TEXT("cafile", cafile),
	TEXT("capath", capath),
	TEXT("keyfile", keyfile),
	TEXT("crlfile", crlfile),
	TEXT("dhparamfile", dhparamfile),
	TEXT("ciphers", ciphers),
	TEXT("ciphers_tls1.3", ciphersuites),
	TEXT("psk_file", psk_file),
	NUMBER("tls_version", version),
	NUMBER("require_certificate", require_certificate),
	NUMBER("use_identity_as_username", use_identity),
	NUMBER("use_subject_as_username", use_subject),
};

static bool is_set(const struct tls_config *tls, const struct part *part)
{
	const char *at = (const char *)tls + part->offset;

	return part->number ? *(const int64_t *)at : !!*(char *const *)at;
}

/* The first option that is there, or NULL. */
static const char *find_part(const struct tls_config *tls)
{
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (is_set(tls, &parts[i]))
			return parts[i].name;
	return NULL;
}

int config_complain(struct config *conf, const struct listener_config *listener,
		    const char *option, const char *what)
{
	char name[CONFIG_LISTENER_NAME_MAX];

	return config_error(conf, "%s%soption '%s' of %s %s",
			    listener->where ? listener->where : "", listener->where ? ": " : "",
			    option, config_listener_name(listener, name), what);
}

static int check_on(struct config *conf, const struct listener_config *listener)
{
	const struct tls_config *tls = &listener->tls;

	if (listener->socket_path)
		return config_complain(conf, listener, tls->certfile ? "certfile" : "psk_hint",
				"is not for Unix sockets");
	if (!tls->certfile != !tls->keyfile)
		return config_complain(conf, listener, tls->certfile ? "certfile" : "keyfile",
				tls->certfile ? "needs 'keyfile'" : "needs 'certfile'");
	if (tls->psk_hint && !tls->psk_file)
		return config_complain(conf, listener, "psk_hint", "needs 'psk_file'");
	if (tls->psk_file && !tls->psk_hint)
		return config_complain(conf, listener, "psk_file", "needs 'psk_hint'");
	if (tls->require_certificate && !tls->certfile)
		return config_complain(conf, listener, "require_certificate", "needs 'certfile'");
	if (tls->require_certificate && tls->psk_hint)
		return config_complain(conf, listener, "require_certificate",
				"leaves nobody who could use 'psk_hint'");
	if (tls->require_certificate && !tls->cafile && !tls->capath)
		return config_complain(conf, listener, "require_certificate",
				"needs 'cafile' or 'capath'");
	if (tls->crlfile && !tls->require_certificate)
		return config_complain(conf, listener, "crlfile", "needs 'require_certificate true'");
	if (tls->use_subject && !tls->require_certificate)
		return config_complain(conf, listener, "use_subject_as_username",
				"needs 'require_certificate true'");
	if (tls->use_identity && !tls->require_certificate && !tls->psk_hint)
		return config_complain(conf, listener, "use_identity_as_username",
				"needs 'require_certificate true' or 'psk_hint'");
	if (tls->use_identity && tls->use_subject)
		return config_complain(conf, listener, "use_identity_as_username",
				"contradicts 'use_subject_as_username'");
	return 0;
}

int config_check_tls(struct config *conf, const struct listener_config *listener)
{
	struct tls_config tls = listener->tls;
	const char *part;

	if (tls_config_on(&listener->tls))
		return check_on(conf, listener);
	/* What a proxy tells of its clients' TLS, see config_proxy.c */
	if (listener->proxy_protocol) {
		tls.require_certificate = false;
		tls.use_identity = false;
	}
	part = find_part(&tls);
	if (part)
		return config_complain(conf, listener, part,
				"needs 'certfile' and 'keyfile', or 'psk_hint'");
	return 0;
}
