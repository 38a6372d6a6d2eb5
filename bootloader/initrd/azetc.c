/* SPDX-License-Identifier: MIT */
/* azetc: lays this machine's changes of /etc, which stand in var, over the /etc of the release.
 * azverity runs it in the verified root image before it switches to it, so that nothing has read
 * /etc yet. If a state of /etc is to be put back, that is done here, for the same reason.
 *
 * What goes wrong with states is told, and /etc is as it was. Where no more changes can be made,
 * the old ones are laid over it read-only. That they are not in force at all is azetc's failure:
 * with --var-lost it tells no more than that. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "config.h"
#include "etcboot.h"
#include "etclay.h"
#include "failed.h"
#include "failure.h"
#include "json.h"
#include "kernelarg.h"
#include "osrel.h"

enum { HISTORY = 20 }; /* where the configuration cannot be read */

static const char CONFIG[] = "/etc/azupdate/azupdate.conf";
static const char STATE[] = "/var/lib/azupdate";
static const char RUN[] = "/run/azupdate";
static const char UPPER[] = "/var/lib/azupdate/etc/upper";
static const char DEFAULTS[] = "/run/azupdate/etc-defaults";
static const char ETC_FAULT[] = "/run/azupdate/etc-fault";
/* Off is what could make a change in the upper folder mean something only together with the lower
 * one, which another release replaces. */
#define SAFE ",index=off,metacopy=off,redirect_dir=nofollow,xino=off"
static const char *const OPTIONS[] = {
	[ETCLAY_WRITABLE] = "lowerdir=/etc,upperdir=/var/lib/azupdate/etc/upper,"
			    "workdir=/var/lib/azupdate/etc/work" SAFE,
	[ETCLAY_READ_ONLY] = "lowerdir=/var/lib/azupdate/etc/upper:/etc" SAFE,
};

/* What was done, and what was not. */
struct laying {
	enum etclay lay;
	struct etcboot_done done;
	GError *why; /* that it is not ETCLAY_WRITABLE; NULL if it is */
};

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
static json_t *laying_encode(const struct laying *laying)
{
	const struct etcboot_done *done = &laying->done;
	const fault why = laying->why != NULL ? failure_code(laying->why) : FAULT_OK;

	return json_pack("{s:I, s:I, s:I, s:s, s:s, s:I, s:s}", "stored", (json_int_t)done->stored,
			 "restored", (json_int_t)done->restored, "fault", (json_int_t)done->why,
			 "reason", done->reason != NULL ? done->reason : "", "laid",
			 etclay_name(laying->lay), "laid_fault", (json_int_t)why, "laid_reason",
			 laying->why != NULL ? laying->why->message : "");
}

static void laying_tell(const struct laying *laying)
{
	const struct etcboot_done *done = &laying->done;
	g_autofree char *not_as_meant = etclay_text(
		laying->lay, laying->why != NULL ? laying->why->message : "");
	g_autoptr(JsonValue) object = laying_encode(laying);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = json_text(object, JSON_COMPACT);

	if (done->stored != 0)
		fprintf(stderr, "azetc: the changes of /etc that were left are state %u\n",
			done->stored);
	if (done->restored != 0)
		fprintf(stderr, "azetc: /etc is as in state %u again\n", done->restored);
	if (done->why != FAULT_OK)
		fprintf(stderr, "azetc: %s; /etc stays as it was\n", done->reason);
	if (not_as_meant != NULL)
		fprintf(stderr, "azetc: %s\n", not_as_meant);
	if (text == NULL || !state_write(RUN, "etc.json", text, &error))
		fprintf(stderr, "azetc: %s\n", error != NULL ? error->message : "no memory");
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

static gboolean lay_mount(enum etclay lay, GError **error)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV |
				    (lay == ETCLAY_READ_ONLY ? MS_RDONLY : 0);

	return mount("overlay", "/etc", "overlay", flags, OPTIONS[lay]) == 0 ||
	       failure_set(error, FAULT_ETC_MOUNT, "cannot mount an overlay on /etc: %s",
			   g_strerror(errno));
}

static gboolean changes_prepare(const char *root_hash, struct etcboot_done *ret_done,
				GError **error)
{
	g_autofree char *version = version_read();
	const struct etcboot boot = { STATE, DEFAULTS, root_hash, version };

	return root_hash != NULL && etcboot_run(&boot, ret_done, error);
}

/* The first thing that went wrong says most. */
static void etc_lay(const char *root_hash, struct laying *laying)
{
	struct etclay_facts facts = { FALSE, FALSE };

	facts.is_prepared = changes_prepare(root_hash, &laying->done,
					    laying->why == NULL ? &laying->why : NULL);
	facts.has_upper = root_hash != NULL && g_file_test(UPPER, G_FILE_TEST_IS_DIR);
	laying->lay = etclay_first(&facts);
	while (laying->lay != ETCLAY_RELEASE &&
	       !lay_mount(laying->lay, laying->why == NULL ? &laying->why : NULL))
		laying->lay = etclay_next(&facts, laying->lay);
}

static void fault_note(const GError *why)
{
	g_autofree char *text = g_strdup_printf("%u\n", (unsigned)failure_code(why));

	/* Without the file azverity notes that it was not mounted. */
	(void)g_file_set_contents(ETC_FAULT, text, -1, NULL);
}

int main(int argc, char **argv)
{
	struct laying laying = { .lay = ETCLAY_RELEASE };
	const gboolean is_lost = argc > 1 && strcmp(argv[1], "--var-lost") == 0;
	g_autofree char *root_hash = is_lost ? NULL : root_hash_read(&laying.why);

	if (is_lost)
		failure_set(&laying.why, FAULT_VAR_MOUNT,
			    "var cannot be mounted, an empty one in memory stands in for it");
	else
		etc_lay(root_hash, &laying);
	laying_tell(&laying);
	if (laying.lay == ETCLAY_WRITABLE && laying.done.stored != 0)
		states_trim(root_hash);
	if (laying.lay == ETCLAY_RELEASE)
		fault_note(laying.why);
	etcboot_done_clear(&laying.done);
	g_clear_error(&laying.why);
	return laying.lay == ETCLAY_RELEASE ? EXIT_FAILURE : EXIT_SUCCESS;
}
