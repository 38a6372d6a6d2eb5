/* SPDX-License-Identifier: MIT */
/* Versions: three words of a line. Their order is one, and is that of UAPI.10, restated here. */
#include "version.h"

#include <string.h>

#include "fuzz.h"

static int sign(int order)
{
	return order < 0 ? -1 : order > 0;
}

/* The older one has the character where the other does not; 2: the comparison goes on. */
static int separator(const char **a, const char **b, char c)
{
	if (**a == c && **b == c) {
		++*a;
		++*b;
	} else if (**a == c || **b == c) {
		return **a == c ? -1 : 1;
	}
	return 2;
}

static int span_order(const char **a, const char **b, const char *accepted)
{
	const size_t size_a = strspn(*a, accepted);
	const size_t size_b = strspn(*b, accepted);
	int order = strncmp(*a, *b, MIN(size_a, size_b));

	if (*accepted == '0' && size_a != size_b)
		order = size_a < size_b ? -1 : 1;
	else if (order == 0 && size_a != size_b)
		order = size_a < size_b ? -1 : 1;
	*a += size_a;
	*b += size_b;
	return order;
}

static int other_compare(const char *a, const char *b)
{
	static const char LETTERS[] = G_CSET_A_2_Z G_CSET_a_2_z;
	static const char COMPARED[] = G_CSET_DIGITS G_CSET_A_2_Z G_CSET_a_2_z "~-^.";
	int order = 0;

	while (order == 0) {
		a += strcspn(a, COMPARED);
		b += strcspn(b, COMPARED);
		if ((order = separator(&a, &b, '~')) != 2)
			return order;
		if (*a == '\0' || *b == '\0')
			return *a != '\0' ? 1 : *b != '\0' ? -1 : 0;
		if ((order = separator(&a, &b, '-')) != 2 ||
		    (order = separator(&a, &b, '^')) != 2 || (order = separator(&a, &b, '.')) != 2)
			return order;
		if (g_ascii_isdigit(*a) != g_ascii_isdigit(*b))
			return g_ascii_isdigit(*a) ? 1 : -1;
		if (g_ascii_isdigit(*a)) {
			a += strspn(a, "0");
			b += strspn(b, "0");
			order = span_order(&a, &b, G_CSET_DIGITS);
		} else {
			order = span_order(&a, &b, LETTERS);
		}
	}
	return order;
}

static void pair_check(const char *a, const char *b)
{
	const int order = version_compare(a, b);

	promise(sign(version_compare(b, a)) == -sign(order));
	promise(sign(other_compare(a, b)) == sign(order));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autofree char *text = fuzz_text(bytes, size_bytes);
	g_auto(GStrv) words = g_strsplit(text, " ", 3);

	if (g_strv_length(words) < 3)
		return 0;
	for (unsigned i = 0; i < 3; i++) {
		const char *end = strpbrk(words[i], "/%\n");

		promise(!version_is_valid(words[i]) ||
			(end == NULL && strlen(words[i]) <= VERSION_SIZE_MAX));
		promise(version_compare(words[i], words[i]) == 0);
		pair_check(words[i], words[(i + 1) % 3]);
	}
	if (version_compare(words[0], words[1]) <= 0 && version_compare(words[1], words[2]) <= 0)
		promise(version_compare(words[0], words[2]) <= 0);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[] = { "1.2.3 1.2.3~rc1 1.2.3^post", "1-^ 1- 1-2",
					     "4.0.20261126 4.0.9 10", "a.b a_b a0b" };

	return number < G_N_ELEMENTS(SEEDS)
		       ? fuzz_copy(SEEDS[number], strlen(SEEDS[number]), ret_bytes, room)
		       : 0;
}
