/* SPDX-License-Identifier: MIT */
#include "cmdline.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "feclayout.h"
#include "kernelarg.h"

static unsigned value_find(const char *text, const char *name, struct kernelarg *ret_value)
{
	return kernelarg_find(text, strlen(text), name, ret_value);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool hash_decode(struct kernelarg value, uint8_t ret_hash[static VERITREE_HASH_SIZE])
{
	if (value.size_bytes != 2 * (size_t)VERITREE_HASH_SIZE)
		return false;
	for (size_t i = 0; i < VERITREE_HASH_SIZE; i++) {
		const int high = hex_digit(value.start[2 * i]);
		const int low = hex_digit(value.start[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret_hash[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static void etc_decode(const char *text, struct cmdline *cmdline)
{
	static const char SOFT[] = "overlay-or-defaults";
	struct kernelarg value;
	const unsigned count = value_find(text, "azupdate.etc", &value);

	cmdline->etc_overlay = count > 0;
	cmdline->etc_or_defaults = count == 1 && value.size_bytes == sizeof SOFT - 1 &&
				   memcmp(value.start, SOFT, sizeof SOFT - 1) == 0;
}

static unsigned fec_decode(const char *text)
{
	struct kernelarg value;
	uint64_t roots;

	if (value_find(text, "azupdate.fec", &value) != 1 ||
	    !kernelarg_number(value, FECLAYOUT_ROOTS_MAX, &roots) || roots < FECLAYOUT_ROOTS_MIN)
		return 0;
	return (unsigned)roots;
}

/* The last value given, as the kernel does it; one that does not fit is no value of ours. */
static void value_copy(const char *text, const char *name, const char *other, char *ret_value,
		       size_t size_bytes)
{
	struct kernelarg value = { other, strlen(other) };

	if (value_find(text, name, &value) == 0 || value.size_bytes >= size_bytes)
		value = (struct kernelarg){ other, strlen(other) };
	memcpy(ret_value, value.start, value.size_bytes);
	ret_value[value.size_bytes] = '\0';
}

fault cmdline_parse(const char *text, struct cmdline *ret_cmdline)
{
	struct cmdline cmdline = { 0 };
	struct kernelarg value;

	if (value_find(text, "roothash", &value) != 1 || !hash_decode(value, cmdline.root_hash))
		return FAULT_ROOT_CMDLINE;
	if (value_find(text, "azupdate.blocks", &value) != 1 ||
	    !kernelarg_number(value, VERITREE_DATA_BLOCKS_MAX, &cmdline.data_blocks))
		return FAULT_ROOT_BLOCKS;
	cmdline.fec_roots = fec_decode(text);
	cmdline.watchdog_s = kernelarg_watchdog_s(text, strlen(text));
	cmdline.var_encrypted = value_find(text, "azupdate.var", &value) > 0;
	etc_decode(text, &cmdline);
	value_copy(text, "rootfstype", "erofs", cmdline.fstype, sizeof cmdline.fstype);
	value_copy(text, "init", "/sbin/init", cmdline.init, sizeof cmdline.init);
	*ret_cmdline = cmdline;
	return FAULT_OK;
}
