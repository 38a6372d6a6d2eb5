/* SPDX-License-Identifier: MIT */
#include "signinitrd.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "rootsig.h"

enum { MODE_FOLDER = 0040755, MODE_FILE = 0100444, ALIGNMENT = 4 };

struct member {
	const char *name;
	unsigned inode, mode, links;
	const void *content;
	gsize size_bytes;
};

static void bytes_align(GString *bytes)
{
	while (bytes->len % ALIGNMENT != 0)
		g_string_append_c(bytes, '\0');
}

/* Documentation/driver-api/early-userspace/buffer-format.rst. Owner and time are 0. */
static void member_append(GString *archive, const struct member *member)
{
	const gsize name_size = strlen(member->name) + 1;

	g_string_append_printf(
		archive, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		member->inode, member->mode, 0U, 0U, member->links, 0U,
		(unsigned)member->size_bytes, 0U, 0U, 0U, 0U, (unsigned)name_size, 0U);
	g_string_append_len(archive, member->name, (gssize)name_size);
	bytes_align(archive);
	g_string_append_len(archive, member->content, (gssize)member->size_bytes);
	bytes_align(archive);
}

static void archive_append(GString *initrd, GBytes *signature)
{
	gsize size_bytes;
	const void *content = g_bytes_get_data(signature, &size_bytes);
	const struct member members[] = {
		{ ROOTSIG_FOLDER, 1, MODE_FOLDER, 2, "", 0 },
		{ ROOTSIG_FILE, 2, MODE_FILE, 1, content, size_bytes },
		{ "TRAILER!!!", 0, 0, 1, "", 0 },
	};

	bytes_align(initrd);
	for (unsigned i = 0; i < G_N_ELEMENTS(members); i++)
		member_append(initrd, &members[i]);
}

static GBytes *hash_sign(const uint8_t root_hash[static SIGNINITRD_HASH_SIZE], const char *key,
			 const char *certificate, GError **error)
{
	g_autofree char *hex = crypto_hex(root_hash, SIGNINITRD_HASH_SIZE);
	g_autoptr(GBytes) signature = crypto_kernel_sign((const uint8_t *)hex, strlen(hex), key,
							 certificate, error);

	if (signature != NULL && g_bytes_get_size(signature) > ROOTSIG_SIZE_MAX) {
		failure_set(error, FAULT_ROOTSIG_CERTIFICATE,
			    "a signature by %s has %zu bytes, more than %d: its issuer's name is "
			    "too long",
			    certificate, g_bytes_get_size(signature), ROOTSIG_SIZE_MAX);
		return NULL;
	}
	return g_steal_pointer(&signature);
}

GBytes *signinitrd_make(GBytes *initrd, const uint8_t root_hash[static SIGNINITRD_HASH_SIZE],
			const char *key, const char *certificate, GError **error)
{
	g_autoptr(GBytes) signature = hash_sign(root_hash, key, certificate, error);
	GString *bytes;

	if (signature == NULL)
		return NULL;
	bytes = g_string_new_len(g_bytes_get_data(initrd, NULL), (gssize)g_bytes_get_size(initrd));
	archive_append(bytes, signature);
	return g_string_free_to_bytes(bytes);
}
