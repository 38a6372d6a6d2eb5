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
#include "pcr11.h"
#include "pcrpolicy.h"
#include "sealpolicy.h"
#include "signinitrd.h"
#include "signkey.h"

static const char STUB_DEFAULT[] = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

static struct {
	char *stub, *kernel, *initrd, *cmdline, *osrel, *uname, *root, *file_system, *product;
	char *key, *certificate, *root_key, *root_certificate, *output;
	char **pcr_keys, **pcr_banks, **pcr_paths, **floors;
	int fec_roots;
	gboolean no_gate;
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
	{ "root-key", 0, 0, G_OPTION_ARG_FILENAME, &options.root_key,
	  "signs the root hash for kernels that want it: RSA key (PEM file or URI)", "KEY" },
	{ "root-cert", 0, 0, G_OPTION_ARG_FILENAME, &options.root_certificate,
	  "its certificate, which such a kernel has in a keyring", "FILE" },
	{ "key", 0, 0, G_OPTION_ARG_FILENAME, &options.key, "Secure Boot key (PEM)", "FILE" },
	{ "cert", 0, 0, G_OPTION_ARG_FILENAME, &options.certificate, "its certificate", "FILE" },
	{ "pcr-key", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.pcr_keys,
	  "signs policies over PCR 11: RSA key (PEM file or URI); several sign all, the first is "
	  "the one for new secrets",
	  "KEY" },
	{ "pcr-bank", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.pcr_banks,
	  "bank of the policies (sha256); may be given more than once", "BANK" },
	{ "pcr-phases", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.pcr_paths,
	  "phases of the boot after which secrets may be used (enter-initrd); may be given more "
	  "than once",
	  "PATH" },
	{ "floor", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.floors,
	  "a floor of machines, further down than the security version and the 15 below it, with "
	  "which the release may have their secrets; may be given more than once",
	  "N" },
	{ "no-gate", 0, 0, G_OPTION_ARG_NONE, &options.no_gate,
	  "sign for no floors: systemd-cryptsetup can use what machines seal then, and revoked "
	  "releases can, too",
	  NULL },
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
	       (options.root_key == NULL ||
		command_need("root-cert", options.root_certificate, error)) &&
	       (options.root_certificate == NULL ||
		command_need("root-key", options.root_key, error)) &&
	       ((options.pcr_banks == NULL && options.pcr_paths == NULL &&
		 options.floors == NULL) ||
		command_need("pcr-key", options.pcr_keys != NULL ? options.pcr_keys[0] : NULL,
			     error)) &&
	       fec_check(error);
}

/* What ties the UKI to its root image, in front of what the user wants. */
static char *cmdline_make(uint8_t ret_root_hash[static SIGNINITRD_HASH_SIZE], GError **error)
{
	struct manifest_image image = { .superblock.salt_size = 32 };
	const struct bundlewrite_image root = { "root", options.root, &image };
	g_autofree char *hash = NULL;
	g_autofree char *fec = NULL;

	command_salt(options.product, image.superblock.salt);
	if (!bundlewrite_measure(&root, error))
		return NULL;
	memcpy(ret_root_hash, image.root_hash, sizeof image.root_hash);
	hash = crypto_hex(image.root_hash, sizeof image.root_hash);
	fec = options.fec_roots != 0 ? g_strdup_printf(" azupdate.fec=%d", options.fec_roots)
				     : g_strdup("");
	return g_strdup_printf(
		"roothash=%s azupdate.blocks=%" G_GUINT64_FORMAT "%s rootfstype=%s%s%s", hash,
		image.superblock.data_blocks, fec,
		options.file_system != NULL ? options.file_system : "erofs",
		options.cmdline != NULL ? " " : "", options.cmdline != NULL ? options.cmdline : "");
}

static gboolean osrel_check(GBytes *osrel, uint64_t *ret_version, GError **error)
{
	gsize size_bytes;
	const uint8_t *text = g_bytes_get_data(osrel, &size_bytes);

	if (osrel_security_version(text, size_bytes, ret_version) != FAULT_OK)
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

enum { SECTIONS_MAX = 8 };

struct assembly {
	struct uki_section sections[SECTIONS_MAX];
	unsigned count;
	GPtrArray *keys; /* of struct signkey_rsa * */
	uint64_t security_version;
};

static void assembly_done(struct assembly *assembly)
{
	for (unsigned i = 0; i < assembly->count; i++)
		g_bytes_unref(assembly->sections[i].content);
	g_ptr_array_unref(assembly->keys);
}

/* Takes the content over; FALSE if there is none. */
static gboolean section_add(struct assembly *assembly, const char *name, GBytes *content)
{
	if (content == NULL)
		return FALSE;
	g_assert(assembly->count < SECTIONS_MAX);
	assembly->sections[assembly->count++] = (struct uki_section){ name, content };
	return TRUE;
}

static GBytes *text_bytes(char *text)
{
	return text != NULL ? g_bytes_new_take(text, strlen(text)) : NULL;
}

static GBytes *initrd_make(const uint8_t root_hash[static SIGNINITRD_HASH_SIZE], GError **error)
{
	g_autoptr(GBytes) initrd = command_file(options.initrd, error);

	if (initrd == NULL || options.root_key == NULL)
		return g_steal_pointer(&initrd);
	return signinitrd_make(initrd, root_hash, options.root_key, options.root_certificate,
			       error);
}

static gboolean sections_read(struct assembly *assembly, GError **error)
{
	GBytes *osrel = command_file(options.osrel, error);
	uint8_t root_hash[SIGNINITRD_HASH_SIZE];

	return section_add(assembly, ".osrel", osrel) &&
	       osrel_check(osrel, &assembly->security_version, error) &&
	       section_add(assembly, ".cmdline", text_bytes(cmdline_make(root_hash, error))) &&
	       (options.uname == NULL ||
		section_add(assembly, ".uname", text_bytes(g_strdup(options.uname)))) &&
	       section_add(assembly, ".initrd", initrd_make(root_hash, error)) &&
	       section_add(assembly, ".linux", command_file(options.kernel, error));
}

static gboolean pcr_keys_load(struct assembly *assembly, GError **error)
{
	for (char **where = options.pcr_keys; where != NULL && *where != NULL; where++) {
		struct signkey_rsa *key = signkey_rsa_load(*where, error);

		if (key == NULL)
			return FALSE;
		g_ptr_array_add(assembly->keys, key);
	}
	return assembly->keys->len == 0 ||
	       section_add(assembly, ".pcrpkey",
			   signkey_rsa_public(g_ptr_array_index(assembly->keys, 0), error));
}

enum { FLOORS_BELOW = 15 };

static gboolean floor_add(GArray *floors, uint64_t floor)
{
	for (guint i = 0; i < floors->len; i++)
		if (g_array_index(floors, uint64_t, i) == floor)
			return TRUE;
	g_array_append_val(floors, floor);
	return floors->len <= SEALPOLICY_SIGNATURE_COUNT_MAX;
}

/* The floors that machines may have for which the release is still good: that of none, its own, and
 * those in between, as far as that is likely. */
static gboolean floors_make(uint64_t security_version, GArray *floors, GError **error)
{
	guint64 floor;

	if (options.no_gate)
		return TRUE;
	g_assert(security_version <= PCRPOLICY_FLOOR_MAX); /* osrel.h: 18 digits */
	floor_add(floors, 0);
	for (unsigned i = 0; i <= FLOORS_BELOW && i < security_version; i++)
		floor_add(floors, security_version - i);
	for (char **text = options.floors; text != NULL && *text != NULL; text++)
		if (!g_ascii_string_to_unsigned(*text, 10, 0, security_version, &floor, NULL) ||
		    !floor_add(floors, floor))
			return failure_set(error, FAULT_ARGUMENT,
					   "--floor %s is no number up to the security version, or "
					   "one too many",
					   *text);
	return TRUE;
}

/* The signatures are of what is measured; they are not measured themselves. */
static GBytes *uki_with_policies(struct assembly *assembly, GBytes *stub, GBytes *uki,
				 GError **error)
{
	static const char *const BANKS[] = { "sha256", NULL };
	static const char *const PATHS[] = { "enter-initrd", NULL };
	g_autoptr(GArray) floors = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	const gboolean known = floors_make(assembly->security_version, floors, error);
	const struct pcrpolicy policy = {
		.uki = uki,
		.banks = options.pcr_banks != NULL ? (const char *const *)options.pcr_banks : BANKS,
		.paths = options.pcr_paths != NULL ? (const char *const *)options.pcr_paths : PATHS,
		.keys = assembly->keys,
		.floors = (const uint64_t *)(const void *)floors->data,
		.n_floors = floors->len,
	};

	if (!known || !section_add(assembly, ".pcrsig", pcrpolicy_sign(&policy, error)))
		return NULL;
	return uki_build(stub, assembly->sections, assembly->count, error);
}

static GBytes *uki_assemble(struct assembly *assembly, GError **error)
{
	g_autoptr(GBytes) stub = NULL;
	g_autoptr(GBytes) uki = NULL;

	stub = command_file(options.stub != NULL ? options.stub : STUB_DEFAULT, error);
	if (stub == NULL || !sections_read(assembly, error) || !pcr_keys_load(assembly, error))
		return NULL;
	uki = uki_build(stub, assembly->sections, assembly->count, error);
	if (uki == NULL || assembly->keys->len == 0)
		return g_steal_pointer(&uki);
	return uki_with_policies(assembly, stub, uki, error);
}

static gboolean pcr_append(GString *text, GBytes *uki, const char *name, GError **error)
{
	const struct pcr11_bank *bank = pcr11_bank_find(name, error);
	g_autofree char *hex = NULL;
	struct pcr11 pcr;

	if (bank == NULL || !pcr11_predict(uki, bank, &pcr, error))
		return FALSE;
	hex = crypto_hex(pcr.value, bank->size_bytes);
	g_string_append_printf(text, "pcr11 %s %s\n", name, hex);
	return TRUE;
}

/* A line for sha256, and one for each other bank that policies were asked for. */
static gboolean pcrs_tell(GString *text, GBytes *uki, GError **error)
{
	gboolean done = pcr_append(text, uki, "sha256", error);

	for (char **name = options.pcr_banks; done && name != NULL && *name != NULL; name++)
		done = strcmp(*name, "sha256") == 0 || pcr_append(text, uki, *name, error);
	return done;
}

gboolean command_uki(int argc, char **argv, GError **error)
{
	struct assembly assembly = { .count = 0 };
	g_autoptr(GString) pcrs = g_string_new(NULL);
	g_autoptr(GBytes) uki = NULL;
	gboolean done;

	if (!command_parse(
		    &argc, &argv, NULL,
		    "Makes a UKI for a root image: its signed command line names the root hash, "
		    "so that this kernel never runs with another root. Signs it with sbsign if "
		    "a key is given. Prints PCR 11 as it will be after systemd-stub; with "
		    "--pcr-key, signs policies that let secrets be used with it; with "
		    "--root-key, the root hash, for kernels that want that.",
		    ENTRIES, 0, error) ||
	    !options_check(error))
		return FALSE;
	assembly.keys = g_ptr_array_new_with_free_func((GDestroyNotify)signkey_rsa_free);
	uki = uki_assemble(&assembly, error);
	done = uki != NULL && pcrs_tell(pcrs, uki, error) && uki_write(uki, error);
	if (done)
		fputs(pcrs->str, stdout);
	assembly_done(&assembly);
	return done;
}
