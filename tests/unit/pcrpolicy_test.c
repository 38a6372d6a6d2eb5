/* SPDX-License-Identifier: MIT */
/* Whole `.pcrsig` sections are compared with systemd-measure's elsewhere; here: the digests, made
 * by hand after TPM 2.0 Part 3, and what is refused. */
#include "pcrpolicy.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"
#include "failure.h"
#include "tap.h"

static struct pcr11 zeros(const char *bank)
{
	return (struct pcr11){ .bank = pcr11_bank_find(bank, NULL) };
}

static void expect_digest(const struct pcr11 *pcr, const char *expected)
{
	uint8_t digest[PCRPOLICY_DIGEST_SIZE];
	g_autofree char *hex = NULL;

	pcrpolicy_digest(pcr, digest);
	hex = crypto_hex(digest, sizeof digest);
	expect(strcmp(hex, expected) == 0);
}

static void test_digest(void)
{
	const struct pcr11 sha256 = zeros("sha256"), sha384 = zeros("sha384");

	expect_digest(&sha256, "fd32fa22c52cfc8e1a0c29eb38519f87084cab0b04b0d8f020a4d38b2f4e223e");
	expect_digest(&sha384, "78f1a8604242075b253973d382cbb75792a383bcb1eac016cff2c49dac6eeeaa");
}

static void test_phases(void)
{
	struct pcr11 pcr = zeros("sha384");
	g_autofree char *hex = NULL;

	pcr11_extend(&pcr, "enter-initrd:leave-initrd");
	hex = crypto_hex(pcr.value, pcr.bank->size_bytes);
	expect(strcmp(hex, "60bd474a57618d37a245b84b0244514ea9c29f95eebacda668fab63ca0112dc4"
			   "5585324be9e889d575fff6a14af3c581") == 0);
}

static void test_refused(void)
{
	static const char *const PATHS[] = { "",    ":",   "a:",       ":a",   "a::b",        "A",
					     "a b", "a\n", "\xc3\xa4", "../x", "enter_initrd" };
	g_autofree char *longest = g_strnfill(PCR11_PATH_MAX, 'a');
	g_autofree char *longer = g_strnfill(PCR11_PATH_MAX + 1, 'a');

	expect(pcr11_path_check("enter-initrd", NULL));
	expect(pcr11_path_check(longest, NULL));
	for (unsigned i = 0; i < G_N_ELEMENTS(PATHS); i++) {
		g_autoptr(GError) error = NULL;

		expect(!pcr11_path_check(PATHS[i], &error));
		expect(failure_code(error) == FAULT_PCR_PHASE);
	}
	expect(!pcr11_path_check(longer, NULL));
	expect(pcr11_bank_find("sha3-256", NULL) == NULL);
	expect(pcr11_bank_find("", NULL) == NULL);
}

/* A key of that kind in a file; the caller frees the path, the file is the test's folder's. */
static char *key_write(EVP_PKEY *key)
{
	char *path = NULL;
	const int fd = g_file_open_tmp("azupdate-key-XXXXXX", &path, NULL);
	FILE *file = fdopen(fd, "w");

	g_assert(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	g_assert(fclose(file) == 0);
	EVP_PKEY_free(key);
	return path;
}

static void expect_no_key(EVP_PKEY *key, fault code)
{
	g_autofree char *path = key_write(key);
	g_autoptr(SignkeyRsa) loaded = NULL;
	g_autoptr(GError) error = NULL;

	loaded = signkey_rsa_load(path, &error);
	expect(loaded == NULL && failure_code(error) == code);
	(void)unlink(path);
}

static void test_keys(void)
{
	g_autofree char *path = key_write(EVP_RSA_gen(2048));
	g_autoptr(SignkeyRsa) key = signkey_rsa_load(path, NULL);
	g_autoptr(SignkeyRsa) none = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) signature = NULL;

	expect_no_key(EVP_EC_gen("P-256"), FAULT_KEY_KIND);
	expect_no_key(EVP_RSA_gen(1024), FAULT_KEY_KIND);
	expect(key != NULL);
	signature = signkey_rsa_sign(key, (const uint8_t *)"x", 1, NULL);
	expect(signature != NULL && g_bytes_get_size(signature) == 256);
	(void)unlink(path);
	none = signkey_rsa_load(path, &error);
	expect(none == NULL && failure_code(error) == FAULT_KEY_UNREADABLE);
}

static const struct tap_case CASES[] = {
	{ "digests of policies", test_digest },
	{ "phases in a large bank", test_phases },
	{ "what is refused", test_refused },
	{ "keys", test_keys },
};
TAP_MAIN(CASES)
