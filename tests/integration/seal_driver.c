/* SPDX-License-Identifier: MIT */
/* What the tests of sealed secrets drive from outside: one command per call. Prints what came out,
 * or "fault NAME: message" with exit status 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "faulttext.h"
#include "recoverykey.h"
#include "varunlock.h"

static GBytes *file_read(const char *path)
{
	char *text = NULL;
	gsize size_bytes;

	if (!g_file_get_contents(path, &text, &size_bytes, NULL))
		g_error("cannot read %s", path);
	return g_bytes_new_take(text, size_bytes);
}

static struct secret *secret_of(const char *text)
{
	return text != NULL ? secret_copy(text, strlen(text)) : NULL;
}

static void hex_print(const char *what, const uint8_t *bytes, size_t size_bytes)
{
	g_autofree char *hex = crypto_hex(bytes, size_bytes);

	printf("%s %s\n", what, hex);
}

/* What the tests compare with a TPM. */
static const struct sealpolicy_gate GATE = { 3, 7, 0x0180415b };

/* name PEM */
static gboolean name_run(char **arguments, GError **error)
{
	g_autoptr(GBytes) pem = file_read(arguments[0]);
	uint8_t name[SEALPOLICY_NAME_SIZE], digest[SEALPOLICY_SIZE];
	struct signkey_public key;

	if (!signkey_public_decode(pem, &key, error))
		return FALSE;
	sealpolicy_name(&key, name);
	hex_print("name", name, sizeof name);
	sealpolicy_digest(&key, NULL, FALSE, digest);
	hex_print("policy", digest, sizeof digest);
	sealpolicy_digest(&key, NULL, TRUE, digest);
	hex_print("pin", digest, sizeof digest);
	sealpolicy_digest(&key, &GATE, FALSE, digest);
	hex_print("gate", digest, sizeof digest);
	sealpolicy_digest(&key, &GATE, TRUE, digest);
	hex_print("gate-pin", digest, sizeof digest);
	sealpolicy_counter_name(&key, GATE.index, name);
	hex_print("counter", name, sizeof name);
	return TRUE;
}

/* seal TCTI PEM [PIN] */
static gboolean seal_run(char **arguments, GError **error)
{
	g_autoptr(Tpm) tpm = tpm_open(arguments[0], error);
	g_autoptr(Secret) pin = secret_of(arguments[2]);
	g_autoptr(Secret) secret = NULL;
	g_autoptr(Secret) text = NULL;
	g_autofree char *json = NULL;
	struct tpmtoken token = { .public_key = file_read(arguments[1]) };
	struct signkey_public key;
	const struct tpmseal_for whom = { &key, pin, NULL };

	if (tpm == NULL || !signkey_public_decode(token.public_key, &key, error) ||
	    !tpmseal_new(tpm, &whom, &token.seal, &secret, error)) {
		tpmtoken_clear(&token);
		return FALSE;
	}
	json = tpmtoken_encode(&token);
	text = secret_base64(secret);
	printf("%s\n%s\n", json, (char *)text->bytes);
	tpmtoken_clear(&token);
	return TRUE;
}

/* open TCTI TOKEN PCRSIG [PIN] */
static gboolean open_run(char **arguments, GError **error)
{
	g_autoptr(Tpm) tpm = tpm_open(arguments[0], error);
	g_autoptr(GBytes) json = file_read(arguments[1]);
	g_autoptr(GBytes) pcrsig = file_read(arguments[2]);
	g_autoptr(Secret) pin = secret_of(arguments[3]);
	g_autoptr(Secret) secret = NULL;
	g_autoptr(Secret) text = NULL;
	struct tpmtoken token;
	struct signkey_public key;
	const struct tpmseal_keys keys = { &key, pcrsig, pin };

	if (tpm == NULL ||
	    !tpmtoken_decode(g_bytes_get_data(json, NULL), g_bytes_get_size(json), &token, error))
		return FALSE;
	if (signkey_public_decode(token.public_key, &key, error))
		secret = tpmseal_open(tpm, &token.seal, &keys, error);
	tpmtoken_clear(&token);
	if (secret == NULL)
		return FALSE;
	text = secret_base64(secret);
	printf("%s\n", (char *)text->bytes);
	return TRUE;
}

/* extend TCTI PCR TEXT [KEY] */
static gboolean extend_run(char **arguments, GError **error)
{
	g_autoptr(Tpm) tpm = tpm_open(arguments[0], error);
	g_autoptr(Secret) key = secret_of(arguments[3]);

	return tpm != NULL &&
	       tpmseal_extend(tpm, (unsigned)atoi(arguments[1]), arguments[2], key, error);
}

static struct secret *optional(const char *text)
{
	return text != NULL && strcmp(text, "-") != 0 ? secret_of(text) : NULL;
}

static void key_print(const struct secret *volume_key)
{
	hex_print("key", volume_key->bytes, volume_key->size_bytes);
}

/* create VOLUME */
static gboolean create_run(char **arguments, GError **error)
{
	g_autoptr(Luks) luks = luks_create(arguments[0], error);
	g_autoptr(Secret) recovery_key = recoverykey_new();
	g_autoptr(Secret) volume_key = NULL;

	if (luks == NULL)
		return FALSE;
	volume_key = luks_new_key(luks, error);
	if (volume_key == NULL || !luks_recovery_add(luks, volume_key, recovery_key, error) ||
	    !luks_finish(luks, error))
		return FALSE;
	key_print(volume_key);
	printf("recovery %s\n", (char *)recovery_key->bytes);
	return TRUE;
}

/* unfinished VOLUME: makes one and leaves it so; says what a later look at it finds. */
static gboolean unfinished_run(char **arguments, GError **error)
{
	g_autoptr(Luks) made = luks_create(arguments[0], error);
	g_autoptr(Luks) luks = made != NULL ? luks_open(arguments[0], error) : NULL;

	if (luks == NULL)
		return FALSE;
	printf("%d", luks_is_unfinished(luks));
	if (!luks_finish(luks, error))
		return FALSE;
	printf("%d\n", luks_is_unfinished(luks));
	return TRUE;
}

/* enroll TCTI VOLUME PEM KEY [RECOVERY [PIN]] */
static gboolean enroll_run(char **arguments, GError **error)
{
	g_autoptr(Tpm) tpm = tpm_open(arguments[0], error);
	g_autoptr(GBytes) pem = file_read(arguments[2]);
	g_autoptr(Secret) key = secret_of(arguments[3]);
	g_autoptr(Secret) recovery_key = optional(arguments[4]);
	g_autoptr(Secret) pin = arguments[4] != NULL ? optional(arguments[5]) : NULL;
	const struct varcrypt_enroll ask = {
		.volume = arguments[1],
		.tpm = tpm,
		.public_key = pem,
		.key = key,
		.recovery_key = recovery_key,
		.pin = pin,
	};

	return tpm != NULL && varcrypt_enroll(&ask, error);
}

/* unlock TCTI VOLUME PCRSIG [PIN] */
static gboolean unlock_run(char **arguments, GError **error)
{
	g_autoptr(Tpm) tpm = tpm_open(arguments[0], error);
	g_autoptr(Luks) luks = tpm != NULL ? luks_open(arguments[1], error) : NULL;
	g_autoptr(GBytes) pcrsig = file_read(arguments[2]);
	g_autoptr(Secret) pin = optional(arguments[3]);
	const struct varcrypt_with with = { pcrsig, pin };
	struct varcrypt_opened opened = { .public_key = NULL };
	g_autoptr(Secret) volume_key = luks != NULL
					       ? varcrypt_unlock(luks, tpm, &with, &opened, error)
					       : NULL;

	if (volume_key == NULL)
		return FALSE;
	varcrypt_opened_clear(&opened);
	key_print(volume_key);
	return TRUE;
}

/* typed VOLUME KEY */
static gboolean typed_run(char **arguments, GError **error)
{
	g_autoptr(Luks) luks = luks_open(arguments[0], error);
	g_autoptr(Secret) typed = secret_of(arguments[1]);
	g_autoptr(Secret) volume_key = luks != NULL ? varcrypt_unlock_typed(luks, typed, error)
						    : NULL;

	if (volume_key == NULL)
		return FALSE;
	key_print(volume_key);
	return TRUE;
}

/* status TCTI|- VOLUME UKI */
static gboolean status_run(char **arguments, GError **error)
{
	g_autoptr(Tpm) tpm = strcmp(arguments[0], "-") != 0 ? tpm_open(arguments[0], error) : NULL;
	g_autoptr(GBytes) uki = file_read(arguments[2]);
	struct varcrypt_status status;

	varcrypt_status_get(arguments[1], tpm, uki, NULL, &status);
	printf("%s%s%s%s%s%s%s%s%s\n", status.has_tpm ? " tpm" : "",
	       status.encrypted ? " encrypted" : "", status.recovery_key ? " recovery" : "",
	       status.enrolled ? " enrolled" : "", status.pin ? " pin" : "",
	       status.bound ? " bound" : "", status.gated ? " gated" : "",
	       status.unlocks ? " unlocks " : " ", faulttext_find(status.why)->name);
	varcrypt_status_clear(&status);
	return TRUE;
}

/* The floor in force, and azboot's limit of the counter: azunlock reads EFI variables. */
static uint64_t told(const char *name)
{
	return g_ascii_strtoull(g_getenv(name) != NULL ? g_getenv(name) : "0", NULL, 10);
}

/* gate TCTI VOLUME PEM PCRSIG KEY [RECOVERY [PIN]]: enrolls as azupdated does. */
static gboolean gate_run(char **arguments, GError **error)
{
	g_autoptr(Tpm) tpm = tpm_open(arguments[0], error);
	g_autoptr(GBytes) pem = file_read(arguments[2]);
	g_autoptr(GBytes) pcrsig = file_read(arguments[3]);
	g_autoptr(Secret) key = secret_of(arguments[4]);
	g_autoptr(Secret) recovery_key = optional(arguments[5]);
	g_autoptr(Secret) pin = arguments[5] != NULL ? optional(arguments[6]) : NULL;
	const struct varcrypt_enroll ask = {
		.volume = arguments[1],
		.tpm = tpm,
		.public_key = pem,
		.key = key,
		.recovery_key = recovery_key,
		.pin = pin,
	};

	return tpm != NULL &&
	       vargate_enroll(&(const struct vargate){ tpm, pcrsig, told("FLOOR"), 0, FALSE }, &ask,
			      error);
}

/* counter TCTI PEM [PCRSIG]: shows the key's counter; moves it, if there are signatures. */
static gboolean counter_run(char **arguments, GError **error)
{
	g_autoptr(Tpm) tpm = tpm_open(arguments[0], error);
	g_autoptr(GBytes) pem = file_read(arguments[1]);
	g_autoptr(GBytes) pcrsig = arguments[2] != NULL ? file_read(arguments[2]) : NULL;
	const struct tpmcounter_used none = { { FALSE } };
	struct tpmcounter counter;
	struct signkey_public key;
	const struct tpmseal_keys keys = { &key, pcrsig, NULL };

	if (tpm == NULL || !signkey_public_decode(pem, &key, error) ||
	    !(pcrsig != NULL ? tpmcounter_define(tpm, &key, &none, &counter, error)
			     : tpmcounter_find(tpm, &key, &counter, error)) ||
	    (pcrsig != NULL && !tpmcounter_increment(tpm, &keys, &counter, error)))
		return FALSE;
	printf("%x %d %" G_GUINT64_FORMAT "\n", counter.index, counter.written, counter.value);
	return TRUE;
}

/* bound TCTI PEM */
static gboolean bound_run(char **arguments, GError **error)
{
	g_autoptr(Tpm) tpm = tpm_open(arguments[0], error);
	g_autoptr(GBytes) pem = file_read(arguments[1]);
	uint8_t value[TPMBIND_SIZE];
	struct signkey_public key;
	gboolean there;

	if (tpm == NULL || !signkey_public_decode(pem, &key, error) ||
	    !tpmbind_read(tpm, &key, &there, value, error))
		return FALSE;
	if (there)
		hex_print("bound", value, sizeof value);
	else
		puts("not bound");
	return TRUE;
}

/* bind TCTI PEM PCRSIG TEXT */
static gboolean bind_run(char **arguments, GError **error)
{
	g_autoptr(Tpm) tpm = tpm_open(arguments[0], error);
	g_autoptr(GBytes) pem = file_read(arguments[1]);
	g_autoptr(GBytes) pcrsig = file_read(arguments[2]);
	uint8_t value[TPMBIND_SIZE] = { 0 };
	struct signkey_public key;
	const struct tpmseal_keys keys = { &key, pcrsig, NULL };

	g_strlcpy((char *)value, arguments[3], sizeof value);
	return tpm != NULL && signkey_public_decode(pem, &key, error) &&
	       tpmbind_write(tpm, &keys, value, error);
}

/* Answers of a test instead of a person's: recovery key and PIN, or none. */
static struct secret *answer(enum varunlock_question question, gpointer user_data)
{
	char **answers = user_data;

	return optional(answers[question == VARUNLOCK_RECOVERY_KEY ? 0 : 1]);
}

static void comment(const char *text, gpointer user_data)
{
	printf("# %s\n", text);
}

/* boot TCTI|- VOLUME PEM PCRSIG RECOVERY|- PIN|- [cut]: as azunlock, but for the kernel's part. */
static gboolean boot_run(char **arguments, GError **error)
{
	const struct varunlock_console console = { answer, comment, arguments + 4 };
	g_autoptr(Tpm) tpm = strcmp(arguments[0], "-") != 0 ? tpm_open(arguments[0], error) : NULL;
	g_autoptr(GBytes) pem = file_read(arguments[2]);
	g_autoptr(GBytes) pcrsig = file_read(arguments[3]);
	const struct varunlock unlock = { arguments[1], tpm,           pem,          pcrsig,
					  &console,     told("FLOOR"), told("LIMIT") };
	struct varunlock_result result;
	gboolean done = TRUE;

	if (!varunlock_run(&unlock, &result, error))
		return FALSE;
	key_print(result.volume_key);
	if (result.recovery_key != NULL) {
		printf("recovery %s\n", (char *)result.recovery_key->bytes);
		done = arguments[6] != NULL || luks_finish(result.luks, error);
	}
	varunlock_result_clear(&result);
	return done;
}

struct command {
	const char *name;
	gboolean (*run)(char **arguments, GError **error);
};

static const struct command COMMANDS[] = {
	{ "name", name_run },       { "seal", seal_run },
	{ "open", open_run },       { "extend", extend_run },
	{ "create", create_run },   { "enroll", enroll_run },
	{ "unlock", unlock_run },   { "typed", typed_run },
	{ "status", status_run },   { "unfinished", unfinished_run },
	{ "bound", bound_run },     { "bind", bind_run },
	{ "boot", boot_run },       { "gate", gate_run },
	{ "counter", counter_run },
};

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;

	for (unsigned i = 0; argc > 1 && i < G_N_ELEMENTS(COMMANDS); i++)
		if (strcmp(COMMANDS[i].name, argv[1]) == 0) {
			if (COMMANDS[i].run(argv + 2, &error))
				return EXIT_SUCCESS;
			printf("fault %s: %s\n", faulttext_find(failure_code(error))->name,
			       error->message);
			return EXIT_FAILURE;
		}
	fprintf(stderr, "seal_driver: which command?\n");
	return EXIT_FAILURE;
}
