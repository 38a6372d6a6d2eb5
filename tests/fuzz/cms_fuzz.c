/* SPDX-License-Identifier: MIT */
/* Signatures in CMS, and certificates of attestation keys; the first byte says which. The keys are
 * made of fixed words, so that a corpus stays of use. What verifies is a signature of that content
 * by that signer, and of nothing else; the only certificates that lead to the anchor are those that
 * it has issued. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto.h"
#include "failure.h"
#include "fuzz.h"
#include "pubkey.h"

static const char CONTENT[] = "{\"format\":1}";
static const char OTHER[] = "{\"format\":2}";

static struct {
	EVP_PKEY *ca_key;
	EVP_PKEY *other_key;
	EVP_PKEY *signer_key;
	X509 *ca;
	X509 *other;
	X509 *signer;
	char *ca_path;    /* the keyring, and the anchors */
	char *other_path; /* a keyring of somebody else's */
	char *signer_path;
	char *key_path;
} world;

static EVP_PKEY *key_make(const char *word)
{
	uint8_t seed[32];

	crypto_digest("sha256", word, strlen(word), "", 0, seed);
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
}

/* ECPrivateKey (RFC 5915) on P-256 without the public half, which OpenSSL computes. */
static EVP_PKEY *ec_key_make(const char *word)
{
	uint8_t der[51] = { 0x30, 0x31, 2, 1, 1, 4, 32 };
	static const uint8_t CURVE[] = { 0xa0, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
	const unsigned char *at = der;

	crypto_digest("sha256", word, strlen(word), "", 0, der + 7);
	memcpy(der + 39, CURVE, sizeof CURVE);
	return d2i_PrivateKey(EVP_PKEY_EC, NULL, &at, sizeof der);
}

static void extension_add(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	promise(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

/* Ed25519 signs the same each time. `issuer` NULL: it issues itself. */
static X509 *certificate_make(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer == NULL ? 1 : 2);
	promise(ASN1_TIME_set_string(X509_getm_notBefore(certificate), "20200101000000Z") == 1);
	promise(ASN1_TIME_set_string(X509_getm_notAfter(certificate), "21000101000000Z") == 1);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, issuer == NULL ? subject : X509_get_subject_name(issuer));
	extension_add(certificate, NID_basic_constraints,
		      issuer == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (issuer != NULL)
		extension_add(certificate, NID_ext_key_usage, "codeSigning");
	promise(X509_sign(certificate, issuer_key, NULL) > 0);
	return certificate;
}

/* The descriptor stays open, since the path is of it. */
static char *pem_path(X509 *certificate, EVP_PKEY *key)
{
	const int fd = memfd_create("pem", MFD_CLOEXEC);
	BIO *file = BIO_new_fd(fd, BIO_NOCLOSE);

	if (certificate != NULL)
		promise(PEM_write_bio_X509(file, certificate) == 1);
	else
		promise(PEM_write_bio_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	BIO_free(file);
	return g_strdup_printf("/proc/self/fd/%d", fd);
}

static void world_make(void)
{
	if (world.ca != NULL)
		return;
	world.ca_key = key_make("fuzz: authority");
	world.other_key = key_make("fuzz: somebody else");
	world.signer_key = ec_key_make("fuzz: signer");
	world.ca = certificate_make("authority", world.ca_key, NULL, world.ca_key);
	world.other = certificate_make("authority", world.other_key, NULL, world.other_key);
	world.signer = certificate_make("signer", world.signer_key, world.ca, world.ca_key);
	world.ca_path = pem_path(world.ca, NULL);
	world.other_path = pem_path(world.other, NULL);
	world.signer_path = pem_path(world.signer, NULL);
	world.key_path = pem_path(NULL, world.signer_key);
}

static gboolean verify(const char *content, const uint8_t *bytes, size_t size_bytes,
		       const char *keyring, char **ret_signers, GError **error)
{
	return crypto_cms_verify((const uint8_t *)content, strlen(content), bytes, size_bytes,
				 keyring, ret_signers, error);
}

static gboolean is_told(fault why)
{
	return why == FAULT_SIGNATURE_MISSING || why == FAULT_SIGNATURE_FORMAT ||
	       why == FAULT_SIGNATURE_INVALID || why == FAULT_SIGNATURE_UNTRUSTED ||
	       why == FAULT_SIGNATURE_EXPIRED || why == FAULT_SIGNATURE_PURPOSE;
}

static void cms_run(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *signers = NULL;

	if (!verify(CONTENT, bytes, size_bytes, world.ca_path, &signers, &error)) {
		promise(is_told(failure_code(error)));
		return;
	}
	promise(g_str_equal(signers, "CN=signer") || g_str_equal(signers, "CN=signer; CN=signer"));
	promise(!verify(OTHER, bytes, size_bytes, world.ca_path, NULL, NULL));
	promise(!verify(CONTENT, bytes, size_bytes, world.other_path, NULL, NULL));
}

static void certificate_run(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GBytes) given = g_bytes_new_static(bytes, size_bytes);
	g_autofree char *name = NULL;
	g_autoptr(Pubkey) key = pubkey_of_certificate(given, world.ca_path, &name, NULL);
	const unsigned char *at = bytes;
	X509 *read;

	if (key == NULL)
		return;
	read = d2i_X509(NULL, &at, (long)size_bytes);
	promise(read != NULL && at == bytes + size_bytes);
	promise(EVP_PKEY_eq(X509_get0_pubkey(read), world.signer_key) == 1 ||
		EVP_PKEY_eq(X509_get0_pubkey(read), world.ca_key) == 1);
	X509_free(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	world_make();
	if (size_bytes == 0)
		return 0;
	if (bytes[0] % 2 == 0)
		cms_run(bytes + 1, size_bytes - 1);
	else
		certificate_run(bytes + 1, size_bytes - 1);
	return 0;
}

static size_t certificate_seed(X509 *certificate, uint8_t *ret_bytes, size_t room)
{
	unsigned char *der = NULL;
	const int size_bytes = i2d_X509(certificate, &der);
	size_t size = 0;

	if (size_bytes > 0 && (size_t)size_bytes < room) {
		ret_bytes[0] = 1;
		memcpy(ret_bytes + 1, der, (size_t)size_bytes);
		size = 1 + (size_t)size_bytes;
	}
	OPENSSL_free(der);
	return size;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	g_autoptr(GBytes) signature = NULL;

	world_make();
	if (number == 1 || number == 2)
		return certificate_seed(number == 1 ? world.signer : world.ca, ret_bytes, room);
	if (number > 2)
		return 0;
	signature = crypto_cms_sign((const uint8_t *)CONTENT, strlen(CONTENT), world.key_path,
				    world.signer_path, NULL);
	promise(signature != NULL);
	promise(verify(CONTENT, g_bytes_get_data(signature, NULL), g_bytes_get_size(signature),
		       world.ca_path, NULL, NULL));
	if (g_bytes_get_size(signature) >= room)
		return 0;
	ret_bytes[0] = 0;
	memcpy(ret_bytes + 1, g_bytes_get_data(signature, NULL), g_bytes_get_size(signature));
	return 1 + g_bytes_get_size(signature);
}
