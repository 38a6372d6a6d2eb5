/* SPDX-License-Identifier: MIT */
#include "hint.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"

/* The Boot Loader Interface; LoaderDevicePartUUID is set by azboot, or else by systemd-stub. */
static const char LOADER_VENDOR[] = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

enum { ATTRIBUTES_SIZE = 4, VARIABLE_SIZE_MAX = 256 };

/* A UTF-16 variable that holds ASCII only; anything else gives "". */
static void variable_read(const char *name, const char *vendor, char *ret_text, size_t size_bytes)
{
	uint8_t bytes[VARIABLE_SIZE_MAX];
	char path[192];
	ssize_t got;
	size_t count = 0;
	int fd;

	ret_text[0] = '\0';
	snprintf(path, sizeof path, "/sys/firmware/efi/efivars/%s-%s", name, vendor);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	got = read(fd, bytes, sizeof bytes);
	close(fd);
	for (ssize_t i = ATTRIBUTES_SIZE; i + 1 < got && count + 1 < size_bytes; i += 2) {
		if (bytes[i] == 0 || bytes[i] > 0x7e || bytes[i + 1] != 0)
			break;
		ret_text[count++] = (char)bytes[i];
	}
	ret_text[count] = '\0';
}

void hint_read(struct hint *ret_hint)
{
	char slot[4];

	variable_read("AzbootSlot", PARTS_VENDOR, slot, sizeof slot);
	ret_hint->slot = strcmp(slot, "a") == 0   ? SLOT_A
			 : strcmp(slot, "b") == 0 ? SLOT_B
						  : SLOT_NONE;
	variable_read("LoaderDevicePartUUID", LOADER_VENDOR, ret_hint->boot_uuid,
		      sizeof ret_hint->boot_uuid);
}
