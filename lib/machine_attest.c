/* SPDX-License-Identifier: MIT */
/* Attestation: what TPM, firmware and boot partition have to show, put together. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "attest.h"
#include "eventlog.h"
#include "failure.h"
#include "machine_private.h"

/* The kernel's file does not say how large it is. Without one, or without a word in it (virtual
 * TPMs of Azure), there is no log; one that is too large would be of no use to the verifier. */
static GBytes *log_read(const char *path, GError **error)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	g_autofree uint8_t *bytes = NULL;
	size_t at = 0;
	ssize_t size_read = 0;

	if (fd < 0 && errno == ENOENT)
		return g_bytes_new(NULL, 0);
	if (fd >= 0)
		bytes = g_malloc(EVENTLOG_SIZE_MAX + 1);
	while (fd >= 0 && at <= EVENTLOG_SIZE_MAX &&
	       (size_read = read(fd, bytes + at, EVENTLOG_SIZE_MAX + 1 - at)) > 0)
		at += (size_t)size_read;
	if (fd < 0 || size_read < 0) {
		failure_set(error, FAULT_EVENTLOG, "cannot read %s: %s", path, g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	close(fd);
	if (at > EVENTLOG_SIZE_MAX) {
		failure_set(error, FAULT_EVENTLOG, "%s has more than %d bytes", path,
			    EVENTLOG_SIZE_MAX);
		return NULL;
	}
	return g_bytes_new_take(g_steal_pointer(&bytes), at);
}

/* Of a machine that was not booted from a slot there is none to show; the verifier will say so. */
static gboolean release_read(const struct machine *machine, struct attest *attest, GError **error)
{
	const struct layout_part *part;
	g_autoptr(Slotstore) store = NULL;

	attest->slot = machine->boot->running;
	if (attest->slot >= SLOT_COUNT)
		return TRUE;
	part = &machine->layout->boot[attest->slot];
	store = slotstore_read(part, error);
	return store != NULL && slotstore_signed_read(part, &store->head, &attest->manifest,
						      &attest->signature, error);
}

char *machine_attest(const struct machine *machine, const uint8_t *nonce, size_t nonce_size,
		     GError **error)
{
	g_autoptr(Attest) attest = g_new0(struct attest, 1);
	g_autoptr(Tpm) tpm = NULL;

	if (nonce_size < QUOTE_NONCE_MIN || nonce_size > QUOTE_NONCE_MAX) {
		failure_set(error, FAULT_ARGUMENT, "the nonce has %zu bytes, not %d to %d",
			    nonce_size, QUOTE_NONCE_MIN, QUOTE_NONCE_MAX);
		return NULL;
	}
	if (!release_read(machine, attest, error))
		return NULL;
	tpm = tpm_open(machine->config->tcti, error);
	if (tpm == NULL || !tpmquote_make(tpm, nonce, nonce_size, &attest->quote, error))
		return NULL;
	attest->log = log_read(machine->config->eventlog, error);
	return attest->log != NULL ? attest_encode(attest) : NULL;
}
