/* SPDX-License-Identifier: MIT */
/* Lists of PCR signatures (.pcrsig), as a UKI brings them: what is found there is there, by a
 * search of our own; the highest floor is the highest. */
#include "sealpolicy.h"

#include <string.h>

#include "fuzz.h"
#include "json.h"

enum { MODULUS = 256, LIMIT = 1000 };

/* Of these the texts are "a1a1..." and "b2b2...". */
static const uint8_t PRINT = 0xa1;
static const uint8_t POLICY = 0xb2;

static void key_make(struct signkey_public *ret_key)
{
	memset(ret_key, 0, sizeof *ret_key);
	ret_key->modulus_size = MODULUS;
	memset(ret_key->print, PRINT, sizeof ret_key->print);
}

static gboolean repeats(json_t *entry, const char *member, const char *two)
{
	const char *text = json_string_value(json_object_get(entry, member));

	if (text == NULL || strlen(text) != 64)
		return FALSE;
	for (unsigned i = 0; i < 64; i++)
		if (text[i] != two[i % 2])
			return FALSE;
	return TRUE;
}

/* Whether any entry of the list fits; of any floor if it is negative. */
static gboolean list_has(json_t *list, int64_t floor)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *entry = json_array_get(list, i);
		json_t *pcrs = json_object_get(entry, "pcrs");

		if (json_array_size(pcrs) == 1 &&
		    json_integer_value(json_array_get(pcrs, 0)) == 11 &&
		    repeats(entry, "pkfp", "a1") && repeats(entry, "pol", "b2") &&
		    (floor < 0 || (json_is_integer(json_object_get(entry, "floor")) &&
				   json_integer_value(json_object_get(entry, "floor")) == floor)))
			return TRUE;
	}
	return FALSE;
}

static void found_check(GBytes *pcrsig, json_t *top, const struct sealpolicy_gate *gate)
{
	struct signkey_public key;
	uint8_t policy[PCRPOLICY_DIGEST_SIZE];
	g_autoptr(GBytes) signature = NULL;

	key_make(&key);
	memset(policy, POLICY, sizeof policy);
	signature = sealpolicy_signature_find(pcrsig, &key, gate, policy, NULL);
	if (signature == NULL)
		return;
	promise(g_bytes_get_size(signature) == MODULUS);
	promise(top != NULL && list_has(json_object_get(top, "sha256"), -1));
	promise(gate == NULL ||
		list_has(json_object_get(top, PCRPOLICY_FLOORS), (int64_t)gate->floor));
}

static void floor_check(GBytes *pcrsig, json_t *top)
{
	json_t *list = json_object_get(top, PCRPOLICY_FLOORS);
	struct signkey_public key;
	uint64_t highest = 0;
	json_int_t other = -1;

	key_make(&key);
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *entry = json_array_get(list, i);
		const json_int_t floor = json_integer_value(json_object_get(entry, "floor"));

		if (json_is_integer(json_object_get(entry, "floor")) && floor <= LIMIT &&
		    repeats(entry, "pkfp", "a1"))
			other = MAX(other, floor);
	}
	if (sealpolicy_floor_highest(pcrsig, &key, LIMIT, &highest))
		promise((json_int_t)highest == other);
	else
		promise(other < 0 || json_array_size(list) > SEALPOLICY_SIGNATURE_COUNT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	const struct sealpolicy_gate gate = { .floor = 3, .ceiling = 9, .index = 0x0180415b };
	g_autoptr(GBytes) pcrsig = g_bytes_new_static(bytes, size_bytes);
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) top = json_object_parse((const char *)bytes, size_bytes, &why);

	found_check(pcrsig, top, NULL);
	found_check(pcrsig, top, &gate);
	floor_check(pcrsig, top);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	g_autofree uint8_t *signature = g_malloc0(MODULUS);
	g_autofree char *text = g_base64_encode(signature, MODULUS);
	g_autofree char *print = g_strnfill(64, 'a');
	g_autofree char *policy = g_strnfill(64, 'b');
	g_autofree char *entry = NULL;
	g_autofree char *list = NULL;

	for (unsigned i = 1; i < 64; i += 2) {
		print[i] = '1';
		policy[i] = '2';
	}
	entry = g_strdup_printf("\"pcrs\":[11],\"pkfp\":\"%s\",\"pol\":\"%s\",\"sig\":\"%s\"",
				print, policy, text);
	list = g_strdup_printf("{\"sha256\":[{%s}],\"%s\":[{%s,\"floor\":3},{%s,\"floor\":7}]}",
			       entry, PCRPOLICY_FLOORS, entry, entry);
	return number == 0 ? fuzz_copy(list, strlen(list), ret_bytes, room) : 0;
}
