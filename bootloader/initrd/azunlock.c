/* SPDX-License-Identifier: MIT */
/* azunlock: unlocks the encrypted var of the disk that was booted, as /dev/mapper/var; at the first
 * boot it makes it. It is a program of the root image, so that it was verified, and azverity runs
 * it there before it switches root.
 *
 * Whatever happens, PCR 11 has left the phase in which secrets can be used when it ends; if that
 * cannot be had, it fails, and azverity resets. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "bootinfo.h"
#include "failure.h"
#include "layout.h"
#include "varunlock.h"

enum {
	PCR_PHASES = 11,
	PCR_VOLUMES = 15,
	WAIT_PARTITION_MS = 2000,
	POLL_MS = 20,
	ASK_S = 120, /* how long somebody at the console has for each answer */
	EXTRA_SIZE_MAX = 65536,
};

static const char RUN[] = "/run/azupdate";
static const char EFIVARS[] = "/sys/firmware/efi/efivars";
static const char PUBLIC_KEY[] = "/run/systemd/tpm2-pcr-public-key.pem";
static const char PCRSIG[] = "/run/systemd/tpm2-pcr-signature.json";
static const char RECOVERY_KEY[] = "/run/azupdate/recovery-key";
static const char VAR_FAULT[] = "/run/azupdate/var-fault";
static const char MAPPER[] = "/dev/mapper/var";

/* On the console, where whoever has to act stands. */
static void console_say(const char *text, gpointer user_data)
{
	(void)user_data; /* the console is standard error */
	fprintf(stderr, "azunlock: %s\n", text);
}

static struct secret *line_read(void)
{
	struct pollfd wait = { .fd = STDIN_FILENO, .events = POLLIN };
	g_autoptr(Secret) line = secret_new(SECRET_SIZE_MAX);
	ssize_t got;

	if (poll(&wait, 1, ASK_S * 1000) != 1)
		return NULL;
	got = read(STDIN_FILENO, line->bytes, line->size_bytes);
	return got > 1 && line->bytes[got - 1] == '\n' ? secret_copy(line->bytes, (size_t)got - 1)
						       : NULL;
}

static struct secret *console_ask(enum varunlock_question question, gpointer user_data)
{
	struct secret *answer;
	struct termios before, silent;

	(void)user_data; /* the console is standard input */
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return NULL; /* nobody can answer */
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	silent.c_lflag |= ICANON;
	/* What was typed before is no answer, and what is typed from now on is not shown. */
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) != 0)
		return NULL;
	fprintf(stderr,
		"azunlock: %s of var (%d s): ", question == VARUNLOCK_PIN ? "PIN" : "recovery key",
		ASK_S);
	answer = line_read();
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before); /* nothing else could be done */
	fputc('\n', stderr);
	return answer;
}

/* The partition's node may appear a little later than that of the root partition. */
static gboolean volume_find(const struct bootinfo *boot, char **ret_volume, GError **error)
{
	struct layout_part part;

	if (boot->disk == NULL)
		return failure_set(error, FAULT_PART_MISSING, "%s/boot.json names no disk", RUN);
	if (!layout_find_var(boot->disk, &part, error))
		return FALSE;
	for (unsigned i = 0; i < WAIT_PARTITION_MS / POLL_MS && access(part.path, F_OK) != 0; i++)
		g_usleep(POLL_MS * 1000);
	*ret_volume = part.path;
	return TRUE;
}

/* NULL: the release has none. */
static GBytes *extra_read(const char *path)
{
	g_autofree char *text = NULL;
	gsize size_bytes;

	if (!g_file_get_contents(path, &text, &size_bytes, NULL) || size_bytes > EXTRA_SIZE_MAX)
		return NULL;
	return g_bytes_new_take(g_steal_pointer(&text), size_bytes);
}

/* Into PCR 15 before it is used, so that nothing of the volume runs unmeasured. */
static gboolean volume_measure(struct tpm *tpm, const struct varunlock_result *result,
			       GError **error)
{
	g_autofree char *measured = luks_measured(result->luks, VARCRYPT_NAME);

	return tpm == NULL || tpmseal_extend(tpm, PCR_VOLUMES, measured, result->volume_key, error);
}

static gboolean file_system_make(GError **error)
{
	char *arguments[] = { (char *)"mkfs.ext4",   (char *)"-q",   (char *)"-L",
			      (char *)VARCRYPT_NAME, (char *)MAPPER, NULL };
	g_autoptr(GError) why = NULL;
	int status;

	if (g_spawn_sync(NULL, arguments, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
			 &status, &why) &&
	    g_spawn_check_wait_status(status, &why))
		return TRUE;
	return failure_set(error, FAULT_VAR_MOUNT, "mkfs.ext4 of the new var: %s", why->message);
}

/* Shown, and left for this boot only to whoever is root. */
static gboolean recovery_tell(const struct secret *recovery_key, GError **error)
{
	const char *text = (const char *)recovery_key->bytes;
	g_autoptr(GError) why = NULL;

	fprintf(stderr,
		"azunlock: var is encrypted now. Its recovery key, which is not shown again:\n\n"
		"    %s\n\n",
		text);
	return g_file_set_contents_full(RECOVERY_KEY, text, -1, G_FILE_SET_CONTENTS_CONSISTENT,
					0600, &why) ||
	       failure_set(error, FAULT_STATE_FILE, "%s", why->message);
}

static gboolean volume_use(struct tpm *tpm, const struct varunlock_result *result, GError **error)
{
	if (!volume_measure(tpm, result, error) ||
	    !luks_activate(result->luks, VARCRYPT_NAME, result->volume_key, error))
		return FALSE;
	return result->recovery_key == NULL ||
	       (file_system_make(error) && recovery_tell(result->recovery_key, error) &&
		luks_finish(result->luks, error));
}

static gboolean var_unlock(struct tpm *tpm, GError **error)
{
	const struct varunlock_console console = { console_ask, console_say, NULL };
	g_autoptr(Bootinfo) boot = bootinfo_read(RUN, EFIVARS);
	g_autofree char *volume = NULL;
	g_autoptr(GBytes) public_key = extra_read(PUBLIC_KEY);
	g_autoptr(GBytes) pcrsig = extra_read(PCRSIG);
	struct varunlock_result result;
	gboolean done;

	if (!volume_find(boot, &volume, error))
		return FALSE;
	done = varunlock_run(&(const struct varunlock){ volume, tpm, public_key, pcrsig, &console,
							boot->floor, boot->counter_limit },
			     &result, error);
	if (!done)
		return FALSE;
	done = volume_use(tpm, &result, error);
	varunlock_result_clear(&result);
	return done;
}

/* A TPM that is there has to follow: without the first word it gives no secret, and without the
 * second one it would give them to whatever runs later. */
static gboolean phase_enter(struct tpm *tpm, GError **error)
{
	return tpm == NULL || tpmseal_extend(tpm, PCR_PHASES, VARCRYPT_PHASE, NULL, error);
}

static gboolean phase_leave(struct tpm *tpm, GError **error)
{
	return tpm == NULL || tpmseal_extend(tpm, PCR_PHASES, "leave-initrd", NULL, error);
}

/* For azverity, which notes it in the boot record. */
static void fault_leave(fault why)
{
	g_autofree char *text = g_strdup_printf("%u\n", (unsigned)why);

	/* Without the file it notes that var was not unlocked. */
	(void)g_file_set_contents(VAR_FAULT, text, -1, NULL);
}

/* With --leave-phase there is no var to unlock, but the phase is left all the same. */
static gboolean is_wanted(int argc, char **argv)
{
	return argc < 2 || strcmp(argv[1], "--leave-phase") != 0;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) why = NULL;
	g_autoptr(GError) stuck = NULL;
	g_autoptr(Tpm) tpm = tpm_open(NULL, &why);
	gboolean done;

	if (tpm == NULL)
		console_say(why->message, NULL);
	g_clear_error(&why);
	done = phase_enter(tpm, &why) && (!is_wanted(argc, argv) || var_unlock(tpm, &why));
	if (!phase_leave(tpm, &stuck)) {
		console_say(stuck->message, NULL);
		done = FALSE;
	}
	if (done)
		return EXIT_SUCCESS;
	if (why == NULL)
		why = g_steal_pointer(&stuck);
	console_say(why->message, NULL);
	fault_leave(failure_code(why));
	return EXIT_FAILURE;
}
