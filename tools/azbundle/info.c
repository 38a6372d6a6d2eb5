/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "command.h"
#include "crypto.h"
#include "failure.h"
#include "veritybuild.h"

enum { BLOCK = VERITREE_BLOCK_SIZE };

static struct source *bundle_source(const char *path, GError **error)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct source *source;

	if (fd < 0) {
		failure_set(error, FAULT_BUNDLE_READ, "cannot open %s: %s", path,
			    g_strerror(errno));
		return NULL;
	}
	source = source_open_fd(fd, NULL, error);
	(void)close(fd); /* the source has its own */
	return source;
}

static void image_print(const char *name, const struct manifest_image *image)
{
	g_autofree char *root = crypto_hex(image->root_hash, VERITREE_HASH_SIZE);

	printf("%-17s %" G_GUINT64_FORMAT " bytes, root hash %s\n", name, image->size_bytes, root);
}

static void sections_print(const struct bundle *bundle)
{
	static const char *const KINDS[] = { "?", "leaf hashes", "frame index", "frames" };

	for (unsigned i = 0; i < bundle->section_count; i++) {
		const struct bundle_section *section = &bundle->sections[i];
		const unsigned kind = section->kind < G_N_ELEMENTS(KINDS) ? section->kind : 0;

		printf("section           %-5s %-12s %12" G_GUINT64_FORMAT
		       " bytes at %" G_GUINT64_FORMAT "\n",
		       section->name, KINDS[kind], section->size_bytes, section->offset);
	}
}

gboolean command_info(int argc, char **argv, GError **error)
{
	static gboolean manifest_only;
	static const GOptionEntry ENTRIES[] = { { "manifest", 0, 0, G_OPTION_ARG_NONE,
						  &manifest_only, "print the manifest's JSON only",
						  NULL },
						G_OPTION_ENTRY_NULL };
	g_autoptr(Source) source = NULL;
	g_autoptr(Bundle) bundle = NULL;
	const struct manifest *manifest;

	if (!command_parse(&argc, &argv, "BUNDLE",
			   "Tells what a bundle says of itself. Nothing is verified.", ENTRIES, 1,
			   error))
		return FALSE;
	source = bundle_source(argv[1], error);
	bundle = source != NULL ? bundle_open(source, NULL, error) : NULL;
	if (bundle == NULL)
		return FALSE;
	if (manifest_only) {
		gsize size_bytes;
		const char *text = g_bytes_get_data(bundle->manifest_bytes, &size_bytes);

		return fwrite(text, 1, size_bytes, stdout) == size_bytes;
	}
	manifest = bundle->manifest;
	printf("product           %s\narchitecture      %s\nversion           %s\n",
	       manifest->product, manifest->architecture, manifest->version);
	printf("security version  %" G_GUINT64_FORMAT "\n", manifest->security_version);
	printf("update from       %s\n",
	       manifest->update_from != NULL ? manifest->update_from : "any");
	image_print("root", &manifest->root);
	image_print("uki", &manifest->uki);
	printf("pcr11 sha256      %s\n",
	       manifest->pcr11_sha256 != NULL ? manifest->pcr11_sha256 : "-");
	sections_print(bundle);
	return TRUE;
}

static gboolean payload_leaves(const struct bundle *bundle, const char *name,
			       const struct manifest_image *image, struct crypto_hasher *hasher,
			       uint8_t **ret_leaves, GError **error)
{
	const struct bundle_section *section = bundle_find(bundle, name, BUNDLE_LEAVES, error);
	const uint64_t blocks = image->superblock.data_blocks;
	struct veritybuild build;
	struct veritree tree;

	if (section == NULL)
		return FALSE;
	if (section->size_bytes != blocks * VERITREE_HASH_SIZE ||
	    veritree_init(blocks, &tree) != FAULT_OK)
		return failure_set(error, FAULT_BUNDLE_LEAVES,
				   "the leaf hashes of %s are too few or many", name);
	*ret_leaves = g_malloc((size_t)section->size_bytes);
	if (!source_read(bundle->source, section->offset, *ret_leaves, (size_t)section->size_bytes,
			 error))
		return FALSE;
	veritybuild_init(&build, &tree, hasher, NULL, NULL);
	for (uint64_t i = 0; i < blocks; i++)
		(void)veritybuild_add(&build, *ret_leaves + i * VERITREE_HASH_SIZE,
				      NULL); /* no sink */
	if (memcmp(build.root, image->root_hash, VERITREE_HASH_SIZE) != 0)
		return failure_set(error, FAULT_BUNDLE_LEAVES,
				   "the leaf hashes of %s do not give its signed root hash", name);
	return TRUE;
}

/* One block against its leaf; blocks that no frame covers must be zeros. */
static gboolean block_check(struct crypto_hasher *hasher, const uint8_t *bytes,
			    const uint8_t *leaves, uint64_t block, const char *name, GError **error)
{
	uint8_t hash[VERITREE_HASH_SIZE];

	crypto_hash(hasher, bytes, BLOCK, hash);
	if (memcmp(hash, leaves + block * VERITREE_HASH_SIZE, sizeof hash) != 0)
		return failure_set(error, FAULT_BUNDLE_BLOCK,
				   "block %" G_GUINT64_FORMAT
				   " of %s does not have its signed hash",
				   block, name);
	return TRUE;
}

static gboolean payload_frames(const struct bundle *bundle, const char *name,
			       const struct manifest_image *image, struct crypto_hasher *hasher,
			       const uint8_t *leaves, GError **error)
{
	static const uint8_t ZERO[BLOCK];
	g_autofree uint8_t *bytes = g_malloc(BUNDLE_FRAME_BLOCKS_MAX * BLOCK);
	g_autoptr(GArray)
		frames = bundle_index_read(bundle, name, image->superblock.data_blocks, error);
	uint64_t block = 0;

	if (frames == NULL)
		return FALSE;
	for (guint i = 0; i < frames->len; i++) {
		const struct bundle_frame *frame = &g_array_index(frames, struct bundle_frame, i);

		for (; block < frame->first_block; block++)
			if (!block_check(hasher, ZERO, leaves, block, name, error))
				return FALSE;
		if (!bundle_frame_read(bundle, name, frame, bytes, error))
			return FALSE;
		for (uint32_t j = 0; j < frame->block_count; j++, block++)
			if (!block_check(hasher, bytes + (size_t)j * BLOCK, leaves, block, name,
					 error))
				return FALSE;
	}
	for (; block < image->superblock.data_blocks; block++)
		if (!block_check(hasher, ZERO, leaves, block, name, error))
			return FALSE;
	return TRUE;
}

static gboolean payload_verify(const struct bundle *bundle, const char *name,
			       const struct manifest_image *image, GError **error)
{
	g_autoptr(CryptoHasher)
		hasher = crypto_hasher_new(image->superblock.salt, image->superblock.salt_size);
	g_autofree uint8_t *leaves = NULL;

	return payload_leaves(bundle, name, image, hasher, &leaves, error) &&
	       payload_frames(bundle, name, image, hasher, leaves, error);
}

gboolean command_verify(int argc, char **argv, GError **error)
{
	static char *keyring;
	static const GOptionEntry ENTRIES[] = { { "keyring", 0, 0, G_OPTION_ARG_FILENAME, &keyring,
						  "certificates that are trusted",
						  "FILE or FOLDER" },
						G_OPTION_ENTRY_NULL };
	g_autoptr(Source) source = NULL;
	g_autoptr(Bundle) bundle = NULL;

	if (!command_parse(
		    &argc, &argv, "BUNDLE",
		    "Verifies a full bundle: signature, manifest, and each block of each payload.",
		    ENTRIES, 1, error) ||
	    !command_need("keyring", keyring, error))
		return FALSE;
	source = bundle_source(argv[1], error);
	bundle = source != NULL ? bundle_open(source, keyring, error) : NULL;
	if (bundle == NULL || !payload_verify(bundle, "uki", &bundle->manifest->uki, error) ||
	    !payload_verify(bundle, "root", &bundle->manifest->root, error))
		return FALSE;
	printf("good: version %s of %s, signed by %s\n", bundle->manifest->version,
	       bundle->manifest->product, bundle->signers);
	return TRUE;
}
