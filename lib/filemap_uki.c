/* SPDX-License-Identifier: MIT */
/* A UKI's sections are files; what an uncompressed initrd holds, too. A second section of the same
 * name (UKIs with profiles have such) gets its number behind the name. */
#include <string.h>

#include "filemap_private.h"
#include "pe.h"

static const char INITRD[] = ".initrd";

static void range_add(struct filemap_maker *maker, const char *path, uint64_t offset,
		      uint64_t size_bytes, unsigned flags)
{
	struct filemap_draft draft = filemap_draft_new(maker, size_bytes);
	const struct filemap_extent extent = { 0, offset, size_bytes };

	draft.file.flags = flags;
	filemap_draft_extent(maker, &draft, extent);
	(void)filemap_draft_add(maker, &draft, path); /* at most 96 of them, and the map tells */
}

static gboolean has_member(const struct filemap *map, guint first)
{
	return map->files->len > first;
}

/* Archives may be followed by a compressed one, as microcode is by the rest of an initrd. */
static void initrd_add(struct filemap_maker *maker, const char *name,
		       const struct pe_section *section)
{
	const guint first = maker->map->files->len;
	g_autofree char *rest = g_strconcat(name, "+rest", NULL);
	const uint64_t taken = filemap_cpio(maker, name, section->file_offset, section->size_bytes);

	if (has_member(maker->map, first) && taken < section->size_bytes)
		range_add(maker, rest, section->file_offset + taken, section->size_bytes - taken,
			  0);
	range_add(maker, name, section->file_offset, section->size_bytes,
		  has_member(maker->map, first) ? FILEMAP_CONTAINER : 0);
}

static unsigned same_before(const struct filemap_maker *maker, const struct pe *pe, unsigned index)
{
	struct pe_section section;
	struct pe_section other;
	unsigned count = 0;

	pe_section_get(pe, maker->bytes, index, &section);
	for (unsigned i = 0; i < index; i++) {
		pe_section_get(pe, maker->bytes, i, &other);
		count += strcmp(other.name, section.name) == 0;
	}
	return count;
}

void filemap_uki(struct filemap_maker *maker)
{
	struct pe pe;

	if (pe_decode(maker->bytes, (size_t)maker->size_bytes, &pe) != FAULT_OK) {
		maker->map->kind = FILEMAP_UNKNOWN;
		return;
	}
	for (unsigned i = 0; i < pe.section_count; i++) {
		const unsigned before = same_before(maker, &pe, i);
		g_autofree char *name = NULL;
		struct pe_section section;

		pe_section_get(&pe, maker->bytes, i, &section);
		name = before == 0 ? g_strdup(section.name)
				   : g_strdup_printf("%s#%u", section.name, before + 1);
		if (strcmp(section.name, INITRD) == 0)
			initrd_add(maker, name, &section);
		else if (*name != '\0')
			range_add(maker, name, section.file_offset, section.size_bytes, 0);
	}
}
