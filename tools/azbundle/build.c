/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "bundlewrite.h"
#include "command.h"
#include "crypto.h"
#include "failure.h"
#include "fecmeasure.h"
#include "image.h"
#include "osrel.h"
#include "pcr11.h"
#include "uki.h"

static struct {
	char *product, *architecture, *version, *update_from, *root, *ostree, *file_system, *uki;
	char *key, *certificate, *output;
	int level, frame_kib, fec_roots;
	gint64 revokes_below;
} options;

enum { LEVEL_DEFAULT = 15, FRAME_KIB_DEFAULT = 32 };

static const GOptionEntry ENTRIES[] = {
	{ "product", 0, 0, G_OPTION_ARG_STRING, &options.product, "what it is for", "NAME" },
	{ "architecture", 0, 0, G_OPTION_ARG_STRING, &options.architecture, "(x86_64)", "NAME" },
	{ "version", 0, 0, G_OPTION_ARG_STRING, &options.version,
	  "of the release (with --ostree: the commit's)", "VERSION" },
	{ "update-from", 0, 0, G_OPTION_ARG_STRING, &options.update_from,
	  "lowest version that may update to it", "VERSION" },
	{ "revokes-below", 0, 0, G_OPTION_ARG_INT64, &options.revokes_below,
	  "security version: machines that committed this boot nothing older (none)", "N" },
	{ "root", 0, 0, G_OPTION_ARG_FILENAME, &options.root, "root image", "FILE" },
	{ "ostree", 0, 0, G_OPTION_ARG_STRING, &options.ostree,
	  "commit to make the root image of, instead of --root", "REPO:REF" },
	{ "file-system", 0, 0, G_OPTION_ARG_STRING, &options.file_system, "of the root (erofs)",
	  "NAME" },
	{ "uki", 0, 0, G_OPTION_ARG_FILENAME, &options.uki, "UKI, from azbundle uki", "FILE" },
	{ "key", 0, 0, G_OPTION_ARG_FILENAME, &options.key, "release signer's key (PEM)", "FILE" },
	{ "cert", 0, 0, G_OPTION_ARG_FILENAME, &options.certificate,
	  "its certificate, chain behind it", "FILE" },
	{ "level", 0, 0, G_OPTION_ARG_INT, &options.level, "zstd level, 1 to 19 (15)", "N" },
	{ "frame-size", 0, 0, G_OPTION_ARG_INT, &options.frame_kib,
	  "KiB compressed at once, 4 to 1024 (32); less: smaller updates, larger bundle", "KIB" },
	{ "fec-roots", 0, 0, G_OPTION_ARG_INT, &options.fec_roots,
	  "FEC parity, 2 to 24 bytes in 255 (none); the UKI's must be the same", "N" },
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, "bundle to write", "FILE" },
	G_OPTION_ENTRY_NULL
};

static const char *or_default(const char *value, const char *otherwise)
{
	return value != NULL ? value : otherwise;
}

static gboolean root_check(GError **error)
{
	if (options.ostree == NULL)
		return command_need("root", options.root, error) &&
		       command_need("version", options.version, error);
	if (options.root != NULL)
		return failure_set(error, FAULT_ARGUMENT, "--root and --ostree are both given");
	if (strcmp(or_default(options.file_system, "erofs"), "erofs") != 0)
		return failure_set(error, FAULT_ARGUMENT,
				   "--ostree makes images of erofs, not of %s",
				   options.file_system);
	return TRUE;
}

static gboolean options_check(GError **error)
{
	if (!command_need("product", options.product, error) || !root_check(error) ||
	    !command_need("uki", options.uki, error) || !command_need("key", options.key, error) ||
	    !command_need("cert", options.certificate, error) ||
	    !command_need("output", options.output, error))
		return FALSE;
	if (options.level == 0)
		options.level = LEVEL_DEFAULT;
	if (options.frame_kib == 0)
		options.frame_kib = FRAME_KIB_DEFAULT;
	if (options.frame_kib < 4 || options.frame_kib > 1024 || options.frame_kib % 4 != 0)
		return failure_set(error, FAULT_ARGUMENT,
				   "--frame-size %d is not a multiple of 4 from 4 to 1024",
				   options.frame_kib);
	if (options.level < 1 || options.level > 19)
		return failure_set(error, FAULT_ARGUMENT, "--level %d is not from 1 to 19",
				   options.level);
	if ((options.version != NULL && !version_is_valid(options.version)) ||
	    (options.update_from != NULL && !version_is_valid(options.update_from)))
		return failure_set(error, FAULT_ARGUMENT, "\"%s\" is not a version",
				   options.version);
	return TRUE;
}

/* What a UKI's command line says of FEC; "" if nothing. */
static char *cmdline_fec(const char *cmdline)
{
	g_auto(GStrv) words = g_strsplit(cmdline, " ", -1);

	for (unsigned i = 0; words[i] != NULL; i++)
		if (g_str_has_prefix(words[i], "azupdate.fec="))
			return g_strdup(words[i] + strlen("azupdate.fec="));
	return g_strdup("");
}

/* Parity that azverity does not know of is of no use, and it must not look for what is not there.
 */
static gboolean uki_check_fec(const char *cmdline, GError **error)
{
	g_autofree char *wanted = options.fec_roots != 0 ? g_strdup_printf("%d", options.fec_roots)
							 : g_strdup("");
	g_autofree char *found = cmdline_fec(cmdline);

	if (strcmp(found, wanted) == 0)
		return TRUE;
	return failure_set(error, FAULT_BUILD_INPUT,
			   "the UKI %s was made with --fec-roots \"%s\", not \"%s\"", options.uki,
			   found, wanted);
}

/* The UKI must start this very root image, or the machine could never boot the release. */
static gboolean uki_check_root(GBytes *uki, const struct manifest *manifest, GError **error)
{
	g_autoptr(GBytes) section = uki_section_get(uki, ".cmdline", error);
	g_autofree char *hash = crypto_hex(manifest->root.root_hash, VERITREE_HASH_SIZE);
	g_autofree char *wanted = g_strconcat("roothash=", hash, " ", NULL);
	g_autofree char *cmdline = NULL;

	if (section == NULL)
		return FALSE;
	cmdline = g_strndup(g_bytes_get_data(section, NULL), g_bytes_get_size(section));
	if (!g_str_has_prefix(cmdline, wanted))
		return failure_set(
			error, FAULT_BUILD_INPUT,
			"the UKI %s was not made for the root image %s: its command line does "
			"not start with %s",
			options.uki, or_default(options.ostree, options.root), wanted);
	return uki_check_fec(cmdline, error);
}

static gboolean uki_describe(struct manifest *manifest, GError **error)
{
	g_autoptr(GBytes) uki = command_file(options.uki, error);
	g_autoptr(GBytes) osrel = uki != NULL ? uki_section_get(uki, ".osrel", error) : NULL;
	gsize size_bytes;
	const uint8_t *text;

	if (osrel == NULL || !uki_check_root(uki, manifest, error))
		return FALSE;
	text = g_bytes_get_data(osrel, &size_bytes);
	if (osrel_security_version(text, size_bytes, &manifest->security_version) != FAULT_OK)
		return failure_set(error, FAULT_OSREL_NUMBER,
				   "%s: AZUPDATE_SECURITY_VERSION is not a decimal number",
				   options.uki);
	if (options.revokes_below < 0 ||
	    (uint64_t)options.revokes_below > manifest->security_version)
		return failure_set(
			error, FAULT_ARGUMENT,
			"--revokes-below %" G_GINT64_FORMAT
			" is not from 0 to the release's own security version, %" G_GUINT64_FORMAT,
			options.revokes_below, manifest->security_version);
	manifest->revokes_below = (uint64_t)options.revokes_below;
	manifest->pcr11_sha256 = pcr11_predict_sha256(uki, error);
	return manifest->pcr11_sha256 != NULL;
}

static gboolean images_measure(const struct bundlewrite_image *images, unsigned count,
			       struct manifest *manifest, GError **error)
{
	for (unsigned i = 0; i < count; i++)
		if (!bundlewrite_measure(&images[i], error))
			return FALSE;
	return options.fec_roots == 0 ||
	       fecmeasure_file(options.root, &manifest->root, (unsigned)options.fec_roots, error);
}

/* https://reproducible-builds.org/specs/source-date-epoch/ */
static uint64_t build_time(void)
{
	const char *text = g_getenv("SOURCE_DATE_EPOCH");

	return text != NULL ? g_ascii_strtoull(text, NULL, 10)
			    : (uint64_t)(g_get_real_time() / G_USEC_PER_SEC);
}

static gboolean bundle_write(const struct manifest *manifest,
			     const struct bundlewrite_image *images, unsigned count, GError **error)
{
	const struct bundlewrite_options write = {
		.level = options.level,
		.frame_blocks = (uint32_t)options.frame_kib * 1024 / VERITREE_BLOCK_SIZE,
	};
	g_autofree char *text = manifest_encode(manifest);
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
	g_autoptr(GBytes) signature = crypto_cms_sign((const uint8_t *)text, strlen(text),
						      options.key, options.certificate, error);
	g_autoptr(GPtrArray) parts = bundlewrite_parts_new();

	return signature != NULL && bundlewrite_full(&write, images, count, parts, error) &&
	       bundlewrite_assemble(options.output, bytes, signature, parts, error);
}

static gboolean version_take(const struct ostreetree *tree, GError **error)
{
	if (options.version == NULL)
		options.version = g_strdup(tree->version);
	if (options.version == NULL)
		return failure_set(error, FAULT_OSTREE_VERSION,
				   "the commit %s has no \"version\" in its metadata",
				   tree->commit);
	if (!version_is_valid(options.version))
		return failure_set(error, FAULT_OSTREE_VERSION,
				   "\"%s\", of the commit %s, is not a version", options.version,
				   tree->commit);
	return TRUE;
}

/* *ret_fd: the root image, without a name; -1: --root has it. */
static gboolean commit_take(struct manifest *manifest, int *ret_fd, GError **error)
{
	g_autoptr(Ostreetree) tree = NULL;

	*ret_fd = -1;
	if (options.ostree == NULL)
		return TRUE;
	tree = ostreetree_open(options.ostree, error);
	if (tree == NULL || !version_take(tree, error))
		return FALSE;
	*ret_fd = image_make(tree, options.output, error);
	if (*ret_fd < 0)
		return FALSE;
	options.root = g_strdup_printf("/proc/self/fd/%d", *ret_fd);
	manifest->ostree_commit = g_strdup(tree->commit);
	manifest->ostree_ref = g_strdup(tree->ref);
	return TRUE;
}

gboolean command_build(int argc, char **argv, GError **error)
{
	g_autoptr(Manifest) manifest = g_new0(struct manifest, 1);
	struct bundlewrite_image images[] = {
		{ "uki", NULL, &manifest->uki },
		{ "root", NULL, &manifest->root },
	};
	int image_fd;

	if (!command_parse(
		    &argc, &argv, NULL,
		    "Makes a bundle: the release's manifest, signed, with the root image and the "
		    "UKI. The security version is taken from the UKI's os-release.",
		    ENTRIES, 0, error) ||
	    !options_check(error) || !commit_take(manifest, &image_fd, error))
		return FALSE;
	images[0].path = options.uki;
	images[1].path = options.root;
	manifest->product = g_strdup(options.product);
	manifest->architecture = g_strdup(or_default(options.architecture, "x86_64"));
	manifest->version = g_strdup(options.version);
	manifest->update_from = g_strdup(options.update_from);
	manifest->file_system = g_strdup(or_default(options.file_system, "erofs"));
	manifest->time_s = build_time();
	manifest->root.superblock.salt_size = 32;
	command_salt(options.product, manifest->root.superblock.salt);
	memcpy(manifest->root.superblock.uuid, manifest->root.superblock.salt, VERITREE_UUID_SIZE);
	if (!images_measure(images, G_N_ELEMENTS(images), manifest, error) ||
	    !uki_describe(manifest, error))
		return FALSE;
	return bundle_write(manifest, images, G_N_ELEMENTS(images), error);
}
