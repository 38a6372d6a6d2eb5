/* SPDX-License-Identifier: MIT */
/* A small PKI for trying things out: a root, a release signer under it (ECDSA P-256, code
 * signing), the Secure Boot keys PK, KEK and db, one for policies over PCR 11, and one for root
 * hashes (RSA 2048, since neither firmware, systemd nor every kernel know much else). */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "command.h"
#include "crypto.h"
#include "failure.h"

enum { DAY_S = 24 * 3600, SERIAL_SIZE = 16 };

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIGNUM, BN_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_EXTENSION, X509_EXTENSION_free)

struct identity {
	const char *file;      /* name without .key and .crt */
	const char *name;      /* common name */
	const char *algorithm; /* "EC" or "RSA" */
	const char *constraints;
	const char *key_usage;
	const char *extended_usage; /* or NULL */
	const char *issuer;         /* file of its issuer; NULL: self-signed */
};

/* Linux's usage "module signing": shim starts no program that is signed by such a key, although it
 * hands the key to the kernel. */
static const char KERNEL_ONLY[] = "1.3.6.1.4.1.2312.16.1.2";

static const struct identity IDENTITIES[] = {
	{ "ca", "azupdate test root", "EC", "critical,CA:TRUE", "critical,keyCertSign,cRLSign",
	  NULL, NULL },
	{ "release", "azupdate test release signer", "EC", "critical,CA:FALSE",
	  "critical,digitalSignature", "codeSigning", "ca" },
	{ "PK", "azupdate test PK", "RSA", "critical,CA:TRUE",
	  "critical,keyCertSign,digitalSignature", NULL, NULL },
	{ "KEK", "azupdate test KEK", "RSA", "critical,CA:TRUE",
	  "critical,keyCertSign,digitalSignature", NULL, NULL },
	{ "db", "azupdate test db", "RSA", "critical,CA:FALSE", "critical,digitalSignature",
	  "codeSigning", NULL },
	{ "pcr", "azupdate test PCR policies", "RSA", "critical,CA:FALSE",
	  "critical,digitalSignature", NULL, NULL },
	{ "roothash", "azupdate test root hashes", "RSA", "critical,CA:FALSE",
	  "critical,digitalSignature", KERNEL_ONLY, NULL },
};

static EVP_PKEY *key_make(const char *algorithm)
{
	return algorithm[0] == 'E' ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
}

static gboolean extension_add(X509 *certificate, X509 *issuer, int kind, const char *value)
{
	X509V3_CTX context;
	g_autoptr(X509_EXTENSION) extension = NULL;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
	return extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
}

static gboolean serial_set(X509 *certificate)
{
	uint8_t bytes[SERIAL_SIZE];
	g_autoptr(BIGNUM) number = NULL;

	crypto_random(bytes, sizeof bytes);
	bytes[0] &= 0x7f;
	number = BN_bin2bn(bytes, sizeof bytes, NULL);
	return BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
}

static X509 *certificate_make(const struct identity *identity, EVP_PKEY *key, EVP_PKEY *issuer_key,
			      X509 *issuer, int days)
{
	g_autoptr(X509) certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	X509 *signer = issuer != NULL ? issuer : certificate;
	gboolean done;

	done = X509_set_version(certificate, X509_VERSION_3) == 1 && serial_set(certificate) &&
	       X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S) != NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(certificate), (long)days * DAY_S) != NULL &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					  (const unsigned char *)identity->name, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(certificate, X509_get_subject_name(signer)) == 1 &&
	       X509_set_pubkey(certificate, key) == 1 &&
	       extension_add(certificate, signer, NID_basic_constraints, identity->constraints) &&
	       extension_add(certificate, signer, NID_key_usage, identity->key_usage) &&
	       extension_add(certificate, signer, NID_subject_key_identifier, "hash") &&
	       (identity->extended_usage == NULL ||
		extension_add(certificate, signer, NID_ext_key_usage, identity->extended_usage)) &&
	       X509_sign(certificate, issuer_key != NULL ? issuer_key : key, EVP_sha256()) > 0;
	return done ? g_steal_pointer(&certificate) : NULL;
}

static FILE *output_open(const char *folder, const char *name, const char *suffix, int mode,
			 GError **error)
{
	g_autofree char *path = g_strdup_printf("%s/%s.%s", folder, name, suffix);
	const int fd = g_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (file == NULL)
		failure_set(error, FAULT_BUILD_OUTPUT, "cannot make %s: %s", path,
			    g_strerror(errno));
	return file;
}

static gboolean identity_write(const char *folder, const struct identity *identity, EVP_PKEY *key,
			       X509 *certificate, GError **error)
{
	FILE *file = output_open(folder, identity->file, "key", 0600, error);
	gboolean done;

	if (file == NULL)
		return FALSE;
	done = PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
	done = fclose(file) == 0 && done;
	file = done ? output_open(folder, identity->file, "crt", 0644, error) : NULL;
	if (file == NULL)
		return FALSE;
	done = PEM_write_X509(file, certificate) == 1;
	done = fclose(file) == 0 && done;
	return done ||
	       failure_set(error, FAULT_BUILD_OUTPUT, "cannot write the keys into %s", folder);
}

gboolean command_keys(int argc, char **argv, GError **error)
{
	static int days = 3650;
	static const GOptionEntry ENTRIES[] = { { "days", 0, 0, G_OPTION_ARG_INT, &days,
						  "how long they are valid (3650)", "DAYS" },
						G_OPTION_ENTRY_NULL };
	g_autoptr(EVP_PKEY) ca_key = NULL;
	g_autoptr(X509) ca = NULL;

	if (!command_parse(&argc, &argv, "FOLDER",
			   "Makes keys and certificates for trying azupdate out: ca (goes into the "
			   "keyring), release (signs bundles), PK, KEK and db (Secure Boot), pcr "
			   "(what secrets in TPMs are bound to), roothash (for kernels that want "
			   "root hashes signed). They are plain files: for a "
			   "product, make keys in a token.",
			   ENTRIES, 1, error))
		return FALSE;
	if (g_mkdir_with_parents(argv[1], 0700) < 0)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot make %s: %s", argv[1],
				   g_strerror(errno));
	for (unsigned i = 0; i < G_N_ELEMENTS(IDENTITIES); i++) {
		const struct identity *identity = &IDENTITIES[i];
		const gboolean own = identity->issuer == NULL;
		g_autoptr(EVP_PKEY) key = key_make(identity->algorithm);
		g_autoptr(X509) certificate = certificate_make(identity, key, own ? NULL : ca_key,
							       own ? NULL : ca, days);

		if (certificate == NULL)
			return failure_set(error, FAULT_BUILD_TOOL,
					   "OpenSSL cannot make the key %s", identity->file);
		if (!identity_write(argv[1], identity, key, certificate, error))
			return FALSE;
		if (i == 0) {
			ca_key = g_steal_pointer(&key);
			ca = g_steal_pointer(&certificate);
		}
	}
	return TRUE;
}
