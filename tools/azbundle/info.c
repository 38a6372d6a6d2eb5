/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "bundle.h"
#include "command.h"
#include "crypto.h"
#include "failure.h"
#include "payload.h"

static void image_print(const char *name, const struct manifest_image *image)
{
	g_autofree char *root = crypto_hex(image->root_hash, VERITREE_HASH_SIZE);

	printf("%-17s %" G_GUINT64_FORMAT " bytes, root hash %s\n", name, image->size_bytes, root);
}

static void sections_print(const struct bundle *bundle)
{
	static const char *const KINDS[] = { "?",          "leaf hashes",  "frame index",
					     "frames",     "delta index",  "delta frames",
					     "dictionary", "parent hashes" };

	for (unsigned i = 0; i < bundle->section_count; i++) {
		const struct bundle_section *section = &bundle->sections[i];
		const unsigned kind = section->kind < G_N_ELEMENTS(KINDS) ? section->kind : 0;

		printf("section           %-5s %-12s %12" G_GUINT64_FORMAT
		       " bytes at %" G_GUINT64_FORMAT "\n",
		       section->name, KINDS[kind], section->size_bytes, section->offset);
	}
}

gboolean command_info(int argc, char **argv, GError **error)
{
	static gboolean manifest_only;
	static const GOptionEntry ENTRIES[] = { { "manifest", 0, 0, G_OPTION_ARG_NONE,
						  &manifest_only, "print the manifest's JSON only",
						  NULL },
						G_OPTION_ENTRY_NULL };
	g_autoptr(Source) source = NULL;
	g_autoptr(Bundle) bundle = NULL;
	const struct manifest *manifest;

	if (!command_parse(&argc, &argv, "BUNDLE",
			   "Tells what a bundle says of itself. Nothing is verified.", ENTRIES, 1,
			   error))
		return FALSE;
	source = payload_source(argv[1], error);
	bundle = source != NULL ? bundle_open(source, NULL, error) : NULL;
	if (bundle == NULL)
		return FALSE;
	if (manifest_only) {
		gsize size_bytes;
		const char *text = g_bytes_get_data(bundle->manifest_bytes, &size_bytes);

		return fwrite(text, 1, size_bytes, stdout) == size_bytes;
	}
	manifest = bundle->manifest;
	printf("product           %s\narchitecture      %s\nversion           %s\n",
	       manifest->product, manifest->architecture, manifest->version);
	printf("security version  %" G_GUINT64_FORMAT "\n", manifest->security_version);
	if (manifest->revokes_below != 0)
		printf("revokes below     %" G_GUINT64_FORMAT "\n", manifest->revokes_below);
	printf("update from       %s\n",
	       manifest->update_from != NULL ? manifest->update_from : "any");
	image_print("root", &manifest->root);
	if (manifest->root.fec.roots != 0)
		printf("root fec          %u roots\n", manifest->root.fec.roots);
	image_print("uki", &manifest->uki);
	printf("pcr11 sha256      %s\n",
	       manifest->pcr11_sha256 != NULL ? manifest->pcr11_sha256 : "-");
	if (manifest->ostree_commit != NULL)
		printf("ostree commit     %s\n", manifest->ostree_commit);
	if (manifest->ostree_ref != NULL)
		printf("ostree ref        %s\n", manifest->ostree_ref);
	sections_print(bundle);
	return TRUE;
}

gboolean command_verify(int argc, char **argv, GError **error)
{
	static char *keyring;
	static const GOptionEntry ENTRIES[] = { { "keyring", 0, 0, G_OPTION_ARG_FILENAME, &keyring,
						  "certificates that are trusted",
						  "FILE or FOLDER" },
						G_OPTION_ENTRY_NULL };
	g_autoptr(Source) source = NULL;
	g_autoptr(Bundle) bundle = NULL;

	if (!command_parse(
		    &argc, &argv, "BUNDLE",
		    "Verifies a full bundle: signature, manifest, and each block of each payload.",
		    ENTRIES, 1, error) ||
	    !command_need("keyring", keyring, error))
		return FALSE;
	source = payload_source(argv[1], error);
	bundle = source != NULL ? bundle_open(source, keyring, error) : NULL;
	if (bundle == NULL || !payload_walk(bundle, "uki", NULL, error) ||
	    !payload_walk(bundle, "root", NULL, error))
		return FALSE;
	printf("good: version %s of %s, signed by %s\n", bundle->manifest->version,
	       bundle->manifest->product, bundle->signers);
	return TRUE;
}
