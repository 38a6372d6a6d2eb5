/* SPDX-License-Identifier: MIT */
/* A disk image for a machine's first start: GPT, ESP with azboot, empty slot b, var, and slot a
 * filled by the same code that updates machines. Everything happens in a file: no loop devices. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <libfdisk.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "command.h"
#include "failure.h"
#include "machine.h"
#include "parts.h"
#include "recstore.h"
#include "slotstore.h"

enum { MIB = 1024 * 1024, ALIGN_SECTORS = 2048, SECTOR = 512, SPARE_MIB = 2 };

static struct {
	char *azboot, *keyring, *output;
	int esp_mib, boot_mib, root_mib, var_mib;
	gboolean blank_var;
} options = { .esp_mib = 64, .var_mib = 64 };

static const GOptionEntry ENTRIES[] = {
	{ "azboot", 0, 0, G_OPTION_ARG_FILENAME, &options.azboot, "azboot.efi, signed if need be",
	  "FILE" },
	{ "keyring", 0, 0, G_OPTION_ARG_FILENAME, &options.keyring, "trusted certificates",
	  "FILE or FOLDER" },
	{ "esp-size", 0, 0, G_OPTION_ARG_INT, &options.esp_mib, "(64)", "MIB" },
	{ "boot-size", 0, 0, G_OPTION_ARG_INT, &options.boot_mib,
	  "each slot's UKI (twice this one's)", "MIB" },
	{ "root-size", 0, 0, G_OPTION_ARG_INT, &options.root_mib,
	  "each slot's root (5/4 of this one's)", "MIB" },
	{ "var-size", 0, 0, G_OPTION_ARG_INT, &options.var_mib, "(64)", "MIB" },
	{ "blank-var", 0, 0, G_OPTION_ARG_NONE, &options.blank_var,
	  "no file system on var: its release encrypts it", NULL },
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, "disk image to write", "FILE" },
	G_OPTION_ENTRY_NULL
};

struct partition {
	const char *label;
	const char *type;
	int size_mib;
	uint64_t start_sector;
};

enum { ESP, AZSTATE, BOOT_A, BOOT_B, ROOT_A, ROOT_B, VAR, PARTITIONS };

static void partitions_plan(struct partition plan[static PARTITIONS])
{
	const struct partition all[PARTITIONS] = {
		[ESP] = { PARTS_LABEL_ESP, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", options.esp_mib,
			  0 },
		[AZSTATE] = { PARTS_LABEL_AZSTATE, PARTS_TYPE_AZSTATE, 1, 0 },
		[BOOT_A] = { PARTS_LABEL_BOOT[0], PARTS_TYPE_BOOT, options.boot_mib, 0 },
		[BOOT_B] = { PARTS_LABEL_BOOT[1], PARTS_TYPE_BOOT, options.boot_mib, 0 },
		[ROOT_A] = { PARTS_LABEL_ROOT[0], PARTS_TYPE_ROOT, options.root_mib, 0 },
		[ROOT_B] = { PARTS_LABEL_ROOT[1], PARTS_TYPE_ROOT, options.root_mib, 0 },
		[VAR] = { PARTS_LABEL_VAR, PARTS_TYPE_VAR, options.var_mib, 0 },
	};
	uint64_t next = ALIGN_SECTORS;

	for (unsigned i = 0; i < PARTITIONS; i++) {
		plan[i] = all[i];
		plan[i].start_sector = next;
		next += (uint64_t)all[i].size_mib * MIB / SECTOR;
	}
}

static int partition_add(struct fdisk_context *context, const struct partition *partition)
{
	struct fdisk_partition *entry = fdisk_new_partition();
	struct fdisk_parttype *type = fdisk_new_parttype();
	int result = fdisk_parttype_set_typestr(type, partition->type);

	fdisk_partition_partno_follow_default(entry, 1);
	fdisk_partition_set_start(entry, partition->start_sector);
	fdisk_partition_set_size(entry, (uint64_t)partition->size_mib * MIB / SECTOR);
	if (result == 0)
		result = fdisk_partition_set_type(entry, type);
	if (result == 0)
		result = fdisk_partition_set_name(entry, partition->label);
	if (result == 0)
		result = fdisk_add_partition(context, entry, NULL);
	fdisk_unref_parttype(type);
	fdisk_unref_partition(entry);
	return result;
}

static gboolean table_write(const char *path, const struct partition plan[static PARTITIONS],
			    GError **error)
{
	struct fdisk_context *context = fdisk_new_context();
	int result = fdisk_assign_device(context, path, 0);

	fdisk_disable_dialogs(context, 1);
	if (result == 0)
		result = fdisk_create_disklabel(context, "gpt");
	for (unsigned i = 0; result == 0 && i < PARTITIONS; i++)
		result = partition_add(context, &plan[i]);
	if (result == 0)
		result = fdisk_write_disklabel(context);
	(void)fdisk_deassign_device(context, 0); /* written above; it only closes */
	fdisk_unref_context(context);
	if (result != 0)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot write the GPT of %s: %s",
				   path, g_strerror(-result));
	return TRUE;
}

static gboolean file_make(const char *path, uint64_t size_bytes, GError **error)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	gboolean done;

	if (fd < 0)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot make %s: %s", path,
				   g_strerror(errno));
	done = ftruncate(fd, (off_t)size_bytes) == 0;
	if (!done)
		failure_set(error, FAULT_BUILD_OUTPUT,
			    "cannot make %s of %" G_GUINT64_FORMAT " bytes: %s", path, size_bytes,
			    g_strerror(errno));
	(void)close(fd); /* nothing was written */
	return done;
}

static gboolean esp_fill(const char *path, const struct partition *esp, GError **error)
{
	g_autofree char *sector = g_strdup_printf("%" G_GUINT64_FORMAT, esp->start_sector);
	g_autofree char *blocks = g_strdup_printf("%d", esp->size_mib * 1024);
	g_autofree char *image = g_strdup_printf("%s@@%" G_GUINT64_FORMAT, path,
						 esp->start_sector * SECTOR);
	const char *const format[] = { "mkfs.vfat", "-F",       "32",   "-s", "1",    "-n",
				       "ESP",       "--offset", sector, path, blocks, NULL };
	const char *const folders[] = { "mmd", "-i", image, "::EFI", "::EFI/BOOT", NULL };
	const char *const copy[] = { "mcopy", "-i", image, options.azboot, "::EFI/BOOT/BOOTX64.EFI",
				     NULL };

	return command_spawn(format, error) && command_spawn(folders, error) &&
	       command_spawn(copy, error);
}

static gboolean var_fill(const char *path, const struct partition *var, GError **error)
{
	g_autofree char *extended = g_strdup_printf("offset=%" G_GUINT64_FORMAT
						    ",lazy_itable_init=0,nodiscard",
						    var->start_sector * SECTOR);
	g_autofree char *size = g_strdup_printf("%dM", var->size_mib);
	const char *const format[] = { "mkfs.ext4", "-q",     "-F", "-L", "var",
				       "-E",        extended, path, size, NULL };

	return command_spawn(format, error);
}

/* The first record: both slots empty. Only a factory writes it; nobody ever falls back to it. */
static gboolean record_create(const char *path, const struct partition *state, GError **error)
{
	g_autoptr(Disk) disk = disk_open_file(path, DISK_READ_WRITE, state->start_sector * SECTOR,
					      (uint64_t)state->size_mib * MIB, error);
	struct bootrec rec;

	bootrec_init(&rec);
	return disk != NULL && recstore_save(disk, &rec, error);
}

static gboolean slot_fill(struct config *config, int bundle, GError **error)
{
	g_autoptr(Machine) machine = machine_open(config, error);
	const struct machine_install install = { .fd = bundle, .force = TRUE, .activate = TRUE };
	struct machine_installed installed;

	if (machine == NULL || !machine_install(machine, &install, &installed, error))
		return FALSE;
	machine_installed_clear(&installed);
	return machine_mark_good(machine, installed.slot, error);
}

/* The machine code keeps its state in a folder that is thrown away. */
static gboolean release_install(const char *path, int bundle, const struct manifest *manifest,
				GError **error)
{
	g_autofree char *folder = g_dir_make_tmp("azbundle-XXXXXX", NULL);
	struct config config = {
		.disk = (char *)path,
		.product = manifest->product,
		.architecture = manifest->architecture,
		.keyring = options.keyring,
		.state_dir = folder,
		.run_dir = folder,
		.efivars_dir = folder,
		.tries = 1,
	};
	gboolean done;

	if (folder == NULL)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot make a temporary folder");
	done = slot_fill(&config, bundle, error);
	(void)g_rmdir(folder); /* a leftover does no harm */
	return done;
}

static int mib_of(uint64_t size_bytes)
{
	return (int)((size_bytes + MIB - 1) / MIB);
}

static gboolean sizes_choose(const struct manifest *manifest, GError **error)
{
	const uint64_t uki = manifest->uki.size_bytes;
	const uint64_t root = manifest->root.size_bytes;

	if (options.boot_mib == 0)
		options.boot_mib = mib_of(2 * uki) + SPARE_MIB;
	if (options.root_mib == 0)
		options.root_mib = mib_of(root + root / 4) + SPARE_MIB;
	if (options.esp_mib < 33 || options.var_mib < 8 || options.boot_mib < 1 ||
	    options.root_mib < 1)
		return failure_set(error, FAULT_ARGUMENT,
				   "a size is too small: the ESP needs 33 MiB, var 8 MiB");
	return TRUE;
}

static gboolean disk_make(const char *path, int bundle, const struct manifest *manifest,
			  GError **error)
{
	struct partition plan[PARTITIONS];
	uint64_t size;

	if (!sizes_choose(manifest, error))
		return FALSE;
	partitions_plan(plan);
	size = (plan[VAR].start_sector + ALIGN_SECTORS) * SECTOR + (uint64_t)options.var_mib * MIB;
	return file_make(path, size, error) && table_write(path, plan, error) &&
	       esp_fill(path, &plan[ESP], error) &&
	       (options.blank_var || var_fill(path, &plan[VAR], error)) &&
	       record_create(path, &plan[AZSTATE], error) &&
	       release_install(path, bundle, manifest, error);
}

gboolean command_disk(int argc, char **argv, GError **error)
{
	g_autoptr(Source) source = NULL;
	g_autoptr(Bundle) bundle = NULL;
	g_autofree char *part = NULL;
	int fd;
	gboolean done;

	if (!command_parse(
		    &argc, &argv, "BUNDLE",
		    "Makes a disk image with this release in slot a, good, and slot b empty.",
		    ENTRIES, 1, error) ||
	    !command_need("azboot", options.azboot, error) ||
	    !command_need("keyring", options.keyring, error) ||
	    !command_need("output", options.output, error))
		return FALSE;
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return failure_set(error, FAULT_BUNDLE_READ, "cannot open %s: %s", argv[1],
				   g_strerror(errno));
	part = g_strconcat(options.output, ".part", NULL);
	source = source_open_fd(fd, NULL, error);
	bundle = source != NULL ? bundle_open(source, options.keyring, error) : NULL;
	done = bundle != NULL && disk_make(part, fd, bundle->manifest, error);
	(void)close(fd); /* it was only read */
	if (done && g_rename(part, options.output) == 0)
		return TRUE;
	if (done)
		failure_set(error, FAULT_BUILD_OUTPUT, "cannot rename %s: %s", part,
			    g_strerror(errno));
	(void)g_unlink(part); /* the failure is told */
	return FALSE;
}
