/* SPDX-License-Identifier: MIT */
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "faulttext.h"
#include "parts.h"
#include "rootimage.h"
#include "rootsig.h"
#include "say.h"
#include "textfile.h"
#include "verity.h"

enum {
	POLL_MS = 20,
	WAIT_DISK_MS = 30 * 1000, /* for the first partition that could be it */
	WAIT_MORE_MS = 3 * 1000,  /* for further ones, after the last new one was refused */
	WAIT_VAR_MS = 2 * 1000,
	RANK_COUNT = 4,
};

static const char ROOT_NAME[] = "root";
static const char ROOT_DEVICE[] = "/dev/mapper/root";
static const char VAR_DEVICE[] = "/dev/mapper/var"; /* azunlock's */

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static unsigned partition_slot(const struct partition *partition)
{
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
		if (partition_is(partition, PARTS_LABEL_ROOT[slot], PARTS_TYPE_ROOT))
			return slot;
	return SLOT_NONE;
}

/* 0 is looked at first: the booted disk before others, and there the slot that azboot named. */
static unsigned partition_rank(const struct partition *partition, const struct hint *hint,
			       const char *booted_disk)
{
	const bool other_disk = booted_disk != NULL && strcmp(partition->disk, booted_disk) != 0;
	const bool other_slot = hint->slot != SLOT_NONE && partition_slot(partition) != hint->slot;

	return (other_disk ? 2U : 0U) + (other_slot ? 1U : 0U);
}

static fault candidate_check(const struct partition *partition, const struct cmdline *cmdline,
			     struct veritree_superblock *ret_superblock)
{
	const int fd = open(partition->device, O_RDONLY | O_CLOEXEC);
	fault why;

	if (fd < 0)
		return FAULT_DISK_OPEN;
	why = rootimage_check(fd, partition->size_bytes, cmdline->data_blocks, cmdline->root_hash,
			      ret_superblock);
	close(fd);
	return why;
}

struct search {
	const struct cmdline *cmdline;
	const struct hint *hint;
	bool last; /* the last look: say why each candidate is refused */
	unsigned candidate_count;
	struct root root;
	struct veritree_superblock superblock;
};

static bool rank_search(struct search *search, const struct partition_list *list, unsigned rank)
{
	const char *booted_disk = partition_disk_of(list, search->hint->boot_uuid);

	for (unsigned i = 0; i < list->count; i++) {
		const struct partition *partition = &list->items[i];
		fault why;

		if (partition_slot(partition) == SLOT_NONE ||
		    partition_rank(partition, search->hint, booted_disk) != rank)
			continue;
		search->candidate_count++;
		why = candidate_check(partition, search->cmdline, &search->superblock);
		if (why == FAULT_OK) {
			search->root = (struct root){ partition_slot(partition), *partition };
			return true;
		}
		if (search->last)
			say(SAY_ERROR, "%s (%s) is not it: %s (fault %u)", partition->label,
			    partition->device, faulttext_find(why)->sentence, (unsigned)why);
	}
	return false;
}

static bool root_search(struct search *search)
{
	static struct partition_list list;

	partition_scan(&list);
	search->candidate_count = 0;
	for (unsigned rank = 0; rank < RANK_COUNT; rank++)
		if (rank_search(search, &list, rank))
			return true;
	return false;
}

/* Looks again and again, since disks appear in their own time. */
static fault root_find(struct search *search)
{
	const uint64_t start = clock_ms();
	uint64_t last_new = start;
	unsigned seen = 0;

	for (;;) {
		const uint64_t now = clock_ms();

		if (root_search(search))
			return FAULT_OK;
		if (search->last)
			return FAULT_ROOT_NOT_FOUND;
		if (search->candidate_count > seen) {
			seen = search->candidate_count;
			last_new = now;
		}
		search->last = now - last_new >= (seen > 0 ? WAIT_MORE_MS : WAIT_DISK_MS);
		usleep(POLL_MS * 1000);
	}
}

/* The partition may be shown a little later than the root partition of the same disk. */
static bool var_find(const char *disk, struct partition *ret_partition)
{
	static struct partition_list list;
	const uint64_t start = clock_ms();

	for (;;) {
		const struct partition *var;

		partition_scan(&list);
		var = partition_find(&list, disk, PARTS_LABEL_VAR, PARTS_TYPE_VAR);
		if (var != NULL) {
			*ret_partition = *var;
			return true;
		}
		if (clock_ms() - start >= WAIT_VAR_MS)
			return false;
		usleep(POLL_MS * 1000);
	}
}

static fault var_mount(const char *device, const char *target)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/var", target);
	if (mount(device, path, "ext4", MS_NOSUID | MS_NODEV, NULL) == 0)
		return FAULT_OK;
	say(SAY_ERROR, "%s cannot be mounted on %s: %s", device, path, strerror(errno));
	return FAULT_VAR_MOUNT;
}

fault root_mount_var(const struct root *root, const struct cmdline *cmdline, const char *target)
{
	struct partition var;

	if (cmdline->var_encrypted)
		return var_mount(VAR_DEVICE, target);
	if (var_find(root->partition.disk, &var))
		return var_mount(var.device, target);
	say(SAY_ERROR, "%s has no var partition", root->partition.disk);
	return FAULT_VAR_MOUNT;
}

fault root_mount_no_var(const char *target)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/var", target);
	if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=25%") == 0)
		return FAULT_OK;
	say(SAY_ERROR, "an empty var cannot be mounted on %s: %s", path, strerror(errno));
	return FAULT_VAR_MOUNT;
}

/* Its size; 0 if there is none that could be used. What it says, the kernel judges. */
static size_t signature_read(const char *path, uint8_t *ret_bytes, size_t size_bytes)
{
	ssize_t size;

	if (access(path, F_OK) != 0)
		return 0;
	size = textfile_read_bytes(path, ret_bytes, size_bytes);
	if (size > 0)
		return (size_t)size;
	say(SAY_ERROR, "%s is not used: it cannot be read, is empty, or has more than %d bytes",
	    path, ROOTSIG_SIZE_MAX);
	return 0;
}

static fault root_activate(const struct search *search)
{
	static uint8_t signature[ROOTSIG_SIZE_MAX + 1];
	char path[PATH_MAX];
	struct verity_image image = {
		.device = search->root.partition.device,
		.superblock = &search->superblock,
		.root_hash = search->cmdline->root_hash,
		.fec_roots = search->cmdline->fec_roots,
		.signature = signature,
	};

	snprintf(path, sizeof path, "/%s", ROOTSIG_FILE);
	image.signature_size = signature_read(path, signature, sizeof signature);
	return verity_activate(&image, ROOT_NAME);
}

fault root_mount(const struct cmdline *cmdline, const struct hint *hint, const char *target,
		 struct root *ret_root)
{
	struct search search = { .cmdline = cmdline, .hint = hint };
	fault why = root_find(&search);

	if (why == FAULT_OK)
		why = root_activate(&search);
	if (why != FAULT_OK)
		return why;
	if (mount(ROOT_DEVICE, target, cmdline->fstype, MS_RDONLY, NULL) != 0) {
		say(SAY_ERROR, "%s cannot be mounted as %s: %s", ROOT_DEVICE, cmdline->fstype,
		    strerror(errno));
		return FAULT_ROOT_MOUNT;
	}
	*ret_root = search.root;
	return FAULT_OK;
}

fault root_report(const struct root *root, const struct cmdline *cmdline, const char *folder)
{
	char path[PATH_MAX];
	FILE *file;
	bool written;

	/* It may be there already; if it is not, the file cannot be opened. */
	(void)mkdir(folder, 0755);
	snprintf(path, sizeof path, "%s/boot.json", folder);
	file = fopen(path, "we");
	if (file == NULL)
		return FAULT_STATE_FILE;
	fprintf(file, "{\"slot\":\"%c\",\"root_hash\":\"", 'a' + (int)root->slot);
	for (unsigned i = 0; i < VERITREE_HASH_SIZE; i++)
		fprintf(file, "%02x", cmdline->root_hash[i]);
	fprintf(file, "\",\"device\":\"%s\",\"disk\":\"%s\"}\n", root->partition.device,
		root->partition.disk);
	written = ferror(file) == 0;
	return fclose(file) == 0 && written ? FAULT_OK : FAULT_STATE_FILE;
}

void root_claim(const char *run)
{
	static const char *const FOLDERS[] = { "", "/systemd", "/systemd/system-generators" };
	char path[PATH_MAX];

	for (unsigned i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
		snprintf(path, sizeof path, "%s%s", run, FOLDERS[i]);
		/* Whether it is there already or cannot be made, the link below tells. */
		(void)mkdir(path, 0755);
	}
	snprintf(path, sizeof path, "%s/systemd/system-generators/systemd-veritysetup-generator",
		 run);
	if (symlink("/dev/null", path) != 0 && errno != EEXIST)
		say(SAY_ERROR, "%s cannot be made: %s", path, strerror(errno));
}
