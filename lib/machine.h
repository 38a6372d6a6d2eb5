/* SPDX-License-Identifier: MIT */
#pragma once
/* Machine: this computer's slots, boot record and past, and everything that may be done to them.
 * The daemon is a D-Bus face on this; tests drive it on a disk in a file. Not thread-safe: one
 * job at a time. Every function that fails leaves the machine able to boot what it could before. */

#include <gio/gio.h>
#include <glib.h>

#include "bootinfo.h"
#include "bootrec.h"
#include "config.h"
#include "failed.h"
#include "health.h"
#include "layout.h"
#include "slot.h"

typedef struct machine Machine; /* for g_autoptr() only */

enum machine_running {
	MACHINE_RUNNING_UNKNOWN = SLOT_NONE, /* not booted from a slot, e.g. an installer */
};

/* What is known of one slot. Strings are owned by the status; NULL where nothing is known. */
struct machine_slot {
	struct slot slot; /* from the boot record */
	char *version;    /* from the boot partition's header */
	char *root_hash;  /* hex */
	gboolean running;
	char *reason; /* why it is bad, in a sentence */
};

struct machine_status {
	struct machine_slot slots[SLOT_COUNT];
	unsigned running;   /* SLOT_A, SLOT_B or MACHINE_RUNNING_UNKNOWN */
	fault record_fault; /* FAULT_OK, FAULT_BOOTREC_LOST, FAULT_BOOTREC_LATER */
	gboolean committed; /* the running release is good */
	unsigned next;      /* what the next boot will start, or SLOT_NONE */
	enum slot_reason next_reason;
	guint64 floor;         /* below which azboot starts nothing; 0: none, or unknown */
	guint64 floor_request; /* what azboot raises it to, as far as the other slot allows */
	fault boot_fault;      /* what azboot met at this boot */
	char *boot_reason;     /* why azboot chose the running slot, its own words; may be NULL */
	guint64 boot_time_us;  /* azboot, from entry to handing over; 0: unknown */
	GPtrArray *failed;     /* of struct failed (failed.h), newest last */
	char *pcr11;           /* hex SHA-256 bank now, NULL without a TPM */
	char *pcr11_predicted; /* hex, what it should be now; NULL: the manifest does not say */
};
typedef struct machine_status MachineStatus; /* for g_autoptr() only */

struct machine_progress {
	const char *step; /* "check", "read tree", "copy", "make", "read back", ...: static */
	guint64 done_bytes;
	guint64 total_bytes;   /* 0: unknown */
	guint64 fetched_bytes; /* of the bundle, so far */
	guint64 fetch_bytes;   /* of the bundle, in all; 0: not known yet, or none */
};
typedef void (*machine_progress_func)(const struct machine_progress *progress, gpointer user_data);

/* A release whose manifest was verified; strings are borrowed for the call. */
struct machine_release {
	const char *version;
	const char *root_hash; /* hex */
	unsigned slot;         /* where it goes */
};
/* FALSE, with an error: the release is not staged. Nothing was written yet. */
typedef gboolean (*machine_allow_func)(const struct machine_release *release, gpointer allow_data,
				       GError **error);

struct machine_install {
	int fd;                       /* bundle as a file or a pipe; -1: use the URL. Borrowed */
	const char *url;              /* http(s) URL, or NULL */
	const char *stored;           /* version: out of the store, and of no bundle; or NULL */
	gboolean force;               /* also over the fallback, and what failed here before */
	gboolean activate;            /* make it the next boot, after it is staged */
	const uint8_t *manifest_hash; /* SHA-256 over the manifest's bytes, as a repository's
					 * metadata names it; NULL: any release will do. Borrowed */
	machine_allow_func allow;     /* asked once before something is written, in the calling
					 * thread; not if the release is in the slot already. May
					 * be NULL */
	gpointer allow_data;
	gboolean accept_expired;        /* of the repository's metadata that a bundle carries */
	machine_progress_func progress; /* called from the calling thread; may be NULL */
	gpointer user_data;
	GCancellable *cancellable; /* may be NULL */
};

struct machine_installed { /* what an install did; free strings with _clear */
	unsigned slot;
	char *version;
	guint64 fetched_bytes; /* read from the bundle */
	guint64 copied_bytes;  /* taken from the running slot */
	guint64 made_bytes;    /* made by a delta */
	guint64 kept_bytes;    /* already right in the target slot */
	guint64 written_bytes;
};
void machine_installed_clear(struct machine_installed *installed);

enum { MACHINE_PAYLOADS = 2 }; /* UKI, root image */

/* Where a payload's blocks will come from, in bytes of the image. */
struct machine_payload_plan {
	const char *name; /* static */
	gboolean is_delta;
	guint64 keep_bytes;   /* stands in the target already */
	guint64 zero_bytes;   /* zeros */
	guint64 copy_bytes;   /* from the running slot */
	guint64 make_bytes;   /* by the delta */
	guint64 decode_bytes; /* out of the full payload */
	guint64 frame_bytes;  /* of the bundle, to be fetched for the two above */
	guint64 requests;     /* of a web server, for those */
};

struct machine_plan { /* what an install would do; free strings with _clear */
	unsigned slot;
	char *version;
	guint64 head_bytes;   /* of the bundle, read for the plan: an install reads them too */
	guint64 fetch_bytes;  /* of the bundle, in all, with those */
	guint64 static_parts; /* of a static delta of an ostree repository; 0: none is used */
	guint64 static_bytes; /* of those parts ... */
	guint64 static_object_bytes; /* ... instead of this for objects, as the server has both */
	struct machine_payload_plan payloads[MACHINE_PAYLOADS];
};
void machine_plan_clear(struct machine_plan *plan);

struct machine_checked { /* what verify or repair found; free strings with _clear */
	unsigned slot;
	char *version;
	guint64 wrong_bytes;   /* of data that was wrong, or could not be read */
	guint64 tree_bytes;    /* of trees, and of FEC parity, that were mended */
	guint64 copied_bytes;  /* healed from the other slot */
	guint64 decoded_bytes; /* healed from the bundle */
	guint64 fetched_bytes; /* read from the bundle */
	gboolean from_store;   /* there was no bundle, but the release in the store: see above */
	gboolean header_mended;
};
void machine_checked_clear(struct machine_checked *checked);

struct machine *machine_open(const struct config *config, GError **error);
/* The same of partitions that were found already, and of a boot that is known. Owns both. */
struct machine *machine_open_on(const struct config *config, struct layout *layout,
				struct bootinfo *boot);
void machine_free(struct machine *machine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Machine, machine_free)

/* Read anew from the disk at each call. It may run beside a job, in another thread: it changes
 * nothing, and reads of the machine what does not change while it is open. */
struct machine_status *machine_status_get(struct machine *machine, GError **error);
void machine_status_free(struct machine_status *status);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MachineStatus, machine_status_free)

gboolean machine_install(struct machine *machine, const struct machine_install *options,
			 struct machine_installed *ret_installed, GError **error);
/* What such an install would do; nothing is written. */
gboolean machine_plan(struct machine *machine, const struct machine_install *options,
		      struct machine_plan *ret_plan, GError **error);
/* Reads a whole slot from the medium, up to its signed root hashes. On failure *ret_checked says
 * what was found all the same. Of the options only progress and cancellable count. */
gboolean machine_verify(struct machine *machine, unsigned slot,
			const struct machine_install *options, struct machine_checked *ret_checked,
			GError **error);
/* Heals what is wrong in a slot, the running one included: out of the other slot, and out of the
 * release's own bundle, if options name one (fd -1 and no URL: none). Writes only what is wrong.
 * FAULT_CONVERGE_UNHEALED, FAULT_RELEASE_OTHER (the bundle is of another release). */
gboolean machine_repair(struct machine *machine, unsigned slot,
			const struct machine_install *options, struct machine_checked *ret_checked,
			GError **error);
gboolean machine_activate(struct machine *machine, unsigned slot, GError **error);
/* Whether such a step would change nothing: the slot is the next boot, committed or bad already. */
enum machine_step { MACHINE_STEP_ACTIVATE, MACHINE_STEP_MARK_GOOD, MACHINE_STEP_MARK_BAD };
gboolean machine_is_so(struct machine *machine, enum machine_step step, unsigned slot);
/* The slot to go back to: the one that holds that version, or with NULL the one that does not run.
 * FAULT_NO_OTHER_RELEASE, FAULT_RELEASE_ABSENT. */
gboolean machine_rollback_find(struct machine *machine, const char *version, unsigned *ret_slot,
			       GError **error);

/* The store of past releases, see store.h. All fail with FAULT_STORE_OFF where none are kept, but
 * for what says otherwise. */
struct machine_stored {      /* what was done to it; free with _clear */
	char *version;       /* the running release; NULL where no release was to be stored */
	guint64 new_bytes;   /* of its images, which no stored release had */
	GPtrArray *dropped;  /* of char *: versions that went, and "etc/N" of states of /etc */
	guint64 store_bytes; /* what it takes now */
};
void machine_stored_clear(struct machine_stored *stored);
/* Stores the running release, if it is committed; before it the other slot's, where that was
 * committed and is not stored, as far as it can be; then prunes. FAULT_STORE_UNCOMMITTED, _LIMIT,
 * and those of store_add(). Of the options only progress and cancellable count, here and below. */
gboolean machine_store_add(struct machine *machine, const struct machine_install *options,
			   struct machine_stored *ret_stored, GError **error);
/* Also where none are to be kept: then all of them go. */
gboolean machine_store_prune(struct machine *machine, const struct machine_install *options,
			     struct machine_stored *ret_stored, GError **error);
/* Reads everything, states of /etc too, and drops what is damaged. Where no releases are kept, but
 * states of /etc were stored, those are checked. */
gboolean machine_store_check(struct machine *machine, const struct machine_install *options,
			     struct machine_stored *ret_stored, GError **error);
/* Makes a stored release stand in the slot that does not run, as machine_install() would out of its
 * bundle; what the options say of bundles does not count. What has expired since it was installed
 * is no reason to refuse it; the floor is. A damaged release is dropped from the store. */
gboolean machine_restore(struct machine *machine, const char *version,
			 const struct machine_install *options,
			 struct machine_installed *ret_installed, GError **error);
/* Makes the other slot the next boot, if it holds a good or staged release. */
gboolean machine_rollback(struct machine *machine, unsigned *ret_slot, GError **error);
gboolean machine_mark_good(struct machine *machine, unsigned slot, GError **error);
/* One that is bad already keeps its reason. */
gboolean machine_mark_bad(struct machine *machine, unsigned slot, const char *reason,
			  GError **error);

/* What the slots say of the health checks of this boot. */
enum machine_verdict {
	MACHINE_COMMITTED, /* healthy; the running slot is good now */
	MACHINE_REBOOT,    /* not healthy, the reason is recorded: a reboot may help */
	MACHINE_STAY,      /* not healthy, but a reboot would lead nowhere better */
};
/* Commits, or records the reason; ladder.h decides what follows. */
gboolean machine_judge(struct machine *machine, const struct health_result *result,
		       enum machine_verdict *ret_verdict, GError **error);

struct machine_boot {         /* the running one; free strings with _clear */
	unsigned slot;        /* MACHINE_RUNNING_UNKNOWN: none, and nothing else is known */
	char *version;        /* NULL: not known, as the others */
	char *root_hash;      /* hex */
	guint64 build_time_s; /* since 1970; 0: not known */
	gboolean on_trial;    /* it was never committed */
};
void machine_boot_get(struct machine *machine, struct machine_boot *ret_release);
void machine_boot_clear(struct machine_boot *release);
/* What the running slot's release, TPM and firmware show of this boot, as attest.h has it, for a
 * nonce of QUOTE_NONCE_MIN to _MAX bytes. The caller frees. It may run beside a job, in another
 * thread: it reads what does not change while the machine is open. FAULT_ARGUMENT, FAULT_TPM_,
 * FAULT_EVENTLOG, faults of slots and disks. */
char *machine_attest(const struct machine *machine, const uint8_t *nonce, size_t nonce_size,
		     GError **error);
