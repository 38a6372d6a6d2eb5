/* SPDX-License-Identifier: MIT */
#include "manifest.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "feclayout.h"
#include "json.h"

static const uint64_t NUMBER_MAX = 999999999999999999; /* 18 digits, as in os-release */

void manifest_free(struct manifest *manifest)
{
	if (manifest == NULL)
		return;
	g_free(manifest->product);
	g_free(manifest->architecture);
	g_free(manifest->version);
	g_free(manifest->update_from);
	g_free(manifest->file_system);
	g_free(manifest->pcr11_sha256);
	g_free(manifest->ostree_commit);
	g_free(manifest->ostree_ref);
	g_free(manifest);
}

/* A hex field of exactly `size_bytes`, or, with `ret_size`, of up to that many. */
static gboolean hex_decode(const struct json_reader *reader, json_t *object, const char *key,
			   uint8_t *ret_bytes, size_t size_bytes, uint16_t *ret_size)
{
	json_t *value = json_object_get(object, key);
	const char *text = json_is_string(value) ? json_string_value(value) : "?";
	const size_t length = strlen(text);
	const size_t wanted = ret_size != NULL ? length / 2 : size_bytes;

	if (length % 2 != 0 || wanted > size_bytes || !crypto_unhex(text, ret_bytes, wanted))
		return failure_set(reader->error, (fault)reader->code,
				   "%s: \"%s\" is missing or not %s%zu bytes of lower-case hex",
				   reader->what, key, ret_size != NULL ? "up to " : "", size_bytes);
	if (ret_size != NULL)
		*ret_size = (uint16_t)wanted;
	return TRUE;
}

static gboolean image_decode(const struct json_reader *reader, json_t *object,
			     struct manifest_image *ret_image)
{
	struct veritree_superblock *superblock = &ret_image->superblock;
	json_t *verity = json_get_object(reader, object, "verity");
	uint64_t blocks;

	if (verity == NULL ||
	    !json_get_number(reader, object, "size", VERITREE_DATA_BLOCKS_MAX * VERITREE_BLOCK_SIZE,
			     &ret_image->size_bytes) ||
	    !json_get_number(reader, verity, "data_blocks", VERITREE_DATA_BLOCKS_MAX, &blocks) ||
	    !hex_decode(reader, verity, "root_hash", ret_image->root_hash, VERITREE_HASH_SIZE,
			NULL) ||
	    !hex_decode(reader, verity, "uuid", superblock->uuid, VERITREE_UUID_SIZE, NULL) ||
	    !hex_decode(reader, verity, "salt", superblock->salt, VERITREE_SALT_MAX,
			&superblock->salt_size))
		return FALSE;
	superblock->data_blocks = blocks;
	if (blocks == 0 ||
	    blocks != (ret_image->size_bytes + VERITREE_BLOCK_SIZE - 1) / VERITREE_BLOCK_SIZE)
		return failure_set(reader->error, (fault)reader->code,
				   "%s: %" G_GUINT64_FORMAT " blocks do not hold %" G_GUINT64_FORMAT
				   " bytes",
				   reader->what, blocks, ret_image->size_bytes);
	return TRUE;
}

/* Not having any is usual. */
static gboolean parity_decode(const struct json_reader *reader, json_t *object,
			      struct manifest_fec *ret_fec)
{
	uint64_t roots;
	json_t *fec;

	if (json_object_get(object, "fec") == NULL)
		return TRUE;
	fec = json_get_object(reader, object, "fec");
	if (fec == NULL || !json_get_number(reader, fec, "roots", FECLAYOUT_ROOTS_MAX, &roots) ||
	    !hex_decode(reader, fec, "root_hash", ret_fec->root_hash, VERITREE_HASH_SIZE, NULL))
		return FALSE;
	if (roots < FECLAYOUT_ROOTS_MIN)
		return failure_set(reader->error, (fault)reader->code,
				   "%s: \"roots\" is %u, not from %d to %d", reader->what,
				   (unsigned)roots, FECLAYOUT_ROOTS_MIN, FECLAYOUT_ROOTS_MAX);
	ret_fec->roots = (unsigned)roots;
	return TRUE;
}

/* A release that revoked itself could not boot. */
static gboolean revocation_decode(const struct json_reader *reader, json_t *object,
				  struct manifest *manifest)
{
	if (json_object_get(object, "revokes_below") == NULL)
		return TRUE;
	if (!json_get_number(reader, object, "revokes_below", NUMBER_MAX, &manifest->revokes_below))
		return FALSE;
	if (manifest->revokes_below > manifest->security_version)
		return failure_set(reader->error, FAULT_MANIFEST_FIELD,
				   "manifest: \"revokes_below\" is above its own security version");
	return TRUE;
}

static gboolean identity_decode(const struct json_reader *reader, json_t *object,
				struct manifest *manifest)
{
	manifest->product = g_strdup(json_get_text(reader, object, "product", MANIFEST_NAME_MAX));
	if (manifest->product == NULL)
		return FALSE;
	manifest->architecture = g_strdup(
		json_get_text(reader, object, "architecture", MANIFEST_NAME_MAX));
	if (manifest->architecture == NULL)
		return FALSE;
	manifest->version = g_strdup(json_get_text(reader, object, "version", VERSION_SIZE_MAX));
	if (manifest->version == NULL)
		return FALSE;
	if (json_object_get(object, "update_from") != NULL) {
		manifest->update_from = g_strdup(
			json_get_text(reader, object, "update_from", VERSION_SIZE_MAX));
		if (manifest->update_from == NULL)
			return FALSE;
	}
	if (!version_is_valid(manifest->version) ||
	    (manifest->update_from != NULL && !version_is_valid(manifest->update_from)))
		return failure_set(reader->error, FAULT_MANIFEST_FIELD,
				   "manifest: \"version\" or \"update_from\" is not a version");
	return json_get_number(reader, object, "security_version", NUMBER_MAX,
			       &manifest->security_version) &&
	       revocation_decode(reader, object, manifest) &&
	       json_get_number(reader, object, "time", NUMBER_MAX, &manifest->time_s);
}

static gboolean images_decode(const struct json_reader *reader, json_t *object,
			      struct manifest *manifest)
{
	json_t *root = json_get_object(reader, object, "root");
	json_t *uki = root != NULL ? json_get_object(reader, object, "uki") : NULL;
	uint8_t pcr[VERITREE_HASH_SIZE];

	if (uki == NULL || !image_decode(reader, root, &manifest->root) ||
	    !parity_decode(reader, root, &manifest->root.fec) ||
	    !image_decode(reader, uki, &manifest->uki))
		return FALSE;
	manifest->file_system = g_strdup(
		json_get_text(reader, root, "file_system", MANIFEST_NAME_MAX));
	if (manifest->file_system == NULL)
		return FALSE;
	if (json_object_get(uki, "pcr11_sha256") == NULL)
		return TRUE;
	if (!hex_decode(reader, uki, "pcr11_sha256", pcr, sizeof pcr, NULL))
		return FALSE;
	manifest->pcr11_sha256 = crypto_hex(pcr, sizeof pcr);
	return TRUE;
}

/* Only of a root image that was made of a commit. */
static gboolean ostree_decode(const struct json_reader *reader, json_t *object,
			      struct manifest *manifest)
{
	uint8_t commit[CRYPTO_HASH_SIZE];
	json_t *ostree;

	if (json_object_get(object, "ostree") == NULL)
		return TRUE;
	ostree = json_get_object(reader, object, "ostree");
	if (ostree == NULL || !hex_decode(reader, ostree, "commit", commit, sizeof commit, NULL))
		return FALSE;
	manifest->ostree_commit = crypto_hex(commit, sizeof commit);
	if (json_object_get(ostree, "ref") == NULL)
		return TRUE;
	manifest->ostree_ref = g_strdup(json_get_text(reader, ostree, "ref", MANIFEST_REF_MAX));
	return manifest->ostree_ref != NULL;
}

struct manifest *manifest_decode(const uint8_t *bytes, size_t size_bytes, GError **error)
{
	const struct json_reader reader = { "manifest", FAULT_MANIFEST_FIELD, error };
	g_autoptr(Manifest) manifest = g_new0(struct manifest, 1);
	g_autoptr(JsonValue) object = NULL;
	g_autofree char *why = NULL;
	uint64_t format;

	if (size_bytes > MANIFEST_SIZE_MAX) {
		failure_set(error, FAULT_MANIFEST_SIZE, "the manifest has %zu bytes", size_bytes);
		return NULL;
	}
	object = json_object_parse((const char *)bytes, size_bytes, &why);
	if (object == NULL) {
		failure_set(error, FAULT_MANIFEST_SYNTAX, "the manifest is not valid: %s", why);
		return NULL;
	}
	if (!json_get_number(&reader, object, "format_min", UINT16_MAX, &format))
		return NULL;
	if (format > MANIFEST_FORMAT) {
		failure_set(error, FAULT_MANIFEST_LATER,
			    "the manifest needs a reader of format %" G_GUINT64_FORMAT, format);
		return NULL;
	}
	if (!identity_decode(&reader, object, manifest) ||
	    !images_decode(&reader, object, manifest) || !ostree_decode(&reader, object, manifest))
		return NULL;
	return g_steal_pointer(&manifest);
}

static json_t *image_encode(const struct manifest_image *image)
{
	const struct veritree_superblock *superblock = &image->superblock;
	g_autofree char *uuid = crypto_hex(superblock->uuid, VERITREE_UUID_SIZE);
	g_autofree char *salt = crypto_hex(superblock->salt, superblock->salt_size);
	g_autofree char *root = crypto_hex(image->root_hash, VERITREE_HASH_SIZE);

	return json_pack("{s:I, s:{s:I, s:s, s:s, s:s}}", "size", (json_int_t)image->size_bytes,
			 "verity", "data_blocks", (json_int_t)superblock->data_blocks, "salt", salt,
			 "uuid", uuid, "root_hash", root);
}

static json_t *parity_encode(const struct manifest_fec *fec)
{
	g_autofree char *root = crypto_hex(fec->root_hash, VERITREE_HASH_SIZE);

	return json_pack("{s:i, s:s}", "roots", (int)fec->roots, "root_hash", root);
}

char *manifest_encode(const struct manifest *manifest)
{
	g_autoptr(JsonValue) object = json_pack(
		"{s:i, s:i, s:s, s:s, s:s, s:s*, s:I, s:I}", "format", MANIFEST_FORMAT,
		"format_min", MANIFEST_FORMAT, "product", manifest->product, "architecture",
		manifest->architecture, "version", manifest->version, "update_from",
		manifest->update_from, "security_version", (json_int_t)manifest->security_version,
		"time", (json_int_t)manifest->time_s);
	json_t *root = image_encode(&manifest->root);
	json_t *uki = image_encode(&manifest->uki);
	char *text;
	char *copy;

	if (manifest->revokes_below != 0)
		json_object_set_new(object, "revokes_below",
				    json_integer((json_int_t)manifest->revokes_below));
	json_object_set_new(root, "file_system", json_string(manifest->file_system));
	if (manifest->root.fec.roots != 0)
		json_object_set_new(root, "fec", parity_encode(&manifest->root.fec));
	if (manifest->pcr11_sha256 != NULL)
		json_object_set_new(uki, "pcr11_sha256", json_string(manifest->pcr11_sha256));
	if (manifest->ostree_commit != NULL)
		json_object_set_new(object, "ostree",
				    json_pack("{s:s, s:s*}", "commit", manifest->ostree_commit,
					      "ref", manifest->ostree_ref));
	json_object_set_new(object, "root", root);
	json_object_set_new(object, "uki", uki);
	text = json_dumps(object, JSON_INDENT(2));
	copy = g_strconcat(text, "\n", NULL);
	free(text);
	return copy;
}
