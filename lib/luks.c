/* SPDX-License-Identifier: MIT */
#include "luks.h"

#include <errno.h>
#include <libcryptsetup.h>
#include <string.h>

#include "disk.h"
#include "failure.h"
#include "luksheader.h"

enum {
	SECTOR_LARGE = 4096,
	SECTOR_SMALL = 512,
	ITERATIONS = 1000, /* the fewest that are allowed */
};

/* In the header's subsystem, until a new volume has all its keys. */
static const char UNFINISHED[] = "azupdate-unfinished";
static const char LABEL[] = "var";
static const char TYPE_RECOVERY[] = "systemd-recovery";

struct luks {
	struct crypt_device *device;
	char *path;
	char *complaint; /* libcryptsetup's last one */
};

static void complaint_keep(int level, const char *text, void *user_data)
{
	struct luks *luks = user_data;

	if (level != CRYPT_LOG_ERROR)
		return;
	g_free(luks->complaint);
	luks->complaint = g_strndup(text, strcspn(text, "\n"));
}

/* `status` as libcryptsetup returns it: a negative errno, or success. */
static gboolean luks_done(const struct luks *luks, int status, fault why, const char *what,
			  GError **error)
{
	if (status >= 0)
		return TRUE;
	return failure_set(error, why, "%s: cannot %s: %s", luks->path, what,
			   luks->complaint != NULL ? luks->complaint : g_strerror(-status));
}

static struct luks *luks_new(const char *path, GError **error)
{
	g_autoptr(Luks) luks = g_new0(struct luks, 1);

	crypt_token_external_disable();
	luks->path = g_strdup(path);
	if (!luks_done(luks, crypt_init(&luks->device, path), FAULT_DISK_OPEN, "open it", error))
		return NULL;
	crypt_set_log_callback(luks->device, complaint_keep, luks);
	return g_steal_pointer(&luks);
}

void luks_free(struct luks *luks)
{
	if (luks == NULL)
		return;
	crypt_free(luks->device);
	g_free(luks->path);
	g_free(luks->complaint);
	g_free(luks);
}

static gboolean header_check(struct luks *luks, GError **error)
{
	const char *json = NULL;

	return luks_done(luks, crypt_dump_json(luks->device, &json, 0), FAULT_LUKS_HEADER,
			 "read its LUKS2 header", error) &&
	       luksheader_check(json, strlen(json), error);
}

gboolean luks_is_there(const char *path)
{
	static const char MAGIC[] = "LUKS\xba\xbe"; /* LUKS2 On-Disk Format Specification, 2.1 */
	g_autoptr(Disk) disk = disk_open_file(path, DISK_READ_ONLY, 0, 0, NULL);
	uint8_t start[sizeof MAGIC - 1];
	g_autoptr(Luks) luks = NULL;

	if (disk == NULL || !disk_read(disk, 0, start, sizeof start, NULL) ||
	    memcmp(start, MAGIC, sizeof start) == 0)
		return TRUE;
	luks = luks_new(path, NULL);
	return luks == NULL || crypt_load(luks->device, CRYPT_LUKS2, NULL) >= 0;
}

struct luks *luks_open(const char *path, GError **error)
{
	g_autoptr(Luks) luks = luks_new(path, error);

	if (luks == NULL ||
	    !luks_done(luks, crypt_load(luks->device, CRYPT_LUKS2, NULL), FAULT_LUKS_HEADER,
		       "find a LUKS2 header on it", error) ||
	    !header_check(luks, error))
		return NULL;
	return g_steal_pointer(&luks);
}

/* Of recovery keys and of the passphrases that the TPM keeps. Both have 256 random bits: to guess
 * one is out of reach whatever a guess costs, so a costly derivation would only take time and
 * memory from a machine that boots. systemd's are as cheap. */
static struct crypt_pbkdf_type derivation_new(void)
{
	return (struct crypt_pbkdf_type){
		.type = CRYPT_KDF_PBKDF2,
		.hash = "sha512",
		.iterations = ITERATIONS,
		.flags = CRYPT_PBKDF_NO_BENCHMARK,
	};
}

struct luks *luks_create(const char *path, GError **error)
{
	static const uint32_t SECTORS[] = { SECTOR_LARGE, SECTOR_SMALL };
	const struct crypt_pbkdf_type derivation = derivation_new();
	g_autoptr(Luks) luks = luks_new(path, error);
	int status = -EINVAL;

	if (luks == NULL)
		return NULL;
	for (unsigned i = 0; status < 0 && i < G_N_ELEMENTS(SECTORS); i++) {
		struct crypt_params_luks2 parameters = {
			.pbkdf = &derivation,
			.sector_size = SECTORS[i],
			.label = LABEL,
			.subsystem = UNFINISHED,
		};

		status = crypt_format(luks->device, CRYPT_LUKS2, "aes", "xts-plain64", NULL, NULL,
				      LUKSHEADER_KEY_SIZE, &parameters);
	}
	if (!luks_done(luks, status, FAULT_LUKS_WRITE, "make a LUKS2 volume of it", error) ||
	    !header_check(luks, error))
		return NULL;
	return g_steal_pointer(&luks);
}

gboolean luks_is_unfinished(const struct luks *luks)
{
	return g_strcmp0(crypt_get_subsystem(luks->device), UNFINISHED) == 0;
}

gboolean luks_finish(struct luks *luks, GError **error)
{
	return luks_done(luks, crypt_set_label(luks->device, LABEL, NULL), FAULT_LUKS_WRITE,
			 "finish it", error);
}

struct secret *luks_new_key(struct luks *luks, GError **error)
{
	g_autoptr(Secret) volume_key = secret_new(LUKSHEADER_KEY_SIZE);
	size_t size_bytes = volume_key->size_bytes;

	if (!luks_done(luks,
		       crypt_volume_key_get(luks->device, CRYPT_ANY_SLOT, (char *)volume_key->bytes,
					    &size_bytes, NULL, 0),
		       FAULT_LUKS_KEY, "tell its new key", error))
		return NULL;
	return g_steal_pointer(&volume_key);
}

struct secret *luks_unlock(struct luks *luks, const struct secret *passphrase, unsigned keyslot,
			   GError **error)
{
	g_autoptr(Secret) volume_key = secret_new(LUKSHEADER_KEY_SIZE);
	size_t size_bytes = volume_key->size_bytes;
	const int slot = keyslot == LUKS_KEYSLOT_ANY ? CRYPT_ANY_SLOT : (int)keyslot;
	const int opened = crypt_volume_key_get(luks->device, slot, (char *)volume_key->bytes,
						&size_bytes, (const char *)passphrase->bytes,
						passphrase->size_bytes);

	if (opened >= 0 && size_bytes == LUKSHEADER_KEY_SIZE)
		return g_steal_pointer(&volume_key);
	if (opened == -EPERM || opened == -ENOENT || opened == -EINVAL)
		failure_set(error, FAULT_LUKS_KEY, "%s: the key does not open it", luks->path);
	else
		luks_done(luks, opened < 0 ? opened : -EINVAL, FAULT_LUKS_KEY, "unlock it", error);
	return NULL;
}

/* The keyslot, or a negative errno. It was opened again. */
static int keyslot_add(struct luks *luks, const struct secret *volume_key,
		       const struct secret *passphrase)
{
	g_autoptr(Secret) back = NULL;
	const struct crypt_pbkdf_type derivation = derivation_new();
	int keyslot = crypt_set_pbkdf_type(luks->device, &derivation);

	if (keyslot >= 0)
		keyslot = crypt_keyslot_add_by_volume_key(
			luks->device, CRYPT_ANY_SLOT, (const char *)volume_key->bytes,
			volume_key->size_bytes, (const char *)passphrase->bytes,
			passphrase->size_bytes);
	if (keyslot < 0)
		return keyslot;
	back = luks_unlock(luks, passphrase, (unsigned)keyslot, NULL);
	return back != NULL && back->size_bytes == volume_key->size_bytes &&
			       memcmp(back->bytes, volume_key->bytes, back->size_bytes) == 0
		       ? keyslot
		       : -EIO;
}

static gboolean token_is(struct luks *luks, int number, const char *wanted)
{
	const char *type = NULL;
	const crypt_token_info info = crypt_token_status(luks->device, number, &type);

	return info != CRYPT_TOKEN_INVALID && info != CRYPT_TOKEN_INACTIVE &&
	       g_strcmp0(type, wanted) == 0;
}

static gboolean token_is_tpm(struct luks *luks, int number)
{
	return token_is(luks, number, TPMTOKEN_TYPE) || token_is(luks, number, TPMTOKEN_TYPE_GATED);
}

static gboolean token_has_keyslot(struct luks *luks, int number)
{
	for (int keyslot = 0; keyslot < LUKSHEADER_KEYSLOTS; keyslot++)
		if (crypt_token_is_assigned(luks->device, number, keyslot) == 0)
			return TRUE;
	return FALSE;
}

gboolean luks_has_recovery(struct luks *luks)
{
	for (int i = 0; i < LUKS_TOKENS_MAX; i++)
		if (token_is(luks, i, TYPE_RECOVERY) && token_has_keyslot(luks, i))
			return TRUE;
	return FALSE;
}

gboolean luks_recovery_add(struct luks *luks, const struct secret *volume_key,
			   const struct secret *recovery_key, GError **error)
{
	const int keyslot = keyslot_add(luks, volume_key, recovery_key);
	g_autofree char *json = g_strdup_printf("{\"type\":\"%s\",\"keyslots\":[\"%d\"]}",
						TYPE_RECOVERY, keyslot);

	return luks_done(luks, keyslot, FAULT_LUKS_WRITE, "add a keyslot for a recovery key",
			 error) &&
	       luks_done(luks, crypt_token_json_set(luks->device, CRYPT_ANY_TOKEN, json),
			 FAULT_LUKS_WRITE, "add the token of the recovery key", error);
}

unsigned luks_tpm_tokens(struct luks *luks, unsigned ret_tokens[static LUKS_TOKENS_MAX])
{
	unsigned count = 0;

	for (int i = 0; i < LUKS_TOKENS_MAX; i++)
		if (token_is_tpm(luks, i) && token_has_keyslot(luks, i))
			ret_tokens[count++] = (unsigned)i;
	return count;
}

gboolean luks_tpm_token(struct luks *luks, unsigned number, struct tpmtoken *ret_token,
			GError **error)
{
	const char *json = NULL;

	return luks_done(luks, crypt_token_json_get(luks->device, (int)number, &json),
			 FAULT_TOKEN_FORMAT, "read its TPM token", error) &&
	       tpmtoken_decode(json, strlen(json), ret_token, error);
}

gboolean luks_tpm_add(struct luks *luks, const struct secret *volume_key,
		      const struct secret *passphrase, struct tpmtoken *token, unsigned *ret_number,
		      GError **error)
{
	const int keyslot = keyslot_add(luks, volume_key, passphrase);
	g_autofree char *json = NULL;
	int number;

	if (!luks_done(luks, keyslot, FAULT_LUKS_WRITE, "add a keyslot for the TPM", error))
		return FALSE;
	token->keyslot = (unsigned)keyslot;
	json = tpmtoken_encode(token);
	number = crypt_token_json_set(luks->device, CRYPT_ANY_TOKEN, json);
	if (!luks_done(luks, number, FAULT_LUKS_WRITE, "add the TPM's token", error))
		return FALSE;
	*ret_number = (unsigned)number;
	return TRUE;
}

/* The keyslots first: what a token's secret opens is gone then, whatever happens to the token. */
static int token_remove(struct luks *luks, int number)
{
	int status = 0;

	for (int keyslot = 0; status >= 0 && keyslot < LUKSHEADER_KEYSLOTS; keyslot++)
		if (crypt_token_is_assigned(luks->device, number, keyslot) == 0)
			status = crypt_keyslot_destroy(luks->device, keyslot);
	return status < 0 ? status : crypt_token_json_set(luks->device, number, NULL);
}

gboolean luks_tpm_remove(struct luks *luks, unsigned number, GError **error)
{
	return luks_done(luks, token_remove(luks, (int)number), FAULT_LUKS_WRITE,
			 "remove an old TPM token", error);
}

gboolean luks_tpm_sweep(struct luks *luks, GError **error)
{
	for (unsigned i = 0; i < LUKS_TOKENS_MAX; i++)
		if (token_is_tpm(luks, (int)i) && !token_has_keyslot(luks, (int)i) &&
		    !luks_tpm_remove(luks, i, error))
			return FALSE;
	return TRUE;
}

gboolean luks_tpm_keep(struct luks *luks, unsigned number, GError **error)
{
	for (unsigned i = 0; i < LUKS_TOKENS_MAX; i++)
		if (i != number && token_is_tpm(luks, (int)i) && !luks_tpm_remove(luks, i, error))
			return FALSE;
	return TRUE;
}

char *luks_measured(const struct luks *luks, const char *name)
{
	return g_strdup_printf("cryptsetup:%s:%s", name, crypt_get_uuid(luks->device));
}

gboolean luks_activate(struct luks *luks, const char *name, const struct secret *volume_key,
		       GError **error)
{
	return luks_done(luks,
			 crypt_activate_by_volume_key(luks->device, name,
						      (const char *)volume_key->bytes,
						      volume_key->size_bytes, 0),
			 FAULT_LUKS_ACTIVATE, "activate it", error);
}
