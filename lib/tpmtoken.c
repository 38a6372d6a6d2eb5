/* SPDX-License-Identifier: MIT */
#include "tpmtoken.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "json.h"

enum { PCR = 11, DIGEST_HEX_SIZE = 2 * SEALPOLICY_SIZE };

const char TPMTOKEN_TYPE[] = "systemd-tpm2";
const char TPMTOKEN_TYPE_GATED[] = "azupdate-tpm2";

static const char KEY_FLOOR[] = "azupdate-floor";
static const char KEY_CEILING[] = "azupdate-ceiling";
static const char KEY_INDEX[] = "azupdate-index";

/* A key that is not listed could mean anything: that more is needed to open it, for one. */
static const char *const KEYS[] = {
	"type",          "keyslots",         "tpm2-blob",        "tpm2-pcrs",
	"tpm2-pcr-bank", "tpm2-primary-alg", "tpm2-policy-hash", "tpm2-pin",
	"tpm2_pcrlock",  "tpm2_pubkey_pcrs", "tpm2_pubkey",      "tpm2_srk",
	"tpm2_salt",
};
static const char *const KEYS_GATED[] = { KEY_FLOOR, KEY_CEILING, KEY_INDEX };

void tpmtoken_clear(struct tpmtoken *token)
{
	g_clear_pointer(&token->public_key, g_bytes_unref);
	tpmseal_clear(&token->seal);
}

static json_t *base64_value(const void *bytes, size_t size_bytes)
{
	g_autofree char *text = g_base64_encode(bytes, size_bytes);

	return json_string(text);
}

static json_t *base64_bytes(GBytes *bytes)
{
	return base64_value(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static void gate_encode(json_t *object, const struct sealpolicy_gate *gate)
{
	json_object_set_new(object, KEY_FLOOR, json_integer((int64_t)gate->floor));
	json_object_set_new(object, KEY_CEILING, json_integer((int64_t)gate->ceiling));
	json_object_set_new(object, KEY_INDEX, json_integer(gate->index));
}

char *tpmtoken_encode(const struct tpmtoken *token)
{
	g_autofree char *keyslot = g_strdup_printf("%u", token->keyslot);
	g_autofree char *policy = crypto_hex(token->seal.policy, SEALPOLICY_SIZE);
	g_autoptr(JsonValue) object = json_pack(
		"{s:s,s:[s],s:o,s:[],s:s,s:s,s:s,s:b,s:b,s:[i],s:o,s:o}", "type",
		token->seal.gated ? TPMTOKEN_TYPE_GATED : TPMTOKEN_TYPE, "keyslots", keyslot,
		"tpm2-blob", base64_bytes(token->seal.blob), "tpm2-pcrs", "tpm2-pcr-bank", "sha256",
		"tpm2-primary-alg", "ecc", "tpm2-policy-hash", policy, "tpm2-pin", token->seal.pin,
		"tpm2_pcrlock", FALSE, "tpm2_pubkey_pcrs", PCR, "tpm2_pubkey",
		base64_bytes(token->public_key), "tpm2_srk", base64_bytes(token->seal.root_key));

	if (token->seal.pin)
		json_object_set_new(object, "tpm2_salt",
				    base64_value(token->seal.salt, TPMSEAL_SALT_SIZE));
	if (token->seal.gated)
		gate_encode(object, &token->seal.gate);
	return json_text(object, JSON_COMPACT);
}

static gboolean field_refuse(const struct json_reader *reader, const char *key, const char *wanted)
{
	return failure_set(reader->error, (fault)reader->code, "%s: \"%s\" is not %s", reader->what,
			   key, wanted);
}

static gboolean kind_refuse(const struct json_reader *reader, const char *what)
{
	return failure_set(reader->error, FAULT_TOKEN_KIND, "%s: %s", reader->what, what);
}

static gboolean key_is_known(const char *key, gboolean gated)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(KEYS); i++)
		if (strcmp(KEYS[i], key) == 0)
			return TRUE;
	for (unsigned i = 0; gated && i < G_N_ELEMENTS(KEYS_GATED); i++)
		if (strcmp(KEYS_GATED[i], key) == 0)
			return TRUE;
	return FALSE;
}

static gboolean keys_check(const struct json_reader *reader, json_t *object, gboolean gated)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		if (!key_is_known(key, gated))
			return failure_set(reader->error, FAULT_TOKEN_KIND,
					   "%s: \"%.32s\" is not known here", reader->what, key);
	}
	return TRUE;
}

/* Base64 proper: the same text comes out when it is encoded again. */
static GBytes *bytes_get(const struct json_reader *reader, json_t *object, const char *key,
			 size_t max)
{
	const char *text = json_get_text(reader, object, key, (max + 2) / 3 * 4);
	g_autofree guchar *bytes = NULL;
	g_autofree char *again = NULL;
	gsize size_bytes;

	if (text == NULL)
		return NULL;
	bytes = g_base64_decode(text, &size_bytes);
	again = g_base64_encode(bytes, size_bytes);
	if (size_bytes > 0 && size_bytes <= max && strcmp(again, text) == 0)
		return g_bytes_new_take(g_steal_pointer(&bytes), size_bytes);
	field_refuse(reader, key, "base64");
	return NULL;
}

static gboolean text_is(const struct json_reader *reader, json_t *object, const char *key,
			const char *wanted)
{
	return g_strcmp0(json_string_value(json_object_get(object, key)), wanted) == 0 ||
	       field_refuse(reader, key, wanted);
}

static gboolean keyslot_get(const struct json_reader *reader, json_t *object, unsigned *ret_keyslot)
{
	json_t *list = json_object_get(object, "keyslots");
	const char *text = json_string_value(json_array_get(list, 0));
	guint64 number;

	if (json_array_size(list) != 1 || text == NULL ||
	    !g_ascii_string_to_unsigned(text, 10, 0, TPMTOKEN_KEYSLOTS - 1, &number, NULL) ||
	    (text[0] == '0' && text[1] != '\0'))
		return field_refuse(reader, "keyslots", "the number of one keyslot");
	*ret_keyslot = (unsigned)number;
	return TRUE;
}

/* What these demand is written down, and must be what a policy of this program demands. */
static gboolean kind_check(const struct json_reader *reader, json_t *object)
{
	json_t *pcrs = json_object_get(object, "tpm2-pcrs");
	json_t *signed_pcrs = json_object_get(object, "tpm2_pubkey_pcrs");
	json_t *pcrlock = json_object_get(object, "tpm2_pcrlock");

	if (!json_is_array(pcrs) || !json_is_array(signed_pcrs))
		return field_refuse(reader, "tpm2-pcrs", "a list, or tpm2_pubkey_pcrs is not");
	if (json_array_size(pcrs) != 0)
		return kind_refuse(reader,
				   "it is bound to values of PCRs, not to signed ones alone");
	if (json_array_size(signed_pcrs) != 1 || !json_is_integer(json_array_get(signed_pcrs, 0)) ||
	    json_integer_value(json_array_get(signed_pcrs, 0)) != PCR)
		return kind_refuse(reader, "its signed PCRs are not PCR 11 alone");
	if (pcrlock != NULL && !json_is_false(pcrlock))
		return kind_refuse(reader, "it is bound to systemd-pcrlock");
	if (json_is_array(json_object_get(object, "tpm2-blob")))
		return kind_refuse(reader, "its secret is in several parts");
	return text_is(reader, object, "tpm2-pcr-bank", "sha256") &&
	       text_is(reader, object, "tpm2-primary-alg", "ecc");
}

static gboolean pin_get(const struct json_reader *reader, json_t *object, struct tpmseal *seal)
{
	json_t *pin = json_object_get(object, "tpm2-pin");
	json_t *salt = json_object_get(object, "tpm2_salt");
	g_autoptr(GBytes) bytes = NULL;

	if (!json_is_boolean(pin))
		return field_refuse(reader, "tpm2-pin", "true or false");
	seal->pin = json_is_true(pin);
	if (!seal->pin)
		return salt == NULL || field_refuse(reader, "tpm2_salt", "absent without a PIN");
	bytes = bytes_get(reader, object, "tpm2_salt", TPMSEAL_SALT_SIZE);
	if (bytes == NULL)
		return FALSE;
	if (g_bytes_get_size(bytes) != TPMSEAL_SALT_SIZE)
		return field_refuse(reader, "tpm2_salt", "32 bytes");
	memcpy(seal->salt, g_bytes_get_data(bytes, NULL), TPMSEAL_SALT_SIZE);
	return TRUE;
}

static gboolean policy_get(const struct json_reader *reader, json_t *object, struct tpmseal *seal)
{
	const char *text = json_get_text(reader, object, "tpm2-policy-hash", DIGEST_HEX_SIZE);

	if (text == NULL)
		return FALSE;
	return crypto_unhex(text, seal->policy, SEALPOLICY_SIZE) ||
	       field_refuse(reader, "tpm2-policy-hash", "64 digits in hexadecimal");
}

/* That the numbers are those of the policy, tpmseal.h checks. */
static gboolean gate_get(const struct json_reader *reader, json_t *object, struct tpmseal *seal)
{
	const char *type = json_string_value(json_object_get(object, "type"));
	uint64_t index;

	seal->gated = g_strcmp0(type, TPMTOKEN_TYPE_GATED) == 0;
	if (!seal->gated)
		return text_is(reader, object, "type", TPMTOKEN_TYPE);
	if (!json_get_number(reader, object, KEY_FLOOR, PCRPOLICY_FLOOR_MAX, &seal->gate.floor) ||
	    !json_get_number(reader, object, KEY_CEILING, INT64_MAX, &seal->gate.ceiling) ||
	    !json_get_number(reader, object, KEY_INDEX, UINT32_MAX, &index))
		return FALSE;
	seal->gate.index = (uint32_t)index;
	return TRUE;
}

static gboolean fields_get(const struct json_reader *reader, json_t *object, struct tpmtoken *token)
{
	if (!gate_get(reader, object, &token->seal) ||
	    !keys_check(reader, object, token->seal.gated) ||
	    !keyslot_get(reader, object, &token->keyslot) || !kind_check(reader, object) ||
	    !pin_get(reader, object, &token->seal) || !policy_get(reader, object, &token->seal))
		return FALSE;
	token->public_key = bytes_get(reader, object, "tpm2_pubkey", SIGNKEY_PEM_MAX);
	if (token->public_key != NULL)
		token->seal.blob = bytes_get(reader, object, "tpm2-blob", TPMSEAL_BLOB_MAX);
	if (token->seal.blob != NULL)
		token->seal.root_key = bytes_get(reader, object, "tpm2_srk", TPMSEAL_ROOT_KEY_MAX);
	return token->seal.root_key != NULL;
}

gboolean tpmtoken_decode(const char *text, size_t size_bytes, struct tpmtoken *ret_token,
			 GError **error)
{
	const struct json_reader reader = { "the volume's TPM token", FAULT_TOKEN_FORMAT, error };
	struct tpmtoken token = { .keyslot = 0 };
	g_autoptr(JsonValue) object = NULL;
	g_autofree char *why = NULL;

	if (size_bytes > TPMTOKEN_SIZE_MAX)
		return failure_set(error, FAULT_TOKEN_FORMAT, "%s is larger than %d bytes",
				   reader.what, TPMTOKEN_SIZE_MAX);
	object = json_object_parse(text, size_bytes, &why);
	if (object == NULL)
		return failure_set(error, FAULT_TOKEN_FORMAT, "%s: %s", reader.what, why);
	if (!fields_get(&reader, object, &token)) {
		tpmtoken_clear(&token);
		return FALSE;
	}
	*ret_token = token;
	return TRUE;
}
