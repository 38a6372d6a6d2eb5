/* SPDX-License-Identifier: MIT */
#include "pcr11.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "uki.h"

static const struct pcr11_bank BANKS[] = {
	{ "sha1", 0x0004, 20 },
	{ "sha256", 0x000b, 32 },
	{ "sha384", 0x000c, 48 },
	{ "sha512", 0x000d, 64 },
};

/* Banks' names are OpenSSL's names of the hashes. */
const struct pcr11_bank *pcr11_bank_find(const char *name, GError **error)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(BANKS); i++)
		if (strcmp(BANKS[i].name, name) == 0)
			return &BANKS[i];
	failure_set(error, FAULT_PCR_BANK, "there is no PCR bank %s", name);
	return NULL;
}

/* The stub's version is in its .sdmagic section: "#### LoaderInfo: systemd-stub 252.39 ####". */
static unsigned stub_version(GBytes *uki)
{
	static const char MARK[] = "systemd-stub ";
	g_autoptr(GBytes) magic = uki_section_get(uki, ".sdmagic", NULL);
	g_autofree char *text = NULL;
	const char *at;

	if (magic == NULL)
		return 0;
	text = g_strndup(g_bytes_get_data(magic, NULL), g_bytes_get_size(magic));
	at = strstr(text, MARK);
	return at != NULL ? (unsigned)g_ascii_strtoull(at + strlen(MARK), NULL, 10) : 0;
}

static void extend(struct pcr11 *pcr, const void *bytes, size_t size_bytes)
{
	uint8_t event[PCR11_SIZE_MAX];

	crypto_digest(pcr->bank->name, bytes, size_bytes, NULL, 0, event);
	crypto_digest(pcr->bank->name, pcr->value, pcr->bank->size_bytes, event,
		      pcr->bank->size_bytes, pcr->value);
}

gboolean pcr11_predict(GBytes *uki, const struct pcr11_bank *bank, struct pcr11 *ret_pcr,
		       GError **error)
{
	/* In the order of measurement, with the first stub version that does it; never .pcrsig. */
	static const struct {
		const char *name;
		unsigned since;
	} MEASURED[] = {
		{ ".linux", 0 },   { ".osrel", 0 },   { ".cmdline", 0 },   { ".initrd", 0 },
		{ ".ucode", 256 }, { ".splash", 0 },  { ".dtb", 0 },       { ".uname", 254 },
		{ ".sbat", 254 },  { ".pcrpkey", 0 }, { ".profile", 257 }, { ".dtbauto", 257 },
		{ ".hwids", 257 }, { ".efifw", 258 },
	};
	const unsigned version = stub_version(uki);
	struct pcr11 pcr = { .bank = bank };

	if (!uki_check(uki, error))
		return FALSE;
	if (version == 0)
		return failure_set(error, FAULT_PE_SECTION,
				   "the UKI is not made on systemd-stub: it has no "
				   "readable .sdmagic section");
	for (unsigned i = 0; i < G_N_ELEMENTS(MEASURED); i++) {
		g_autoptr(GBytes) content = NULL;

		if (version >= MEASURED[i].since)
			content = uki_section_get(uki, MEASURED[i].name, NULL);
		if (content == NULL || g_bytes_get_size(content) == 0)
			continue;
		extend(&pcr, MEASURED[i].name, strlen(MEASURED[i].name) + 1);
		extend(&pcr, g_bytes_get_data(content, NULL), g_bytes_get_size(content));
	}
	*ret_pcr = pcr;
	return TRUE;
}

char *pcr11_predict_sha256(GBytes *uki, GError **error)
{
	struct pcr11 pcr;

	if (!pcr11_predict(uki, pcr11_bank_find("sha256", NULL), &pcr, error))
		return NULL;
	return crypto_hex(pcr.value, pcr.bank->size_bytes);
}

gboolean pcr11_path_check(const char *path, GError **error)
{
	gboolean in_word = FALSE;
	const char *at = path;

	for (; *at != '\0'; at++) {
		if (*at == ':' && !in_word)
			break;
		if (*at != ':' && !g_ascii_islower(*at) && !g_ascii_isdigit(*at) && *at != '-')
			break;
		in_word = *at != ':';
	}
	if (*at != '\0' || !in_word || strlen(path) > PCR11_PATH_MAX)
		return failure_set(error, FAULT_PCR_PHASE,
				   "'%s' is no path of phases, such as enter-initrd:leave-initrd",
				   path);
	return TRUE;
}

void pcr11_extend(struct pcr11 *pcr, const char *path)
{
	g_auto(GStrv) words = g_strsplit(path, ":", -1);

	for (char **word = words; *word != NULL; word++)
		extend(pcr, *word, strlen(*word));
}

/* A boot with or without its initrd units, up to any of the words. */
char *pcr11_path_find(const char *predicted, const char *measured)
{
	static const char *const PATHS[][5] = {
		{ "enter-initrd", "leave-initrd", "sysinit", "ready", NULL },
		{ "sysinit", "ready", NULL },
	};
	struct pcr11 pcr = { .bank = pcr11_bank_find("sha256", NULL) };
	uint8_t wanted[CRYPTO_HASH_SIZE];

	if (strcmp(predicted, measured) == 0)
		return g_strdup("");
	if (!crypto_unhex(measured, wanted, sizeof wanted))
		return NULL;
	for (unsigned path = 0; path < G_N_ELEMENTS(PATHS); path++) {
		g_autoptr(GString) words = g_string_new(NULL);

		if (!crypto_unhex(predicted, pcr.value, sizeof wanted))
			return NULL;
		for (const char *const *word = PATHS[path]; *word != NULL; word++) {
			g_string_append_printf(words, "%s%s", words->len > 0 ? ":" : "", *word);
			extend(&pcr, *word, strlen(*word));
			if (memcmp(pcr.value, wanted, sizeof wanted) == 0)
				return g_string_free(g_steal_pointer(&words), FALSE);
		}
	}
	return NULL;
}

char *pcr11_now(const char *predicted, const char *measured)
{
	g_autofree char *path = measured != NULL ? pcr11_path_find(predicted, measured) : NULL;

	return g_strdup(path != NULL ? measured : predicted);
}
