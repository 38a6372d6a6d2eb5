/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "bytes.h"
#include "converge.h"
#include "crypto.h"
#include "failure.h"
#include "layout.h"
#include "recstore.h"
#include "slotstore.h"
#include "veritybuild.h"

enum { BLOCK = 4096 };

static void die(const char *what, const char *why)
{
	printf("Bail out! %s: %s\n", what, why);
	exit(1);
}

char *fixture_path(const struct fixture *fixture, const char *name)
{
	return g_build_filename(fixture->folder, name, NULL);
}

void fixture_run(const char *first, ...)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autoptr(GError) error = NULL;
	g_autofree char *said = NULL;
	const char *word;
	int status = 0;
	va_list words;

	va_start(words, first);
	for (word = first; word != NULL; word = va_arg(words, const char *))
		g_ptr_array_add(argv, (gpointer)word);
	va_end(words);
	g_ptr_array_add(argv, NULL);
	if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL,
			  G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, &said,
			  &status, &error))
		die(first, error->message);
	if (!g_spawn_check_wait_status(status, NULL))
		die(first, said);
}

void fixture_copy(const char *from, const char *to)
{
	fixture_run("cp", "--sparse=always", from, to, NULL);
}

/* Blocks that repeat, differ between versions, are zero, and are random: each source is needed. */
static void image_make(const char *path, unsigned blocks, unsigned version)
{
	g_autofree uint8_t *bytes = g_malloc0((size_t)blocks * BLOCK);
	g_autoptr(GRand) common = g_rand_new_with_seed(4711);
	g_autoptr(GRand) own = g_rand_new_with_seed(version);
	g_autoptr(GError) error = NULL;

	for (unsigned block = 0; block < blocks; block++) {
		uint8_t *at = bytes + (size_t)block * BLOCK;
		GRand *source = block % 4 == 1 ? own : common;

		if (block % 4 == 2)
			continue;
		for (unsigned i = 0; i < 64; i++)
			at[i] = (uint8_t)g_rand_int_range(source, 1, 256);
		memset(at + 64, (int)(block & 0x7f), BLOCK - 64);
	}
	if (!g_file_set_contents(path, (char *)bytes, (gssize)blocks * BLOCK, &error))
		die(path, error->message);
}

/* The smallest PE32+ that azbundle takes for a systemd-stub: one section, .sdmagic. A real stub
 * would make the bundle ten times as large, and flipping each of its bits ten times as long. */
void fixture_stub(const char *path)
{
	enum { COFF = 64, OPTIONAL = COFF + 24, TABLE = OPTIONAL + 240, SIZE = 1024 };
	static const char MAGIC[] = "#### LoaderInfo: systemd-stub 252 ####";
	uint8_t bytes[SIZE] = { 'M', 'Z' };

	bytes_store_u32(bytes + 60, COFF);
	memcpy(bytes + COFF, "PE\0\0", 4);
	bytes_store_u16(bytes + COFF + 4, 0x8664);
	bytes_store_u16(bytes + COFF + 6, 1);
	bytes_store_u16(bytes + COFF + 20, 240);
	bytes_store_u16(bytes + OPTIONAL, 0x20b);
	bytes_store_u32(bytes + OPTIONAL + 32, 4096);
	bytes_store_u32(bytes + OPTIONAL + 36, 512);
	bytes_store_u32(bytes + OPTIONAL + 60, 512);
	memcpy(bytes + TABLE, ".sdmagic", 8);
	bytes_store_u32(bytes + TABLE + 8, sizeof MAGIC);
	bytes_store_u32(bytes + TABLE + 12, 4096);
	bytes_store_u32(bytes + TABLE + 16, 512);
	bytes_store_u32(bytes + TABLE + 20, 512);
	memcpy(bytes + 512, MAGIC, sizeof MAGIC);
	g_file_set_contents(path, (char *)bytes, sizeof bytes, NULL);
}

void fixture_release(struct fixture *fixture, unsigned version, unsigned blocks)
{
	const char *azbundle = g_getenv("AZBUNDLE");
	g_autofree char *number = g_strdup_printf("%u", version);
	g_autofree char *root = g_strdup_printf("%s/root%u", fixture->folder, version);
	g_autofree char *uki = g_strdup_printf("%s/uki%u", fixture->folder, version);
	g_autofree char *small = fixture_path(fixture, "small");
	g_autofree char *stub = fixture_path(fixture, "stub");
	g_autofree char *osrel = fixture_path(fixture, "osrel");
	g_autofree char *key = fixture_path(fixture, "keys/release.key");
	g_autofree char *certificate = fixture_path(fixture, "keys/release.crt");

	fixture_stub(stub);
	g_file_set_contents(osrel, "ID=test\nAZUPDATE_SECURITY_VERSION=1\n", -1, NULL);
	g_file_set_contents(small, number, -1, NULL);
	image_make(root, blocks, version);
	g_free(fixture->bundle[version]);
	fixture->bundle[version] = g_strdup_printf("%s/%u.azb", fixture->folder, version);
	fixture_run(azbundle, "uki", "--stub", stub, "--linux", small, "--initrd", small,
		    "--os-release", osrel, "--root", root, "--product", "test", "-o", uki, NULL);
	fixture_run(azbundle, "build", "--product", "test", "--version", number, "--root", root,
		    "--uki", uki, "--key", key, "--cert", certificate, "-o",
		    fixture->bundle[version], NULL);
}

char *fixture_folder(void)
{
	const char *base = g_access("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir();
	char *folder = g_strdup_printf("%s/azupdate-test-XXXXXX", base);

	if (g_mkdtemp(folder) == NULL)
		die(folder, "cannot make it");
	return folder;
}

struct fixture *fixture_new(unsigned root_blocks)
{
	struct fixture *fixture = g_new0(struct fixture, 1);
	const char *azbundle = g_getenv("AZBUNDLE");
	g_autofree char *keys = NULL;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (azbundle == NULL)
		die("AZBUNDLE", "it must name the program");
	fixture->folder = fixture_folder();
	fixture->disk = fixture_path(fixture, "disk");
	keys = fixture_path(fixture, "keys");
	fixture_run(azbundle, "keys", keys, NULL);
	for (unsigned version = 1; version <= 3; version++)
		fixture_release(fixture, version, root_blocks);
	fixture->config = (struct config){
		.disk = g_strdup(fixture->disk),
		.product = g_strdup("test"),
		.architecture = g_strdup("x86_64"),
		.keyring = fixture_path(fixture, "keys/ca.crt"),
		.state_dir = fixture_path(fixture, "state"),
		.run_dir = fixture_path(fixture, "run"),
		.efivars_dir = fixture_path(fixture, "efivars"),
		.tries = 3,
	};
	g_mkdir(fixture->config.run_dir, 0755);
	fixture_run(azbundle, "disk", "--azboot", fixture->bundle[1], "--keyring",
		    fixture->config.keyring, "--var-size", "8", "--esp-size", "33", "-o",
		    fixture->disk, fixture->bundle[1], NULL);
	fixture_boot(fixture, SLOT_A);
	return fixture;
}

void fixture_free(struct fixture *fixture)
{
	fixture_run("rm", "-rf", fixture->folder, NULL);
	for (unsigned version = 1; version < G_N_ELEMENTS(fixture->bundle); version++)
		g_free(fixture->bundle[version]);
	g_free(fixture->config.disk);
	g_free(fixture->config.product);
	g_free(fixture->config.architecture);
	g_free(fixture->config.keyring);
	g_free(fixture->config.state_dir);
	g_free(fixture->config.run_dir);
	g_free(fixture->config.efivars_dir);
	g_free(fixture->disk);
	g_free(fixture->folder);
	g_free(fixture);
}

void fixture_boot(struct fixture *fixture, unsigned slot)
{
	g_autofree char *path = g_build_filename(fixture->config.run_dir, "boot.json", NULL);
	g_autofree char *text = g_strdup_printf("{\"slot\": \"%s\", \"disk\": \"%s\"}\n",
						slot == SLOT_A ? "a" : "b", fixture->disk);

	g_file_set_contents(path, text, -1, NULL);
}

struct machine *fixture_machine(struct fixture *fixture)
{
	g_autoptr(GError) error = NULL;
	struct machine *machine = machine_open(&fixture->config, &error);

	if (machine == NULL)
		die("machine", error->message);
	return machine;
}

static struct disk *state_open(struct fixture *fixture, enum disk_mode mode)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Layout) layout = layout_find(fixture->disk, &error);
	struct disk *disk = layout != NULL ? layout_open(&layout->state, mode, &error) : NULL;

	if (disk == NULL)
		die("azstate", error->message);
	return disk;
}

struct bootrec fixture_record(struct fixture *fixture)
{
	g_autoptr(Disk) disk = state_open(fixture, DISK_READ_ONLY);
	g_autoptr(GError) error = NULL;
	struct bootrec rec;

	if (!recstore_load(disk, &rec, &error))
		die("boot record", error->message);
	return rec;
}

unsigned fixture_reboot(struct fixture *fixture)
{
	g_autoptr(Disk) disk = state_open(fixture, DISK_READ_WRITE);
	struct bootrec rec = fixture_record(fixture);
	const struct slot_choice choice = slot_choose(&rec.table, SLOT_NONE);
	g_autoptr(GError) error = NULL;

	rec.table = choice.table;
	if (!recstore_save(disk, &rec, &error))
		die("boot record", error->message);
	fixture_boot(fixture, choice.index);
	return choice.index;
}

fault fixture_install_fd(struct fixture *fixture, int fd, gboolean force)
{
	g_autoptr(Machine) machine = fixture_machine(fixture);

	return fixture_install_on(machine, fd, force);
}

fault fixture_install_on(struct machine *machine, int fd, gboolean force)
{
	const struct machine_install options = { .fd = fd, .force = force, .activate = TRUE };
	struct machine_installed installed;
	g_autoptr(GError) error = NULL;

	if (!machine_install(machine, &options, &installed, &error))
		return failure_code(error);
	machine_installed_clear(&installed);
	return FAULT_OK;
}

fault fixture_install(struct fixture *fixture, const char *path, gboolean force)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	fault why;

	if (fd < 0)
		die(path, "cannot open it");
	why = fixture_install_fd(fixture, fd, force);
	close(fd);
	return why;
}

/* Reads and compares one block at a time, without the engine that is tested. */
static gboolean block_holds(gpointer user_data, uint64_t block, const uint8_t *bytes,
			    GError **error)
{
	const struct converge_place *place = user_data;
	uint8_t *medium = g_aligned_alloc(1, VERITREE_BLOCK_SIZE, VERITREE_BLOCK_SIZE);
	const gboolean holds = disk_read_medium(place->disk,
						place->offset + block * VERITREE_BLOCK_SIZE, medium,
						VERITREE_BLOCK_SIZE, error) &&
			       memcmp(medium, bytes, VERITREE_BLOCK_SIZE) == 0;

	g_aligned_free(medium);
	return holds;
}

static gboolean data_holds(struct converge_place *place, struct veritybuild *build)
{
	uint8_t *medium = g_aligned_alloc(1, VERITREE_BLOCK_SIZE, VERITREE_BLOCK_SIZE);
	gboolean holds = TRUE;

	for (uint64_t i = 0; holds && i < place->tree.data_blocks; i++) {
		uint8_t hash[VERITREE_HASH_SIZE];

		holds = disk_read_medium(place->disk, place->offset + i * VERITREE_BLOCK_SIZE,
					 medium, VERITREE_BLOCK_SIZE, NULL);
		crypto_hash(build->hasher, medium, VERITREE_BLOCK_SIZE, hash);
		holds = holds && veritybuild_add(build, hash, NULL);
	}
	g_aligned_free(medium);
	return holds;
}

static gboolean place_is_right(const struct layout_part *part, uint64_t offset,
			       const struct manifest_image *image)
{
	g_autoptr(Disk) disk = layout_open(part, DISK_READ_ONLY, NULL);
	g_autoptr(CryptoHasher)
		hasher = crypto_hasher_new(image->superblock.salt, image->superblock.salt_size);
	struct converge_place place;
	struct veritybuild build;
	uint8_t superblock[VERITREE_BLOCK_SIZE];

	veritree_superblock_encode(&image->superblock, superblock);
	if (!converge_place_init(&place, disk, offset, image, NULL) ||
	    !block_holds(&place, place.tree.superblock, superblock, NULL))
		return FALSE;
	veritybuild_init(&build, &place.tree, hasher, block_holds, &place);
	return data_holds(&place, &build) &&
	       memcmp(build.root, image->root_hash, VERITREE_HASH_SIZE) == 0;
}

gboolean fixture_slot_holds(struct fixture *fixture, unsigned slot, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	g_autoptr(Source) source = source_open_fd(fd, NULL, NULL);
	g_autoptr(Bundle) bundle = bundle_open(source, fixture->config.keyring, NULL);
	g_autoptr(Layout) layout = layout_find(fixture->disk, NULL);
	g_autoptr(Slotstore) store = slotstore_read(&layout->boot[slot], NULL);

	close(fd);
	return bundle != NULL && store != NULL && store->manifest != NULL &&
	       strcmp(store->head.version, bundle->manifest->version) == 0 &&
	       place_is_right(&layout->root[slot], 0, &bundle->manifest->root) &&
	       place_is_right(&layout->boot[slot], SLOTSTORE_UKI_OFFSET, &bundle->manifest->uki);
}

void fixture_allow_preload(void)
{
	const char *before = g_getenv("ASAN_OPTIONS");
	g_autofree char *options =
		g_strconcat(before != NULL ? before : "", ":verify_asan_link_order=0", NULL);

	g_setenv("ASAN_OPTIONS", options, TRUE);
}
