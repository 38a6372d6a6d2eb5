/* SPDX-License-Identifier: MIT */
/* As sd_id128_get_machine_app_specific() does it, so that an operator can look it up with
 * systemd's tools: HMAC-SHA256 of the application's number under the machine's, cut to 16 bytes,
 * marked as a UUID of version 4.
 * https://www.freedesktop.org/software/systemd/man/sd_id128_get_machine.html */
#include "fleetid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"

enum { ID_BYTES = 16, ID_DIGITS = 32, FILE_BYTES_MAX = 64 };

static const uint8_t APPLICATION[ID_BYTES] = { 0x3c, 0x8a, 0x4f, 0x0b, 0xe1, 0xc2, 0x4f, 0x0a,
					       0x9a, 0x1f, 0x6a, 0x8d, 0x2b, 0x57, 0xe4, 0x10 };

static void id_print(const uint8_t bytes[static ID_BYTES], char ret_id[static FLEETID_SIZE])
{
	for (unsigned i = 0; i < ID_BYTES; i++) {
		ret_id[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		ret_id[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	ret_id[ID_DIGITS] = '\0';
}

/* 32 digits, and nothing behind them but one line feed. All zeros is no id. */
static gboolean id_parse(const char *text, uint8_t ret_bytes[static ID_BYTES])
{
	uint8_t bytes[ID_BYTES];
	uint8_t any = 0;

	for (unsigned i = 0; i < ID_BYTES; i++) {
		const int high = g_ascii_xdigit_value(text[2 * i]);
		const int low = high < 0 ? -1 : g_ascii_xdigit_value(text[2 * i + 1]);

		if (low < 0)
			return FALSE;
		bytes[i] = (uint8_t)(high << 4 | low);
		any |= bytes[i];
	}
	if (any == 0 || (strcmp(text + ID_DIGITS, "") != 0 && strcmp(text + ID_DIGITS, "\n") != 0))
		return FALSE;
	memcpy(ret_bytes, bytes, ID_BYTES);
	return TRUE;
}

gboolean fleetid_derive(const char *machine_id, char ret_id[static FLEETID_SIZE], GError **error)
{
	GHmac *hmac;
	uint8_t machine[ID_BYTES];
	uint8_t digest[32];
	gsize digest_bytes = sizeof digest;

	if (!id_parse(machine_id, machine))
		return failure_set(error, FAULT_FLEET_ID,
				   "the machine-id is not 32 hexadecimal digits");
	hmac = g_hmac_new(G_CHECKSUM_SHA256, machine, sizeof machine);
	g_hmac_update(hmac, APPLICATION, sizeof APPLICATION);
	g_hmac_get_digest(hmac, digest, &digest_bytes);
	g_hmac_unref(hmac);
	digest[6] = (uint8_t)((digest[6] & 0x0f) | 0x40);
	digest[8] = (uint8_t)((digest[8] & 0x3f) | 0x80);
	id_print(digest, ret_id);
	return TRUE;
}

/* The file is as short as it should be, or not read. */
static gboolean file_read(const char *path, char ret_text[static FILE_BYTES_MAX], GError **error)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	const ssize_t size_bytes = fd < 0 ? -1 : read(fd, ret_text, FILE_BYTES_MAX - 1);
	const int why = errno;

	if (fd >= 0)
		(void)close(fd); /* it was only read */
	if (size_bytes < 0)
		return failure_set(error, FAULT_FLEET_ID, "%s: %s", path, g_strerror(why));
	ret_text[size_bytes] = '\0';
	return TRUE;
}

gboolean fleetid_load(const char *path, char ret_id[static FLEETID_SIZE], GError **error)
{
	const char *file = path != NULL ? path : "/etc/machine-id";
	char text[FILE_BYTES_MAX];

	if (!file_read(file, text, error))
		return FALSE;
	if (fleetid_derive(text, ret_id, error))
		return TRUE;
	g_prefix_error(error, "%s: ", file);
	return FALSE;
}

gboolean fleetid_boot(char ret_id[static FLEETID_SIZE], GError **error)
{
	char text[FILE_BYTES_MAX];
	uint8_t bytes[ID_BYTES];
	char digits[FILE_BYTES_MAX];
	unsigned count = 0;

	if (!file_read("/proc/sys/kernel/random/boot_id", text, error))
		return FALSE;
	for (const char *at = text; *at != '\0'; at++)
		if (*at != '-')
			digits[count++] = *at;
	digits[count] = '\0';
	if (!id_parse(digits, bytes))
		return failure_set(error, FAULT_FLEET_ID, "the kernel's boot_id is no UUID");
	id_print(bytes, ret_id);
	return TRUE;
}
