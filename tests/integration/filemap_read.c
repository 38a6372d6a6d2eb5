/* SPDX-License-Identifier: MIT */
/* filemap_read IMAGE: each file of the image as the map has it, for filemap_test.py: kind, numbers
 * of what was left out, then flags, size, SHA-256 of the content (- if there is none), path. */
#include <stdio.h>

#include "crypto.h"
#include "filemap.h"

enum { CONTENT_MAX = 1 << 28 };

static void file_print(const struct filemap *map, const struct filemap_file *file,
		       const uint8_t *image, struct crypto_hasher *hasher)
{
	g_autoptr(GBytes) content = filemap_read(map, file, image, CONTENT_MAX);
	uint8_t hash[CRYPTO_HASH_SIZE];
	g_autofree char *text = NULL;

	if (content != NULL) {
		crypto_hash(hasher, g_bytes_get_data(content, NULL), g_bytes_get_size(content),
			    hash);
		text = crypto_hex(hash, sizeof hash);
	}
	printf("%u %" G_GUINT64_FORMAT " %s %s\n", file->flags, file->size_bytes,
	       text != NULL ? text : "-", file->path);
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GMappedFile) image = argc == 2 ? g_mapped_file_new(argv[1], FALSE, &error) : NULL;
	g_autoptr(Filemap) map = image != NULL ? filemap_open(argv[1], &error) : NULL;
	g_autoptr(CryptoHasher) hasher = crypto_hasher_new(NULL, 0);

	if (map == NULL) {
		fprintf(stderr, "filemap_read: %s\n", error != NULL ? error->message : "no image");
		return 1;
	}
	printf("%s %u %d %u %u\n", filemap_kind_name(map->kind), map->damaged_count,
	       map->is_partial, map->stamps->len, map->free_extents->len);
	for (guint i = 0; i < map->files->len; i++)
		file_print(map, &g_array_index(map->files, struct filemap_file, i),
			   (const uint8_t *)g_mapped_file_get_contents(image), hasher);
	return 0;
}
