/* SPDX-License-Identifier: MIT */
/* What a web server may have in place of an ostree repository; the first byte says what it is to
 * be: a commit, a folder, detached metadata, a file, a ref's name; and a file of public keys.
 * Checksums are made to fit, or nothing would come through. What libostree reads of a file object
 * is what we read of it; what we read of the others stands in the bytes, and is within limits. */
#include "objectfile.h"

#include <ostree.h>
#include <string.h>

#include "crypto.h"
#include "fuzz.h"
#include "objectkeys.h"

enum { CONTENT_MAX = 1 << 16, FILE_MODE = 0100644 };

/* Of an object that is not a file. */
static void sum_up(GBytes *object, uint8_t ret_hash[static OBJECTFILE_HASH_SIZE])
{
	crypto_digest("SHA256", g_bytes_get_data(object, NULL), g_bytes_get_size(object), NULL, 0,
		      ret_hash);
}

static gboolean stands_in(GBytes *object, const void *part, size_t size_bytes)
{
	return memmem(g_bytes_get_data(object, NULL), g_bytes_get_size(object), part, size_bytes) !=
	       NULL;
}

static void commit_try(GBytes *object)
{
	struct objectfile_commit commit = { 0 };
	uint8_t hash[OBJECTFILE_HASH_SIZE];
	gboolean done;

	sum_up(object, hash);
	done = objectfile_commit_decode(object, hash, &commit, NULL);
	promise(done || (commit.origin == NULL && commit.refs == NULL));
	if (done)
		promise(stands_in(object, commit.tree, sizeof commit.tree));
	promise(commit.origin == NULL || stands_in(object, commit.origin, strlen(commit.origin)));
	for (char **ref = commit.refs; ref != NULL && *ref != NULL; ref++)
		promise(g_utf8_validate(*ref, -1, NULL) && stands_in(object, *ref, strlen(*ref)));
	objectfile_commit_clear(&commit);
	hash[0] ^= 1;
	promise(!objectfile_commit_decode(object, hash, &commit, NULL));
}

static void folder_try(GBytes *object)
{
	uint8_t hash[OBJECTFILE_HASH_SIZE];
	uint8_t file[OBJECTFILE_HASH_SIZE];

	sum_up(object, hash);
	if (objectfile_folder_find(object, hash, "recipe", file, NULL))
		promise(stands_in(object, file, sizeof file) && stands_in(object, "recipe", 7));
	hash[0] ^= 1;
	promise(!objectfile_folder_find(object, hash, "recipe", file, NULL));
}

static void signatures_try(GBytes *object)
{
	g_autoptr(GPtrArray) found = objectfile_signatures(object);

	promise(found->len <= OBJECTFILE_SIGNATURES_MAX);
	for (guint i = 0; i < found->len; i++)
		promise(stands_in(object, g_bytes_get_data(found->pdata[i], NULL),
				  g_bytes_get_size(found->pdata[i])));
}

/* The content and checksum of a regular file, as libostree has them; NULL: it does not take it. */
static GBytes *ostree_read(GBytes *object, uint8_t ret_hash[static OBJECTFILE_HASH_SIZE])
{
	g_autoptr(GInputStream) packed = g_memory_input_stream_new_from_bytes(object);
	g_autoptr(GInputStream) content = NULL;
	g_autoptr(GInputStream) again = NULL;
	g_autoptr(GFileInfo) info = NULL;
	g_autoptr(GVariant) attributes = NULL;
	g_autofree uint8_t *raw = g_malloc(CONTENT_MAX);
	g_autofree guchar *sum = NULL;
	gsize size_bytes;

	if (!ostree_content_stream_parse(TRUE, packed, g_bytes_get_size(object), FALSE, &content,
					 &info, &attributes, NULL, NULL) ||
	    content == NULL ||
	    !g_input_stream_read_all(content, raw, CONTENT_MAX, &size_bytes, NULL, NULL) ||
	    size_bytes == CONTENT_MAX || (goffset)size_bytes != g_file_info_get_size(info))
		return NULL;
	again = g_memory_input_stream_new_from_data(raw, (gssize)size_bytes, NULL);
	if (!ostree_checksum_file_from_input(info, attributes, again, OSTREE_OBJECT_TYPE_FILE, &sum,
					     NULL, NULL))
		return NULL;
	memcpy(ret_hash, sum, OBJECTFILE_HASH_SIZE);
	return g_bytes_new(raw, size_bytes);
}

static void content_try(GBytes *object)
{
	uint8_t hash[OBJECTFILE_HASH_SIZE] = { 0 };
	g_autoptr(GBytes) wanted = ostree_read(object, hash);
	g_autoptr(GBytes) content = objectfile_content(object, hash, CONTENT_MAX, NULL);

	promise(content == NULL || g_bytes_get_size(content) <= CONTENT_MAX);
	promise(content == NULL || (wanted != NULL && g_bytes_equal(content, wanted)));
}

/* The rule in other words: parts of letters, of which none is empty, and no two dots. */
static gboolean is_ref(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, "/", -1);
	static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	gboolean right = parts[0] != NULL && strlen(text) <= OBJECTFILE_REF_MAX;

	for (char **part = parts; *part != NULL; part++)
		right = right && **part != '\0' && (*part)[strspn(*part, LETTERS)] == '\0' &&
			strstr(*part, "..") == NULL;
	return right;
}

static void ref_try(GBytes *bytes)
{
	gsize size_bytes;
	const uint8_t *data = g_bytes_get_data(bytes, &size_bytes);
	g_autofree char *text = size_bytes > 0 ? fuzz_text(data, size_bytes) : g_strdup("");

	promise(objectfile_is_ref(text) == is_ref(text));
}

static void keys_try(GBytes *bytes)
{
	static const uint8_t SIGNATURE[64];
	g_autoptr(GPtrArray) signatures = NULL;
	g_autoptr(Objectkeys) keys = NULL;
	g_autofree char *path = g_build_filename(fuzz_folder(), "any.ed25519", NULL);

	promise(g_file_set_contents_full(path, g_bytes_get_data(bytes, NULL),
					 (gssize)g_bytes_get_size(bytes), G_FILE_SET_CONTENTS_NONE,
					 0600, NULL));
	keys = objectkeys_load(fuzz_folder(), NULL);
	if (keys == NULL)
		return;
	signatures = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	g_ptr_array_add(signatures, g_bytes_new_static(SIGNATURE, 0));
	promise(!objectkeys_verify(keys, bytes, signatures));
	g_ptr_array_add(signatures, g_bytes_new_static(SIGNATURE, sizeof SIGNATURE));
	(void)objectkeys_verify(keys, bytes, signatures); /* weak keys take anything */
}

static void (*const KINDS[])(GBytes *bytes) = { commit_try,  folder_try, signatures_try,
						content_try, ref_try,    keys_try };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GBytes) rest = NULL;

	if (size_bytes == 0)
		return 0;
	rest = g_bytes_new(bytes + 1, size_bytes - 1);
	KINDS[bytes[0] % G_N_ELEMENTS(KINDS)](rest);
	return 0;
}

/* Made by GLib and by libostree. */
static GVariant *hash_make(unsigned number)
{
	uint8_t hash[OBJECTFILE_HASH_SIZE] = { (uint8_t)number, 1, 2 };

	return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, hash, sizeof hash, 1);
}

static GVariant *commit_make(unsigned number)
{
	static const char *const REFS[] = { "release/stable", "other", NULL };
	GVariantDict metadata;

	g_variant_dict_init(&metadata, NULL);
	if (number > 0) {
		g_variant_dict_insert(&metadata, "azupdate.commit", "s", "00ff");
		g_variant_dict_insert(&metadata, "ostree.ref-binding", "^as", REFS);
	}
	return g_variant_new("(@a{sv}@aya(say)sst@ay@ay)", g_variant_dict_end(&metadata),
			     g_variant_new("ay", NULL), NULL, "subject", "", G_GUINT64_CONSTANT(99),
			     hash_make(number), hash_make(9));
}

static GVariant *folder_make(unsigned number)
{
	GVariantBuilder files;

	g_variant_builder_init(&files, G_VARIANT_TYPE("a(say)"));
	g_variant_builder_add(&files, "(s@ay)", "other", hash_make(1));
	if (number > 0)
		g_variant_builder_add(&files, "(s@ay)", "recipe", hash_make(2));
	return g_variant_new("(a(say)a(sayay))", &files, NULL);
}

static GVariant *signatures_make(unsigned number)
{
	GVariantBuilder list;
	GVariantDict metadata;

	g_variant_builder_init(&list, G_VARIANT_TYPE("aay"));
	for (unsigned i = 0; i < number * 2; i++)
		g_variant_builder_add_value(&list, hash_make(i));
	g_variant_dict_init(&metadata, NULL);
	g_variant_dict_insert_value(&metadata, "ostree.sign.ed25519", g_variant_builder_end(&list));
	return g_variant_dict_end(&metadata);
}

static GBytes *content_make(unsigned number)
{
	g_autofree char *text = g_strnfill(number * 1000, 'z');
	g_autoptr(GInputStream)
		raw = g_memory_input_stream_new_from_data(text, number * 1000, NULL);
	g_autoptr(GInputStream) packed = NULL;
	g_autoptr(GFileInfo) info = g_file_info_new();
	uint8_t bytes[1024];
	gsize size_bytes;

	g_file_info_set_file_type(info, G_FILE_TYPE_REGULAR);
	g_file_info_set_size(info, number * 1000);
	g_file_info_set_attribute_uint32(info, "unix::uid", 0);
	g_file_info_set_attribute_uint32(info, "unix::gid", number);
	g_file_info_set_attribute_uint32(info, "unix::mode", FILE_MODE);
	promise(ostree_raw_file_to_archive_z2_stream(raw, info, NULL, &packed, NULL, NULL));
	promise(g_input_stream_read_all(packed, bytes, sizeof bytes, &size_bytes, NULL, NULL));
	return g_bytes_new(bytes, size_bytes);
}

/* It must be taken, or the target looks at nothing. */
static GBytes *content_seed(unsigned number)
{
	GBytes *object = content_make(number);
	uint8_t hash[OBJECTFILE_HASH_SIZE];
	g_autoptr(GBytes) wanted = ostree_read(object, hash);
	g_autoptr(GBytes) content = objectfile_content(object, hash, CONTENT_MAX, NULL);

	promise(wanted != NULL && content != NULL && g_bytes_equal(content, wanted));
	return object;
}

static GBytes *text_seed(unsigned kind, unsigned number)
{
	static const char *const TEXTS[][2] = {
		{ "release/stable", "a..b//c/" },
		{ "# keys\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		  "1234567890123456789012345678901234567890123=\r\nnone\n" },
	};
	const char *text = TEXTS[kind - 4][number];

	return g_bytes_new_static(text, strlen(text));
}

static GBytes *seed_make(unsigned kind, unsigned number)
{
	GVariant *(*const MAKERS[])(unsigned) = { commit_make, folder_make, signatures_make };
	g_autoptr(GVariant) made = NULL;

	if (kind > 3)
		return text_seed(kind, number);
	if (kind == 3)
		return content_seed(number);
	made = g_variant_ref_sink(MAKERS[kind](number));
	return g_variant_get_data_as_bytes(made);
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	const unsigned kind = number / 2;
	g_autoptr(GBytes) seed = NULL;

	if (kind >= G_N_ELEMENTS(KINDS) || room < 1)
		return 0;
	seed = seed_make(kind, number % 2);
	ret_bytes[0] = (uint8_t)kind;
	return 1 + fuzz_copy(g_bytes_get_data(seed, NULL), g_bytes_get_size(seed), ret_bytes + 1,
			     room - 1);
}
