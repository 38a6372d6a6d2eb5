/* SPDX-License-Identifier: MIT */
/* azetc: lays this machine's changes of /etc, which stand in var, over the /etc of the release.
 * azverity runs it in the verified root image before it switches to it, so that nothing has read
 * /etc yet. If a state of /etc is to be put back, that is done here, for the same reason.
 *
 * What goes wrong with states is told, and /etc is as it was: only what keeps the overlay from
 * being there ends the boot. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "config.h"
#include "etcboot.h"
#include "failed.h"
#include "failure.h"
#include "json.h"
#include "kernelarg.h"
#include "osrel.h"

enum { HISTORY = 20 }; /* where the configuration cannot be read */

static const char CONFIG[] = "/etc/azupdate/azupdate.conf";
static const char STATE[] = "/var/lib/azupdate";
static const char RUN[] = "/run/azupdate";
static const char DEFAULTS[] = "/run/azupdate/etc-defaults";
static const char ETC_FAULT[] = "/run/azupdate/etc-fault";
/* Off is what could make a change in the upper folder mean something only together with the lower
 * one, which another release replaces. */
static const char OPTIONS[] = "lowerdir=/etc,upperdir=/var/lib/azupdate/etc/upper,"
			      "workdir=/var/lib/azupdate/etc/work,index=off,metacopy=off,"
			      "redirect_dir=nofollow,xino=off";

static char *root_hash_read(GError **error)
{
	g_autofree char *text = NULL;
	struct kernelarg value;
	gsize size_bytes;

	if (!g_file_get_contents("/proc/cmdline", &text, &size_bytes, error))
		return NULL;
	if (kernelarg_find(text, size_bytes, "roothash", &value) != 1) {
		failure_set(error, FAULT_ROOT_CMDLINE, "the command line has not one roothash=");
		return NULL;
	}
	return g_strndup(value.start, value.size_bytes);
}

/* For people, who know releases by it: what is decided is decided by the root hash. */
static char *version_read(void)
{
	g_autofree char *text = NULL;
	const uint8_t *value;
	gsize size_bytes;
	size_t value_size;

	if (!g_file_get_contents("/usr/lib/os-release", &text, &size_bytes, NULL) ||
	    osrel_find((const uint8_t *)text, size_bytes, "VERSION_ID", &value, &value_size) !=
		    FAULT_OK ||
	    value_size > ETCTREE_TEXT_MAX ||
	    !g_utf8_validate((const char *)value, (gssize)value_size, NULL))
		return g_strdup("");
	return g_strndup((const char *)value, value_size);
}

/* For azupdated, which tells it. */
static void done_tell(const struct etcboot_done *done)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonValue) object = json_pack(
		"{s:I, s:I, s:I, s:s}", "stored", (json_int_t)done->stored, "restored",
		(json_int_t)done->restored, "fault", (json_int_t)done->why, "reason",
		done->reason != NULL ? done->reason : "");
	char *text = json_dumps(object, JSON_COMPACT);

	if (done->stored != 0)
		fprintf(stderr, "azetc: the changes of /etc that were left are state %u\n",
			done->stored);
	if (done->restored != 0)
		fprintf(stderr, "azetc: /etc is as in state %u again\n", done->restored);
	if (done->why != FAULT_OK)
		fprintf(stderr, "azetc: %s; /etc stays as it was\n", done->reason);
	if (text == NULL || !state_write(RUN, "etc.json", text, &error))
		fprintf(stderr, "azetc: %s\n", error != NULL ? error->message : "no memory");
	free(text); /* jansson's */
}

/* Else a machine that goes to and fro between two releases, and activates none, had more and more
 * of them. The configuration is the one that the system will see. */
static void states_trim(const char *root_hash)
{
	g_autoptr(Config) config = config_load(CONFIG, NULL);
	g_autoptr(GError) error = NULL;

	if (!etcboot_trim(STATE, root_hash, config != NULL ? config->etc_history : HISTORY, &error))
		fprintf(stderr, "azetc: old states of /etc stay: %s\n", error->message);
}

static gboolean etc_mount(GError **error)
{
	g_autofree char *root_hash = root_hash_read(error);
	g_autofree char *version = version_read();
	const struct etcboot boot = { STATE, DEFAULTS, root_hash, version };
	struct etcboot_done done;

	if (root_hash == NULL || !etcboot_run(&boot, &done, error))
		return FALSE;
	done_tell(&done);
	etcboot_done_clear(&done);
	if (mount("overlay", "/etc", "overlay", MS_NOSUID | MS_NODEV, OPTIONS) != 0)
		return failure_set(error, FAULT_ETC_MOUNT, "cannot mount an overlay on /etc: %s",
				   g_strerror(errno));
	if (done.stored != 0)
		states_trim(root_hash);
	return TRUE;
}

int main(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	if (etc_mount(&error))
		return EXIT_SUCCESS;
	fprintf(stderr, "azetc: %s\n", error->message);
	text = g_strdup_printf("%u\n", (unsigned)failure_code(error));
	/* Without the file azverity notes that it was not mounted. */
	(void)g_file_set_contents(ETC_FAULT, text, -1, NULL);
	return EXIT_FAILURE;
}
