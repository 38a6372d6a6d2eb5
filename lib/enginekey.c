/* SPDX-License-Identifier: MIT */
/* Engines are deprecated since OpenSSL 3.0, and the only way to a token where no provider is. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "enginekey.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <string.h>

#include "failure.h"
#include "signkey.h"

/* Return values of PKCS#11 2.40, section 2.1.1 of its header (pkcs11t.h), about PINs. */
enum { CKR_PIN_FIRST = 0xa0, CKR_PIN_LAST = 0xa4, CKR_USER_PIN_NOT_INITIALIZED = 0x102 };

static const char PKCS11_LIBRARY[] = "PKCS#11 module"; /* as libp11 names its errors */

static const char *reason_of(unsigned long code)
{
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

	return reason != NULL ? reason : "no reason is given";
}

static gboolean is_about_pin(unsigned long code)
{
	const int reason = ERR_GET_REASON(code);

	return g_strcmp0(ERR_lib_error_string(code), PKCS11_LIBRARY) == 0 &&
	       ((reason >= CKR_PIN_FIRST && reason <= CKR_PIN_LAST) ||
		reason == CKR_USER_PIN_NOT_INITIALIZED);
}

/* The first error is the token's, later ones are what became of it. */
static void load_failure(const char *uri, GError **error)
{
	const unsigned long code = ERR_peek_error();
	g_autofree char *shown = signkey_shown(uri);

	failure_set(error, is_about_pin(code) ? FAULT_TOKEN_PIN : FAULT_TOKEN_KEY,
		    "cannot use the private key %s: %s", shown, reason_of(code));
}

static gboolean has_pin(const char *uri)
{
	return strstr(uri, "pin-value=") != NULL || strstr(uri, "pin-source=") != NULL;
}

/* Initialised once more for each key, and never ended: the keys live in it. */
static ENGINE *engine_start(GError **error)
{
	ENGINE *engine = ENGINE_by_id("pkcs11");

	if (engine != NULL && ENGINE_init(engine) == 1) {
		/* What is wrong is said once, by us. */
		(void)ENGINE_ctrl_cmd_string(engine, "QUIET", NULL, 0);
		return engine;
	}
	failure_set(error, FAULT_TOKEN_ENGINE,
		    "OpenSSL has neither a provider for pkcs11: URIs nor the engine pkcs11: %s",
		    reason_of(ERR_peek_last_error()));
	(void)ENGINE_free(engine); /* NULL is fine */
	return NULL;
}

struct evp_pkey_st *enginekey_load(const char *uri, GError **error)
{
	const char *pin = g_getenv("PKCS11_PIN");
	EVP_PKEY *key = NULL;
	ENGINE *engine;

	ERR_clear_error();
	engine = engine_start(error);
	if (engine == NULL)
		return NULL;
	if (has_pin(uri) || pin == NULL || ENGINE_ctrl_cmd_string(engine, "PIN", pin, 0) == 1)
		key = ENGINE_load_private_key(engine, uri, NULL, NULL);
	if (key == NULL)
		load_failure(uri, error);
	(void)ENGINE_free(engine); /* the one by its name; that of its start stays */
	return key;
}
