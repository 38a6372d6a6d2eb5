/* SPDX-License-Identifier: MIT */
#include "dmroot.h"

#include <libcryptsetup.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "crypto.h"
#include "failure.h"

enum { HASH_BYTES_MAX = HEALTH_HASH_MAX / 2 };

/* The name that azverity gives it. */
static const char NAME[] = "root";

/* Without any right: the mapper's uuid of the device that / is on says what kind it is. */
static gboolean root_is_verity(void)
{
	g_autofree char *path = NULL;
	g_autofree char *text = NULL;
	struct stat info;

	if (stat("/", &info) != 0)
		return FALSE;
	path = g_strdup_printf("/sys/dev/block/%u:%u/dm/uuid", major(info.st_dev),
			       minor(info.st_dev));
	return g_file_get_contents(path, &text, NULL, NULL) &&
	       g_str_has_prefix(text, "CRYPT-VERITY-");
}

static gboolean device_read(struct crypt_device *device, struct healthjudge_root *root,
			    GError **error)
{
	struct crypt_active_device active;
	char hash[HASH_BYTES_MAX];
	size_t hash_bytes = sizeof hash;
	int status = crypt_get_active_device(device, NAME, &active);

	if (status == 0)
		status = crypt_volume_key_get(device, CRYPT_ANY_SLOT, hash, &hash_bytes, NULL, 0);
	if (status < 0)
		return failure_set(error, FAULT_HEALTH_ROOT, "dm-verity cannot be asked: %s",
				   g_strerror(-status));
	root->is_corrupted = (active.flags & CRYPT_ACTIVATE_CORRUPTED) != 0;
	root->root_hash = crypto_hex((const uint8_t *)hash, hash_bytes);
	return TRUE;
}

gboolean dmroot_read(struct healthjudge_root *ret_root, GError **error)
{
	struct crypt_device *device = NULL;
	gboolean done;
	int status;

	*ret_root = (struct healthjudge_root){ .is_verity = root_is_verity() };
	if (!ret_root->is_verity)
		return TRUE;
	status = crypt_init_by_name(&device, NAME);
	if (status < 0)
		return failure_set(error, FAULT_HEALTH_ROOT, "dm-verity cannot be asked: %s",
				   g_strerror(-status));
	done = device_read(device, ret_root, error);
	crypt_free(device);
	return done;
}
