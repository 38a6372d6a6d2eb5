/* SPDX-License-Identifier: MIT */
/* The first event has the layout of SHA-1 alone, and says which banks the others have:
 *
 * offset  size  field
 *      0     4  PCR: 0
 *      4     4  type: EV_NO_ACTION
 *      8    20  zero
 *     28     4  size of what follows
 *     32    16  "Spec ID Event03", NUL
 *     48     8  platform class, versions, size of UINTN
 *     56     4  number of banks, then for each: TPM_ALG_ID (2), size of a digest (2)
 *
 * The others: PCR (4), type (4), number of digests (4), for each TPM_ALG_ID (2) and digest, size of
 * the data (4), data. */
#include "eventlog.h"

#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "failure.h"
#include "slot.h"

enum {
	HEAD_DATA = 32,
	HEAD_SIGNATURE_SIZE = 16,
	HEAD_BANKS = 56,
	BANK_SIZE = 4,
	EVENT_HEAD_SIZE = 12,
	ALGORITHM_SHA256 = 0x000b,
};
static const char SIGNATURE[HEAD_SIGNATURE_SIZE] = "Spec ID Event03";

struct reader {
	const uint8_t *bytes;
	size_t size_bytes;
	size_t at;
};

/* NULL at the end of the bytes. */
static const uint8_t *take(struct reader *reader, size_t size_bytes)
{
	const uint8_t *bytes = reader->bytes + reader->at;

	if (!bytes_range_is_inside(reader->at, size_bytes, reader->size_bytes))
		return NULL;
	reader->at += size_bytes;
	return bytes;
}

static gboolean take_u32(struct reader *reader, uint32_t *ret_number)
{
	const uint8_t *bytes = take(reader, 4);

	if (bytes == NULL)
		return FALSE;
	*ret_number = bytes_load_u32(bytes);
	return TRUE;
}

static unsigned bank_index(const struct eventlog *log, uint16_t algorithm)
{
	for (unsigned i = 0; i < log->bank_count; i++)
		if (log->banks[i].algorithm == algorithm)
			return i;
	return EVENTLOG_BANKS_MAX;
}

/* Sizes of hashes that are replayed must be right; those of others are the log's own business. */
static gboolean bank_fits(const struct eventlog_bank *bank)
{
	static const char *const NAMES[] = { "sha1", "sha256", "sha384", "sha512" };

	for (unsigned i = 0; i < G_N_ELEMENTS(NAMES); i++) {
		const struct pcr11_bank *known = pcr11_bank_find(NAMES[i], NULL);

		if (known->algorithm == bank->algorithm)
			return known->size_bytes == bank->size_bytes;
	}
	return bank->size_bytes <= PCR11_SIZE_MAX;
}

static gboolean head_decode(struct reader *reader, struct eventlog *log)
{
	const uint8_t *head = take(reader, HEAD_DATA);
	const uint8_t *data;
	uint32_t size_bytes, count;

	if (head == NULL || bytes_load_u32(head + 4) != EVENTLOG_NO_ACTION)
		return FALSE;
	size_bytes = bytes_load_u32(head + HEAD_DATA - 4);
	data = take(reader, size_bytes);
	if (data == NULL || size_bytes < HEAD_BANKS + 4 - HEAD_DATA ||
	    memcmp(data, SIGNATURE, sizeof SIGNATURE) != 0)
		return FALSE;
	count = bytes_load_u32(head + HEAD_BANKS);
	if (count < 1 || count > EVENTLOG_BANKS_MAX ||
	    size_bytes < HEAD_BANKS + 4 - HEAD_DATA + count * BANK_SIZE)
		return FALSE;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *at = head + HEAD_BANKS + 4 + i * BANK_SIZE;
		const struct eventlog_bank bank = { bytes_load_u16(at), bytes_load_u16(at + 2) };

		if (!bank_fits(&bank) || bank_index(log, bank.algorithm) != EVENTLOG_BANKS_MAX)
			return FALSE;
		log->banks[log->bank_count++] = bank;
	}
	return TRUE;
}

/* Each bank at most once, in any order: some logs leave out banks that their head has. */
static gboolean digests_decode(struct reader *reader, const struct eventlog *log,
			       struct eventlog_event *event)
{
	uint32_t count;

	if (!take_u32(reader, &count) || count < 1 || count > log->bank_count)
		return FALSE;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *algorithm = take(reader, 2);
		const unsigned index = algorithm != NULL
					       ? bank_index(log, bytes_load_u16(algorithm))
					       : EVENTLOG_BANKS_MAX;

		if (index == EVENTLOG_BANKS_MAX || event->digests[index] != NULL)
			return FALSE;
		event->digests[index] = take(reader, log->banks[index].size_bytes);
		if (event->digests[index] == NULL)
			return FALSE;
	}
	return TRUE;
}

static gboolean event_decode(struct reader *reader, const struct eventlog *log,
			     struct eventlog_event *ret_event)
{
	struct eventlog_event event = { 0 };

	if (!take_u32(reader, &event.pcr) || !take_u32(reader, &event.type) ||
	    (event.pcr >= EVENTLOG_PCRS && event.type != EVENTLOG_NO_ACTION) ||
	    !digests_decode(reader, log, &event) || !take_u32(reader, &event.data_size))
		return FALSE;
	event.data = take(reader, event.data_size);
	*ret_event = event;
	return event.data != NULL;
}

struct eventlog *eventlog_decode(GBytes *bytes, GError **error)
{
	g_autoptr(Eventlog) log = g_new0(struct eventlog, 1);
	struct reader reader = { .at = 0 };
	gboolean good;

	log->bytes = g_bytes_ref(bytes);
	log->events = g_array_new(FALSE, FALSE, sizeof(struct eventlog_event));
	reader.bytes = g_bytes_get_data(bytes, &reader.size_bytes);
	if (reader.size_bytes > EVENTLOG_SIZE_MAX) {
		failure_set(error, FAULT_EVENTLOG, "the event log is larger than %d bytes",
			    EVENTLOG_SIZE_MAX);
		return NULL;
	}
	good = head_decode(&reader, log);
	while (good && !bytes_are_zero(reader.bytes + reader.at, reader.size_bytes - reader.at)) {
		struct eventlog_event event;

		good = log->events->len < EVENTLOG_EVENTS_MAX && event_decode(&reader, log, &event);
		if (good)
			g_array_append_val(log->events, event);
	}
	if (good)
		return g_steal_pointer(&log);
	failure_set(error, FAULT_EVENTLOG,
		    "the event log is no crypto-agile one, or damaged at event %u, byte %zu",
		    log->events->len, reader.at);
	return NULL;
}

void eventlog_free(struct eventlog *log)
{
	if (log == NULL)
		return;
	g_bytes_unref(log->bytes);
	g_array_unref(log->events);
	g_free(log);
}

static const struct eventlog_event *event_at(const struct eventlog *log, guint index)
{
	return &g_array_index(log->events, struct eventlog_event, index);
}

/* A TPM that was started from another locality than 0 has that number in PCR 0 at first. */
static void locality_note(const struct eventlog_event *event, struct pcr11 *pcr)
{
	static const char NAME[16] = "StartupLocality";

	if (event->data_size == sizeof NAME + 1 && memcmp(event->data, NAME, sizeof NAME) == 0)
		pcr->value[pcr->bank->size_bytes - 1] = event->data[sizeof NAME];
}

gboolean eventlog_replay(const struct eventlog *log, const struct pcr11_bank *bank, unsigned pcr,
			 uint8_t ret_value[static PCR11_SIZE_MAX], GError **error)
{
	const unsigned index = bank_index(log, bank->algorithm);
	struct pcr11 value = { .bank = bank };

	if (index == EVENTLOG_BANKS_MAX)
		return failure_set(error, FAULT_EVENTLOG, "the event log has no bank %s",
				   bank->name);
	for (guint i = 0; i < log->events->len; i++) {
		const struct eventlog_event *event = event_at(log, i);

		if (event->pcr != pcr)
			continue;
		if (event->type == EVENTLOG_NO_ACTION && pcr == 0)
			locality_note(event, &value);
		if (event->type == EVENTLOG_NO_ACTION)
			continue;
		if (event->digests[index] == NULL)
			return failure_set(error, FAULT_EVENTLOG,
					   "event %u has no digest in the bank %s", i, bank->name);
		crypto_digest(bank->name, value.value, bank->size_bytes, event->digests[index],
			      bank->size_bytes, value.value);
	}
	memcpy(ret_value, value.value, sizeof value.value);
	return TRUE;
}

gboolean eventlog_has(const struct eventlog *log, unsigned pcr)
{
	for (guint i = 0; i < log->events->len; i++)
		if (event_at(log, i)->pcr == pcr && event_at(log, i)->type != EVENTLOG_NO_ACTION)
			return TRUE;
	return FALSE;
}

/* Data prove themselves where the digest is theirs. */
static gboolean data_are_hashed(const struct eventlog *log, const struct eventlog_event *event)
{
	const unsigned index = bank_index(log, ALGORITHM_SHA256);
	uint8_t digest[CRYPTO_HASH_SIZE];

	if (index == EVENTLOG_BANKS_MAX || event->digests[index] == NULL)
		return FALSE;
	crypto_digest("sha256", event->data, event->data_size, NULL, 0, digest);
	return memcmp(digest, event->digests[index], sizeof digest) == 0;
}

static gboolean azboot_decode(const struct eventlog_event *event,
			      struct eventlog_azboot *ret_azboot)
{
	enum { SIZE = 40, LAYOUT = 1 };
	const uint8_t *bytes = event->data;

	if (event->data_size != SIZE || bytes_load_u32(bytes + 4) != SIZE - 8 ||
	    bytes_load_u16(bytes + 8) != LAYOUT || bytes[10] >= SLOT_COUNT ||
	    bytes[11] == SLOT_REASON_NONE || bytes[11] >= SLOT_REASON_COUNT || bytes[12] > 1)
		return FALSE;
	*ret_azboot = (struct eventlog_azboot){
		.slot = bytes[10],
		.reason = bytes[11],
		.stored = bytes[12],
		.fault = bytes_load_u32(bytes + 16),
		.floor = bytes_load_u64(bytes + 24),
		.security_version = bytes_load_u64(bytes + 32),
	};
	return TRUE;
}

static gboolean is_azboot(const struct eventlog_event *event)
{
	static const uint8_t TAG[] = { 0x74, 0x62, 0x7a, 0x61 }; /* 0x617a6274 */

	return event->type == EVENTLOG_TAG && event->data_size >= sizeof TAG &&
	       memcmp(event->data, TAG, sizeof TAG) == 0;
}

/* By what was hashed, not by type and data, under which a liar may show it. */
static gboolean is_handover(const struct eventlog *log, const struct eventlog_event *event)
{
	static const char TEXT[] = "Exit Boot Services Invocation"; /* its NUL is not measured */
	const unsigned index = bank_index(log, ALGORITHM_SHA256);
	uint8_t digest[CRYPTO_HASH_SIZE];

	if (index == EVENTLOG_BANKS_MAX || event->digests[index] == NULL)
		return FALSE;
	crypto_digest("sha256", TEXT, sizeof TEXT - 1, NULL, 0, digest);
	return memcmp(digest, event->digests[index], sizeof digest) == 0;
}

enum eventlog_found eventlog_azboot_find(const struct eventlog *log,
					 struct eventlog_azboot *ret_azboot)
{
	enum { PCR = 5 };
	enum eventlog_found found = EVENTLOG_ABSENT;

	for (guint i = 0; i < log->events->len; i++) {
		const struct eventlog_event *event = event_at(log, i);

		if (event->pcr != PCR || event->type == EVENTLOG_NO_ACTION)
			continue;
		ret_azboot->closed = is_handover(log, event);
		if (ret_azboot->closed)
			break;
		if (!is_azboot(event))
			continue;
		if (!data_are_hashed(log, event) || !azboot_decode(event, ret_azboot))
			return EVENTLOG_FORGED;
		found = EVENTLOG_PRESENT;
	}
	return found;
}

/* UEFI_VARIABLE_DATA: GUID (16), characters of the name (8), size of the data (8), name in UTF-16,
 * data. */
static gboolean is_secure_boot(const struct eventlog_event *event)
{
	static const uint8_t GLOBAL[] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
					  0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
	static const char NAME[] = "S\0e\0c\0u\0r\0e\0B\0o\0o\0t"; /* its NUL is the last byte */
	enum { NAME_AT = 32, CHARACTERS = sizeof NAME / 2 };

	return event->type == (uint32_t)EVENTLOG_VARIABLE &&
	       event->data_size >= NAME_AT + sizeof NAME &&
	       memcmp(event->data, GLOBAL, sizeof GLOBAL) == 0 &&
	       bytes_load_u64(event->data + 16) == CHARACTERS &&
	       memcmp(event->data + NAME_AT, NAME, sizeof NAME) == 0;
}

enum eventlog_found eventlog_secure_boot_find(const struct eventlog *log, gboolean *ret_on)
{
	enum { PCR = 7, VALUE_AT = 32 + 20 };

	for (guint i = 0; i < log->events->len; i++) {
		const struct eventlog_event *event = event_at(log, i);

		if (event->pcr != PCR || event->type == EVENTLOG_NO_ACTION)
			continue;
		/* Only the first one: what was measured before it might be the truth, under another
		 * name. */
		if (!is_secure_boot(event))
			return EVENTLOG_ABSENT;
		if (!data_are_hashed(log, event))
			return EVENTLOG_FORGED;
		*ret_on = event->data_size == VALUE_AT + 1 &&
			  bytes_load_u64(event->data + 24) == 1 && event->data[VALUE_AT] == 1;
		return EVENTLOG_PRESENT;
	}
	return EVENTLOG_ABSENT;
}
