/* SPDX-License-Identifier: MIT */
/* Logs are made here byte by byte; what comes of the PCRs is computed with OpenSSL, by hand. */
#include "eventlog.h"

#include <openssl/sha.h>
#include <string.h>

#include "bytes.h"
#include "failure.h"
#include "slot.h"
#include "tap.h"

static void put(GByteArray *log, uint64_t number, unsigned size_bytes)
{
	uint8_t bytes[8];

	bytes_store_u64(bytes, number);
	g_byte_array_append(log, bytes, size_bytes);
}

/* Banks sha1 and sha256, in this order. */
static GByteArray *log_new(void)
{
	static const uint8_t ZERO[20];
	GByteArray *log = g_byte_array_new();

	put(log, 0, 4);
	put(log, 3, 4);
	g_byte_array_append(log, ZERO, sizeof ZERO);
	put(log, 37, 4);
	g_byte_array_append(log, (const uint8_t *)"Spec ID Event03", 16);
	put(log, 0x0202000000000000, 8);
	put(log, 2, 4);
	put(log, 0x0004, 2);
	put(log, 20, 2);
	put(log, 0x000b, 2);
	put(log, 32, 2);
	put(log, 0, 1);
	return log;
}

/* An event whose digests are of `hashed`, and which shows `shown`. */
static void add_as(GByteArray *log, unsigned pcr, uint32_t type, GBytes *hashed, GBytes *shown)
{
	gsize size_bytes;
	const uint8_t *bytes = g_bytes_get_data(hashed, &size_bytes);
	uint8_t sha1[20], sha256[32];

	SHA1(bytes, size_bytes, sha1);
	SHA256(bytes, size_bytes, sha256);
	put(log, pcr, 4);
	put(log, type, 4);
	put(log, 2, 4);
	put(log, 0x000b, 2); /* not in the order of the head */
	g_byte_array_append(log, sha256, sizeof sha256);
	put(log, 0x0004, 2);
	g_byte_array_append(log, sha1, sizeof sha1);
	bytes = g_bytes_get_data(shown, &size_bytes);
	put(log, size_bytes, 4);
	g_byte_array_append(log, bytes, (guint)size_bytes);
}

static void add(GByteArray *log, unsigned pcr, uint32_t type, const void *data, size_t size_bytes)
{
	g_autoptr(GBytes) bytes = g_bytes_new(data, size_bytes);

	add_as(log, pcr, type, bytes, bytes);
}

static struct eventlog *decode(const GByteArray *log, GError **error)
{
	g_autoptr(GBytes) bytes = g_bytes_new(log->data, log->len);

	return eventlog_decode(bytes, error);
}

static void extend(uint8_t value[static 32], const char *text)
{
	uint8_t both[64];

	memcpy(both, value, 32);
	SHA256((const uint8_t *)text, strlen(text), both + 32);
	SHA256(both, sizeof both, value);
}

static void expect_pcr(const struct eventlog *log, unsigned pcr, const uint8_t wanted[static 32])
{
	uint8_t value[PCR11_SIZE_MAX];

	expect(eventlog_replay(log, pcr11_bank_find("sha256", NULL), pcr, value, NULL));
	expect(memcmp(value, wanted, 32) == 0);
}

static void test_replay(void)
{
	g_autoptr(GByteArray) bytes = log_new();
	g_autoptr(Eventlog) log = NULL;
	g_autoptr(GError) error = NULL;
	uint8_t zero[32] = { 0 }, four[32] = { 0 }, value[PCR11_SIZE_MAX];

	add(bytes, 4, 0x80000003, "one", 3);
	add(bytes, 0xffffffff, EVENTLOG_NO_ACTION, "none", 4);
	add(bytes, 5, 0x80000003, "other", 5);
	add(bytes, 4, EVENTLOG_NO_ACTION, "none", 4);
	add(bytes, 4, 0x80000003, "two", 3);
	put(bytes, 0, 8); /* as the kernel's buffer may end */
	log = decode(bytes, NULL);
	expect(log != NULL && log->events->len == 5);
	extend(four, "one");
	extend(four, "two");
	expect_pcr(log, 4, four);
	expect_pcr(log, 6, zero);
	expect(eventlog_has(log, 5) && !eventlog_has(log, 6));
	expect(!eventlog_replay(log, pcr11_bank_find("sha384", NULL), 4, value, &error));
	expect(failure_code(error) == FAULT_EVENTLOG);
}

/* A digest of SHA-1 alone, although the head has SHA-256, too: its replay cannot be told. */
static void test_bank_left_out(void)
{
	g_autoptr(GByteArray) bytes = log_new();
	g_autoptr(Eventlog) log = NULL;
	g_autoptr(GError) error = NULL;
	static const uint8_t DIGEST[20] = { 1 };
	struct eventlog_azboot azboot;
	uint8_t zero[32] = { 0 }, value[PCR11_SIZE_MAX];

	put(bytes, 5, 4);
	put(bytes, EVENTLOG_TAG, 4);
	put(bytes, 1, 4);
	put(bytes, 0x0004, 2);
	g_byte_array_append(bytes, DIGEST, sizeof DIGEST);
	put(bytes, 4, 4);
	put(bytes, 0x617a6274, 4);
	log = decode(bytes, NULL);
	expect(log != NULL && log->events->len == 1);
	expect_pcr(log, 4, zero);
	expect(eventlog_replay(log, pcr11_bank_find("sha1", NULL), 5, value, NULL));
	expect(!eventlog_replay(log, pcr11_bank_find("sha256", NULL), 5, value, &error));
	expect(failure_code(error) == FAULT_EVENTLOG);
	expect(eventlog_azboot_find(log, &azboot) == EVENTLOG_FORGED);
}

static void test_locality(void)
{
	static const uint8_t LOCALITY[] = "StartupLocality\0\3";
	g_autoptr(GByteArray) bytes = log_new();
	g_autoptr(Eventlog) log = NULL;
	uint8_t value[32] = { [31] = 3 };

	add(bytes, 0, EVENTLOG_NO_ACTION, LOCALITY, sizeof LOCALITY - 1);
	add(bytes, 0, 8, "crtm", 4);
	log = decode(bytes, NULL);
	extend(value, "crtm");
	expect_pcr(log, 0, value);
}

static void azboot_event(uint8_t event[static 40], unsigned slot, uint64_t floor)
{
	memset(event, 0, 40);
	bytes_store_u32(event, 0x617a6274);
	bytes_store_u32(event + 4, 32);
	bytes_store_u16(event + 8, 1);
	event[10] = (uint8_t)slot;
	event[11] = SLOT_REASON_FALLBACK;
	event[12] = 1;
	bytes_store_u32(event + 16, 133);
	bytes_store_u64(event + 24, floor);
	bytes_store_u64(event + 32, 7);
}

/* The last one counts, but none behind the firmware's handing over. */
static void test_azboot(void)
{
	static const char HANDOVER[] = "Exit Boot Services Invocation";
	g_autoptr(GByteArray) bytes = log_new();
	g_autoptr(Eventlog) empty = decode(bytes, NULL);
	g_autoptr(Eventlog) open = NULL;
	g_autoptr(Eventlog) closed = NULL;
	g_autoptr(GBytes) handover = g_bytes_new(HANDOVER, strlen(HANDOVER));
	g_autoptr(GBytes) disguise = g_bytes_new("nothing", 7);
	struct eventlog_azboot azboot = { 0 };
	uint8_t event[40];

	expect(eventlog_azboot_find(empty, &azboot) == EVENTLOG_ABSENT);
	azboot_event(event, SLOT_A, 3);
	add(bytes, 5, EVENTLOG_TAG, event, sizeof event);
	azboot_event(event, SLOT_B, 4);
	add(bytes, 5, EVENTLOG_TAG, event, sizeof event);
	open = decode(bytes, NULL);
	expect(eventlog_azboot_find(open, &azboot) == EVENTLOG_PRESENT && !azboot.closed);
	expect(azboot.slot == SLOT_B && azboot.reason == SLOT_REASON_FALLBACK && azboot.stored);
	expect(azboot.fault == 133 && azboot.floor == 4 && azboot.security_version == 7);
	add_as(bytes, 5, 1, handover, disguise);
	azboot_event(event, SLOT_A, 9);
	add(bytes, 5, EVENTLOG_TAG, event, sizeof event);
	closed = decode(bytes, NULL);
	expect(eventlog_azboot_find(closed, &azboot) == EVENTLOG_PRESENT && azboot.closed);
	expect(azboot.slot == SLOT_B && azboot.floor == 4);
}

/* First data that were not hashed, then hashed ones that cannot be. */
static void test_azboot_forged(void)
{
	uint8_t event[40];

	for (unsigned i = 0; i < 5; i++) {
		g_autoptr(GByteArray) bytes = log_new();
		g_autoptr(Eventlog) log = NULL;
		g_autoptr(GBytes) hashed = NULL;
		g_autoptr(GBytes) shown = NULL;
		struct eventlog_azboot azboot;

		azboot_event(event, SLOT_A, 3);
		hashed = g_bytes_new(event, sizeof event);
		event[(const uint8_t[]){ 24, 10, 11, 8, 4 }[i]] = 9;
		shown = g_bytes_new(event, sizeof event);
		add_as(bytes, 5, EVENTLOG_TAG, i == 0 ? hashed : shown, shown);
		log = decode(bytes, NULL);
		expect(eventlog_azboot_find(log, &azboot) == EVENTLOG_FORGED);
	}
}

static GBytes *secure_boot(const char *name, uint8_t value)
{
	static const uint8_t GLOBAL[] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
					  0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
	GByteArray *bytes = g_byte_array_new();

	g_byte_array_append(bytes, GLOBAL, sizeof GLOBAL);
	put(bytes, strlen(name), 8);
	put(bytes, 1, 8);
	for (const char *at = name; *at != '\0'; at++)
		put(bytes, (uint8_t)*at, 2);
	put(bytes, value, 1);
	return g_byte_array_free_to_bytes(bytes);
}

static enum eventlog_found secure_boot_of(GBytes *first, GBytes *shown, gboolean *ret_on)
{
	g_autoptr(GByteArray) bytes = log_new();
	g_autoptr(GBytes) on = secure_boot("SecureBoot", 1);
	g_autoptr(Eventlog) log = NULL;

	add_as(bytes, 7, (uint32_t)EVENTLOG_VARIABLE, first, shown);
	add_as(bytes, 7, (uint32_t)EVENTLOG_VARIABLE, on, on); /* too late to count */
	log = decode(bytes, NULL);
	*ret_on = FALSE;
	return eventlog_secure_boot_find(log, ret_on);
}

static void test_secure_boot(void)
{
	g_autoptr(GBytes) on = secure_boot("SecureBoot", 1);
	g_autoptr(GBytes) off = secure_boot("SecureBoot", 0);
	g_autoptr(GBytes) other = secure_boot("SetupModes", 1);
	gboolean is_on;

	expect(secure_boot_of(on, on, &is_on) == EVENTLOG_PRESENT && is_on);
	expect(secure_boot_of(off, off, &is_on) == EVENTLOG_PRESENT && !is_on);
	expect(secure_boot_of(off, on, &is_on) == EVENTLOG_FORGED);
	expect(secure_boot_of(other, other, &is_on) == EVENTLOG_ABSENT);
}

static void expect_refused(GByteArray *bytes)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Eventlog) log = decode(bytes, &error);

	expect(log == NULL && failure_code(error) == FAULT_EVENTLOG);
}

/* Every cut but those between events, and every size and count that lies. */
static void test_damaged(void)
{
	g_autoptr(GByteArray) bytes = log_new();
	const guint head = bytes->len;
	static const guint COUNTS[] = { 28, 56, 62, 66 };

	add(bytes, 4, 1, "data", 4);
	for (guint size = bytes->len - 1; size > 0; size--) {
		g_autoptr(GByteArray) cut = g_byte_array_new();

		g_byte_array_append(cut, bytes->data, size);
		if (size != head)
			expect_refused(cut);
	}
	for (guint i = 0; i < G_N_ELEMENTS(COUNTS); i++)
		for (unsigned value = 0; value < 256; value += 51) {
			const uint8_t before = bytes->data[COUNTS[i]];

			if (value == before || (i == 0 && value == 0))
				continue;
			bytes->data[COUNTS[i]] = (uint8_t)value;
			expect_refused(bytes);
			bytes->data[COUNTS[i]] = before;
		}
	bytes->data[head] = EVENTLOG_PCRS;
	expect_refused(bytes);
	g_byte_array_set_size(bytes, EVENTLOG_SIZE_MAX + 1);
	expect_refused(bytes);
}

static const struct tap_case CASES[] = {
	{ "replay", test_replay },
	{ "a bank that is left out", test_bank_left_out },
	{ "a TPM started from another locality", test_locality },
	{ "azboot's decision", test_azboot },
	{ "azboot's decision, forged", test_azboot_forged },
	{ "Secure Boot", test_secure_boot },
	{ "damaged logs", test_damaged },
};
TAP_MAIN(CASES)
