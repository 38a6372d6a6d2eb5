/* SPDX-License-Identifier: MIT */
#pragma once
/* A machine on a disk in a file: made by azbundle, updated by the library. */

#include <glib.h>

#include "config.h"
#include "machine.h"

struct fixture {
	char *folder;
	char *disk;      /* the disk image, version 1 in slot a, running */
	char *bundle[6]; /* [1] to [3]: paths of three versions' bundles; the others: none yet */
	struct config config;
};

/* `root_blocks`: size of the root image, 4 KiB each. Needs $AZBUNDLE. Exits on failure. */
struct fixture *fixture_new(unsigned root_blocks);
void fixture_free(struct fixture *fixture);

/* Makes one version's bundle anew, with a root image of another size. */
void fixture_release(struct fixture *fixture, unsigned version, unsigned blocks);

/* Says which slot the machine was booted from, as azverity does. */
void fixture_boot(struct fixture *fixture, unsigned slot);
/* Chooses and stores as azboot does; returns the slot, and makes it the running one. */
unsigned fixture_reboot(struct fixture *fixture);

/* Installs a bundle file; the fault, FAULT_OK if it was installed. */
fault fixture_install(struct fixture *fixture, const char *path, gboolean force);
fault fixture_install_fd(struct fixture *fixture, int fd, gboolean force);
fault fixture_install_on(struct machine *machine, int fd, gboolean force);
struct bootrec fixture_record(struct fixture *fixture);
struct machine *fixture_machine(struct fixture *fixture);

/* Hashes a slot from the medium: TRUE if root and UKI hash to the signed roots of `bundle`. */
gboolean fixture_slot_holds(struct fixture *fixture, unsigned slot, const char *bundle);

/* The smallest program that azbundle takes for a systemd-stub. */
void fixture_stub(const char *path);
/* A new folder in memory, if there is such a place. */
char *fixture_folder(void);
/* Copies of files; a run program must succeed. */
void fixture_copy(const char *from, const char *to);
void fixture_run(const char *first, ...) G_GNUC_NULL_TERMINATED;
/* Programs that are run may load a library before the sanitizer's. */
void fixture_allow_preload(void);
char *fixture_path(const struct fixture *fixture, const char *name);
