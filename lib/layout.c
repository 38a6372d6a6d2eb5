/* SPDX-License-Identifier: MIT */
#include "layout.h"

#include <blkid.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"
#include "parts.h"

enum { BLANK_SIZE = 1 << 20 };

typedef struct blkid_struct_probe BlkidProbe;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BlkidProbe, blkid_free_probe)

void layout_free(struct layout *layout)
{
	if (layout == NULL)
		return;
	g_free(layout->disk);
	g_free(layout->state.path);
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		g_free(layout->boot[i].path);
		g_free(layout->root[i].path);
	}
	g_free(layout);
}

/* vda -> vda2, nvme0n1 -> nvme0n1p2, as the kernel names partitions. */
static char *partition_node(const char *disk, int number)
{
	return g_strdup_printf("%s%s%d", disk, g_ascii_isdigit(disk[strlen(disk) - 1]) ? "p" : "",
			       number);
}

static gboolean part_take(const struct layout *layout, blkid_partition partition,
			  struct layout_part *part, GError **error)
{
	struct stat status;

	if (part->path != NULL)
		return failure_set(error, FAULT_PART_TWICE, "%s has two partitions labelled %s",
				   layout->disk, blkid_partition_get_name(partition));
	part->size_bytes = (uint64_t)blkid_partition_get_size(partition) * 512;
	if (stat(layout->disk, &status) == 0 && S_ISBLK(status.st_mode)) {
		part->path = partition_node(layout->disk, blkid_partition_get_partno(partition));
		return TRUE;
	}
	part->path = g_strdup(layout->disk);
	part->offset = (uint64_t)blkid_partition_get_start(partition) * 512;
	return TRUE;
}

struct wanted {
	const char *label;
	const char *type;
	struct layout_part *part;
};

static gboolean partition_match(const struct layout *layout, blkid_partition partition,
				const struct wanted *wanted, unsigned count, GError **error)
{
	const char *label = blkid_partition_get_name(partition);
	const char *type = blkid_partition_get_type_string(partition);

	for (unsigned i = 0; i < count; i++)
		if (g_strcmp0(label, wanted[i].label) == 0 && type != NULL &&
		    g_ascii_strcasecmp(type, wanted[i].type) == 0)
			return part_take(layout, partition, wanted[i].part, error);
	return TRUE;
}

static gboolean parts_find(const struct layout *layout, blkid_partlist list,
			   const struct wanted *wanted, unsigned count, GError **error)
{
	for (int i = 0; i < blkid_partlist_numof_partitions(list); i++)
		if (!partition_match(layout, blkid_partlist_get_partition(list, i), wanted, count,
				     error))
			return FALSE;
	for (unsigned i = 0; i < count; i++)
		if (wanted[i].part->path == NULL)
			return failure_set(error, FAULT_PART_MISSING,
					   "%s has no partition labelled %s of type %s",
					   layout->disk, wanted[i].label, wanted[i].type);
	return TRUE;
}

static gboolean layout_read(struct layout *layout, blkid_partlist list, GError **error)
{
	const struct wanted wanted[] = {
		{ PARTS_LABEL_AZSTATE, PARTS_TYPE_AZSTATE, &layout->state },
		{ PARTS_LABEL_BOOT[SLOT_A], PARTS_TYPE_BOOT, &layout->boot[SLOT_A] },
		{ PARTS_LABEL_BOOT[SLOT_B], PARTS_TYPE_BOOT, &layout->boot[SLOT_B] },
		{ PARTS_LABEL_ROOT[SLOT_A], PARTS_TYPE_ROOT, &layout->root[SLOT_A] },
		{ PARTS_LABEL_ROOT[SLOT_B], PARTS_TYPE_ROOT, &layout->root[SLOT_B] },
	};

	return parts_find(layout, list, wanted, G_N_ELEMENTS(wanted), error);
}

/* Borrowed from the probe. */
static blkid_partlist table_read(BlkidProbe *probe, const char *disk, GError **error)
{
	blkid_partlist list;
	blkid_parttable table;

	if (probe == NULL) {
		failure_set(error, FAULT_DISK_OPEN, "cannot open the disk %s", disk);
		return NULL;
	}
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
	list = blkid_probe_get_partitions(probe);
	table = list != NULL ? blkid_partlist_get_table(list) : NULL;
	if (table != NULL && strcmp(blkid_parttable_get_type(table), "gpt") == 0)
		return list;
	failure_set(error, FAULT_PART_TABLE, "%s has no GPT", disk);
	return NULL;
}

struct layout *layout_find(const char *disk, GError **error)
{
	g_autoptr(Layout) layout = g_new0(struct layout, 1);
	g_autoptr(BlkidProbe) probe = blkid_new_probe_from_filename(disk);
	blkid_partlist list = table_read(probe, disk, error);

	layout->disk = g_strdup(disk);
	if (list == NULL || !layout_read(layout, list, error))
		return NULL;
	return g_steal_pointer(&layout);
}

gboolean layout_find_var(const char *disk, struct layout_part *ret_part, GError **error)
{
	const struct layout layout = { .disk = (char *)disk };
	g_autoptr(BlkidProbe) probe = blkid_new_probe_from_filename(disk);
	blkid_partlist list = table_read(probe, disk, error);
	struct layout_part part = { .path = NULL };
	const struct wanted wanted[] = { { PARTS_LABEL_VAR, PARTS_TYPE_VAR, &part } };

	if (list == NULL || !parts_find(&layout, list, wanted, 1, error)) {
		g_free(part.path);
		return FALSE;
	}
	*ret_part = part;
	return TRUE;
}

static gboolean begin_is_zeros(int fd, gboolean *ret_zeros, const char *path, GError **error)
{
	g_autofree uint8_t *bytes = g_malloc0(BLANK_SIZE);
	const ssize_t got = pread(fd, bytes, BLANK_SIZE, 0);

	if (got < 0)
		return failure_set(error, FAULT_DISK_READ, "cannot read %s: %s", path,
				   g_strerror(errno));
	*ret_zeros = TRUE;
	for (ssize_t i = 0; i < got; i++)
		*ret_zeros = *ret_zeros && bytes[i] == 0;
	return TRUE;
}

gboolean layout_is_blank(const char *path, gboolean *ret_blank, GError **error)
{
	g_autoptr(BlkidProbe) probe = blkid_new_probe_from_filename(path);
	gboolean zeros = FALSE;

	if (probe == NULL)
		return failure_set(error, FAULT_DISK_OPEN, "cannot open %s", path);
	if (!begin_is_zeros(blkid_probe_get_fd(probe), &zeros, path, error))
		return FALSE;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_enable_partitions(probe, 1);
	/* 1: nothing was found; what cannot be told for sure is not blank. */
	*ret_blank = zeros && blkid_do_safeprobe(probe) == 1;
	return TRUE;
}

struct disk *layout_open(const struct layout_part *part, enum disk_mode mode, GError **error)
{
	if (part->open != NULL)
		return part->open(part, mode, error);
	return disk_open_file(part->path, mode, part->offset, part->size_bytes, error);
}
