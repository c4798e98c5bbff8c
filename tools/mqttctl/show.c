// SPDX-License-Identifier: MIT
/* Attributes as values; lists of objects. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/mqtt.h>

#include "mqttctl.h"

static uint64_t number(const struct nlattr *attr)
{
	switch (nla_len(attr)) {
	case sizeof(uint8_t):
		return nla_get_u8(attr);
	case sizeof(uint16_t):
		return nla_get_u16(attr);
	case sizeof(uint32_t):
		return nla_get_u32(attr);
	default:
		return nla_get_u64(attr);
	}
}

void ctl_show_fields(struct ctl *ctl, struct nlattr **attrs, const struct ctl_field *fields)
{
	for (; fields->name; fields++) {
		const struct nlattr *attr = attrs[fields->attr];

		if (!fields->attr)
			out_line(&ctl->out);
		else if (attr && fields->bytes)
			out_bytes(&ctl->out, fields->name, number(attr));
		else if (attr)
			out_count(&ctl->out, fields->name, number(attr));
	}
}

void ctl_show_word(struct ctl *ctl, const char *name, const struct nlattr *attr,
		   const char *const *words)
{
	uint64_t n = 0;

	if (!attr)
		return;
	while (words[n] && n < number(attr))
		n++;
	out_word(&ctl->out, name, words[n] ? words[n] : "unknown");
}

void ctl_show_u32(struct ctl *ctl, const char *name, const struct nlattr *attr)
{
	if (attr)
		out_count(&ctl->out, name, nla_get_u32(attr));
}

void ctl_show_u64(struct ctl *ctl, const char *name, const struct nlattr *attr)
{
	if (attr)
		out_count(&ctl->out, name, nla_get_u64(attr));
}

void ctl_show_bytes64(struct ctl *ctl, const char *name, const struct nlattr *attr)
{
	if (attr)
		out_bytes(&ctl->out, name, nla_get_u64(attr));
}

/* The kernel may terminate what is a string for it; MQTT's have no NUL. */
void ctl_show_string(struct ctl *ctl, const char *name, const struct nlattr *attr)
{
	if (attr)
		out_string(&ctl->out, name, nla_data(attr),
			   strnlen(nla_data(attr), (size_t)nla_len(attr)));
}

/* @text has room for an IPv6 address, brackets and a port. */
static bool address_format(const struct nlattr *attr, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN];
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	sa_family_t family;

	if (nla_len(attr) < (int)sizeof(family))
		return false;
	memcpy(&family, nla_data(attr), sizeof(family));
	if (family == AF_INET && nla_len(attr) >= (int)sizeof(in)) {
		memcpy(&in, nla_data(attr), sizeof(in));
		inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
		snprintf(text, size, "%s:%u", host, ntohs(in.sin_port));
		return true;
	}
	if (family == AF_INET6 && nla_len(attr) >= (int)sizeof(in6)) {
		memcpy(&in6, nla_data(attr), sizeof(in6));
		inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
		snprintf(text, size, "[%s]:%u", host, ntohs(in6.sin6_port));
		return true;
	}
	return false;
}

void ctl_show_address(struct ctl *ctl, const char *name, const struct nlattr *attr)
{
	char text[INET6_ADDRSTRLEN + sizeof("[]:65535")];

	if (attr && address_format(attr, text, sizeof(text)))
		out_word(&ctl->out, name, text);
}

void ctl_show_protocol(struct ctl *ctl, const struct nlattr *attr)
{
	static const char * const versions[] = {
		[MQTT_PROTOCOL_V31]	= "3.1",
		[MQTT_PROTOCOL_V311]	= "3.1.1",
		[MQTT_PROTOCOL_V5]	= "5.0",
	};
	const char *name = NULL;

	if (!attr)
		return;
	if (nla_get_u8(attr) < sizeof(versions) / sizeof(versions[0]))
		name = versions[nla_get_u8(attr)];
	out_word(&ctl->out, "protocol", name ? name : "unknown");
}

void ctl_list_open(struct ctl *ctl)
{
	if (!ctl->listing)
		out_array_begin(&ctl->out, NULL);
	ctl->listing = true;
}

int ctl_list_close(struct ctl *ctl, int err)
{
	if (err == -EINTR) {
		fprintf(stderr, "mqttctl: warning: %s\n", mqtt_nl_error(ctl->nl));
		err = 0;
	}
	if (!err)
		ctl_list_open(ctl);
	if (ctl->listing)
		out_array_end(&ctl->out);
	ctl->listing = false;
	return ctl_result(ctl, err);
}
