/* SPDX-License-Identifier: MIT */
#include "machine_tpm.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "machine_private.h"
#include "uki.h"
#include "vargate.h"
#include "veritybuild.h"

void machine_tpm_status_clear(struct machine_tpm_status *status)
{
	g_clear_pointer(&status->volume, g_free);
	varcrypt_status_clear(&status->var);
}

static char *volume_find(const struct machine *machine, GError **error)
{
	struct layout_part part = { .path = NULL };

	if (machine->config->volume != NULL)
		return g_strdup(machine->config->volume);
	if (machine->layout->disk == NULL) {
		failure_set(error, FAULT_PART_MISSING, "it is not known which disk var is on");
		return NULL;
	}
	if (!layout_find_var(machine->layout->disk, &part, error))
		return NULL;
	if (part.offset == 0)
		return part.path;
	failure_set(error, FAULT_PART_MISSING,
		    "%s is a file: name the volume by volume= in [tpm] of the configuration",
		    part.path);
	g_free(part.path);
	return NULL;
}

/* The release was accepted when it was installed; a certificate that expired since is no damage. */
static struct manifest *manifest_verified(const struct machine *machine,
					  const struct layout_part *part,
					  const struct boothead *head, GError **error)
{
	g_autoptr(GBytes) text = NULL;
	g_autoptr(GBytes) signature = NULL;
	g_autoptr(GError) why = NULL;

	if (!slotstore_signed_read(part, head, &text, &signature, error))
		return NULL;
	if (!crypto_cms_verify(g_bytes_get_data(text, NULL), g_bytes_get_size(text),
			       g_bytes_get_data(signature, NULL), g_bytes_get_size(signature),
			       machine->config->keyring, NULL, &why) &&
	    failure_code(why) != FAULT_SIGNATURE_EXPIRED) {
		g_propagate_error(error, g_steal_pointer(&why));
		return NULL;
	}
	return manifest_decode(g_bytes_get_data(text, NULL), g_bytes_get_size(text), error);
}

static gboolean root_compute(const uint8_t *padded, const struct manifest_image *image,
			     uint8_t ret_root[static VERITREE_HASH_SIZE], GError **error)
{
	const struct veritree_superblock *superblock = &image->superblock;
	g_autoptr(CryptoHasher) hasher = crypto_hasher_new(superblock->salt, superblock->salt_size);
	g_autofree struct veritybuild *build = g_new0(struct veritybuild, 1);
	struct veritree tree;
	const fault why = veritree_init(superblock->data_blocks, &tree);

	if (why != FAULT_OK)
		return failure_set(error, why, "the manifest's UKI is of an odd size");
	veritybuild_init(build, &tree, hasher, NULL, NULL);
	for (uint64_t i = 0; i < superblock->data_blocks; i++) {
		uint8_t hash[CRYPTO_HASH_SIZE];

		crypto_hash(hasher, padded + i * VERITREE_BLOCK_SIZE, VERITREE_BLOCK_SIZE, hash);
		if (!veritybuild_add(build, hash, error))
			return FALSE;
	}
	memcpy(ret_root, build->root, VERITREE_HASH_SIZE);
	return TRUE;
}

/* What stands on the disk may have been changed since it was booted: so all of it is hashed. */
static GBytes *uki_read(const struct layout_part *part, const struct boothead *head,
			const struct manifest_image *image, GError **error)
{
	g_autoptr(Disk) disk = layout_open(part, DISK_READ_ONLY, error);
	const uint64_t padded_size = image->superblock.data_blocks * VERITREE_BLOCK_SIZE;
	g_autofree uint8_t *padded = NULL;
	uint8_t root[VERITREE_HASH_SIZE];

	if (disk == NULL)
		return NULL;
	if (image->size_bytes > BOOTHEAD_UKI_MAX || padded_size < image->size_bytes ||
	    padded_size - image->size_bytes >= VERITREE_BLOCK_SIZE) {
		failure_set(error, FAULT_BOOTHEAD_RANGE, "the manifest's UKI is of an odd size");
		return NULL;
	}
	padded = g_malloc(padded_size);
	if (!disk_read(disk, head->uki_offset, padded, padded_size, error) ||
	    !root_compute(padded, image, root, error))
		return NULL;
	if (memcmp(root, image->root_hash, sizeof root) != 0) {
		failure_set(error, FAULT_CONVERGE_READBACK,
			    "%s does not hold the UKI that its manifest signs", disk->name);
		return NULL;
	}
	return g_bytes_new_take(g_steal_pointer(&padded), image->size_bytes);
}

static GBytes *uki_verified(const struct machine *machine, unsigned slot, GError **error)
{
	g_autoptr(Slotstore) store = NULL;
	g_autoptr(Manifest) manifest = NULL;

	store = slotstore_read(&machine->layout->boot[slot], error);
	if (store == NULL)
		return NULL;
	manifest = manifest_verified(machine, &machine->layout->boot[slot], &store->head, error);
	return manifest == NULL ? NULL
				: uki_read(&machine->layout->boot[slot], &store->head,
					   &manifest->uki, error);
}

static GBytes *uki_running(const struct machine *machine, GError **error)
{
	const unsigned slot = machine->boot->running;

	if (slot < SLOT_COUNT)
		return uki_verified(machine, slot, error);
	failure_set(error, FAULT_SEAL_RELEASE, "the machine was not booted from a slot");
	return NULL;
}

gboolean machine_tpm_prove(struct machine *machine, unsigned slot, GError **error)
{
	g_autoptr(GError) why = NULL;
	g_autofree char *volume = volume_find(machine, &why);
	g_autoptr(Tpm) tpm = NULL;
	g_autoptr(GBytes) uki = NULL;

	if (volume == NULL && failure_code(why) == FAULT_PART_MISSING)
		return TRUE; /* no var, nothing to be lost */
	if (volume == NULL) {
		g_propagate_error(error, g_steal_pointer(&why));
		return FALSE;
	}
	if (!varcrypt_is_sealed(volume))
		return TRUE;
	uki = uki_verified(machine, slot, &why);
	tpm = tpm_open(machine->config->tcti, NULL); /* the proof says that there is none */
	if (uki != NULL && varcrypt_prove(volume, tpm, uki, &why))
		return TRUE;
	g_propagate_prefixed_error(error, g_steal_pointer(&why),
				   "slot %s cannot be activated, since var would stay locked: ",
				   machine_slot_name(slot));
	return FALSE;
}

gboolean machine_tpm_status_get(struct machine *machine, struct machine_tpm_status *ret_status,
				GError **error)
{
	g_autofree char *volume = volume_find(machine, error);
	g_autoptr(Tpm) tpm = NULL;
	g_autoptr(GBytes) uki = NULL;
	g_autoptr(GError) why = NULL;

	if (volume == NULL)
		return FALSE;
	tpm = tpm_open(machine->config->tcti, NULL); /* that there is none is in the status */
	uki = uki_running(machine, &why);
	varcrypt_status_get(volume, tpm, uki, why, &ret_status->var);
	ret_status->volume = g_steal_pointer(&volume);
	return TRUE;
}

static gboolean sections_running(const struct machine *machine, GBytes **ret_public_key,
				 GBytes **ret_pcrsig, GError **error)
{
	g_autoptr(GBytes) uki = uki_running(machine, error);
	g_autoptr(GBytes) public_key = NULL;
	g_autoptr(GBytes) pcrsig = NULL;

	if (uki == NULL)
		return FALSE;
	public_key = uki_section_get(uki, ".pcrpkey", NULL);
	pcrsig = uki_section_get(uki, ".pcrsig", NULL);
	if (public_key == NULL || pcrsig == NULL)
		return failure_set(error, FAULT_SEAL_RELEASE,
				   "the running release's UKI has no PCR signatures");
	*ret_public_key = g_steal_pointer(&public_key);
	*ret_pcrsig = g_steal_pointer(&pcrsig);
	return TRUE;
}

gboolean machine_tpm_enroll(struct machine *machine, const struct machine_tpm_keys *keys,
			    GError **error)
{
	g_autofree char *volume = volume_find(machine, error);
	g_autoptr(Tpm) tpm = volume != NULL ? tpm_open(machine->config->tcti, error) : NULL;
	g_autoptr(GBytes) public_key = NULL;
	g_autoptr(GBytes) pcrsig = NULL;

	if (tpm == NULL || !sections_running(machine, &public_key, &pcrsig, error))
		return FALSE;
	return vargate_enroll(
		&(const struct vargate){ tpm, pcrsig, machine->boot->floor, 0, FALSE },
		&(const struct varcrypt_enroll){
			.volume = volume,
			.tpm = tpm,
			.public_key = public_key,
			.key = keys->key,
			.recovery_key = keys->recovery_key,
			.pin = keys->pin,
		},
		error);
}
