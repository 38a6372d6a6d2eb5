/* SPDX-License-Identifier: MIT */
/* Checks of what files hold. What a flaw costs in a delta is what the files cost as they are, less
 * what they would cost without it: both are measured. */
#include <fnmatch.h>
#include <string.h>

#include "bytes.h"
#include "lint.h"
#include "patchsize.h"
#include "recode.h"
#include "unpack.h"

enum {
	HEAD_SIZE = 64,
	UNPACKED_MAX = LINT_CONTENT_MAX,
	GZIP_TIME = 4,
	PYC_FLAGS = 4,
	PYC_TIMES = 8,
	PYC_CODE = 16,
	KEY_FILE_MAX = 1 << 16,
};

/* What a compressed file is: each kind is told apart, since each has its own cure. */
enum packed {
	PACKED_NOT,
	PACKED_INITRD,
	PACKED_MODULE,
	PACKED_GZIP,
	PACKED_OTHER,
};

static const struct lint_file *file_at(const struct lint_run *run, guint index)
{
	return &g_array_index(run->image->files, struct lint_file, index);
}

/* The first bytes of the file, as far as they stand together. Valid as long as the image. */
static GBytes *file_head(const struct lint_image *image, const struct lint_file *file)
{
	const struct filemap_extent *first;

	if (file->file->extent_count == 0)
		return g_bytes_new_static("", 0);
	first = &g_array_index(image->map->extents, struct filemap_extent,
			       file->file->first_extent);
	if (first->file_offset != 0)
		return g_bytes_new_static("", 0);
	return g_bytes_new_static(image->bytes + first->image_offset,
				  (gsize)MIN(first->size_bytes, HEAD_SIZE));
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static gboolean is_initrd(const char *path)
{
	const char *base = base_name(path);

	if (g_str_has_prefix(path, ".initrd") && strchr(path, '/') == NULL)
		return TRUE;
	return (g_str_has_prefix(path, "boot/") || g_str_has_prefix(path, "usr/lib/modules/")) &&
	       (g_str_has_prefix(base, "initrd") || g_str_has_prefix(base, "initramfs"));
}

static enum packed packed_find(const struct lint_run *run, const struct lint_file *file)
{
	g_autoptr(GBytes) head = NULL;
	enum unpack_kind kind;

	if (!file->is_readable)
		return PACKED_NOT;
	head = file_head(run->image, file);
	kind = unpack_kind(head);
	if (kind == UNPACK_NONE)
		return PACKED_NOT;
	if (is_initrd(file->file->path))
		return PACKED_INITRD;
	if (strstr(base_name(file->file->path), ".ko.") != NULL)
		return PACKED_MODULE;
	return kind == UNPACK_GZIP ? PACKED_GZIP : PACKED_OTHER;
}

/* Of an archive, each member against its old self, wherever that has gone. */
static uint64_t members_patch(GBytes *content, GBytes *old)
{
	g_autoptr(LintImage) image = lint_image_decode(content);
	g_autoptr(LintImage) old_image = lint_image_decode(old);
	struct lint_run *run = lint_run_new(image, old_image, -1);
	uint64_t total = 0;

	for (guint i = 0; i < image->files->len; i++)
		total += lint_patch(run, i);
	lint_run_free(run);
	return total;
}

static uint64_t content_patch(GBytes *content, GBytes *old)
{
	const gboolean is_archive = g_bytes_get_size(content) > 6 &&
				    memcmp(g_bytes_get_data(content, NULL), "07070", 5) == 0;

	if (old != NULL && g_bytes_equal(content, old))
		return 0;
	return is_archive && old != NULL ? members_patch(content, old) : patchsize(content, old);
}

static GBytes *unpacked_read(const struct lint_image *image, const struct lint_file *file)
{
	g_autoptr(GBytes) content = lint_image_read(image, file);

	return unpack(content, UNPACKED_MAX);
}

/* Where a bzImage has its compressed kernel (the kernel's Documentation/arch/x86/boot.rst). */
static GBytes *kernel_payload(GBytes *kernel)
{
	enum { SETUP_SECTORS = 0x1f1, MAGIC = 0x202, OFFSET = 0x248, SIZE = 0x24c, HEADER = 0x250 };
	gsize size_bytes;
	const uint8_t *bytes = g_bytes_get_data(kernel, &size_bytes);
	uint64_t start;
	uint64_t size;

	if (size_bytes < HEADER || memcmp(bytes + MAGIC, "HdrS", 4) != 0)
		return NULL;
	start = ((uint64_t)bytes[SETUP_SECTORS] + 1) * 512 + bytes_load_u32(bytes + OFFSET);
	size = bytes_load_u32(bytes + SIZE);
	return bytes_range_is_inside(start, size, size_bytes)
		       ? g_bytes_new_from_bytes(kernel, (gsize)start, (gsize)size)
		       : NULL;
}

/* Whether a delta can take the file apart and make it again, bit by bit: then packing costs it
 * nothing. */
static gboolean is_remade(GBytes *content)
{
	gsize size_bytes;
	const uint8_t *bytes = g_bytes_get_data(content, &size_bytes);
	g_autoptr(GArray) spans = recode_find(bytes, size_bytes);
	g_autoptr(GByteArray) raw = g_byte_array_new();
	g_autoptr(GByteArray) corrections = g_byte_array_new();

	for (guint i = 0; i < spans->len; i++) {
		const struct recode_span *span = &g_array_index(spans, struct recode_span, i);

		if (!recode_split(span->kind, bytes + span->offset, (size_t)span->size_bytes, raw,
				  corrections))
			return FALSE;
	}
	return spans->len > 0;
}

/* The kernel as it runs; NULL if it is none that is packed. Behind what is compressed, other than
 * by gzip, the kernel's build puts its size. */
static GBytes *kernel_unpack(GBytes *kernel)
{
	enum { SIZE_SIZE = 4 };
	g_autoptr(GBytes) payload = kernel_payload(kernel);
	g_autoptr(GBytes) packed = NULL;
	enum unpack_kind kind;
	gsize size;

	kind = payload != NULL ? unpack_kind(payload) : UNPACK_NONE;
	if (kind == UNPACK_NONE)
		return NULL;
	size = g_bytes_get_size(payload);
	if (kind != UNPACK_GZIP)
		size -= SIZE_SIZE;
	packed = g_bytes_new_from_bytes(payload, 0, size);
	return unpack(packed, UNPACKED_MAX);
}

static uint64_t kernel_cost(struct lint_run *run, guint index, GBytes *kernel)
{
	const struct lint_file *old = lint_old_self(run, file_at(run, index));
	g_autoptr(GBytes) old_content = old != NULL ? lint_image_read(run->old, old) : NULL;
	g_autoptr(GBytes) old_kernel = old != NULL ? kernel_unpack(old_content) : NULL;
	const uint64_t packed = lint_patch(run, index);
	const uint64_t plain = packed > 0 ? patchsize(kernel, old_kernel) : 0;

	return packed > plain ? packed - plain : 0;
}

void lint_compressed_kernel(struct lint_run *run, struct lint_finding *finding)
{
	uint64_t cost = 0;

	for (guint i = 0; i < run->image->files->len; i++) {
		const struct lint_file *file = file_at(run, i);
		const char *path = file->file->path;
		g_autoptr(GBytes) content = NULL;
		g_autoptr(GBytes) kernel = NULL;

		if (!file->is_readable ||
		    (strcmp(path, ".linux") != 0 && !g_str_has_prefix(base_name(path), "vmlinuz")))
			continue;
		content = lint_image_read(run->image, file);
		kernel = kernel_unpack(content);
		if (kernel == NULL || is_remade(content))
			continue;
		lint_finding_file(run, finding, file->file);
		cost += kernel_cost(run, i, kernel);
	}
	if (run->old != NULL)
		finding->delta_bytes = (gint64)cost;
}

/* What the delta would lose if the file were not compressed. */
static uint64_t packing_cost(struct lint_run *run, guint index)
{
	const struct lint_file *file = file_at(run, index);
	const struct lint_file *old = lint_old_self(run, file);
	const uint64_t packed = lint_patch(run, index);
	g_autoptr(GBytes) stored = NULL;
	g_autoptr(GBytes) content = NULL;
	g_autoptr(GBytes) old_content = NULL;
	uint64_t plain;

	if (packed == 0)
		return 0;
	stored = lint_image_read(run->image, file);
	content = is_remade(stored) ? NULL : unpack(stored, UNPACKED_MAX);
	if (content == NULL)
		return 0;
	old_content = old != NULL ? unpacked_read(run->old, old) : NULL;
	plain = content_patch(content, old_content);
	return packed > plain ? packed - plain : 0;
}

static void packed_count(struct lint_run *run, struct lint_finding *finding, enum packed wanted)
{
	uint64_t cost = 0;

	for (guint i = 0; i < run->image->files->len; i++)
		if (packed_find(run, file_at(run, i)) == wanted) {
			lint_finding_file(run, finding, file_at(run, i)->file);
			cost += packing_cost(run, i);
		}
	if (run->old != NULL)
		finding->delta_bytes = (gint64)cost;
}

void lint_compressed_initrd(struct lint_run *run, struct lint_finding *finding)
{
	packed_count(run, finding, PACKED_INITRD);
}

void lint_compressed_modules(struct lint_run *run, struct lint_finding *finding)
{
	packed_count(run, finding, PACKED_MODULE);
}

void lint_gzip_files(struct lint_run *run, struct lint_finding *finding)
{
	packed_count(run, finding, PACKED_GZIP);
}

void lint_packed_files(struct lint_run *run, struct lint_finding *finding)
{
	packed_count(run, finding, PACKED_OTHER);
}

/* All that a file costs which would not have changed but for the time in it. */
static uint64_t gzip_time_cost(struct lint_run *run, guint index)
{
	const struct lint_file *file = file_at(run, index);
	const struct lint_file *old = lint_old_self(run, file);
	g_autoptr(GBytes) content = NULL;
	g_autoptr(GBytes) old_content = NULL;

	if (old == NULL || lint_is_same(run, file))
		return 0;
	content = unpacked_read(run->image, file);
	old_content = unpacked_read(run->old, old);
	return content != NULL && old_content != NULL && g_bytes_equal(content, old_content)
		       ? lint_patch(run, index)
		       : 0;
}

static gboolean has_gzip_time(const struct lint_run *run, const struct lint_file *file)
{
	g_autoptr(GBytes) head = NULL;
	gsize size;
	const uint8_t *bytes;

	if (!file->is_readable)
		return FALSE;
	head = file_head(run->image, file);
	bytes = g_bytes_get_data(head, &size);
	return unpack_kind(head) == UNPACK_GZIP && size >= GZIP_TIME + 4 &&
	       bytes_load_u32(bytes + GZIP_TIME) != 0;
}

void lint_gzip_times(struct lint_run *run, struct lint_finding *finding)
{
	uint64_t cost = 0;

	for (guint i = 0; i < run->image->files->len; i++)
		if (has_gzip_time(run, file_at(run, i))) {
			lint_finding_file(run, finding, file_at(run, i)->file);
			cost += gzip_time_cost(run, i);
		}
	if (run->old != NULL)
		finding->delta_bytes = (gint64)cost;
}

static gboolean has_pyc_time(const struct lint_run *run, const struct lint_file *file)
{
	g_autoptr(GBytes) head = NULL;
	gsize size;
	const uint8_t *bytes;

	if (!file->is_readable || !g_str_has_suffix(file->file->path, ".pyc"))
		return FALSE;
	head = file_head(run->image, file);
	bytes = g_bytes_get_data(head, &size);
	return size >= PYC_CODE && bytes[2] == '\r' && bytes[3] == '\n' &&
	       bytes_load_u32(bytes + PYC_FLAGS) == 0;
}

static uint64_t pyc_time_cost(struct lint_run *run, guint index)
{
	const struct lint_file *file = file_at(run, index);
	const struct lint_file *old = lint_old_self(run, file);
	const uint64_t size = file->file->size_bytes;
	g_autoptr(GBytes) content = NULL;
	g_autoptr(GBytes) old_content = NULL;
	const char *now;
	const char *then;

	if (old == NULL || old->file->size_bytes != size || lint_is_same(run, file))
		return 0;
	content = lint_image_read(run->image, file);
	old_content = lint_image_read(run->old, old);
	now = g_bytes_get_data(content, NULL);
	then = g_bytes_get_data(old_content, NULL);
	return memcmp(now, then, PYC_TIMES) == 0 &&
			       memcmp(now + PYC_CODE, then + PYC_CODE, (size_t)size - PYC_CODE) == 0
		       ? lint_patch(run, index)
		       : 0;
}

void lint_pyc_times(struct lint_run *run, struct lint_finding *finding)
{
	uint64_t cost = 0;

	for (guint i = 0; i < run->image->files->len; i++)
		if (has_pyc_time(run, file_at(run, i))) {
			lint_finding_file(run, finding, file_at(run, i)->file);
			cost += pyc_time_cost(run, i);
		}
	if (run->old != NULL)
		finding->delta_bytes = (gint64)cost;
}

void lint_duplicates(struct lint_run *run, struct lint_finding *finding)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < run->image->files->len; i++) {
		const struct lint_file *file = file_at(run, i);

		if (file->is_readable && file->file->extent_count > 0 &&
		    !g_hash_table_add(seen, (gpointer)file->hash))
			lint_finding_file(run, finding, file->file);
	}
}

/* Files whose path fits one of the patterns ("*" is any part of a path), in an initrd, too. */
static void paths_count(struct lint_run *run, struct lint_finding *finding,
			const char *const *patterns)
{
	uint64_t cost = 0;

	for (guint i = 0; i < run->image->files->len; i++) {
		const struct lint_file *file = file_at(run, i);
		const char *path = lint_plain_path(file->file->path);
		gboolean fits = FALSE;

		for (const char *const *pattern = patterns; *pattern != NULL && !fits; pattern++)
			fits = fnmatch(*pattern, path, 0) == 0;
		if (fits && file->file->size_bytes > 0) {
			lint_finding_file(run, finding, file->file);
			cost += lint_patch(run, i);
		}
	}
	if (run->old != NULL)
		finding->delta_bytes = (gint64)cost;
}

void lint_leftovers(struct lint_run *run, struct lint_finding *finding)
{
	static const char *const PATTERNS[] = {
		"var/cache/apt/*",
		"var/lib/apt/lists/*",
		"var/cache/dnf/*",
		"var/cache/yum/*",
		"var/cache/man/*",
		"var/cache/debconf/*",
		"var/cache/ldconfig/*",
		"var/cache/zypp/*",
		"var/cache/pacman/*",
		"var/log/*",
		"var/backups/*",
		"var/tmp/*",
		"tmp/*",
		"root/.cache/*",
		"root/.*_history",
		"var/lib/dpkg/*-old",
		"etc/*-",
		"*.dpkg-old",
		"*.rpmsave",
		NULL,
	};

	paths_count(run, finding, PATTERNS);
}

void lint_host_keys(struct lint_run *run, struct lint_finding *finding)
{
	static const char *const PATTERNS[] = { "etc/ssh/ssh_host_*_key",
						"etc/dropbear/dropbear_*_host_key",
						"etc/*/dropbear/dropbear_*_host_key", NULL };

	paths_count(run, finding, PATTERNS);
}

void lint_random_seeds(struct lint_run *run, struct lint_finding *finding)
{
	static const char *const PATTERNS[] = { "var/lib/systemd/random-seed",
						"var/lib/urandom/random-seed",
						"var/lib/random-seed",
						"var/lib/systemd/credential.secret",
						"var/lib/private/systemd/*random-seed",
						NULL };

	paths_count(run, finding, PATTERNS);
}

static gboolean is_identity(const struct lint_run *run, const struct lint_file *file)
{
	static const char UNSET[] = "uninitialized";
	const char *path = lint_plain_path(file->file->path);
	g_autoptr(GBytes) head = NULL;
	gsize size;
	const char *text;

	if (strcmp(path, "etc/machine-id") != 0 && strcmp(path, "var/lib/dbus/machine-id") != 0)
		return FALSE;
	head = file_head(run->image, file);
	text = g_bytes_get_data(head, &size);
	return size > 1 && (size < strlen(UNSET) || memcmp(text, UNSET, strlen(UNSET)) != 0);
}

void lint_machine_id(struct lint_run *run, struct lint_finding *finding)
{
	for (guint i = 0; i < run->image->files->len; i++)
		if (is_identity(run, file_at(run, i)))
			lint_finding_file(run, finding, file_at(run, i)->file);
}

static gboolean is_private_key(const struct lint_run *run, const struct lint_file *file)
{
	static const char MARK[] = "PRIVATE KEY-----";
	const char *path = lint_plain_path(file->file->path);
	g_autoptr(GBytes) head = NULL;
	gsize size;
	const char *text;

	if (!g_str_has_prefix(path, "etc/") && !g_str_has_prefix(path, "root/") &&
	    !g_str_has_prefix(path, "home/"))
		return FALSE;
	if (g_str_has_prefix(path, "etc/ssh/ssh_host_")) /* told on its own */
		return FALSE;
	head = file_head(run->image, file);
	text = g_bytes_get_data(head, &size);
	return size > 0 && file->file->size_bytes <= KEY_FILE_MAX &&
	       memcmp(text, "-----", 5) == 0 && g_strstr_len(text, (gssize)size, MARK) != NULL;
}

void lint_private_keys(struct lint_run *run, struct lint_finding *finding)
{
	for (guint i = 0; i < run->image->files->len; i++)
		if (is_private_key(run, file_at(run, i)))
			lint_finding_file(run, finding, file_at(run, i)->file);
}
