/* SPDX-License-Identifier: MIT */
/* Parity against what veritysetup, another encoder, writes behind the same image. */
#include "fec.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"
#include "failure.h"
#include "fecmeasure.h"
#include "tap.h"
#include "tempdir.h"

enum { BLOCK = 4096 };

static char *folder;

static char *path_of(const char *name)
{
	return g_build_filename(folder, name, NULL);
}

/* Data that differ everywhere, with blocks of zeros and a last block that is not full. */
static void image_make(const char *path, uint64_t blocks, size_t last_size)
{
	FILE *file = fopen(path, "wbe");
	uint8_t bytes[BLOCK];
	uint32_t state = (uint32_t)blocks;

	for (uint64_t block = 0; block < blocks; block++) {
		for (size_t i = 0; i < BLOCK; i++) {
			state = state * 1664525 + 1013904223;
			bytes[i] = block % 7 == 3 ? 0 : (uint8_t)(state >> 24);
		}
		fwrite(bytes, 1, block + 1 < blocks ? BLOCK : last_size, file);
	}
	fclose(file);
}

/* veritysetup on `path`, all areas in that file; what it printed goes to *ret_said. */
static bool veritysetup(const char *action, const char *path, const struct feclayout *layout,
			const char *root_hash, char **ret_said)
{
	g_autofree char *data = g_strdup_printf("--data-blocks=%" G_GUINT64_FORMAT,
						layout->data_blocks);
	g_autofree char *hash = g_strdup_printf("--hash-offset=%" G_GUINT64_FORMAT,
						layout->data_blocks * BLOCK);
	g_autofree char *fec = g_strdup_printf("--fec-offset=%" G_GUINT64_FORMAT,
					       layout->start * BLOCK);
	g_autofree char *device = g_strdup_printf("--fec-device=%s", path);
	g_autofree char *roots = g_strdup_printf("--fec-roots=%u", layout->roots);
	const char *argv[] = { "veritysetup", action, "--salt=0102", data, hash,      fec,
			       device,        roots,  path,          path, root_hash, NULL };
	g_autofree char *errors = NULL;
	g_autofree char *out = NULL;
	int status = -1;

	g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &errors,
		     &status, NULL);
	*ret_said = g_strconcat(out, errors, NULL);
	return status == 0;
}

static bool root_hash_find(const char *said, uint8_t *ret_hash)
{
	const char *line = strstr(said, "Root hash:");
	g_autofree char *text = NULL;

	if (line == NULL)
		return false;
	line += strlen("Root hash:");
	text = g_strndup(line + strspn(line, " \t"), 2 * VERITREE_HASH_SIZE);
	return crypto_unhex(text, ret_hash, VERITREE_HASH_SIZE);
}

/* A slot as veritysetup makes it, in a file of exactly its size, and what it holds. */
struct slot {
	char *path;
	struct manifest_image image;
	struct feclayout layout;
};

static void slot_done(struct slot *slot)
{
	g_unlink(slot->path);
	g_free(slot->path);
}

/* Without a parity in the manifest's image: the caller measures. */
static struct slot slot_make(uint64_t blocks, unsigned roots)
{
	struct slot slot = { .path = path_of("slot") };
	g_autofree char *said = NULL;
	struct veritree tree;

	image_make(slot.path, blocks, BLOCK);
	slot.image.size_bytes = blocks * BLOCK;
	slot.image.superblock.data_blocks = blocks;
	slot.image.superblock.salt_size = 2;
	memcpy(slot.image.superblock.salt, (uint8_t[]){ 1, 2 }, 2);
	expect(veritree_init(blocks, &tree) == FAULT_OK);
	expect(feclayout_init(&tree, roots, &slot.layout) == FAULT_OK);
	expect(veritysetup("format", slot.path, &slot.layout, NULL, &said));
	expect(root_hash_find(said, slot.image.root_hash));
	return slot;
}

/* The parity as it stands in the slot. */
static uint8_t *parity_read(const struct slot *slot)
{
	uint8_t *bytes = g_malloc((size_t)slot->layout.blocks * BLOCK);
	const int fd = open(slot->path, O_RDONLY | O_CLOEXEC);

	expect(pread(fd, bytes, (size_t)slot->layout.blocks * BLOCK,
		     (off_t)(slot->layout.start * BLOCK)) == (ssize_t)slot->layout.blocks * BLOCK);
	close(fd);
	return bytes;
}

static void byte_flip(const struct slot *slot, uint64_t offset)
{
	const int fd = open(slot->path, O_RDWR | O_CLOEXEC);
	uint8_t byte = 0;

	expect(pread(fd, &byte, 1, (off_t)offset) == 1);
	byte ^= 0x10;
	expect(pwrite(fd, &byte, 1, (off_t)offset) == 1);
	close(fd);
}

static void parity_wipe(const struct slot *slot)
{
	expect(truncate(slot->path, (off_t)(slot->layout.start * BLOCK)) == 0);
	expect(truncate(slot->path, (off_t)(slot->layout.total_blocks * BLOCK)) == 0);
}

static void equal_try(uint64_t blocks, unsigned roots)
{
	struct slot slot = slot_make(blocks, roots);
	g_autoptr(Disk) disk = disk_open_file(slot.path, DISK_READ_WRITE, 0, 0, NULL);
	g_autofree uint8_t *theirs = parity_read(&slot);
	g_autofree uint8_t *ours = NULL;
	struct fec_place place;

	expect(disk->size_bytes == slot.layout.total_blocks * BLOCK);
	expect(fecmeasure_file(slot.path, &slot.image, roots, NULL));
	expect(slot.image.fec.roots == roots);
	expect(fec_place_init(&place, disk, &slot.image, NULL));
	/* Theirs is what we measured, so it is left alone; and without it, we write the same. */
	expect(fec_write(&place, NULL) && place.written_bytes == 0);
	parity_wipe(&slot);
	expect(!fec_verify(&place, NULL));
	expect(fec_write(&place, NULL));
	expect(place.written_bytes == slot.layout.blocks * BLOCK);
	ours = parity_read(&slot);
	expect(memcmp(ours, theirs, (size_t)slot.layout.blocks * BLOCK) == 0);
	if (tap_failed)
		printf("# %u roots, %u blocks\n", roots, (unsigned)blocks);
	slot_done(&slot);
}

/* A round is full with 253 blocks of data and tree: 249 and 4. */
static void test_equal(void)
{
	static const uint64_t SIZES[] = { 1, 2, 129, 248, 249, 250, 251, 1000, 3000 };

	for (unsigned i = 0; i < G_N_ELEMENTS(SIZES); i++)
		equal_try(SIZES[i], 2);
	for (unsigned roots = 3; roots <= 24; roots += 7)
		equal_try(700, roots);
}

/* 22 rounds of 24 roots are more than are encoded at once. */
static void test_batches(void)
{
	equal_try(4900, 24);
}

/* cryptsetup's decoder finds what our parity can mend, and what it cannot. */
static void test_repairable(void)
{
	struct slot slot = slot_make(1000, 2);
	g_autofree char *hash = crypto_hex(slot.image.root_hash, VERITREE_HASH_SIZE);
	g_autoptr(Disk) disk = disk_open_file(slot.path, DISK_READ_WRITE, 0, 0, NULL);
	struct fec_place place;
	char *said;

	expect(fecmeasure_file(slot.path, &slot.image, 2, NULL));
	expect(fec_place_init(&place, disk, &slot.image, NULL));
	parity_wipe(&slot);
	expect(fec_write(&place, NULL));
	expect(veritysetup("verify", slot.path, &slot.layout, hash, &said));
	g_free(said);
	byte_flip(&slot, 17 * BLOCK + 5);
	expect(veritysetup("verify", slot.path, &slot.layout, hash, &said));
	expect(strstr(said, "Found 1 repairable errors") != NULL);
	g_free(said);
	/* 4 rounds: block 21 is of the same one, and two errors in a codeword are one too many. */
	byte_flip(&slot, 21 * BLOCK + 5);
	expect(!veritysetup("verify", slot.path, &slot.layout, hash, &said));
	expect(strstr(said, "cannot be repaired") != NULL);
	g_free(said);
	slot_done(&slot);
}

static fault write_fault(struct fec_place *place)
{
	g_autoptr(GError) error = NULL;

	return fec_write(place, &error) ? FAULT_OK : failure_code(error);
}

static void test_damage(void)
{
	struct slot slot = slot_make(1000, 2);
	g_autoptr(Disk) disk = disk_open_file(slot.path, DISK_READ_WRITE, 0, 0, NULL);
	const uint64_t start = slot.layout.start * BLOCK;
	const uint64_t places[] = { start, start + 5000, start + slot.layout.blocks * BLOCK - 1 };
	g_autoptr(GError) error = NULL;
	struct fec_place place;

	expect(fecmeasure_file(slot.path, &slot.image, 2, NULL));
	expect(fec_place_init(&place, disk, &slot.image, NULL));
	for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
		byte_flip(&slot, places[i]);
		expect(!fec_verify(&place, &error) && failure_code(error) == FAULT_FEC_PARITY);
		g_clear_error(&error);
		expect(write_fault(&place) == FAULT_OK && fec_verify(&place, NULL));
	}
	expect(place.written_bytes == 3 * slot.layout.blocks * BLOCK);
	/* The superblock is not covered; data and tree are, and if they are wrong it is said. */
	byte_flip(&slot, 1000 * BLOCK + 20);
	parity_wipe(&slot);
	expect(write_fault(&place) == FAULT_OK);
	byte_flip(&slot, 1001 * BLOCK);
	parity_wipe(&slot);
	expect(write_fault(&place) == FAULT_FEC_PARITY);
	byte_flip(&slot, 1001 * BLOCK);
	byte_flip(&slot, 1000 * BLOCK - 1);
	parity_wipe(&slot);
	expect(write_fault(&place) == FAULT_FEC_PARITY);
	slot_done(&slot);
}

/* A disk that forgets the last write before it is asked to flush, or fails to flush. */
struct liar {
	struct disk disk;
	struct disk *real;
	bool forgets, fails;
	unsigned flushes;
};

static gboolean liar_read(struct disk *disk, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			  GError **error)
{
	return disk_read_medium(((struct liar *)disk)->real, offset, bytes, size_bytes, error);
}

static gboolean liar_write(struct disk *disk, uint64_t offset, const uint8_t *bytes,
			   size_t size_bytes, GError **error)
{
	struct liar *liar = (struct liar *)disk;

	return liar->forgets || disk_write(liar->real, offset, bytes, size_bytes, error);
}

static gboolean liar_flush(struct disk *disk, GError **error)
{
	struct liar *liar = (struct liar *)disk;

	liar->flushes++;
	return liar->fails ? failure_set(error, FAULT_DISK_FLUSH, "it fails") : TRUE;
}

static void test_readback(void)
{
	static const struct disk_ops OPS = {
		.write = liar_write,
		.flush = liar_flush,
		.read_medium = liar_read,
	};
	struct slot slot = slot_make(1000, 2);
	g_autoptr(Disk) real = disk_open_file(slot.path, DISK_READ_WRITE, 0, 0, NULL);
	struct liar liar = { { &OPS, real->size_bytes, real->name }, real, true, false, 0 };
	struct fec_place place;

	expect(fecmeasure_file(slot.path, &slot.image, 2, NULL));
	expect(fec_place_init(&place, &liar.disk, &slot.image, NULL));
	expect(write_fault(&place) == FAULT_OK && liar.flushes == 0);
	parity_wipe(&slot);
	expect(write_fault(&place) == FAULT_FEC_PARITY && liar.flushes == 1);
	liar.forgets = false;
	liar.fails = true;
	expect(write_fault(&place) == FAULT_DISK_FLUSH);
	slot_done(&slot);
}

static void test_cancelled(void)
{
	struct slot slot = slot_make(1000, 2);
	g_autoptr(Disk) disk = disk_open_file(slot.path, DISK_READ_WRITE, 0, 0, NULL);
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	struct fec_place place;

	expect(fecmeasure_file(slot.path, &slot.image, 2, NULL));
	expect(fec_place_init(&place, disk, &slot.image, NULL));
	parity_wipe(&slot);
	place.cancellable = cancellable;
	g_cancellable_cancel(cancellable);
	expect(write_fault(&place) == FAULT_CONVERGE_CANCELLED && place.written_bytes == 0);
	slot_done(&slot);
}

static fault init_fault(struct disk *disk, const struct manifest_image *image)
{
	g_autoptr(GError) error = NULL;
	struct fec_place place;

	return fec_place_init(&place, disk, image, &error) ? FAULT_OK : failure_code(error);
}

/* One byte less than image, tree and parity need is too little. */
static void test_limits(void)
{
	struct slot slot = slot_make(1000, 2);
	g_autoptr(Disk) disk = disk_open_file(slot.path, DISK_READ_WRITE, 0, 0, NULL);
	struct manifest_image *image = &slot.image;

	image->fec.roots = 2;
	expect(init_fault(disk, image) == FAULT_OK);
	disk->size_bytes--;
	expect(init_fault(disk, image) == FAULT_PART_SMALL);
	image->fec.roots = 1;
	expect(init_fault(disk, image) == FAULT_FECLAYOUT_ROOTS);
	image->fec.roots = 25;
	expect(init_fault(disk, image) == FAULT_FECLAYOUT_ROOTS);
	image->fec.roots = 24;
	image->superblock.data_blocks = VERITREE_DATA_BLOCKS_MAX + 1;
	expect(init_fault(disk, image) == FAULT_VERITREE_RANGE);
	image->superblock.data_blocks = VERITREE_DATA_BLOCKS_MAX;
	expect(init_fault(disk, image) == FAULT_PART_SMALL);
	slot_done(&slot);
}

static fault measure_fault(const char *path, struct manifest_image *image, unsigned roots)
{
	g_autoptr(GError) error = NULL;

	return fecmeasure_file(path, image, roots, &error) ? FAULT_OK : failure_code(error);
}

/* A file whose last block is not full has the parity of the slot, where zeros fill it up. */
static void test_measure(void)
{
	struct slot slot = slot_make(300, 2);
	g_autofree char *file = path_of("file");
	struct manifest_image image = slot.image;
	g_autofree char *said = NULL;

	image_make(file, 300, 1);
	expect(truncate(slot.path, 299 * BLOCK + 1) == 0);
	expect(truncate(slot.path, 300 * BLOCK) == 0);
	expect(veritysetup("format", slot.path, &slot.layout, NULL, &said));
	expect(root_hash_find(said, slot.image.root_hash));
	memcpy(image.root_hash, slot.image.root_hash, VERITREE_HASH_SIZE);
	image.size_bytes = 299 * BLOCK + 1;
	expect(measure_fault(slot.path, &slot.image, 2) == FAULT_OK);
	expect(measure_fault(file, &image, 2) == FAULT_OK);
	expect(memcmp(&image.fec, &slot.image.fec, sizeof image.fec) == 0);
	expect(measure_fault(file, &image, 1) == FAULT_FECLAYOUT_ROOTS);
	image.root_hash[0] ^= 1;
	expect(measure_fault(file, &image, 2) == FAULT_BUILD_INPUT);
	image.root_hash[0] ^= 1;
	expect(truncate(file, 299 * BLOCK) == 0);
	expect(measure_fault(file, &image, 2) == FAULT_BUILD_INPUT);
	g_unlink(file);
	expect(measure_fault(file, &image, 2) == FAULT_BUILD_INPUT);
	slot_done(&slot);
}

static const struct tap_case CASES[] = {
	{ "as veritysetup writes it", test_equal },
	{ "more rounds than are encoded at once", test_batches },
	{ "veritysetup finds errors that it mends", test_repairable },
	{ "damage is found and written anew", test_damage },
	{ "flushed and read back", test_readback },
	{ "cancelled", test_cancelled },
	{ "limits", test_limits },
	{ "measured on a file", test_measure },
};

int main(void)
{
	int status;

	folder = tempdir_new();
	status = tap_run(CASES, G_N_ELEMENTS(CASES));
	tempdir_free(folder);
	return status;
}
