// SPDX-License-Identifier: MIT
/*
 * Password files.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/container_of.h>
#include <linux/random.h>
#include <linux/siphash.h>

#include "hash.h"
#include "lines.h"
#include "log.h"
#include "password_file.h"

/**
 * struct user - a line
 * @node: in the table
 * @password: hashed
 * @name: user name
 */
struct user {
	struct hash_node node;
	struct password password;
	char name[];
};

/**
 * struct password_file - users
 * @refs: any thread
 * @users: by name
 * @list: all of them
 * @size: room there
 * @key: names that are looked up come from the network
 */
struct password_file {
	uint32_t refs;
	struct hash_table users;
	struct user **list;
	size_t size;
	siphash_key_t key;
};

static uint64_t name_hash(const struct password_file *file, const char *name)
{
	return siphash(name, strlen(name), &file->key);
}

static struct user *find(const struct password_file *file, const char *name, uint64_t hash)
{
	struct hash_node *node;

	for (node = hash_first(&file->users, hash); node; node = hash_next(node)) {
		struct user *user = container_of(node, struct user, node);

		if (!strcmp(user->name, name))
			return user;
	}
	return NULL;
}

static int make_room(struct password_file *file)
{
	size_t size = file->size ? 2 * file->size : 16;
	struct user **list;

	if (file->users.count < file->size)
		return 0;
	list = reallocarray(file->list, size, sizeof(struct user *));
	if (!list)
		return -ENOMEM;
	file->list = list;
	file->size = size;
	return 0;
}

/* Returns 0, -EEXIST or -ENOMEM. */
static int add(struct password_file *file, const char *name, const struct password *password)
{
	uint64_t hash = name_hash(file, name);
	struct user *user;

	if (find(file, name, hash))
		return -EEXIST;
	if (make_room(file))
		return -ENOMEM;
	user = malloc(sizeof(*user) + strlen(name) + 1);
	if (!user)
		return -ENOMEM;
	user->password = *password;
	strcpy(user->name, name);
	if (hash_add(&file->users, &user->node, hash)) {
		free(user);
		return -ENOMEM;
	}
	file->list[file->users.count - 1] = user;
	return 0;
}

/* Returns 0, or -errno with @why; a line that has nothing to say is fine. */
static int line_parse(struct password_file *file, char *line, const char **why)
{
	char *name = line, *text = strchr(line, ':');
	struct password password;
	int err;

	if (!*line || *line == '#')
		return 0;
	*why = "it is not USER:PASSWORD";
	if (!text)
		return -EINVAL;
	*text++ = '\0';
	name = text_trim(name);
	*why = "the user name is missing";
	if (!*name)
		return -EINVAL;
	*why = "the password is not hashed in a way that is known";
	err = password_parse(&password, text_trim(text));
	if (err)
		return err;
	err = add(file, name, &password);
	*why = err == -EEXIST ? "this user has a line before" : strerror(ENOMEM);
	return err;
}

static int lines_parse(struct password_file *file, struct lines *lines, const char *path)
{
	const char *why = NULL;
	char *line;
	int err;

	while ((err = lines_next(lines, &line))) {
		if (err > 0)
			err = line_parse(file, line, &why);
		else
			why = "it contains a NUL byte";
		if (err == -EINVAL || err == -EEXIST)
			log_limited(LOG_TYPE_WARNING, "Warning: %s:%u is ignored: %s.", path,
				    lines->number, why);
		else if (err)
			return err;
	}
	return 0;
}

int password_file_load(struct password_file **file, const char *path)
{
	struct lines lines;
	int err;

	*file = calloc(1, sizeof(**file));
	if (!*file)
		return -ENOMEM;
	(*file)->refs = 1;
	get_random_bytes(&(*file)->key, sizeof((*file)->key));
	err = lines_open(&lines, path);
	if (!err) {
		err = lines_parse(*file, &lines, path);
		lines_close(&lines);
	}
	if (err) {
		password_file_put(*file);
		*file = NULL;
	}
	return err;
}

struct password_file *password_file_get(struct password_file *file)
{
	__atomic_add_fetch(&file->refs, 1, __ATOMIC_RELAXED);
	return file;
}

static void user_drop(struct hash_node *node, void *ctx)
{
	struct user *user = container_of(node, struct user, node);

	(void)ctx;
	explicit_bzero(&user->password, sizeof(user->password));
	free(user);
}

void password_file_put(struct password_file *file)
{
	if (!file || __atomic_sub_fetch(&file->refs, 1, __ATOMIC_ACQ_REL))
		return;
	hash_clear(&file->users, user_drop, NULL);
	free(file->list);
	free(file);
}

const struct password *password_file_find(const struct password_file *file, const char *username,
					  bool *known)
{
	uint64_t hash = name_hash(file, username);
	const struct user *user = find(file, username, hash);

	*known = user;
	if (!user && file->users.count)
		user = file->list[hash % file->users.count];
	return user ? &user->password : NULL;
}
