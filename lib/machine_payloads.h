/* SPDX-License-Identifier: MIT */
#pragma once
/* Both payloads of a release in one slot: the UKI in its boot partition, the root image in its
 * root partition; what the other slot holds, as a seed; and the order in which they converge. */

#include "converge.h"
#include "fec.h"
#include "machine_private.h"

enum { PAYLOAD_UKI, PAYLOAD_ROOT, PAYLOAD_COUNT };

struct payloads {
	const struct machine_install *options; /* borrowed */
	struct bundle *bundle;                 /* borrowed; NULL: none */
	struct disk *disks[PAYLOAD_COUNT];     /* of the target: boot, root */
	struct converge converges[PAYLOAD_COUNT];
	struct slotstore *seed_store; /* of the seed's slot, or NULL */
	struct slotstore *old_store;  /* of the target as it was found, or NULL */
	struct disk *seed_disks[PAYLOAD_COUNT];
	struct converge_place seeds[PAYLOAD_COUNT];
	struct converge_place olds[PAYLOAD_COUNT];
	struct fec_place parity; /* of the root image; its roots are 0 if the release has none */
	guint64 fetch_bytes;     /* of the bundle, in all; 0: not known yet */
};

struct payloads_options {
	struct machine *machine;
	const struct machine_install *install;
	const struct manifest *manifest; /* of the release that shall stand in the target */
	struct bundle *bundle;           /* may be NULL */
	unsigned target;
	enum disk_mode mode;
};

/* Opens the target's partitions and what can be used of the other slot's. `payloads` is zeroed. */
gboolean payloads_init(struct payloads *payloads, const struct payloads_options *options,
		       GError **error);
void payloads_done(struct payloads *payloads);

/* Reads the bundle up to its frames and plans; writes nothing. */
gboolean payloads_plan(struct payloads *payloads, GError **error);
/* Makes the target hold the release, but for the boot partition's header and manifest. */
gboolean payloads_apply(struct payloads *payloads, GError **error);
gboolean payloads_verify(struct payloads *payloads, GError **error);
gboolean payloads_repair(struct payloads *payloads, GError **error);

/* Bytes of the root partition that image, tree and parity take. */
uint64_t payloads_root_end(const struct payloads *payloads);

/* The sum of one figure of both. */
struct converge_stats payloads_stats(const struct payloads *payloads);
