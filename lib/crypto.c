/* SPDX-License-Identifier: MIT */
#include "crypto.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "failure.h"
#include "signkey.h"

enum {
	KERNEL_KEY_BITS_MIN = 2048,
	KERNEL_KEY_BITS_MAX = 4096,
	KEYRING_CERTIFICATES_MAX = 64,
	SIGNERS_MAX = 16,
	SECURITY_LEVEL = 2, /* of OpenSSL: no SHA-1 in the chain, no RSA key under 2048 bits */
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_STORE, X509_STORE_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CMS_ContentInfo, CMS_ContentInfo_free)

typedef STACK_OF(X509) X509_stack;
static void X509_stack_free(X509_stack *stack)
{
	sk_X509_pop_free(stack, X509_free);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_stack, X509_stack_free)

struct crypto_hasher {
	EVP_MD_CTX *salted; /* the salt is in it already */
	EVP_MD_CTX *work;
};

static const char *openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason != NULL ? reason : "unknown reason";
}

struct crypto_hasher *crypto_hasher_new(const uint8_t *salt, size_t salt_size)
{
	struct crypto_hasher *hasher = g_new0(struct crypto_hasher, 1);

	hasher->salted = EVP_MD_CTX_new();
	hasher->work = EVP_MD_CTX_new();
	/* These fail only without memory or without SHA-256: nothing could go on then. */
	if (hasher->salted == NULL || hasher->work == NULL ||
	    EVP_DigestInit_ex(hasher->salted, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(hasher->salted, salt, salt_size) != 1)
		g_error("OpenSSL has no SHA-256: %s", openssl_reason());
	return hasher;
}

void crypto_hasher_free(struct crypto_hasher *hasher)
{
	if (hasher == NULL)
		return;
	EVP_MD_CTX_free(hasher->salted);
	EVP_MD_CTX_free(hasher->work);
	g_free(hasher);
}

void crypto_hash(struct crypto_hasher *hasher, const uint8_t *bytes, size_t size_bytes,
		 uint8_t ret_hash[static CRYPTO_HASH_SIZE])
{
	if (EVP_MD_CTX_copy_ex(hasher->work, hasher->salted) != 1 ||
	    EVP_DigestUpdate(hasher->work, bytes, size_bytes) != 1 ||
	    EVP_DigestFinal_ex(hasher->work, ret_hash, NULL) != 1)
		g_error("OpenSSL cannot hash: %s", openssl_reason());
}

void crypto_random(uint8_t *ret_bytes, size_t size_bytes)
{
	if (RAND_bytes(ret_bytes, (int)size_bytes) != 1)
		g_error("OpenSSL has no random numbers: %s", openssl_reason());
}

void crypto_digest(const char *name, const void *first, size_t first_size, const void *second,
		   size_t second_size, uint8_t *ret_digest)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	/* These fail only without memory, or where a hash is switched off. */
	if (context == NULL || EVP_DigestInit_ex(context, EVP_get_digestbyname(name), NULL) != 1 ||
	    EVP_DigestUpdate(context, first, first_size) != 1 ||
	    EVP_DigestUpdate(context, second, second_size) != 1 ||
	    EVP_DigestFinal_ex(context, ret_digest, NULL) != 1)
		g_error("OpenSSL cannot make a %s: %s", name, openssl_reason());
	EVP_MD_CTX_free(context);
}

void crypto_hmac(const char *name, const void *key, size_t key_size, const char *text,
		 uint8_t *ret_digest)
{
	if (HMAC(EVP_get_digestbyname(name), key, (int)key_size, (const unsigned char *)text,
		 strlen(text), ret_digest, NULL) == NULL)
		g_error("OpenSSL cannot make an HMAC with %s: %s", name, openssl_reason());
}

void crypto_stretch(const void *secret, size_t secret_size, const uint8_t *salt, size_t salt_size,
		    unsigned iterations, uint8_t ret_key[static CRYPTO_HASH_SIZE])
{
	if (PKCS5_PBKDF2_HMAC(secret, (int)secret_size, salt, (int)salt_size, (int)iterations,
			      EVP_sha256(), CRYPTO_HASH_SIZE, ret_key) != 1)
		g_error("OpenSSL cannot stretch a secret: %s", openssl_reason());
}

char *crypto_hex(const uint8_t *bytes, size_t size_bytes)
{
	GString *text = g_string_sized_new(2 * size_bytes);

	for (size_t i = 0; i < size_bytes; i++)
		g_string_append_printf(text, "%02x", bytes[i]);
	return g_string_free(text, FALSE);
}

gboolean crypto_unhex(const char *text, uint8_t *ret_bytes, size_t size_bytes)
{
	if (strlen(text) != 2 * size_bytes || strspn(text, "0123456789abcdef") != 2 * size_bytes)
		return FALSE;
	for (size_t i = 0; i < size_bytes; i++)
		ret_bytes[i] = (uint8_t)(g_ascii_xdigit_value(text[2 * i]) << 4 |
					 g_ascii_xdigit_value(text[2 * i + 1]));
	return TRUE;
}

/* All certificates of a PEM file. An empty file gives an empty stack. */
static X509_stack *certificates_load(const char *path, GError **error)
{
	g_autoptr(BIO) file = BIO_new_file(path, "r");
	g_autoptr(X509_stack) stack = sk_X509_new_null();
	X509 *certificate;

	if (file == NULL) {
		failure_set(error, FAULT_KEY_UNREADABLE, "cannot open certificate file %s", path);
		return NULL;
	}
	while ((certificate = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
		if (sk_X509_num(stack) == KEYRING_CERTIFICATES_MAX) {
			X509_free(certificate);
			failure_set(error, FAULT_KEY_UNREADABLE,
				    "%s holds more than %d certificates", path,
				    KEYRING_CERTIFICATES_MAX);
			return NULL;
		}
		sk_X509_push(stack, certificate);
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		failure_set(error, FAULT_KEY_UNREADABLE, "%s is damaged: %s", path,
			    openssl_reason());
		return NULL;
	}
	ERR_clear_error();
	return g_steal_pointer(&stack);
}

/* Without the extension a certificate is for everything, in OpenSSL's view: not in ours. */
static gboolean is_for_code_signing(X509 *certificate)
{
	return (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0 &&
	       (X509_get_extended_key_usage(certificate) & XKU_CODE_SIGN) != 0;
}

static char *certificate_name(X509 *certificate)
{
	g_autoptr(BIO) text = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	long size;

	X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0,
			   XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
	size = BIO_get_mem_data(text, &bytes);
	return g_utf8_make_valid(bytes, size);
}

/* NULL for a signature that could not be made is told as a key that does not serve. */
static GBytes *cms_encode(CMS_ContentInfo *cms, const char *key, GError **error)
{
	unsigned char *der = NULL;
	const int der_size = cms != NULL ? i2d_CMS_ContentInfo(cms, &der) : -1;
	g_autofree char *shown = signkey_shown(key);
	GBytes *signature;

	if (der_size < 0) {
		failure_set(error, FAULT_KEY_UNREADABLE, "cannot sign with %s: %s", shown,
			    openssl_reason());
		return NULL;
	}
	signature = g_bytes_new(der, (gsize)der_size);
	OPENSSL_free(der);
	return signature;
}

GBytes *crypto_cms_sign(const uint8_t *bytes, size_t size_bytes, const char *key,
			const char *certificate, GError **error)
{
	g_autoptr(X509_stack) chain = certificates_load(certificate, error);
	g_autoptr(BIO) content = BIO_new_mem_buf(bytes, (int)size_bytes);
	g_autoptr(EVP_PKEY) private = NULL;
	g_autoptr(CMS_ContentInfo) cms = NULL;
	g_autoptr(X509) signer = NULL;

	if (chain == NULL)
		return NULL;
	signer = sk_X509_shift(chain);
	if (signer == NULL || !is_for_code_signing(signer)) {
		failure_set(error, signer == NULL ? FAULT_KEY_UNREADABLE : FAULT_SIGNATURE_PURPOSE,
			    signer == NULL ? "%s holds no certificate"
					   : "the certificate %s is not for code signing",
			    certificate);
		return NULL;
	}
	private = signkey_load(key, error);
	if (private == NULL)
		return NULL;
	cms = CMS_sign(signer, private, chain, content, CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP);
	return cms_encode(cms, key, error);
}

static gboolean keyring_add_file(X509_STORE *store, const char *path, unsigned *count,
				 GError **error)
{
	g_autoptr(X509_stack) stack = certificates_load(path, error);

	if (stack == NULL)
		return FALSE;
	for (int i = 0; i < sk_X509_num(stack); i++, (*count)++)
		if (X509_STORE_add_cert(store, sk_X509_value(stack, i)) != 1)
			return failure_set(error, FAULT_KEY_UNREADABLE, "cannot use %s: %s", path,
					   openssl_reason());
	return TRUE;
}

static gboolean keyring_add_folder(X509_STORE *store, const char *path, unsigned *count,
				   GError **error)
{
	g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
	const char *name;

	while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
		g_autofree char *file = g_build_filename(path, name, NULL);

		if (!g_str_has_suffix(name, ".pem") && !g_str_has_suffix(name, ".crt"))
			continue;
		if (!keyring_add_file(store, file, count, error))
			return FALSE;
		if (*count > KEYRING_CERTIFICATES_MAX)
			return failure_set(error, FAULT_KEY_UNREADABLE,
					   "the keyring %s holds more than %d certificates", path,
					   KEYRING_CERTIFICATES_MAX);
	}
	return TRUE;
}

static X509_STORE *keyring_load(const char *path, GError **error)
{
	g_autoptr(X509_STORE) store = X509_STORE_new();
	unsigned count = 0;

	if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
		failure_set(error, FAULT_KEYRING_MISSING, "the keyring %s does not exist", path);
		return NULL;
	}
	if (g_file_test(path, G_FILE_TEST_IS_DIR) ? !keyring_add_folder(store, path, &count, error)
						  : !keyring_add_file(store, path, &count, error))
		return NULL;
	if (count == 0) {
		failure_set(error, FAULT_KEYRING_MISSING, "the keyring %s holds no certificate",
			    path);
		return NULL;
	}
	/* The keyring's certificates are anchors as they stand, roots or not; purpose is checked by
	 * us, since OpenSSL 3.0 has none for code signing. */
	X509_VERIFY_PARAM_set_flags(X509_STORE_get0_param(store), X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_purpose(X509_STORE_get0_param(store), X509_PURPOSE_ANY);
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(store), SECURITY_LEVEL);
	return g_steal_pointer(&store);
}

/* OpenSSL says "certificate verify error"; which one, the last store context knows. */
static int verify_error;
static int verify_note(int ok, X509_STORE_CTX *context)
{
	if (ok == 0)
		verify_error = X509_STORE_CTX_get_error(context);
	return ok;
}

static fault verify_fault(void)
{
	switch (verify_error) {
	case X509_V_OK:
		return FAULT_SIGNATURE_INVALID;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return FAULT_SIGNATURE_EXPIRED;
	default:
		return FAULT_SIGNATURE_UNTRUSTED;
	}
}

static gboolean signers_check(CMS_ContentInfo *cms, char **ret_signers, GError **error)
{
	STACK_OF(X509) *signers = CMS_get0_signers(cms);
	g_autoptr(GString) names = g_string_new(NULL);
	gboolean good = TRUE;

	if (signers == NULL || sk_X509_num(signers) == 0) {
		sk_X509_free(signers);
		return failure_set(error, FAULT_SIGNATURE_MISSING, "the signature has no signer");
	}
	for (int i = 0; good && i < sk_X509_num(signers); i++) {
		g_autofree char *name = certificate_name(sk_X509_value(signers, i));

		g_string_append_printf(names, "%s%s", i > 0 ? "; " : "", name);
		if (!is_for_code_signing(sk_X509_value(signers, i)))
			good = failure_set(error, FAULT_SIGNATURE_PURPOSE,
					   "the certificate of %s is not for code signing", name);
	}
	sk_X509_free(signers);
	if (good && ret_signers != NULL)
		*ret_signers = g_string_free(g_steal_pointer(&names), FALSE);
	return good;
}

/* OpenSSL still verifies MD5 and SHA-1, for which two manifests of one hash can be made. */
static gboolean digests_check(CMS_ContentInfo *cms, GError **error)
{
	STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);

	for (int i = 0; i < sk_CMS_SignerInfo_num(signers); i++) {
		X509_ALGOR *digest = NULL;
		const EVP_MD *type;

		CMS_SignerInfo_get0_algs(sk_CMS_SignerInfo_value(signers, i), NULL, NULL, &digest,
					 NULL);
		type = EVP_get_digestbyobj(digest->algorithm);
		if (type == NULL || EVP_MD_get_size(type) < CRYPTO_HASH_SIZE)
			return failure_set(error, FAULT_SIGNATURE_FORMAT,
					   "the signature's digest is %s, not SHA-256 or better",
					   type != NULL ? EVP_MD_get0_name(type) : "unknown");
	}
	return TRUE;
}

static CMS_ContentInfo *cms_decode(const uint8_t *signature, size_t signature_size, GError **error)
{
	const unsigned char *at = signature;
	g_autoptr(CMS_ContentInfo) cms = NULL;
	int signers;

	if (signature_size == 0) {
		failure_set(error, FAULT_SIGNATURE_MISSING, "there is no signature");
		return NULL;
	}
	cms = d2i_CMS_ContentInfo(NULL, &at, (long)signature_size);
	if (cms == NULL || at != signature + signature_size ||
	    OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed || CMS_is_detached(cms) != 1) {
		failure_set(error, FAULT_SIGNATURE_FORMAT,
			    "the signature is no detached CMS signature");
		return NULL;
	}
	signers = sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms));
	if (signers < 1 || signers > SIGNERS_MAX) {
		failure_set(error, signers < 1 ? FAULT_SIGNATURE_MISSING : FAULT_SIGNATURE_FORMAT,
			    "the signature has %d signers, not 1 to %d", MAX(signers, 0),
			    SIGNERS_MAX);
		return NULL;
	}
	return g_steal_pointer(&cms);
}

/* Behind a filter: CMS_verify() of OpenSSL 3.0 copies a memory BIO that it is given bare, and leaks
 * the copy if the signature names a digest that it does not know. */
static BIO *content_open(const uint8_t *bytes, size_t size_bytes)
{
	return BIO_push(BIO_new(BIO_f_null()), BIO_new_mem_buf(bytes, (int)size_bytes));
}

/* Frees the content. */
static gboolean cms_verify(CMS_ContentInfo *cms, X509_STORE *store, BIO *content, GError **error)
{
	g_autoptr(BIO) owned = content;

	verify_error = X509_V_OK;
	X509_STORE_set_verify_cb(store, verify_note);
	ERR_clear_error();
	return CMS_verify(cms, NULL, store, owned, NULL, CMS_BINARY) == 1 ||
	       failure_set(error, verify_fault(), "the signature does not verify: %s",
			   verify_error != X509_V_OK ? X509_verify_cert_error_string(verify_error)
						     : openssl_reason());
}

gboolean crypto_cms_verify(const uint8_t *bytes, size_t size_bytes, const uint8_t *signature,
			   size_t signature_size, const char *keyring, char **ret_signers,
			   GError **error)
{
	g_autoptr(X509_STORE) store = keyring_load(keyring, error);
	g_autoptr(CMS_ContentInfo) cms = NULL;

	if (store == NULL)
		return FALSE;
	cms = cms_decode(signature, signature_size, error);
	return cms != NULL && digests_check(cms, error) &&
	       cms_verify(cms, store, content_open(bytes, size_bytes), error) &&
	       signers_check(cms, ret_signers, error);
}

gboolean crypto_cms_verify_past(const uint8_t *bytes, size_t size_bytes, const uint8_t *signature,
				size_t signature_size, const char *keyring, char **ret_signers,
				GError **error)
{
	g_autoptr(X509_STORE) store = keyring_load(keyring, error);
	g_autoptr(CMS_ContentInfo) cms = NULL;

	if (store == NULL)
		return FALSE;
	X509_VERIFY_PARAM_set_flags(X509_STORE_get0_param(store), X509_V_FLAG_NO_CHECK_TIME);
	cms = cms_decode(signature, signature_size, error);
	return cms != NULL && digests_check(cms, error) &&
	       cms_verify(cms, store, content_open(bytes, size_bytes), error) &&
	       signers_check(cms, ret_signers, error);
}

static EVP_PKEY *kernel_key_load(const char *key, GError **error)
{
	g_autoptr(EVP_PKEY) private = signkey_load(key, error);
	g_autofree char *shown = signkey_shown(key);

	if (private == NULL)
		return NULL;
	if (!EVP_PKEY_is_a(private, "RSA") || EVP_PKEY_get_bits(private) < KERNEL_KEY_BITS_MIN ||
	    EVP_PKEY_get_bits(private) > KERNEL_KEY_BITS_MAX) {
		failure_set(error, FAULT_KEY_KIND,
			    "%s is no RSA key of %d to %d bits, which every kernel verifies with",
			    shown, KERNEL_KEY_BITS_MIN, KERNEL_KEY_BITS_MAX);
		return NULL;
	}
	return g_steal_pointer(&private);
}

static X509_stack *kernel_certificate_load(const char *path, EVP_PKEY *key, GError **error)
{
	g_autoptr(X509_stack) stack = certificates_load(path, error);

	if (stack == NULL)
		return NULL;
	if (sk_X509_num(stack) != 1) {
		failure_set(error, FAULT_ROOTSIG_CERTIFICATE, "%s holds %d certificates, not one",
			    path, sk_X509_num(stack));
		return NULL;
	}
	if (X509_check_private_key(sk_X509_value(stack, 0), key) != 1) {
		failure_set(error, FAULT_ROOTSIG_CERTIFICATE,
			    "%s is the certificate of another key", path);
		return NULL;
	}
	return g_steal_pointer(&stack);
}

/* As the kernel does it: by the key alone, without looking at names, purposes and times. */
static gboolean kernel_signature_check(GBytes *signature, const uint8_t *bytes, size_t size_bytes,
				       X509_stack *signers, GError **error)
{
	g_autoptr(BIO) content = content_open(bytes, size_bytes);
	g_autoptr(CMS_ContentInfo) cms = NULL;
	gsize der_size;
	const uint8_t *der = g_bytes_get_data(signature, &der_size);

	cms = cms_decode(der, der_size, error);
	if (cms == NULL)
		return FALSE;
	ERR_clear_error();
	return CMS_verify(cms, signers, NULL, content, NULL,
			  CMS_BINARY | CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY) == 1 ||
	       failure_set(error, FAULT_SIGNATURE_INVALID,
			   "the signature that was just made does not verify: %s",
			   openssl_reason());
}

GBytes *crypto_kernel_sign(const uint8_t *bytes, size_t size_bytes, const char *key,
			   const char *certificate, GError **error)
{
	static const unsigned FLAGS = CMS_DETACHED | CMS_BINARY | CMS_NOATTR | CMS_NOCERTS;
	g_autoptr(EVP_PKEY) private = kernel_key_load(key, error);
	g_autoptr(BIO) content = content_open(bytes, size_bytes);
	g_autoptr(X509_stack) signers = NULL;
	g_autoptr(CMS_ContentInfo) cms = NULL;
	g_autoptr(GBytes) signature = NULL;

	if (private == NULL)
		return NULL;
	signers = kernel_certificate_load(certificate, private, error);
	if (signers == NULL)
		return NULL;
	cms = CMS_sign(NULL, NULL, NULL, content, FLAGS | CMS_PARTIAL);
	if (cms != NULL && (CMS_add1_signer(cms, sk_X509_value(signers, 0), private, EVP_sha256(),
					    FLAGS) == NULL ||
			    CMS_final(cms, content, NULL, FLAGS) != 1))
		g_clear_pointer(&cms, CMS_ContentInfo_free);
	signature = cms_encode(cms, key, error);
	if (signature == NULL ||
	    !kernel_signature_check(signature, bytes, size_bytes, signers, error))
		return NULL;
	return g_steal_pointer(&signature);
}
