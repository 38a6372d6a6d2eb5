/* SPDX-License-Identifier: MIT */
#include "tpmtoken.h"

#include <string.h>

#include "failure.h"
#include "json.h"
#include "tap.h"

static struct tpmtoken token_new(gboolean pin)
{
	struct tpmtoken token = {
		.keyslot = 31,
		.public_key = g_bytes_new_static("-----BEGIN", 10),
		.seal = { .blob = g_bytes_new_static("blob", 4),
			  .root_key = g_bytes_new_static("\0\1\2", 3),
			  .policy = { 1, 2, 0xff },
			  .pin = pin },
	};

	if (pin)
		memset(token.seal.salt, 7, TPMSEAL_SALT_SIZE);
	return token;
}

static void expect_round(gboolean pin)
{
	struct tpmtoken token = token_new(pin), back = { .keyslot = 0 };
	g_autofree char *text = tpmtoken_encode(&token);

	expect(tpmtoken_decode(text, strlen(text), &back, NULL));
	expect(back.keyslot == 31 && back.seal.pin == pin &&
	       g_bytes_equal(back.public_key, token.public_key) &&
	       g_bytes_equal(back.seal.blob, token.seal.blob) &&
	       g_bytes_equal(back.seal.root_key, token.seal.root_key) &&
	       memcmp(back.seal.policy, token.seal.policy, SEALPOLICY_SIZE) == 0 &&
	       memcmp(back.seal.salt, token.seal.salt, TPMSEAL_SALT_SIZE) == 0);
	tpmtoken_clear(&token);
	tpmtoken_clear(&back);
}

static void test_round(void)
{
	expect_round(FALSE);
	expect_round(TRUE);
}

static void test_gate(void)
{
	struct tpmtoken token = token_new(FALSE), back = { .keyslot = 0 };
	g_autofree char *text = NULL;

	token.seal.gated = TRUE;
	token.seal.gate = (struct sealpolicy_gate){ 7, INT64_MAX, 0x0180415b };
	text = tpmtoken_encode(&token);
	expect(strstr(text, "azupdate-tpm2") != NULL && strstr(text, "systemd-tpm2") == NULL);
	expect(tpmtoken_decode(text, strlen(text), &back, NULL) && back.seal.gated);
	expect(back.seal.gate.floor == 7 && back.seal.gate.ceiling == INT64_MAX &&
	       back.seal.gate.index == 0x0180415b);
	tpmtoken_clear(&token);
	tpmtoken_clear(&back);
}

struct edit {
	fault why; /* FAULT_OK: it may be so */
	const char *key;
	const char *value; /* JSON; NULL: the key is taken away */
};

static const struct edit EDITS[] = {
	{ FAULT_OK, "tpm2_pcrlock", NULL }, /* systemd 254 */
	{ FAULT_OK, "keyslots", "[\"0\"]" },
	{ FAULT_TOKEN_FORMAT, "type", "\"systemd-tpm\"" },
	{ FAULT_TOKEN_FORMAT, "type", NULL },
	{ FAULT_TOKEN_KIND, "tpm2_pcrlock", "true" },
	{ FAULT_TOKEN_KIND, "tpm2_pcrlock", "0" },
	{ FAULT_TOKEN_KIND, "tpm2_pcrlock_nv", "\"QUJD\"" },
	{ FAULT_TOKEN_KIND, "tpm2-later", "1" },
	{ FAULT_TOKEN_KIND, "azupdate-floor", "1" },
	{ FAULT_TOKEN_FORMAT, "type", "\"azupdate-tpm2\"" },
	{ FAULT_TOKEN_FORMAT, "keyslots", "[]" },
	{ FAULT_TOKEN_FORMAT, "keyslots", "[\"1\",\"2\"]" },
	{ FAULT_TOKEN_FORMAT, "keyslots", "[1]" },
	{ FAULT_TOKEN_FORMAT, "keyslots", "[\"32\"]" },
	{ FAULT_TOKEN_FORMAT, "keyslots", "[\"01\"]" },
	{ FAULT_TOKEN_FORMAT, "keyslots", "[\"-1\"]" },
	{ FAULT_TOKEN_FORMAT, "keyslots", "{\"0\":\"1\"}" },
	{ FAULT_TOKEN_KIND, "tpm2-pcrs", "[7]" },
	{ FAULT_TOKEN_FORMAT, "tpm2-pcrs", NULL },
	{ FAULT_TOKEN_KIND, "tpm2_pubkey_pcrs", "[]" },
	{ FAULT_TOKEN_KIND, "tpm2_pubkey_pcrs", "[4]" },
	{ FAULT_TOKEN_KIND, "tpm2_pubkey_pcrs", "[11,11]" },
	{ FAULT_TOKEN_FORMAT, "tpm2_pubkey_pcrs", NULL },
	{ FAULT_TOKEN_FORMAT, "tpm2-pcr-bank", "\"sha1\"" },
	{ FAULT_TOKEN_FORMAT, "tpm2-primary-alg", "\"rsa\"" },
	{ FAULT_TOKEN_KIND, "tpm2-blob", "[\"QUJD\",\"QUJD\"]" },
	{ FAULT_TOKEN_FORMAT, "tpm2-blob", "\"QUJ\"" },
	{ FAULT_TOKEN_FORMAT, "tpm2-blob", "\"QUJ!\"" },
	{ FAULT_TOKEN_FORMAT, "tpm2-blob", "\"\"" },
	{ FAULT_TOKEN_FORMAT, "tpm2-blob", "\"QQ==\\n\"" },
	{ FAULT_TOKEN_FORMAT, "tpm2-policy-hash", "\"00\"" },
	{ FAULT_TOKEN_FORMAT, "tpm2-policy-hash", "[]" },
	{ FAULT_TOKEN_FORMAT, "tpm2-pin", "1" },
	{ FAULT_TOKEN_FORMAT, "tpm2-pin", "true" },      /* without a salt */
	{ FAULT_TOKEN_FORMAT, "tpm2_salt", "\"QUJD\"" }, /* without a PIN */
	{ FAULT_TOKEN_FORMAT, "tpm2_pubkey", NULL },
	{ FAULT_TOKEN_FORMAT, "tpm2_srk", NULL }, /* before 254 */
};

/* Of a gated token. */
static const struct edit EDITS_GATED[] = {
	{ FAULT_OK, "azupdate-floor", "0" },
	{ FAULT_OK, "azupdate-floor", "9223372036854775807" },
	{ FAULT_TOKEN_FORMAT, "azupdate-floor", NULL },
	{ FAULT_TOKEN_FORMAT, "azupdate-floor", "-1" },
	{ FAULT_TOKEN_FORMAT, "azupdate-floor", "1.5" },
	{ FAULT_TOKEN_FORMAT, "azupdate-ceiling", "\"1\"" },
	{ FAULT_TOKEN_FORMAT, "azupdate-ceiling", NULL },
	{ FAULT_TOKEN_FORMAT, "azupdate-index", "4294967296" },
	{ FAULT_TOKEN_FORMAT, "azupdate-index", NULL },
	{ FAULT_TOKEN_KIND, "azupdate-more", "1" },
	{ FAULT_TOKEN_KIND, "type", "\"systemd-tpm2\"" }, /* the gate taken off */
};

static fault edited(const struct edit *edit, gboolean gated)
{
	struct tpmtoken token = token_new(FALSE), back = { .keyslot = 0 };
	g_autofree char *text = NULL;
	g_autoptr(JsonValue) object = NULL;
	g_autoptr(GError) error = NULL;
	char *changed;
	fault why;

	token.seal.gated = gated;
	text = tpmtoken_encode(&token);
	object = json_loads(text, 0, NULL);

	if (edit->value == NULL)
		json_object_del(object, edit->key);
	else
		json_object_set_new(object, edit->key,
				    json_loads(edit->value, JSON_DECODE_ANY, NULL));
	changed = json_dumps(object, 0);
	why = tpmtoken_decode(changed, strlen(changed), &back, &error) ? FAULT_OK
								       : failure_code(error);
	free(changed);
	tpmtoken_clear(&token);
	tpmtoken_clear(&back);
	return why;
}

static void edits_check(const struct edit *edits, size_t count, gboolean gated)
{
	for (size_t i = 0; i < count; i++) {
		const fault why = edited(&edits[i], gated);

		if (why != edits[i].why)
			printf("# %s %s: %u\n", edits[i].key, edits[i].value, (unsigned)why);
		expect(why == edits[i].why);
	}
}

static void test_edits(void)
{
	edits_check(EDITS, G_N_ELEMENTS(EDITS), FALSE);
	edits_check(EDITS_GATED, G_N_ELEMENTS(EDITS_GATED), TRUE);
}

static void expect_size(size_t size_bytes, gboolean good)
{
	struct tpmtoken token = token_new(FALSE), back = { .keyslot = 0 };
	g_autofree char *encoded = tpmtoken_encode(&token);
	g_autoptr(GString) text = g_string_new(encoded);

	while (text->len < size_bytes)
		g_string_append_c(text, ' ');
	expect(tpmtoken_decode(text->str, text->len, &back, NULL) == good);
	tpmtoken_clear(&token);
	tpmtoken_clear(&back);
}

static void test_sizes(void)
{
	struct tpmtoken back;

	expect_size(TPMTOKEN_SIZE_MAX, TRUE);
	expect_size(TPMTOKEN_SIZE_MAX + 1, FALSE);
	expect(!tpmtoken_decode("", 0, &back, NULL));
	expect(!tpmtoken_decode("[]", 2, &back, NULL));
}

static const struct tap_case CASES[] = {
	{ "a gate", test_gate },
	{ "there and back", test_round },
	{ "each field edited", test_edits },
	{ "sizes", test_sizes },
};
TAP_MAIN(CASES)
