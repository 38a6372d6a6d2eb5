/* SPDX-License-Identifier: MIT */
/* intel-ipsec-mb: one engine for each set of instructions that it knows for SHA-256. A job is one
 * message in one piece, so salt and block are copied together, which costs some 7 %; without a
 * salt they are hashed where they stand. */
#include <intel-ipsec-mb.h>
#include <string.h>

#include "blockhash.h"
#include "blockhash_engine.h"

enum {
	LANES_MAX = 16,
	/* What a copied message takes; of 64 bytes more than a power of two, so that the lanes'
	 * messages do not all fall into the same cache lines. */
	MESSAGE_SIZE = BLOCKHASH_SALT_SIZE_MAX + BLOCKHASH_BLOCK_SIZE + 64,
};

struct instructions {
	void (*init)(IMB_MGR *manager);
	uint64_t flags;  /* of alloc_mb_mgr() */
	uint64_t needed; /* features of the processor */
};

struct ipsecmb {
	IMB_MGR *manager;
	size_t salt_size;
	uint8_t (*messages)[MESSAGE_SIZE]; /* LANES_MAX, the salt in front of each */
};

static void ipsecmb_close(void *state)
{
	struct ipsecmb *ipsecmb = state;

	g_aligned_free(ipsecmb->messages);
	free_mb_mgr(ipsecmb->manager);
	g_free(ipsecmb);
}

static void *ipsecmb_open(const struct blockhash_engine *engine, const uint8_t *salt,
			  size_t salt_size)
{
	const struct instructions *instructions = engine->detail;
	IMB_MGR *manager = alloc_mb_mgr(instructions->flags);
	struct ipsecmb *ipsecmb;

	if (manager == NULL)
		return NULL;
	if ((manager->features & instructions->needed) != instructions->needed) {
		free_mb_mgr(manager);
		return NULL;
	}
	instructions->init(manager);
	if (imb_get_errno(manager) != 0) {
		free_mb_mgr(manager);
		return NULL;
	}
	ipsecmb = g_new0(struct ipsecmb, 1);
	ipsecmb->manager = manager;
	ipsecmb->salt_size = salt_size;
	ipsecmb->messages = g_aligned_alloc(LANES_MAX, MESSAGE_SIZE, 64);
	for (size_t i = 0; i < LANES_MAX && salt_size > 0; i++)
		memcpy(ipsecmb->messages[i], salt, salt_size);
	return ipsecmb;
}

static const uint8_t *message_of(struct ipsecmb *ipsecmb, size_t lane, const uint8_t *block)
{
	if (ipsecmb->salt_size == 0)
		return block;
	memcpy(ipsecmb->messages[lane] + ipsecmb->salt_size, block, BLOCKHASH_BLOCK_SIZE);
	return ipsecmb->messages[lane];
}

static IMB_JOB *job_submit(struct ipsecmb *ipsecmb, const uint8_t *message, uint8_t *ret_hash)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(ipsecmb->manager);

	job->cipher_mode = IMB_CIPHER_NULL;
	job->cipher_direction = IMB_DIR_ENCRYPT;
	job->chain_order = IMB_ORDER_HASH_CIPHER;
	job->hash_alg = IMB_AUTH_SHA_256;
	job->src = message;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = ipsecmb->salt_size + BLOCKHASH_BLOCK_SIZE;
	job->auth_tag_output = ret_hash;
	job->auth_tag_output_len_in_bytes = BLOCKHASH_SIZE;
	return IMB_SUBMIT_JOB(ipsecmb->manager);
}

/* Jobs come back in any order, each with its hash in place. One that fails is a bug: its place
 * may still hold the hash of an earlier block. */
static size_t job_count(const IMB_JOB *job)
{
	if (job != NULL && job->status != IMB_STATUS_COMPLETED)
		g_error("intel-ipsec-mb cannot hash: status %u", (unsigned)job->status);
	return job != NULL ? 1 : 0;
}

/* A group is drained before the next one begins: its messages are free again then. */
static void group_hash(struct ipsecmb *ipsecmb, const uint8_t *blocks, size_t count,
		       uint8_t *ret_hashes)
{
	size_t done = 0;

	for (size_t i = 0; i < count; i++)
		done += job_count(job_submit(
			ipsecmb, message_of(ipsecmb, i, blocks + i * BLOCKHASH_BLOCK_SIZE),
			ret_hashes + i * BLOCKHASH_SIZE));
	for (IMB_JOB *job; (job = IMB_FLUSH_JOB(ipsecmb->manager)) != NULL;)
		done += job_count(job);
	g_assert(done == count);
}

static void ipsecmb_hash(void *state, const uint8_t *blocks, size_t count, uint8_t *ret_hashes)
{
	for (size_t i = 0; i < count; i += LANES_MAX)
		group_hash(state, blocks + i * BLOCKHASH_BLOCK_SIZE, MIN(LANES_MAX, count - i),
			   ret_hashes + i * BLOCKHASH_SIZE);
}

static const struct instructions SSE = { init_mb_mgr_sse, IMB_FLAG_SHANI_OFF, IMB_CPUFLAGS_SSE };
static const struct instructions SHANI = { init_mb_mgr_sse, 0, IMB_CPUFLAGS_SSE_T2 };
static const struct instructions AVX2 = { init_mb_mgr_avx2, IMB_FLAG_SHANI_OFF, IMB_CPUFLAGS_AVX2 };
static const struct instructions AVX512 = { init_mb_mgr_avx512, IMB_FLAG_SHANI_OFF,
					    IMB_CPUFLAGS_AVX512 };

const struct blockhash_engine BLOCKHASH_MORE[] = {
	{ "ipsec-mb-sse", 4, ipsecmb_open, ipsecmb_close, ipsecmb_hash, &SSE },
	{ "ipsec-mb-shani", 2, ipsecmb_open, ipsecmb_close, ipsecmb_hash, &SHANI },
	{ "ipsec-mb-avx2", 8, ipsecmb_open, ipsecmb_close, ipsecmb_hash, &AVX2 },
	{ "ipsec-mb-avx512", 16, ipsecmb_open, ipsecmb_close, ipsecmb_hash, &AVX512 },
};
const size_t BLOCKHASH_MORE_COUNT = G_N_ELEMENTS(BLOCKHASH_MORE);
