/* SPDX-License-Identifier: MIT */
#include "releases.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../integration/fixture.h"
#include "bytes.h"

static struct fixture files; /* for its folder, and what goes by it */
static struct release releases[RELEASE_COUNT + 1];

static void die(const char *what, const char *why)
{
	printf("Bail out! %s: %s\n", what, why);
	exit(1);
}

static const char *azbundle(void)
{
	const char *program = g_getenv("AZBUNDLE");

	if (program == NULL)
		die("AZBUNDLE", "it must name the program");
	return program;
}

/* Without a pattern: a delta of it is quickly applied. */
static void noise(char *bytes, size_t size_bytes, unsigned seed)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(seed);

	for (size_t i = 0; i < size_bytes; i++)
		bytes[i] = (char)g_rand_int_range(random, 1, 256);
}

/* Of four blocks one is each version's own, one is zero, and two are in all versions. */
static void root_make(const char *path, unsigned version)
{
	static char image[RELEASE_ROOT_BLOCKS][MEDIUM_BLOCK];

	memset(image, 0, sizeof image);
	for (unsigned block = 0; block < RELEASE_ROOT_BLOCKS; block++)
		if (block % 4 != 2)
			noise(image[block], MEDIUM_BLOCK,
			      block * 10 + (block % 4 == 1 ? version : 0));
	if (!g_file_set_contents(path, image[0], sizeof image, NULL))
		die(path, "cannot be written");
}

/* Large enough that the UKI has several blocks; its end is each version's own. */
static void kernel_make(const char *path, unsigned version)
{
	char bytes[5000];

	noise(bytes, sizeof bytes, 1000);
	noise(bytes + 4000, 1000, 1000 + version);
	if (!g_file_set_contents(path, bytes, sizeof bytes, NULL))
		die(path, "cannot be written");
}

static void release_build(unsigned version)
{
	g_autofree char *number = g_strdup_printf("%u", version);
	g_autofree char *osrel_text = g_strdup_printf("AZUPDATE_SECURITY_VERSION=%u\n", version);
	g_autofree char *root = g_strdup_printf("%s/root%u", files.folder, version);
	g_autofree char *uki = g_strdup_printf("%s/uki%u", files.folder, version);
	g_autofree char *bundle = g_strdup_printf("%s/%u.azb", files.folder, version);
	g_autofree char *small = fixture_path(&files, "small");
	g_autofree char *stub = fixture_path(&files, "stub");
	g_autofree char *osrel = fixture_path(&files, "osrel");
	g_autofree char *key = fixture_path(&files, "keys/release.key");
	g_autofree char *certificate = fixture_path(&files, "keys/release.crt");

	root_make(root, version);
	fixture_stub(stub);
	g_file_set_contents(osrel, osrel_text, -1, NULL);
	kernel_make(small, version);
	fixture_run(azbundle(), "uki", "--stub", stub, "--linux", small, "--initrd", small,
		    "--os-release", osrel, "--root", root, "--product", "test", "--fec-roots", "2",
		    "-o", uki, NULL);
	fixture_run(azbundle(), "build", "--product", "test", "--version", number, "--root", root,
		    "--uki", uki, "--key", key, "--cert", certificate, "--fec-roots", "2",
		    "--revokes-below", version == RELEASE_REVOKING ? number : "0", "-o", bundle,
		    NULL);
}

static int file_open(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path, "cannot be opened");
	return fd;
}

static int delta_build(unsigned from, unsigned to)
{
	g_autofree char *old = g_strdup_printf("%s/%u.azb", files.folder, from);
	g_autofree char *new = g_strdup_printf("%s/%u.azb", files.folder, to);
	g_autofree char *delta = g_strdup_printf("%s/%u-%u.azb", files.folder, from, to);

	if (!g_file_test(delta, G_FILE_TEST_EXISTS))
		fixture_run(azbundle(), "delta", "--quick", "--old", old, "--new", new, "-o", delta,
			    NULL);
	return file_open(delta);
}

/* What a disk must hold. */

static void salted(const uint8_t *salt, size_t salt_size, const uint8_t *block, uint8_t *ret_hash)
{
	uint8_t bytes[RELEASE_HASH + MEDIUM_BLOCK];

	memcpy(bytes, salt, salt_size);
	memcpy(bytes + salt_size, block, MEDIUM_BLOCK);
	SHA256(bytes, salt_size + MEDIUM_BLOCK, ret_hash);
}

/* As cryptsetup's documentation has it (wiki DMVerity, verity superblock). */
static uint32_t superblock_make(const uint8_t *salt, size_t salt_size, unsigned blocks)
{
	uint8_t bytes[MEDIUM_BLOCK] = "verity";

	bytes_store_u32(bytes + 8, 1);
	bytes_store_u32(bytes + 12, 1);
	memcpy(bytes + 16, salt, salt_size > 0 ? 16 : 0);
	memcpy(bytes + 32, "sha256", 6);
	bytes_store_u32(bytes + 64, MEDIUM_BLOCK);
	bytes_store_u32(bytes + 68, MEDIUM_BLOCK);
	bytes_store_u64(bytes + 72, blocks);
	bytes_store_u16(bytes + 80, (uint16_t)salt_size);
	memcpy(bytes + 88, salt, salt_size);
	return medium_intern(bytes);
}

/* The one tree block of an image of some blocks, and the root. */
static uint32_t tree_make(const uint8_t *salt, size_t salt_size, const uint8_t *image,
			  unsigned blocks, uint8_t *ret_root)
{
	uint8_t tree[MEDIUM_BLOCK] = { 0 };

	for (unsigned i = 0; i < blocks; i++)
		salted(salt, salt_size, image + (size_t)i * MEDIUM_BLOCK, tree + i * RELEASE_HASH);
	salted(salt, salt_size, tree, ret_root);
	return medium_intern(tree);
}

static uint8_t field_times(uint8_t a, uint8_t b)
{
	unsigned product = 0;

	for (unsigned bit = 0; bit < 8; bit++)
		product ^= (b >> bit & 1) != 0 ? (unsigned)a << bit : 0;
	for (unsigned bit = 14; bit >= 8; bit--)
		product ^= (product >> bit & 1) != 0 ? 0x11du << (bit - 8) : 0;
	return (uint8_t)product;
}

/* Two roots, so the generator is (x + 1)(x + 2) = x^2 + 3x + 2; codewords of 253 symbols. */
static void parity_expect(struct release *release, const uint8_t *image)
{
	static uint8_t parity[RELEASE_PARITY_BLOCKS * MEDIUM_BLOCK];

	for (unsigned i = 0; i < MEDIUM_BLOCK; i++) {
		uint8_t high = 0;
		uint8_t low = 0;

		for (unsigned block = 0; block < 253; block++) {
			uint8_t symbol = 0;
			uint8_t carry;

			if (block < RELEASE_ROOT_BLOCKS)
				symbol = image[(size_t)block * MEDIUM_BLOCK + i];
			else if (block == RELEASE_ROOT_BLOCKS)
				symbol = medium_bytes(release->root_tree)[i];
			carry = symbol ^ high;
			high = low ^ field_times(carry, 3);
			low = field_times(carry, 2);
		}
		parity[2 * i] = high;
		parity[2 * i + 1] = low;
	}
	for (unsigned i = 0; i < RELEASE_PARITY_BLOCKS; i++)
		release->root_parity[i] = medium_intern(parity + (size_t)i * MEDIUM_BLOCK);
}

static void root_expect(struct release *release, const uint8_t *image)
{
	static const char SALT_TEXT[] = "azupdate verity salt of product test";
	uint8_t salt[RELEASE_HASH];

	SHA256((const uint8_t *)SALT_TEXT, sizeof SALT_TEXT - 1, salt);
	for (unsigned i = 0; i < RELEASE_ROOT_BLOCKS; i++)
		release->root_data[i] = medium_intern(image + (size_t)i * MEDIUM_BLOCK);
	release->root_superblock = superblock_make(salt, sizeof salt, RELEASE_ROOT_BLOCKS);
	release->root_tree = tree_make(salt, sizeof salt, image, RELEASE_ROOT_BLOCKS,
				       release->root_hash);
	parity_expect(release, image);
}

static void uki_expect(struct release *release)
{
	static const uint8_t NO_SALT[1];
	static uint8_t image[RELEASE_UKI_BLOCKS_MAX][MEDIUM_BLOCK];
	uint8_t root[RELEASE_HASH];

	release->uki_blocks = (unsigned)((release->uki_size + MEDIUM_BLOCK - 1) / MEDIUM_BLOCK);
	if (release->uki_blocks < 2 || release->uki_blocks > RELEASE_UKI_BLOCKS_MAX)
		die("UKI", "it has another size than was thought");
	memset(image, 0, sizeof image);
	memcpy(image, release->uki, release->uki_size);
	for (unsigned i = 0; i < release->uki_blocks; i++)
		release->uki_data[i] = medium_intern(image[i]);
	release->uki_superblock = superblock_make(NO_SALT, 0, release->uki_blocks);
	release->uki_tree = tree_make(NO_SALT, 0, image[0], release->uki_blocks, root);
}

static void release_load(unsigned version)
{
	struct release *release = &releases[version];
	g_autofree char *root = g_strdup_printf("%s/root%u", files.folder, version);
	g_autofree char *uki = g_strdup_printf("%s/uki%u", files.folder, version);
	g_autofree char *bundle = g_strdup_printf("%s/%u.azb", files.folder, version);
	g_autofree char *image = NULL;
	char *uki_bytes;

	if (!g_file_get_contents(root, &image, NULL, NULL) ||
	    !g_file_get_contents(uki, &uki_bytes, &release->uki_size, NULL))
		die(root, "cannot be read");
	release->uki = (uint8_t *)uki_bytes;
	release->bundle = file_open(bundle);
	root_expect(release, (uint8_t *)image);
	uki_expect(release);
	for (unsigned from = 1; from <= RELEASE_COUNT; from++)
		release->delta[from] = from + 1 == version ? delta_build(from, version) : -1;
}

void releases_make(void)
{
	const char *folder = g_getenv("SIM_FILES");
	g_autofree char *state = g_strdup_printf("state.%d", (int)getpid());
	g_autofree char *keys = NULL;
	bool made;

	files.folder = folder != NULL ? g_strdup(folder) : fixture_folder();
	keys = fixture_path(&files, "keys");
	made = g_file_test(keys, G_FILE_TEST_EXISTS);
	if (!made)
		fixture_run(azbundle(), "keys", keys, NULL);
	files.config = (struct config){
		.product = (char *)"test",
		.architecture = (char *)"x86_64",
		.keyring = fixture_path(&files, "keys/ca.crt"),
		.state_dir = fixture_path(&files, state),
		.tries = 3,
	};
	g_mkdir(files.config.state_dir, 0755);
	for (unsigned version = 1; version <= RELEASE_COUNT; version++) {
		if (!made)
			release_build(version);
		release_load(version);
	}
}

void releases_remove(void)
{
	for (unsigned version = 1; version <= RELEASE_COUNT; version++)
		g_free(releases[version].uki);
	if (g_getenv("SIM_FILES") == NULL)
		fixture_run("rm", "-rf", files.folder, NULL);
	g_free(files.config.keyring);
	g_free(files.config.state_dir);
	g_free(files.folder);
}

const struct release *release_get(unsigned version)
{
	g_assert(version >= 1 && version <= RELEASE_COUNT);
	return &releases[version];
}

unsigned release_of_uki(const uint8_t *bytes, size_t size_bytes)
{
	for (unsigned version = 1; version <= RELEASE_COUNT; version++)
		if (size_bytes == releases[version].uki_size &&
		    memcmp(bytes, releases[version].uki, size_bytes) == 0)
			return version;
	return 0;
}

const char *releases_state_folder(void)
{
	static const char *const NAMES[] = { "failed.json", "health.json" };

	for (unsigned i = 0; i < G_N_ELEMENTS(NAMES); i++) {
		g_autofree char *path = g_build_filename(files.config.state_dir, NAMES[i], NULL);

		(void)g_unlink(path); /* it need not be there */
	}
	return files.config.state_dir;
}

const struct config *releases_config(void)
{
	return &files.config;
}
