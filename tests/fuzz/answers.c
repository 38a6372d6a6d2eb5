/* SPDX-License-Identifier: MIT */
/* What decoders of the library say, for differential_test.py: answers KIND FILE... prints a line
 * for each file, "refused" or the answer. */
#include <stdio.h>
#include <string.h>

#include "canonjson.h"
#include "crypto.h"
#include "eventlog.h"
#include "manifest.h"
#include "veritree.h"
#include "version.h"

/* NULL: refused. The caller frees. */
typedef char *(*answer_func)(GBytes *file);

static char *canonjson_answer(GBytes *file)
{
	gsize size_bytes;
	const char *text = g_bytes_get_data(file, &size_bytes);
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) value = json_object_parse(text, size_bytes, &why);
	g_autoptr(GBytes) canonical = value != NULL ? canonjson(value, NULL) : NULL;

	if (canonical == NULL)
		return NULL;
	return crypto_hex(g_bytes_get_data(canonical, NULL), g_bytes_get_size(canonical));
}

static char *manifest_answer(GBytes *file)
{
	gsize size_bytes;
	const uint8_t *bytes = g_bytes_get_data(file, &size_bytes);
	g_autoptr(Manifest) manifest = manifest_decode(bytes, size_bytes, NULL);

	if (manifest == NULL)
		return NULL;
	return g_strdup_printf("%s %s %s %s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
			       manifest->product, manifest->architecture, manifest->version,
			       manifest->file_system, manifest->root.size_bytes,
			       manifest->uki.size_bytes);
}

static char *veritree_answer(GBytes *file)
{
	uint8_t block[VERITREE_BLOCK_SIZE] = { 0 };
	gsize size_bytes;
	const uint8_t *bytes = g_bytes_get_data(file, &size_bytes);
	struct veritree_superblock superblock;
	g_autofree char *salt = NULL;
	g_autofree char *uuid = NULL;

	memcpy(block, bytes, MIN(size_bytes, sizeof block));
	if (veritree_superblock_decode(block, &superblock) != FAULT_OK)
		return NULL;
	salt = crypto_hex(superblock.salt, superblock.salt_size);
	uuid = crypto_hex(superblock.uuid, sizeof superblock.uuid);
	return g_strdup_printf("%" G_GUINT64_FORMAT " %s %s", superblock.data_blocks, uuid,
			       *salt != '\0' ? salt : "-");
}

/* The PCRs of the bank sha256 that were extended: NUMBER=HEX. */
static char *eventlog_answer(GBytes *file)
{
	g_autoptr(Eventlog) log = eventlog_decode(file, NULL);
	GString *text = g_string_new("taken");
	uint8_t value[PCR11_SIZE_MAX];

	for (unsigned pcr = 0; log != NULL && pcr < EVENTLOG_PCRS; pcr++) {
		g_autofree char *hex = NULL;

		if (!eventlog_has(log, pcr) ||
		    !eventlog_replay(log, pcr11_bank_find("sha256", NULL), pcr, value, NULL))
			continue;
		hex = crypto_hex(value, 32);
		g_string_append_printf(text, " %u=%s", pcr, hex);
	}
	return g_string_free(text, log == NULL);
}

/* Two versions, a line each. */
static char *version_answer(GBytes *file)
{
	g_autofree char *text = g_strndup(g_bytes_get_data(file, NULL), g_bytes_get_size(file));
	g_auto(GStrv) lines = g_strsplit(text, "\n", 3);
	int order;

	if (g_strv_length(lines) < 2)
		return NULL;
	order = version_compare(lines[0], lines[1]);
	return g_strdup(order < 0 ? "<" : order > 0 ? ">" : "==");
}

/* $KEYRING, and the content in $CONTENT. */
static char *cms_answer(GBytes *file)
{
	g_autofree char *content = NULL;
	char *signers = NULL;
	gsize size_bytes;

	if (!g_file_get_contents(g_getenv("CONTENT"), &content, &size_bytes, NULL) ||
	    !crypto_cms_verify((const uint8_t *)content, size_bytes, g_bytes_get_data(file, NULL),
			       g_bytes_get_size(file), g_getenv("KEYRING"), &signers, NULL))
		return NULL;
	return signers;
}

static const struct {
	const char *name;
	answer_func answer;
} KINDS[] = {
	{ "canonjson", canonjson_answer }, { "cms", cms_answer },
	{ "eventlog", eventlog_answer },   { "manifest", manifest_answer },
	{ "veritree", veritree_answer },   { "version", version_answer },
};

static answer_func kind_find(const char *name)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(KINDS); i++)
		if (strcmp(KINDS[i].name, name) == 0)
			return KINDS[i].answer;
	return NULL;
}

int main(int argc, char **argv)
{
	const answer_func answer = argc > 1 ? kind_find(argv[1]) : NULL;

	if (answer == NULL)
		return 2;
	for (int i = 2; i < argc; i++) {
		g_autofree char *bytes = NULL;
		g_autofree char *said = NULL;
		g_autoptr(GBytes) file = NULL;
		gsize size_bytes;

		if (!g_file_get_contents(argv[i], &bytes, &size_bytes, NULL))
			return 1;
		file = g_bytes_new_static(bytes, size_bytes);
		said = answer(file);
		puts(said != NULL ? said : "refused");
	}
	return 0;
}
