/* SPDX-License-Identifier: MIT */
/* Manifests: what decodes must encode, and decode again to the same. */
#include <string.h>

#include "fuzz.h"
#include "manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(Manifest) manifest = manifest_decode(bytes, size_bytes, NULL);
	g_autoptr(Manifest) back = NULL;
	g_autofree char *text = NULL;
	g_autofree char *again = NULL;

	if (manifest == NULL)
		return 0;
	text = manifest_encode(manifest);
	back = manifest_decode((const uint8_t *)text, strlen(text), NULL);
	if (back == NULL)
		__builtin_trap();
	again = manifest_encode(back);
	if (strcmp(text, again) != 0)
		__builtin_trap();
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	const struct manifest manifest = {
		.product = (char *)"p",
		.architecture = (char *)"x86_64",
		.version = (char *)"1.2~rc1",
		.update_from = number == 1 ? (char *)"1" : NULL,
		.file_system = (char *)"erofs",
		.root = { .size_bytes = 8191,
			  .superblock = { .data_blocks = 2, .salt_size = 4 },
			  .fec.roots = number == 2 ? 24 : 0 },
		.uki = { .size_bytes = 5, .superblock = { .data_blocks = 1 } },
	};
	g_autofree char *text = manifest_encode(&manifest);
	const size_t size_bytes = strlen(text);

	if (number > 2 || size_bytes > room)
		return 0;
	memcpy(ret_bytes, text, size_bytes);
	return size_bytes;
}
