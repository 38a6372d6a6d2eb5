/* SPDX-License-Identifier: MIT */
/* Every kernel that there can be, under every libcryptsetup, against a rule in other words. */
#include "verityplan.h"

#include <errno.h>

#include "tap.h"

enum key_verdict { TRUSTED, UNKNOWN_KEY, REJECTED, NO_SIGNATURES, VERDICT_COUNT };
enum telling { AS_IT_IS, KEYS_ONLY, NOTHING, TELLING_COUNT };

/* What the kernel is like, and what libcryptsetup tells of its errors. */
struct kernel {
	enum key_verdict verdict;
	bool takes_fec;
	bool demands;
	bool shows_demand; /* in /sys */
	int broken;        /* an errno that has nothing to do with the table; 0: none */
	enum telling telling;
};

static const int BROKEN[] = { 0, EIO, ENOMEM, EBUSY };

static int error_told(const struct kernel *kernel, int error)
{
	switch (kernel->telling) {
	case AS_IT_IS:
		return error;
	case KEYS_ONLY:
		return error == ENOKEY || error == kernel->broken ? error : ENODEV;
	case NOTHING:
	case TELLING_COUNT:
		break;
	}
	return error == kernel->broken ? error : EINVAL;
}

/* In the order of the kernel's own checks: options, then the signature, then the parity. */
static int kernel_answer(const struct kernel *kernel, struct verityplan_try attempt)
{
	if (kernel->broken != 0)
		return error_told(kernel, kernel->broken);
	if (attempt.signature && kernel->verdict == NO_SIGNATURES)
		return error_told(kernel, ENOTSUP);
	if (attempt.signature && kernel->verdict != TRUSTED)
		return error_told(kernel, kernel->verdict == REJECTED ? EKEYREJECTED : ENOKEY);
	if (!attempt.signature && kernel->demands)
		return error_told(kernel, ENOKEY);
	if (attempt.fec && !kernel->takes_fec)
		return error_told(kernel, EINVAL);
	return 0;
}

static fault image_start(const struct kernel *kernel, const struct verityplan *plan,
			 struct verityplan_try *ret_attempt)
{
	struct verityplan_try attempt = verityplan_first(plan);
	unsigned tries = 1;
	int error = kernel_answer(kernel, attempt);
	fault why = FAULT_OK;

	while (error != 0 && why == FAULT_OK && tries <= VERITYPLAN_TRIES_MAX) {
		why = verityplan_next(plan, error, &attempt);
		error = kernel_answer(kernel, attempt);
		tries += why == FAULT_OK;
	}
	expect(tries <= VERITYPLAN_TRIES_MAX);
	*ret_attempt = attempt;
	return why;
}

static fault wanted(const struct kernel *kernel, bool can_sign)
{
	if (kernel->broken != 0)
		return FAULT_ROOT_VERITY;
	if (!kernel->demands || can_sign)
		return FAULT_OK;
	/* It neither shows its demand nor are its words passed on: nobody could tell. */
	return kernel->shows_demand || kernel->telling != NOTHING ? FAULT_ROOT_SIGNATURE
								  : FAULT_ROOT_VERITY;
}

static void kernel_check(const struct kernel *kernel, bool signature, bool fec)
{
	const struct verityplan plan = { signature, fec, kernel->demands && kernel->shows_demand };
	const bool can_sign = signature && kernel->verdict == TRUSTED;
	struct verityplan_try attempt;
	const fault why = image_start(kernel, &plan, &attempt);

	expect(why == wanted(kernel, can_sign));
	if (why != FAULT_OK)
		return;
	/* All that the kernel would take, and nothing that it would not. */
	expect(attempt.signature == can_sign);
	expect(attempt.fec == (fec && kernel->takes_fec));
}

static void test_every_kernel(void)
{
	unsigned count = 0;

	for (unsigned bits = 0; bits < 1 << 5; bits++)
		for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
			for (unsigned telling = 0; telling < TELLING_COUNT; telling++)
				for (unsigned i = 0; i < sizeof BROKEN / sizeof BROKEN[0]; i++) {
					const struct kernel kernel = { verdict,       bits & 1,
								       bits >> 1 & 1, bits >> 2 & 1,
								       BROKEN[i],     telling };

					kernel_check(&kernel, bits >> 3 & 1, bits >> 4 & 1);
					count++;
				}
	expect(count == 32 * 4 * 3 * 4);
}

/* No errno makes it go on for ever, ask for what is not at hand, or pass over a demand. */
static void test_every_error(void)
{
	for (unsigned bits = 0; bits < 1 << 3; bits++)
		for (int error = 1; error < 200; error++) {
			const struct verityplan plan = { bits & 1, bits >> 1 & 1, bits >> 2 & 1 };
			struct verityplan_try attempt = verityplan_first(&plan);
			unsigned tries = 1;

			while (verityplan_next(&plan, error, &attempt) == FAULT_OK) {
				expect(++tries <= VERITYPLAN_TRIES_MAX);
				expect(plan.signature || !attempt.signature);
				expect(plan.fec || !attempt.fec);
				expect(!plan.signature || !plan.demanded || attempt.signature);
				if (tries > VERITYPLAN_TRIES_MAX)
					return;
			}
		}
}

/* Where the error tells that it is the signature, the parity stays. */
static void test_key_errors(void)
{
	static const int ERRORS[] = { ENOKEY,      EKEYREJECTED, EKEYREVOKED,
				      EKEYEXPIRED, EBADMSG,      ENOPKG };

	for (unsigned i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; i++) {
		const struct verityplan open = { .signature = true, .fec = true };
		const struct verityplan strict = { true, true, .demanded = true };
		struct verityplan_try attempt = verityplan_first(&open);

		expect(verityplan_next(&open, ERRORS[i], &attempt) == FAULT_OK);
		expect(!attempt.signature && attempt.fec);
		attempt = verityplan_first(&strict);
		expect(verityplan_next(&strict, ERRORS[i], &attempt) == FAULT_ROOT_SIGNATURE);
	}
}

/* A disk that fails is no reason to start without the signature. */
static void test_other_errors(void)
{
	for (unsigned i = 1; i < sizeof BROKEN / sizeof BROKEN[0]; i++)
		for (unsigned demanded = 0; demanded < 2; demanded++) {
			const struct verityplan plan = { true, true, demanded != 0 };
			struct verityplan_try attempt = verityplan_first(&plan);

			expect(verityplan_next(&plan, BROKEN[i], &attempt) == FAULT_OK);
			expect(attempt.signature && !attempt.fec);
			expect(verityplan_next(&plan, BROKEN[i], &attempt) == FAULT_ROOT_VERITY);
		}
}

static const struct tap_case CASES[] = {
	{ "every kernel", test_every_kernel },
	{ "every error", test_every_error },
	{ "key errors", test_key_errors },
	{ "other errors", test_other_errors },
};
TAP_MAIN(CASES)
