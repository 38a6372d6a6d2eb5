/* SPDX-License-Identifier: MIT */
#include "bootinfo.h"

#include <string.h>

#include "bytes.h"
#include "json.h"
#include "parts.h"

/* Boot Loader Interface, https://systemd.io/BOOT_LOADER_INTERFACE/ */
static const char LOADER_VENDOR[] = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

enum {
	VARIABLE_SIZE_MAX = 4096,
	ATTRIBUTES_SIZE = 4, /* efivarfs puts the attributes before the content */
};

void bootinfo_free(struct bootinfo *info)
{
	if (info == NULL)
		return;
	g_free(info->disk);
	g_free(info->root_hash);
	g_free(info->reason);
	g_free(info);
}

static GBytes *variable_read(const char *efivars_dir, const char *name, const char *vendor)
{
	g_autofree char *file = g_strdup_printf("%s/%s-%s", efivars_dir, name, vendor);
	g_autofree char *content = NULL;
	gsize size_bytes;

	if (!g_file_get_contents(file, &content, &size_bytes, NULL) ||
	    size_bytes <= ATTRIBUTES_SIZE || size_bytes > VARIABLE_SIZE_MAX)
		return NULL;
	return g_bytes_new(content + ATTRIBUTES_SIZE, size_bytes - ATTRIBUTES_SIZE);
}

/* UTF-16 as UEFI has it, to ASCII; NULL if it is anything else. */
static char *variable_text(const char *efivars_dir, const char *name, const char *vendor)
{
	g_autoptr(GBytes) bytes = variable_read(efivars_dir, name, vendor);
	g_autoptr(GString) text = g_string_new(NULL);
	const uint8_t *data;
	gsize size_bytes;

	if (bytes == NULL)
		return NULL;
	data = g_bytes_get_data(bytes, &size_bytes);
	for (gsize i = 0; i + 1 < size_bytes; i += 2) {
		const uint16_t c = bytes_load_u16(data + i);

		if (c == 0)
			break;
		if (c < 0x20 || c > 0x7e)
			return NULL;
		g_string_append_c(text, (char)c);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static guint64 variable_number(const char *efivars_dir, const char *name)
{
	g_autofree char *text = variable_text(efivars_dir, name, LOADER_VENDOR);

	return text != NULL ? g_ascii_strtoull(text, NULL, 10) : 0;
}

static void firmware_read(struct bootinfo *info, const char *efivars_dir)
{
	const guint64 entered = variable_number(efivars_dir, "LoaderTimeInitUSec");
	const guint64 left = variable_number(efivars_dir, "LoaderTimeExecUSec");
	g_autoptr(GBytes)
		floor_bytes = variable_read(efivars_dir, "AzbootFloorInForce", PARTS_VENDOR);
	g_autoptr(GBytes)
		limit_bytes = variable_read(efivars_dir, "AzbootCounterLimit", PARTS_VENDOR);
	g_autoptr(GBytes) fault_bytes = variable_read(efivars_dir, "AzbootFault", PARTS_VENDOR);

	if (limit_bytes != NULL && g_bytes_get_size(limit_bytes) == 8)
		info->counter_limit = bytes_load_u64(g_bytes_get_data(limit_bytes, NULL));
	if (floor_bytes != NULL && g_bytes_get_size(floor_bytes) == 8)
		info->floor = bytes_load_u64(g_bytes_get_data(floor_bytes, NULL));
	info->reason = variable_text(efivars_dir, "AzbootReason", PARTS_VENDOR);
	if (entered > 0 && left > entered)
		info->time_us = left - entered;
	if (fault_bytes != NULL && g_bytes_get_size(fault_bytes) == 4)
		info->fault = bytes_load_u32(g_bytes_get_data(fault_bytes, NULL));
}

static void boot_file_read(struct bootinfo *info, const char *run_dir)
{
	const struct json_reader reader = { "boot.json", FAULT_STATE_FILE, NULL };
	g_autofree char *path = g_build_filename(run_dir, "boot.json", NULL);
	g_autofree char *text = NULL;
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) object = NULL;
	const char *slot;
	gsize size_bytes;

	if (!g_file_get_contents(path, &text, &size_bytes, NULL))
		return;
	object = json_object_parse(text, size_bytes, &why);
	if (object == NULL)
		return;
	slot = json_get_text(&reader, object, "slot", 1);
	if (g_strcmp0(slot, "a") == 0 || g_strcmp0(slot, "b") == 0)
		info->running = slot[0] == 'a' ? SLOT_A : SLOT_B;
	info->disk = g_strdup(json_get_text(&reader, object, "disk", 255));
	info->root_hash = g_strdup(json_get_text(&reader, object, "root_hash", 64));
}

struct bootinfo *bootinfo_read(const char *run_dir, const char *efivars_dir)
{
	struct bootinfo *info = g_new0(struct bootinfo, 1);

	info->running = SLOT_NONE;
	boot_file_read(info, run_dir);
	firmware_read(info, efivars_dir);
	return info;
}
