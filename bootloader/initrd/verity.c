/* SPDX-License-Identifier: MIT */
#include "verity.h"

#include <errno.h>
#include <libcryptsetup.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "say.h"
#include "textfile.h"
#include "verityplan.h"

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

/* 0, or an errno. */
static int device_activate(const struct verity_image *image, const char *name,
			   struct crypt_params_verity *parameters, bool with_signature)
{
	struct crypt_device *verity = NULL;
	char uuid[37];
	int status = crypt_init(&verity, image->device);

	uuid_encode(image->superblock->uuid, uuid);
	/* Without a header and CRYPT_VERITY_CREATE_HASH, format only takes the parameters. */
	if (status == 0)
		status = crypt_format(verity, CRYPT_VERITY, NULL, NULL, uuid, NULL, 0, parameters);
	if (status == 0)
		status = crypt_activate_by_signed_key(
			verity, name, (const char *)image->root_hash, VERITREE_HASH_SIZE,
			with_signature ? (const char *)image->signature : NULL,
			with_signature ? image->signature_size : 0,
			CRYPT_ACTIVATE_READONLY | CRYPT_ACTIVATE_PANIC_ON_CORRUPTION);
	crypt_free(verity);
	return status < 0 ? -status : 0;
}

/* One attempt: 0, or an errno. */
static int image_activate(const struct verity_image *image, const char *name,
			  struct verityplan_try attempt)
{
	struct crypt_params_verity parameters = {
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

	if (attempt.fec && !fec_add(image, &parameters))
		return EINVAL;
	return device_activate(image, name, &parameters, attempt.signature);
}

/* A kernel without signatures has no such file, and demands none. */
static bool signature_is_demanded(void)
{
	char text[8];

	return textfile_read("/sys/module/dm_verity/parameters/require_signatures", text,
			     sizeof text) &&
	       text[0] == 'Y';
}

static void attempt_tell(const char *device, int error, struct verityplan_try failed,
			 struct verityplan_try next)
{
	if (failed.signature && !next.signature)
		say(SAY_INFO,
		    "%s: the kernel does not take the signature of the root hash (%s); going on "
		    "without: the hash stands in the command line",
		    device, strerror(error));
	else
		say(SAY_ERROR, "%s: dm-verity with FEC: %s; going on without", device,
		    strerror(error));
}

fault verity_activate(const struct verity_image *image, const char *name)
{
	const struct verityplan plan = { .signature = image->signature_size > 0,
					 .fec = image->fec_roots != 0,
					 .demanded = signature_is_demanded() };
	struct verityplan_try attempt = verityplan_first(&plan);
	int error;

	crypt_set_log_callback(NULL, verity_log, NULL);
	while ((error = image_activate(image, name, attempt)) != 0) {
		const struct verityplan_try failed = attempt;
		const fault why = verityplan_next(&plan, error, &attempt);

		if (why != FAULT_OK) {
			say(SAY_ERROR, "%s: dm-verity: %s", image->device, strerror(error));
			return why;
		}
		attempt_tell(image->device, error, failed, attempt);
	}
	if (attempt.signature)
		say(SAY_INFO, "%s: the kernel verified the signature of the root hash",
		    image->device);
	return FAULT_OK;
}
