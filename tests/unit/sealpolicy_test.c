/* SPDX-License-Identifier: MIT */
/* Names and digests are compared with a TPM's elsewhere; here: how a `.pcrsig` is read. */
#include "sealpolicy.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"
#include "failure.h"
#include "tap.h"

static const uint8_t POLICY[PCRPOLICY_DIGEST_SIZE] = { 1, 2, 3 };

struct maker {
	struct signkey_public public;
	char *print; /* hex, as are these */
	char *policy;
	char *signature; /* base64 */
};

/* A new key, and its signature of POLICY. */
static gboolean maker_init(struct maker *maker)
{
	g_autofree char *path = NULL;
	g_autoptr(SignkeyRsa) key = NULL;
	g_autoptr(GBytes) pem = NULL;
	g_autoptr(GBytes) signature = NULL;
	FILE *file = fdopen(g_file_open_tmp("azupdate-key-XXXXXX", &path, NULL), "w");
	EVP_PKEY *made = EVP_RSA_gen(2048);
	const gboolean written = PEM_write_PrivateKey(file, made, NULL, NULL, 0, NULL, NULL) == 1 &&
				 fclose(file) == 0;

	EVP_PKEY_free(made);
	if (written)
		key = signkey_rsa_load(path, NULL);
	(void)unlink(path);
	if (key == NULL)
		return FALSE;
	pem = signkey_rsa_public(key, NULL);
	signature = signkey_rsa_sign(key, POLICY, sizeof POLICY, NULL);
	maker->print = NULL;
	if (!signkey_public_decode(pem, &maker->public, NULL))
		return FALSE;
	maker->print = crypto_hex(maker->public.print, SIGNKEY_PRINT_SIZE);
	maker->policy = crypto_hex(POLICY, sizeof POLICY);
	maker->signature = g_base64_encode(g_bytes_get_data(signature, NULL),
					   g_bytes_get_size(signature));
	return TRUE;
}

static void maker_done(struct maker *maker)
{
	g_free(maker->print);
	g_free(maker->policy);
	g_free(maker->signature);
}

/* In a pattern, @k stands for the key's print, @p for the policy, @s for the signature. */
static char *fill(const struct maker *maker, const char *pattern)
{
	g_autoptr(GString) text = g_string_new(pattern);

	g_string_replace(text, "@k", maker->print, 0);
	g_string_replace(text, "@p", maker->policy, 0);
	g_string_replace(text, "@s", maker->signature, 0);
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static fault find(const struct maker *maker, const char *text, GBytes **ret_signature)
{
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
	g_autoptr(GError) error = NULL;

	*ret_signature = sealpolicy_signature_find(bytes, &maker->public, NULL, POLICY, &error);
	return *ret_signature != NULL ? FAULT_OK : failure_code(error);
}

struct pattern {
	fault why;
	const char *text;
};

#define ENTRY "{\"pcrs\":[11],\"pkfp\":\"@k\",\"pol\":\"@p\",\"sig\":\"@s\"}"

static const struct pattern PATTERNS[] = {
	{ FAULT_OK, "{\"sha256\":[" ENTRY "]}" },
	{ FAULT_OK, "{\"sha384\":[],\"sha256\":[7,{}," ENTRY "],\"x\":1}" },
	{ FAULT_SEAL_STATE, "{\"sha256\":[]}" },
	{ FAULT_SEAL_STATE,
	  "{\"sha256\":[{\"pcrs\":[11,12],\"pkfp\":\"@k\",\"pol\":\"@p\",\"sig\":\"@s\"}]}" },
	{ FAULT_SEAL_STATE,
	  "{\"sha256\":[{\"pcrs\":[4],\"pkfp\":\"@k\",\"pol\":\"@p\",\"sig\":\"@s\"}]}" },
	{ FAULT_SEAL_STATE,
	  "{\"sha256\":[{\"pcrs\":11,\"pkfp\":\"@k\",\"pol\":\"@p\",\"sig\":\"@s\"}]}" },
	{ FAULT_SEAL_STATE,
	  "{\"sha256\":[{\"pcrs\":[11],\"pkfp\":\"@p\",\"pol\":\"@p\",\"sig\":\"@s\"}]}" },
	{ FAULT_SEAL_STATE,
	  "{\"sha256\":[{\"pcrs\":[11],\"pkfp\":\"@k\",\"pol\":\"@k\",\"sig\":\"@s\"}]}" },
	{ FAULT_SEAL_STATE, "{\"sha256\":[{\"pcrs\":[11],\"pkfp\":\"@k\",\"sig\":\"@s\"}]}" },
	{ FAULT_SEAL_SIGNATURES, "{\"sha256\":[{\"pcrs\":[11],\"pkfp\":\"@k\",\"pol\":\"@p\"}]}" },
	{ FAULT_SEAL_SIGNATURES,
	  "{\"sha256\":[{\"pcrs\":[11],\"pkfp\":\"@k\",\"pol\":\"@p\",\"sig\":\"QUJD\"}]}" },
	{ FAULT_SEAL_SIGNATURES, "{\"sha384\":[" ENTRY "]}" },
	{ FAULT_SEAL_SIGNATURES, "{\"sha256\":" ENTRY "}" },
	{ FAULT_SEAL_SIGNATURES, "[" ENTRY "]" },
	{ FAULT_SEAL_SIGNATURES, "" },
	{ FAULT_SEAL_SIGNATURES, "{\"sha256\":[" ENTRY "]" },
	{ FAULT_SEAL_SIGNATURES, "{\"sha256\":[" ENTRY "],\"sha256\":[]}" },
};

static void test_find(void)
{
	struct maker maker;

	expect(maker_init(&maker));
	for (size_t i = 0; i < G_N_ELEMENTS(PATTERNS); i++) {
		g_autofree char *text = fill(&maker, PATTERNS[i].text);
		g_autoptr(GBytes) signature = NULL;

		if (find(&maker, text, &signature) != PATTERNS[i].why)
			printf("# %s\n", PATTERNS[i].text);
		expect(find(&maker, text, &signature) == PATTERNS[i].why);
		if (signature != NULL)
			expect(signkey_public_verify(&maker.public, POLICY, sizeof POLICY,
						     g_bytes_get_data(signature, NULL),
						     g_bytes_get_size(signature)));
	}
	maker_done(&maker);
}

/* One entry more than the limit, and one byte more. */
static void test_limits(void)
{
	g_autoptr(GString) many = g_string_new("{\"sha256\":[0");
	g_autofree char *large = g_strnfill(SEALPOLICY_SIGNATURES_MAX + 1, ' ');
	g_autoptr(GBytes) signature = NULL;
	struct maker maker;

	expect(maker_init(&maker));
	for (unsigned i = 1; i < SEALPOLICY_SIGNATURE_COUNT_MAX; i++)
		g_string_append(many, ",0");
	g_string_append(many, "]}");
	expect(find(&maker, many->str, &signature) == FAULT_SEAL_STATE);
	g_string_insert(many, (gssize)many->len - 2, ",0");
	expect(find(&maker, many->str, &signature) == FAULT_SEAL_SIGNATURES);
	memcpy(large, "{\"sha256\":[]}", 13);
	expect(find(&maker, large, &signature) == FAULT_SEAL_SIGNATURES);
	large[SEALPOLICY_SIGNATURES_MAX] = '\0';
	expect(find(&maker, large, &signature) == FAULT_SEAL_STATE);
	maker_done(&maker);
}

#define FLOOR(number)                                                                              \
	"{\"pcrs\":[11],\"pkfp\":\"@k\",\"pol\":\"@p\",\"floor\":" number ",\"sig\":\"@s\"}"

struct floors {
	const char *text;
	fault why;      /* for floor 3 */
	int highest[3]; /* up to 2, 3 and any; -1: there is none */
};

static const struct floors FLOORS[] = {
	{ "{\"sha256\":[" ENTRY "]}", FAULT_SEAL_FLOOR, { -1, -1, -1 } },
	{ "{\"sha256\":[" ENTRY "],\"azupdate-floors\":[" FLOOR("3") "]}", FAULT_OK, { -1, 3, 3 } },
	{ "{\"sha256\":[" ENTRY
	  "],\"azupdate-floors\":[" FLOOR("0") "," FLOOR("9") "," FLOOR("3") "," FLOOR("1") "]}",
	  FAULT_OK,
	  { 1, 3, 9 } },
	{ "{\"sha256\":[" ENTRY
	  "],\"azupdate-floors\":[" FLOOR("2") "," FLOOR("\"3\"") "," FLOOR("-1") ",3,{}]}",
	  FAULT_SEAL_FLOOR,
	  { 2, 2, 2 } },
	{ "{\"sha256\":[" ENTRY "],\"azupdate-floors\":" FLOOR("3") "}",
	  FAULT_SEAL_FLOOR,
	  { -1, -1, -1 } },
	/* A floor is no state. */
	{ "{\"sha256\":[],\"azupdate-floors\":[" FLOOR("3") "]}", FAULT_SEAL_STATE, { -1, 3, 3 } },
	{ "{\"azupdate-floors\":[" FLOOR("3") "]}", FAULT_SEAL_SIGNATURES, { -1, 3, 3 } },
};

static void floors_check(const struct maker *maker, const struct maker *other,
			 const struct floors *floors)
{
	static const uint64_t LIMITS[] = { 2, 3, UINT64_MAX };
	const struct sealpolicy_gate gate = { .floor = 3 };
	g_autofree char *text = fill(maker, floors->text);
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes)
		found = sealpolicy_signature_find(bytes, &maker->public, &gate, POLICY, &error);
	const fault why = found != NULL ? FAULT_OK : failure_code(error);
	uint64_t highest;

	if (why != floors->why)
		printf("# %s\n", floors->text);
	expect(why == floors->why);
	for (unsigned i = 0; i < G_N_ELEMENTS(LIMITS); i++) {
		const gboolean any = sealpolicy_floor_highest(bytes, &maker->public, LIMITS[i],
							      &highest);

		expect(any == (floors->highest[i] >= 0));
		expect(!any || highest == (uint64_t)floors->highest[i]);
		expect(!sealpolicy_floor_highest(bytes, &other->public, LIMITS[i], &highest));
	}
}

static void test_floors(void)
{
	struct maker ours, theirs;

	expect(maker_init(&ours) && maker_init(&theirs));
	for (size_t i = 0; i < G_N_ELEMENTS(FLOORS); i++)
		floors_check(&ours, &theirs, &FLOORS[i]);
	maker_done(&ours);
	maker_done(&theirs);
}

/* A signature by another key, or of another policy, is told apart; so is a PIN's policy. */
static void test_strangers(void)
{
	static const uint8_t OTHER[PCRPOLICY_DIGEST_SIZE] = { 1, 2, 4 };
	struct maker ours, theirs;
	uint8_t plain[SEALPOLICY_SIZE], pin[SEALPOLICY_SIZE], foreign[SEALPOLICY_SIZE];
	g_autofree guchar *signature = NULL;
	gsize size_bytes;

	expect(maker_init(&ours) && maker_init(&theirs));
	signature = g_base64_decode(ours.signature, &size_bytes);
	expect(signkey_public_verify(&ours.public, POLICY, sizeof POLICY, signature, size_bytes));
	expect(!signkey_public_verify(&ours.public, OTHER, sizeof OTHER, signature, size_bytes));
	expect(!signkey_public_verify(&theirs.public, POLICY, sizeof POLICY, signature,
				      size_bytes));
	sealpolicy_digest(&ours.public, NULL, FALSE, plain);
	sealpolicy_digest(&ours.public, NULL, TRUE, pin);
	sealpolicy_digest(&theirs.public, NULL, FALSE, foreign);
	expect(memcmp(plain, pin, sizeof plain) != 0);
	expect(memcmp(plain, foreign, sizeof plain) != 0);
	maker_done(&ours);
	maker_done(&theirs);
}

static void expect_no_key(const char *text, size_t size_bytes, fault why)
{
	g_autoptr(GBytes) pem = g_bytes_new(text, size_bytes);
	g_autoptr(GError) error = NULL;
	struct signkey_public public;

	expect(!signkey_public_decode(pem, &public, &error));
	expect(failure_code(error) == why);
}

static void expect_no_public(EVP_PKEY *key, fault why)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *pem;
	long size_bytes;

	PEM_write_bio_PUBKEY(text, key);
	size_bytes = BIO_get_mem_data(text, &pem);
	expect_no_key(pem, (size_t)size_bytes, why);
	BIO_free(text);
	EVP_PKEY_free(key);
}

static void test_keys(void)
{
	expect_no_public(EVP_EC_gen("P-256"), FAULT_KEY_KIND);
	expect_no_public(EVP_RSA_gen(1024), FAULT_KEY_KIND);
	expect_no_key("", 0, FAULT_KEY_UNREADABLE);
	expect_no_key("-----BEGIN PUBLIC KEY-----\nQUJD\n", 32, FAULT_KEY_UNREADABLE);
}

static const struct tap_case CASES[] = {
	{ "floors", test_floors },
	{ "finding a signature", test_find },
	{ "limits of the list", test_limits },
	{ "strangers", test_strangers },
	{ "keys that cannot serve", test_keys },
};
TAP_MAIN(CASES)
