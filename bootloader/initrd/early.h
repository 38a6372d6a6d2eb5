/* SPDX-License-Identifier: MIT */
#pragma once
/* Early: what the first process must do before it can look at anything. */

/* Mounts proc, sys, dev and run, and gives the process a console. */
void early_mount(void);

/* Loads the kernel modules that the file lists, one path per line, in its order, each with what the
 * kernel command line says to it: NAME.PARAMETER=VALUE. A module that cannot be loaded is told and
 * passed over: what needs it will fail with its own fault. */
void early_load_modules(const char *list_path);

/* Mounts efivarfs where there is EFI; its module must be loaded. */
void early_mount_efivars(void);
