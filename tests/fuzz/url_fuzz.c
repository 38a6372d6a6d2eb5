/* SPDX-License-Identifier: MIT */
/* Addresses, as servers and configurations give them: two words, a base and what is relative to it.
 * What is shown holds no password, reads as itself again, and is of the origin that is told. */
#include <string.h>

#include "fuzz.h"
#include "transfer.h"

static void url_check(const struct transfer_url *url)
{
	struct transfer_url again;

	promise(g_str_has_prefix(url->origin, url->secure ? "https://" : "http://"));
	promise(g_str_has_prefix(url->text, "https://") || g_str_has_prefix(url->text, "http://"));
	promise(g_str_has_prefix(url->text, "https://") == url->secure);
	for (const char *at = url->text; *at != '\0'; at++)
		promise((unsigned char)*at > 0x20 && *at != 0x7f);
	promise(transfer_url_parse(NULL, url->text, &again));
	promise(again.user == NULL && again.password == NULL);
	promise(strcmp(again.text, url->text) == 0 && strcmp(again.origin, url->origin) == 0);
	transfer_url_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autofree char *text = fuzz_text(bytes, size_bytes);
	g_auto(GStrv) words = g_strsplit(text, " ", 2);
	struct transfer_url url;

	if (words[0] == NULL)
		return 0;
	if (transfer_url_parse(NULL, words[0], &url)) {
		url_check(&url);
		transfer_url_clear(&url);
	}
	if (words[1] != NULL && transfer_url_parse(words[0], words[1], &url)) {
		url_check(&url);
		transfer_url_clear(&url);
	}
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[] = {
		"https://user:p%40ss@example.org:8443/a/b?c=d ../x",
		"http://[::1]/ //other.example/y#z",
		"HTTP://EXAMPLE.org ?q",
		"https://example.org/a%2f..%2f/ http://u@h",
	};

	return number < G_N_ELEMENTS(SEEDS)
		       ? fuzz_copy(SEEDS[number], strlen(SEEDS[number]), ret_bytes, room)
		       : 0;
}
