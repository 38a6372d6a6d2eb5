/* SPDX-License-Identifier: MIT */
/* TPM structures of an attestation. The first byte says which. What is taken, tpm2-tss takes too,
 * whole, and reads the same in it. */
#include "quote.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#include "bytes.h"
#include "fuzz.h"

enum { QUOTE, KEY, SIGNATURE, MODES };
enum { SELECT_MAX = 4 }; /* bytes of a set of PCRs that tpm2-tss reads */

static gboolean same(struct quote_bytes ours, const uint8_t *theirs, size_t size_bytes)
{
	return ours.size_bytes == size_bytes && memcmp(ours.bytes, theirs, size_bytes) == 0;
}

/* Names may be longer for us than for tpm2-tss, and so may sets of PCRs: a key that we know, and
 * what is signed, decide in the end. */
static gboolean tss_could(const struct quote *quote)
{
	const uint8_t *behind = quote->nonce.bytes + quote->nonce.size_bytes + 8 + 4 + 4 + 1 + 8;

	return quote->signer.size_bytes <= sizeof(TPMU_NAME) &&
	       quote->nonce.size_bytes <= sizeof(TPMU_HA) + 2 && behind[6] <= SELECT_MAX;
}

static void quote_run(const uint8_t *bytes, size_t size_bytes)
{
	struct quote quote;
	TPMS_ATTEST attest;
	size_t used = 0;

	if (quote_decode(bytes, size_bytes, &quote) != FAULT_OK || !tss_could(&quote))
		return;
	promise(Tss2_MU_TPMS_ATTEST_Unmarshal(bytes, size_bytes, &used, &attest) == 0);
	promise(used == size_bytes && attest.type == TPM2_ST_ATTEST_QUOTE);
	promise(same(quote.signer, attest.qualifiedSigner.name, attest.qualifiedSigner.size));
	promise(same(quote.nonce, attest.extraData.buffer, attest.extraData.size));
	promise(quote.clock_ms == attest.clockInfo.clock &&
		quote.reset_count == attest.clockInfo.resetCount &&
		quote.restart_count == attest.clockInfo.restartCount &&
		quote.safe == (attest.clockInfo.safe == 1) &&
		quote.firmware == attest.firmwareVersion);
	promise(attest.attested.quote.pcrDigest.size == sizeof quote.digest &&
		memcmp(quote.digest, attest.attested.quote.pcrDigest.buffer, sizeof quote.digest) ==
			0);
}

static void key_run(const uint8_t *bytes, size_t size_bytes)
{
	struct quote_key key;
	TPMT_PUBLIC public;
	size_t used = 0;

	if (quote_key_decode(bytes, size_bytes, &key) != FAULT_OK)
		return;
	/* A policy may be longer for us. */
	if (size_bytes > 10 && (bytes[8] != 0 || bytes[9] > sizeof(TPMU_HA)))
		return;
	promise(Tss2_MU_TPMT_PUBLIC_Unmarshal(bytes, size_bytes, &used, &public) == 0);
	promise(used == size_bytes && key.is_rsa == (public.type == TPM2_ALG_RSA));
	promise((public.objectAttributes & TPMA_OBJECT_RESTRICTED) != 0 &&
		(public.objectAttributes & TPMA_OBJECT_DECRYPT) == 0);
	if (key.is_rsa)
		promise(same(key.modulus, public.unique.rsa.buffer, public.unique.rsa.size));
	else
		promise(same(key.x, public.unique.ecc.x.buffer, public.unique.ecc.x.size) &&
			same(key.y, public.unique.ecc.y.buffer, public.unique.ecc.y.size));
}

static void signature_run(const uint8_t *bytes, size_t size_bytes)
{
	struct quote_signature ours;
	TPMT_SIGNATURE theirs;
	size_t used = 0;

	if (quote_signature_decode(bytes, size_bytes, &ours) != FAULT_OK)
		return;
	if (ours.r.size_bytes > (ours.is_rsa ? TPM2_MAX_RSA_KEY_BYTES : TPM2_MAX_ECC_KEY_BYTES) ||
	    ours.s.size_bytes > TPM2_MAX_ECC_KEY_BYTES)
		return;
	promise(Tss2_MU_TPMT_SIGNATURE_Unmarshal(bytes, size_bytes, &used, &theirs) == 0);
	promise(used == size_bytes && ours.is_rsa == (theirs.sigAlg == TPM2_ALG_RSASSA));
	if (ours.is_rsa)
		promise(same(ours.r, theirs.signature.rsassa.sig.buffer,
			     theirs.signature.rsassa.sig.size));
	else
		promise(same(ours.r, theirs.signature.ecdsa.signatureR.buffer,
			     theirs.signature.ecdsa.signatureR.size) &&
			same(ours.s, theirs.signature.ecdsa.signatureS.buffer,
			     theirs.signature.ecdsa.signatureS.size));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	static void (*const RUN[MODES])(const uint8_t *, size_t) = { quote_run, key_run,
								     signature_run };

	if (size_bytes > 0)
		RUN[bytes[0] % MODES](bytes + 1, size_bytes - 1);
	return 0;
}

static size_t quote_seed(uint8_t *at)
{
	static const uint8_t HEAD[] = { QUOTE, 0xff, 'T', 'C', 'G', 0x80, 0x18, 0,
					2,     0,    11,  0,   2,   'n',  'o' };
	static const uint8_t PCRS[] = { 0, 0, 0, 1, 0, 0x0b, 3, 0xff, 0xf8, 0, 0, 32 };
	enum { CLOCK = 8 + 4 + 4 + 1 + 8, SIZE = sizeof HEAD + CLOCK + sizeof PCRS + 32 };

	memset(at, 1, SIZE);
	memcpy(at, HEAD, sizeof HEAD);
	memcpy(at + sizeof HEAD + CLOCK, PCRS, sizeof PCRS);
	return SIZE;
}

static size_t key_seed(uint8_t *at, gboolean is_rsa)
{
	static const uint8_t RSA[] = { KEY,  0, 1,    0, 0x0b, 0, 5, 4, 0x72, 0, 0, 0,
				       0x10, 0, 0x14, 0, 0x0b, 8, 0, 0, 0,    0, 1, 0 };
	static const uint8_t ECC[] = { KEY,  0, 0x23, 0,   0x0b, 0, 5,    4,  0x72, 0,
				       0,    0, 0x10, 0,   0x18, 0, 0x0b, 0,  3,    0,
				       0x10, 0, 2,    'x', 'x',  0, 1,    'y' };
	const size_t size_bytes = is_rsa ? sizeof RSA : sizeof ECC;

	memcpy(at, is_rsa ? RSA : ECC, size_bytes);
	if (!is_rsa)
		return size_bytes;
	memset(at + size_bytes, 0xc3, 256);
	return size_bytes + 256;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const uint8_t ECDSA[] = { SIGNATURE, 0, 0x18, 0, 0x0b, 0, 2, 'r', 'r', 0, 1, 's' };
	static const uint8_t RSASSA[] = { SIGNATURE, 0, 0x14, 0, 0x0b, 0, 3, 's', 's', 's' };

	if (room < 512)
		return 0;
	switch (number) {
	case 0:
		return quote_seed(ret_bytes);
	case 1:
	case 2:
		return key_seed(ret_bytes, number == 1);
	case 3:
		return fuzz_copy(ECDSA, sizeof ECDSA, ret_bytes, room);
	case 4:
		return fuzz_copy(RSASSA, sizeof RSASSA, ret_bytes, room);
	default:
		return 0;
	}
}
