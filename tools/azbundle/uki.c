/* SPDX-License-Identifier: MIT */
#include "uki.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "bundlewrite.h"
#include "command.h"
#include "crypto.h"
#include "failure.h"
#include "feclayout.h"
#include "osrel.h"

static const char STUB_DEFAULT[] = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

static struct {
	char *stub, *kernel, *initrd, *cmdline, *osrel, *uname, *root, *file_system, *product;
	char *key, *certificate, *output;
	int fec_roots;
} options;

static const GOptionEntry ENTRIES[] = {
	{ "stub", 0, 0, G_OPTION_ARG_FILENAME, &options.stub, "systemd-stub to build on", "FILE" },
	{ "linux", 0, 0, G_OPTION_ARG_FILENAME, &options.kernel, "kernel", "FILE" },
	{ "initrd", 0, 0, G_OPTION_ARG_FILENAME, &options.initrd, "initrd with azverity", "FILE" },
	{ "cmdline", 0, 0, G_OPTION_ARG_STRING, &options.cmdline, "further kernel arguments",
	  "TEXT" },
	{ "os-release", 0, 0, G_OPTION_ARG_FILENAME, &options.osrel, "os-release of the image",
	  "FILE" },
	{ "uname", 0, 0, G_OPTION_ARG_STRING, &options.uname, "kernel version", "TEXT" },
	{ "root", 0, 0, G_OPTION_ARG_FILENAME, &options.root, "root image that it starts", "FILE" },
	{ "file-system", 0, 0, G_OPTION_ARG_STRING, &options.file_system, "of the root (erofs)",
	  "NAME" },
	{ "product", 0, 0, G_OPTION_ARG_STRING, &options.product, "product, for the salt", "NAME" },
	{ "fec-roots", 0, 0, G_OPTION_ARG_INT, &options.fec_roots,
	  "FEC parity of the root, as for azbundle build (none)", "N" },
	{ "key", 0, 0, G_OPTION_ARG_FILENAME, &options.key, "Secure Boot key (PEM)", "FILE" },
	{ "cert", 0, 0, G_OPTION_ARG_FILENAME, &options.certificate, "its certificate", "FILE" },
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, "UKI to write", "FILE" },
	G_OPTION_ENTRY_NULL
};

static gboolean fec_check(GError **error)
{
	if (options.fec_roots == 0 ||
	    (options.fec_roots >= FECLAYOUT_ROOTS_MIN && options.fec_roots <= FECLAYOUT_ROOTS_MAX))
		return TRUE;
	return failure_set(error, FAULT_FECLAYOUT_ROOTS, "--fec-roots %d is not from %d to %d",
			   options.fec_roots, FECLAYOUT_ROOTS_MIN, FECLAYOUT_ROOTS_MAX);
}

static gboolean options_check(GError **error)
{
	return command_need("linux", options.kernel, error) &&
	       command_need("initrd", options.initrd, error) &&
	       command_need("os-release", options.osrel, error) &&
	       command_need("root", options.root, error) &&
	       command_need("product", options.product, error) &&
	       command_need("output", options.output, error) &&
	       (options.key == NULL || command_need("cert", options.certificate, error)) &&
	       fec_check(error);
}

/* What ties the UKI to its root image, in front of what the user wants. */
static char *cmdline_make(GError **error)
{
	struct manifest_image image = { .superblock.salt_size = 32 };
	const struct bundlewrite_image root = { "root", options.root, &image };
	g_autofree char *hash = NULL;
	g_autofree char *fec = NULL;

	command_salt(options.product, image.superblock.salt);
	if (!bundlewrite_measure(&root, error))
		return NULL;
	hash = crypto_hex(image.root_hash, sizeof image.root_hash);
	fec = options.fec_roots != 0 ? g_strdup_printf(" azupdate.fec=%d", options.fec_roots)
				     : g_strdup("");
	return g_strdup_printf(
		"roothash=%s azupdate.blocks=%" G_GUINT64_FORMAT "%s rootfstype=%s%s%s", hash,
		image.superblock.data_blocks, fec,
		options.file_system != NULL ? options.file_system : "erofs",
		options.cmdline != NULL ? " " : "", options.cmdline != NULL ? options.cmdline : "");
}

static gboolean osrel_check(GBytes *osrel, GError **error)
{
	gsize size_bytes;
	const uint8_t *text = g_bytes_get_data(osrel, &size_bytes);
	uint64_t version;

	if (osrel_security_version(text, size_bytes, &version) != FAULT_OK)
		return failure_set(error, FAULT_OSREL_NUMBER,
				   "%s: AZUPDATE_SECURITY_VERSION is not a decimal number",
				   options.osrel);
	return TRUE;
}

static gboolean uki_write(GBytes *uki, GError **error)
{
	g_autofree char *unsigned_path = g_strconcat(options.output, ".unsigned", NULL);
	const char *const sign[] = {
		"sbsign",   "--key",        options.key,   "--cert", options.certificate,
		"--output", options.output, unsigned_path, NULL
	};
	const char *path = options.key != NULL ? unsigned_path : options.output;
	g_autoptr(GError) why = NULL;
	gboolean done;

	if (!g_file_set_contents(path, g_bytes_get_data(uki, NULL), (gssize)g_bytes_get_size(uki),
				 &why))
		return failure_set(error, FAULT_BUILD_OUTPUT, "%s", why->message);
	if (options.key == NULL)
		return TRUE;
	done = command_spawn(sign, error);
	(void)g_unlink(unsigned_path); /* a leftover does no harm */
	return done;
}

static GBytes *uki_assemble(GError **error)
{
	g_autofree char *cmdline = NULL;
	g_autoptr(GBytes) stub = NULL;
	g_autoptr(GBytes) kernel = NULL;
	g_autoptr(GBytes) initrd = NULL;
	g_autoptr(GBytes) osrel = NULL;
	g_autoptr(GBytes) cmdline_bytes = NULL;
	g_autoptr(GBytes) uname_bytes = NULL;
	struct uki_section sections[5];
	unsigned count = 0;

	stub = command_file(options.stub != NULL ? options.stub : STUB_DEFAULT, error);
	kernel = stub != NULL ? command_file(options.kernel, error) : NULL;
	initrd = kernel != NULL ? command_file(options.initrd, error) : NULL;
	osrel = initrd != NULL ? command_file(options.osrel, error) : NULL;
	if (osrel == NULL || !osrel_check(osrel, error))
		return NULL;
	cmdline = cmdline_make(error);
	if (cmdline == NULL)
		return NULL;
	cmdline_bytes = g_bytes_new(cmdline, strlen(cmdline));
	sections[count++] = (struct uki_section){ ".osrel", osrel };
	sections[count++] = (struct uki_section){ ".cmdline", cmdline_bytes };
	if (options.uname != NULL) {
		uname_bytes = g_bytes_new(options.uname, strlen(options.uname));
		sections[count++] = (struct uki_section){ ".uname", uname_bytes };
	}
	sections[count++] = (struct uki_section){ ".initrd", initrd };
	sections[count++] = (struct uki_section){ ".linux", kernel };
	return uki_build(stub, sections, count, error);
}

gboolean command_uki(int argc, char **argv, GError **error)
{
	g_autoptr(GBytes) uki = NULL;
	g_autofree char *pcr = NULL;

	if (!command_parse(
		    &argc, &argv, NULL,
		    "Makes a UKI for a root image: its signed command line names the root hash, "
		    "so that this kernel never runs with another root. Signs it with sbsign if "
		    "a key is given. Prints PCR 11 as it will be after systemd-stub.",
		    ENTRIES, 0, error) ||
	    !options_check(error))
		return FALSE;
	uki = uki_assemble(error);
	pcr = uki != NULL ? uki_pcr11(uki, error) : NULL;
	if (pcr == NULL || !uki_write(uki, error))
		return FALSE;
	printf("pcr11 sha256 %s\n", pcr);
	return TRUE;
}
