/* SPDX-License-Identifier: MIT */
/* cpio archives of the form newc, as the kernel takes them for an initrd
 * (Documentation/driver-api/early-userspace/buffer-format.rst):
 *
 * offset  size  field: hex digits each
 *      0     6  070701, or 070702 with a checksum
 *     14     8  mode
 *     54     8  size of the content
 *     94     8  size of the name with its NUL
 *    110        name, zeros up to 4 bytes, content, zeros up to 4 bytes
 *
 * Archives stand one after another, with zeros in between; "TRAILER!!!" ends one. Of hard links,
 * the last one has the content, the others are empty. */
#include <string.h>

#include "bytes.h"
#include "filemap_private.h"

enum {
	HEADER_SIZE = 110,
	FIELD_SIZE = 8,
	OFFSET_MODE = 14,
	OFFSET_SIZE = 54,
	OFFSET_NAME_SIZE = 94,
	MODE_TYPE = 0170000,
	MODE_REGULAR = 0100000,
};

struct cpio_member {
	uint32_t mode;
	uint64_t name_offset, name_size; /* without its NUL */
	uint64_t content_offset, content_size;
	uint64_t end;
};

static gboolean hex_read(const uint8_t *text, uint32_t *ret_value)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < FIELD_SIZE; i++) {
		const int digit = g_ascii_xdigit_value((char)text[i]);

		if (digit < 0)
			return FALSE;
		value = value << 4 | (uint32_t)digit;
	}
	*ret_value = value;
	return TRUE;
}

static uint64_t align_up(uint64_t value)
{
	return (value + 3) / 4 * 4;
}

/* The member at `at` of an archive; FALSE if none is there, or not wholly. */
static gboolean member_read(const uint8_t *archive, uint64_t size_bytes, uint64_t at,
			    struct cpio_member *ret_member)
{
	const uint8_t *header = archive + at;
	struct cpio_member member;
	uint32_t name_size;
	uint32_t content_size;

	if (!bytes_range_is_inside(at, HEADER_SIZE, size_bytes) ||
	    (memcmp(header, "070701", 6) != 0 && memcmp(header, "070702", 6) != 0) ||
	    !hex_read(header + OFFSET_MODE, &member.mode) ||
	    !hex_read(header + OFFSET_SIZE, &content_size) ||
	    !hex_read(header + OFFSET_NAME_SIZE, &name_size))
		return FALSE;
	member.name_offset = at + HEADER_SIZE;
	if (name_size == 0 || name_size > FILEMAP_PATH_MAX ||
	    !bytes_range_is_inside(member.name_offset, name_size, size_bytes) ||
	    archive[member.name_offset + name_size - 1] != '\0')
		return FALSE;
	member.name_size = name_size - 1;
	member.content_offset = align_up(member.name_offset + name_size);
	member.content_size = content_size;
	if (!bytes_range_is_inside(member.content_offset, content_size, size_bytes))
		return FALSE;
	member.end = MIN(align_up(member.content_offset + content_size), size_bytes);
	*ret_member = member;
	return TRUE;
}

/* "./usr/bin/x" and "/usr/bin/x" are "usr/bin/x". */
static char *member_path(const char *folder, const char *name)
{
	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name++;
	return filemap_path(folder, name, strlen(name));
}

static gboolean member_add(struct filemap_maker *maker, const char *folder, uint64_t offset,
			   const struct cpio_member *member)
{
	struct filemap_draft draft = filemap_draft_new(maker, member->content_size);
	const struct filemap_extent extent = { 0, offset + member->content_offset,
					       member->content_size };
	g_autofree char *path = member_path(folder, (const char *)maker->bytes + offset +
							    member->name_offset);

	if (path == NULL) {
		maker->map->damaged_count++;
		return TRUE;
	}
	filemap_draft_extent(maker, &draft, extent);
	return filemap_draft_add(maker, &draft, path);
}

uint64_t filemap_cpio(struct filemap_maker *maker, const char *folder, uint64_t offset,
		      uint64_t size_bytes)
{
	const uint8_t *archive = maker->bytes + offset;
	struct cpio_member member;
	uint64_t at = 0;
	uint64_t end = 0; /* of the last member */

	while (at < size_bytes) {
		if (archive[at] == 0) {
			at++;
			continue;
		}
		if (at % 4 != 0 || !member_read(archive, size_bytes, at, &member))
			break;
		if ((member.mode & MODE_TYPE) == MODE_REGULAR && member.content_size > 0 &&
		    !member_add(maker, folder, offset, &member))
			break;
		at = end = member.end;
	}
	/* Zeros at the end are the archive's; zeros before something else are padding, too. */
	return MAX(at, end);
}
