// SPDX-License-Identifier: MIT
/* What the daemon answers, as values and lists. */
#include <string.h>

#include "members.h"
#include "mqttctl.h"

/* One of our own words, or an address; whatever else it is, it is not printed as it stands. */
static bool is_word(const char *word)
{
	return strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-.:,[]") == strlen(word);
}

static const char *name_at(const void *ctx, size_t i, size_t *len)
{
	const json_t *name = json_array_get(ctx, i);

	*len = json_string_length(name);
	return json_string_value(name);
}

static void show_field(struct ctl *ctl, const struct ctl_member *field, const json_t *value)
{
	const char *text = json_string_value(value);
	json_int_t number = json_integer_value(value);

	if (field->kind == AS_LINE)
		out_line(&ctl->out);
	else if (field->kind == AS_STRING && text)
		out_string(&ctl->out, field->name, text, json_string_length(value));
	else if (field->kind == AS_WORD && text && is_word(text))
		out_word(&ctl->out, field->name, text);
	else if (field->kind == AS_COUNT && json_is_integer(value) && number >= 0)
		out_count(&ctl->out, field->name, number);
	else if (field->kind == AS_BYTES && json_is_integer(value) && number >= 0)
		out_bytes(&ctl->out, field->name, number);
	else if (field->kind == AS_NUMBER && json_is_integer(value))
		out_number(&ctl->out, field->name, number);
	else if (field->kind == AS_NAMES && json_is_array(value))
		out_strings(&ctl->out, field->name, json_array_size(value), name_at, value);
}

void ctl_show_members(struct ctl *ctl, const struct ctl_member *fields, const json_t *object)
{
	for (; fields->name; fields++)
		show_field(ctl, fields, json_object_get(object, fields->name));
}

void ctl_show_members_of(struct ctl *ctl, const char *name, const struct ctl_member *fields,
			 const json_t *array)
{
	const json_t *object;
	size_t i;

	out_array_begin(&ctl->out, name);
	json_array_foreach(array, i, object) {
		out_object_begin(&ctl->out, NULL, OUT_ROW);
		ctl_show_members(ctl, fields, object);
		out_object_end(&ctl->out);
	}
	out_array_end(&ctl->out);
}

static json_t *ask_page(struct ctl *ctl, const char *command, json_int_t cursor)
{
	return ctl_ask(ctl, json_pack("{s:s, s:I}", "command", command, "cursor", cursor));
}

int ctl_show_pages(struct ctl *ctl, const char *command, const char *name,
		   const struct ctl_member *fields)
{
	json_int_t cursor = 0;
	int status = DONE;
	json_t *page, *object;
	size_t i;

	do {
		page = ask_page(ctl, command, cursor);
		if (!page) {
			status = FAILED;
			break;
		}
		ctl_list_open(ctl);
		json_array_foreach(json_object_get(page, name), i, object) {
			out_object_begin(&ctl->out, NULL, OUT_ROW);
			ctl_show_members(ctl, fields, object);
			out_object_end(&ctl->out);
		}
		cursor = json_integer_value(json_object_get(page, "next"));
		json_decref(page);
	} while (cursor);
	if (ctl->listing)
		out_array_end(&ctl->out);
	ctl->listing = false;
	return status;
}
