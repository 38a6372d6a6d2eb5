/* SPDX-License-Identifier: MIT */
#include "verity.h"

#include <libcryptsetup.h>
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

fault verity_activate(const char *device, const char *name,
		      const struct veritree_superblock *superblock,
		      const uint8_t root_hash[static VERITREE_HASH_SIZE])
{
	struct crypt_params_verity parameters = {
		.hash_name = "sha256",
		.data_device = device,
		.salt = (const char *)superblock->salt,
		.salt_size = superblock->salt_size,
		.hash_type = 1,
		.data_block_size = VERITREE_BLOCK_SIZE,
		.hash_block_size = VERITREE_BLOCK_SIZE,
		.data_size = superblock->data_blocks,
		.hash_area_offset = (superblock->data_blocks + 1) * VERITREE_BLOCK_SIZE,
		.flags = CRYPT_VERITY_NO_HEADER,
	};
	struct crypt_device *verity = NULL;
	char uuid[37];
	int status;

	uuid_encode(superblock->uuid, uuid);
	crypt_set_log_callback(NULL, verity_log, NULL);
	status = crypt_init(&verity, device);
	/* Without a header and CRYPT_VERITY_CREATE_HASH, format only takes the parameters. */
	if (status == 0)
		status = crypt_format(verity, CRYPT_VERITY, NULL, NULL, uuid, NULL, 0, &parameters);
	if (status == 0)
		status = crypt_activate_by_volume_key(
			verity, name, (const char *)root_hash, VERITREE_HASH_SIZE,
			CRYPT_ACTIVATE_READONLY | CRYPT_ACTIVATE_PANIC_ON_CORRUPTION);
	crypt_free(verity);
	if (status < 0)
		say(SAY_ERROR, "%s: dm-verity: %s", device, strerror(-status));
	return status < 0 ? FAULT_ROOT_VERITY : FAULT_OK;
}
