/* SPDX-License-Identifier: MIT */
#pragma once
/* Unit tests: a table of named functions, printed in TAP. A failed expectation says where. */

#include <stdbool.h>
#include <stdio.h>

static bool tap_failed;

#define expect(condition)                                                                          \
	((condition) ? (void)0                                                                     \
		     : (void)(tap_failed = true,                                                   \
			      printf("# %s:%d: not so: %s\n", __FILE__, __LINE__, #condition)))

struct tap_case {
	const char *name;
	void (*run)(void);
};

static inline int tap_run(const struct tap_case *cases, unsigned count)
{
	int status = 0;

	printf("1..%u\n", count);
	for (unsigned i = 0; i < count; i++) {
		tap_failed = false;
		cases[i].run();
		printf("%s %u %s\n", tap_failed ? "not ok" : "ok", i + 1, cases[i].name);
		fflush(stdout);
		if (tap_failed)
			status = 1;
	}
	return status;
}

#define TAP_MAIN(cases)                                                                            \
	int main(void)                                                                             \
	{                                                                                          \
		return tap_run(cases, sizeof(cases) / sizeof((cases)[0]));                         \
	}
