/* SPDX-License-Identifier: MIT */
#include "slotstore.h"

#include <string.h>

#include "failure.h"

static uint64_t block_align(uint64_t size_bytes)
{
	return (size_bytes + 4095) / 4096 * 4096;
}

uint64_t slotstore_size(uint64_t uki_blocks, size_t manifest_size, size_t signature_size)
{
	return SLOTSTORE_UKI_OFFSET + uki_blocks * 4096 + block_align(manifest_size) +
	       block_align(signature_size);
}

void slotstore_free(struct slotstore *store)
{
	if (store == NULL)
		return;
	manifest_free(store->manifest);
	g_free(store);
}

struct slotstore *slotstore_read(const struct layout_part *part, GError **error)
{
	g_autoptr(Disk) disk = layout_open(part, DISK_READ_ONLY, error);
	g_autoptr(Slotstore) store = g_new0(struct slotstore, 1);
	g_autofree uint8_t *text = NULL;
	uint8_t bytes[BOOTHEAD_SIZE];
	fault why;

	if (disk == NULL || !disk_read(disk, 0, bytes, sizeof bytes, error))
		return NULL;
	why = boothead_decode(bytes, disk->size_bytes, &store->head);
	if (why != FAULT_OK) {
		failure_set(error, why, "%s has no readable header", disk->name);
		return NULL;
	}
	text = g_malloc(MAX(store->head.manifest_size, 1));
	if (disk_read(disk, store->head.manifest_offset, text, store->head.manifest_size, NULL))
		store->manifest = manifest_decode(text, store->head.manifest_size, NULL);
	return g_steal_pointer(&store);
}

static GBytes *bytes_read(struct disk *disk, uint64_t offset, size_t size_bytes, GError **error)
{
	g_autofree uint8_t *bytes = g_malloc(MAX(size_bytes, 1));

	if (!disk_read(disk, offset, bytes, size_bytes, error))
		return NULL;
	return g_bytes_new_take(g_steal_pointer(&bytes), size_bytes);
}

gboolean slotstore_signed_read(const struct layout_part *part, const struct boothead *head,
			       GBytes **ret_manifest, GBytes **ret_signature, GError **error)
{
	g_autoptr(Disk) disk = layout_open(part, DISK_READ_ONLY, error);
	g_autoptr(GBytes) manifest = NULL;
	g_autoptr(GBytes) signature = NULL;

	if (disk == NULL)
		return FALSE;
	manifest = bytes_read(disk, head->manifest_offset, head->manifest_size, error);
	if (manifest == NULL)
		return FALSE;
	signature = bytes_read(disk, head->signature_offset, head->signature_size, error);
	if (signature == NULL)
		return FALSE;
	*ret_manifest = g_steal_pointer(&manifest);
	*ret_signature = g_steal_pointer(&signature);
	return TRUE;
}

/* Writes a padded range, flushes, and compares what the medium has. */
static gboolean range_write(struct disk *disk, uint64_t offset, const uint8_t *bytes,
			    size_t size_bytes, GError **error)
{
	const size_t padded = (size_t)block_align(size_bytes);
	uint8_t *buffer = g_aligned_alloc0(2, MAX(padded, 4096), 4096);
	uint8_t *back = buffer + padded;
	gboolean done;

	memcpy(buffer, bytes, size_bytes);
	done = disk_write(disk, offset, buffer, padded, error) && disk_flush(disk, error) &&
	       disk_read_medium(disk, offset, back, padded, error);
	if (done && memcmp(buffer, back, padded) != 0)
		done = failure_set(error, FAULT_CONVERGE_READBACK,
				   "%s at %" G_GUINT64_FORMAT " is not what was written",
				   disk->name, offset);
	g_aligned_free(buffer);
	return done;
}

gboolean slotstore_wipe(struct disk *disk, GError **error)
{
	static const uint8_t ZERO[BOOTHEAD_SIZE];

	return range_write(disk, 0, ZERO, sizeof ZERO, error);
}

gboolean slotstore_finish(struct disk *disk, const struct manifest *manifest,
			  GBytes *manifest_bytes, GBytes *signature, uint64_t uki_blocks,
			  uint64_t staged_sequence, GError **error)
{
	gsize manifest_size;
	gsize signature_size;
	const uint8_t *text = g_bytes_get_data(manifest_bytes, &manifest_size);
	const uint8_t *cms = g_bytes_get_data(signature, &signature_size);
	struct boothead head = {
		.staged_sequence = staged_sequence,
		.uki_offset = SLOTSTORE_UKI_OFFSET,
		.uki_size = manifest->uki.size_bytes,
		.tree_offset = SLOTSTORE_UKI_OFFSET + manifest->uki.superblock.data_blocks * 4096,
		.manifest_offset = SLOTSTORE_UKI_OFFSET + uki_blocks * 4096,
		.manifest_size = (uint32_t)manifest_size,
		.signature_size = (uint32_t)signature_size,
		.security_version = manifest->security_version,
	};
	uint8_t bytes[BOOTHEAD_SIZE];

	head.signature_offset = head.manifest_offset + block_align(manifest_size);
	memcpy(head.root_hash, manifest->root.root_hash, sizeof head.root_hash);
	memcpy(head.uki_root, manifest->uki.root_hash, sizeof head.uki_root);
	g_strlcpy(head.version, manifest->version, sizeof head.version);
	boothead_encode(&head, bytes);
	return range_write(disk, head.manifest_offset, text, manifest_size, error) &&
	       range_write(disk, head.signature_offset, cms, signature_size, error) &&
	       range_write(disk, 0, bytes, sizeof bytes, error);
}
