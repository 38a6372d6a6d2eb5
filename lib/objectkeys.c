/* SPDX-License-Identifier: MIT */
#include "objectkeys.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "canonjson.h"
#include "crypto.h"
#include "failure.h"
#include "tufkey.h"

enum { KEY_SIZE = 32, SIGNATURE_SIZE = 64 };

struct objectkeys {
	GPtrArray *keys; /* struct tufkey */
};

void objectkeys_free(struct objectkeys *keys)
{
	if (keys == NULL)
		return;
	g_ptr_array_unref(keys->keys);
	g_free(keys);
}

/* NULL: the 32 bytes are no key. */
static struct tufkey *key_make(const uint8_t bytes[static KEY_SIZE])
{
	g_autofree char *hex = crypto_hex(bytes, KEY_SIZE);
	g_autoptr(JsonValue) value = json_pack("{s:s, s:s, s:{s:s}}", "keytype", "ed25519",
					       "scheme", "ed25519", "keyval", "public", hex);
	g_autoptr(GBytes) canonical = canonjson(value, NULL);
	g_autofree char *id = NULL;
	uint8_t hash[CRYPTO_HASH_SIZE];

	crypto_digest("SHA256", g_bytes_get_data(canonical, NULL), g_bytes_get_size(canonical),
		      NULL, 0, hash);
	id = crypto_hex(hash, sizeof hash);
	return tufkey_decode(id, value, NULL);
}

static gboolean line_take(struct objectkeys *keys, const char *path, const char *line,
			  GError **error)
{
	g_autofree guchar *bytes = NULL;
	struct tufkey *key = NULL;
	gsize size_bytes;

	if (line[0] == 0 || line[0] == '#')
		return TRUE;
	bytes = g_base64_decode(line, &size_bytes);
	if (size_bytes == KEY_SIZE)
		key = key_make(bytes);
	if (key == NULL)
		return failure_set(error, FAULT_KEY_UNREADABLE,
				   "%s: \"%.80s\" is no ed25519 key in base64", path, line);
	g_ptr_array_add(keys->keys, key);
	if (keys->keys->len > OBJECTKEYS_MAX)
		return failure_set(error, FAULT_KEY_UNREADABLE, "%s: more than %d keys", path,
				   OBJECTKEYS_MAX);
	return TRUE;
}

static gboolean owner_check(const char *path, GError **error)
{
	struct stat info;

	if (stat(path, &info) < 0)
		return failure_set(error,
				   errno == ENOENT ? FAULT_KEYRING_MISSING : FAULT_KEY_UNREADABLE,
				   "%s: %s", path, g_strerror(errno));
	return ((info.st_uid == 0 || info.st_uid == geteuid()) &&
		(info.st_mode & (S_IWGRP | S_IWOTH)) == 0) ||
	       failure_set(error, FAULT_OSTREE_KEYS,
			   "%s belongs to user %u and has mode %04o: others than root can write it",
			   path, (unsigned)info.st_uid, (unsigned)info.st_mode & 07777);
}

static gboolean file_take(struct objectkeys *keys, const char *path, GError **error)
{
	g_autoptr(GError) why = NULL;
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	gsize size_bytes;

	if (!owner_check(path, error))
		return FALSE;
	if (!g_file_get_contents(path, &text, &size_bytes, &why))
		return failure_set(error, FAULT_KEY_UNREADABLE, "%s", why->message);
	if (size_bytes > OBJECTKEYS_FILE_MAX)
		return failure_set(error, FAULT_KEY_UNREADABLE, "%s has %" G_GSIZE_FORMAT " bytes",
				   path, size_bytes);
	lines = g_strsplit(text, "\n", -1);
	for (unsigned i = 0; lines[i] != NULL; i++)
		if (!line_take(keys, path, g_strstrip(lines[i]), error))
			return FALSE;
	return TRUE;
}

struct objectkeys *objectkeys_load(const char *folder, GError **error)
{
	g_autoptr(Objectkeys) keys = g_new0(struct objectkeys, 1);
	g_autoptr(GError) why = NULL;
	g_autoptr(GDir) entries = NULL;
	const char *name;

	keys->keys = g_ptr_array_new_with_free_func((GDestroyNotify)tufkey_free);
	if (!owner_check(folder, error))
		return NULL;
	entries = g_dir_open(folder, 0, &why);
	if (entries == NULL) {
		failure_set(error, FAULT_KEYRING_MISSING, "%s", why->message);
		return NULL;
	}
	while ((name = g_dir_read_name(entries)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		if (g_str_has_suffix(name, ".ed25519") && !file_take(keys, path, error))
			return NULL;
	}
	if (keys->keys->len == 0) {
		failure_set(error, FAULT_KEYRING_MISSING, "%s has no file *.ed25519 with a key",
			    folder);
		return NULL;
	}
	return g_steal_pointer(&keys);
}

gboolean objectkeys_verify(const struct objectkeys *keys, GBytes *bytes,
			   const GPtrArray *signatures)
{
	for (guint i = 0; i < signatures->len; i++)
		for (guint k = 0; k < keys->keys->len; k++)
			if (g_bytes_get_size(signatures->pdata[i]) == SIGNATURE_SIZE &&
			    tufkey_verify(keys->keys->pdata[k], bytes, signatures->pdata[i]))
				return TRUE;
	return FALSE;
}
