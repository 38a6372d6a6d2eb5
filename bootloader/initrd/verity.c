/* SPDX-License-Identifier: MIT */
#include "verity.h"

#include <libcryptsetup.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "say.h"

static void verity_log(int level, const char *text, void *unused)
{
	if (level == CRYPT_LOG_ERROR)
		say(SAY_ERROR, "cryptsetup: %.*s", (int)strcspn(text, "\n"), text);
}

static void uuid_encode(const uint8_t uuid[static VERITREE_UUID_SIZE], char ret_text[static 37])
{
	static const char DIGITS[] = "0123456789abcdef";
	char *next = ret_text;

	for (unsigned i = 0; i < VERITREE_UUID_SIZE; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*next++ = '-';
		*next++ = DIGITS[uuid[i] >> 4];
		*next++ = DIGITS[uuid[i] & 15];
	}
	*next = '\0';
}

/* Behind the tree, so that data and tree are all that it covers. */
static bool fec_add(const struct verity_image *image, struct crypt_params_verity *parameters)
{
	struct veritree tree;

	if (image->fec_roots == 0 ||
	    veritree_init(image->superblock->data_blocks, &tree) != FAULT_OK)
		return false;
	parameters->fec_device = image->device;
	parameters->fec_area_offset = tree.total_blocks * VERITREE_BLOCK_SIZE;
	parameters->fec_roots = image->fec_roots;
	return true;
}

/* 0, or a negative errno. */
static int device_activate(const struct verity_image *image, const char *name,
			   struct crypt_params_verity *parameters)
{
	struct crypt_device *verity = NULL;
	char uuid[37];
	int status = crypt_init(&verity, image->device);

	uuid_encode(image->superblock->uuid, uuid);
	/* Without a header and CRYPT_VERITY_CREATE_HASH, format only takes the parameters. */
	if (status == 0)
		status = crypt_format(verity, CRYPT_VERITY, NULL, NULL, uuid, NULL, 0, parameters);
	if (status == 0)
		status = crypt_activate_by_volume_key(
			verity, name, (const char *)image->root_hash, VERITREE_HASH_SIZE,
			CRYPT_ACTIVATE_READONLY | CRYPT_ACTIVATE_PANIC_ON_CORRUPTION);
	crypt_free(verity);
	return status < 0 ? status : 0;
}

fault verity_activate(const struct verity_image *image, const char *name)
{
	const struct crypt_params_verity plain = {
		.hash_name = "sha256",
		.data_device = image->device,
		.salt = (const char *)image->superblock->salt,
		.salt_size = image->superblock->salt_size,
		.hash_type = 1,
		.data_block_size = VERITREE_BLOCK_SIZE,
		.hash_block_size = VERITREE_BLOCK_SIZE,
		.data_size = image->superblock->data_blocks,
		.hash_area_offset = (image->superblock->data_blocks + 1) * VERITREE_BLOCK_SIZE,
		.flags = CRYPT_VERITY_NO_HEADER,
	};
	struct crypt_params_verity parameters = plain;
	int status;

	crypt_set_log_callback(NULL, verity_log, NULL);
	if (fec_add(image, &parameters)) {
		status = device_activate(image, name, &parameters);
		if (status == 0)
			return FAULT_OK;
		say(SAY_ERROR, "%s: dm-verity with FEC: %s; going on without", image->device,
		    strerror(-status));
		parameters = plain;
	}
	status = device_activate(image, name, &parameters);
	if (status < 0)
		say(SAY_ERROR, "%s: dm-verity: %s", image->device, strerror(-status));
	return status < 0 ? FAULT_ROOT_VERITY : FAULT_OK;
}
