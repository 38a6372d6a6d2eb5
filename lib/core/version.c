/* SPDX-License-Identifier: MIT */
#include "version.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool version_is_valid(const char *version)
{
	unsigned i = 0;

	if (version[0] == '.' || version[0] == '-')
		return false;
	for (; version[i] != '\0'; i++) {
		const char c = version[i];

		if (i == VERSION_SIZE_MAX)
			return false;
		if (!is_digit(c) && !is_alpha(c) && c != '.' && c != '_' && c != '~' && c != '^' &&
		    c != '+' && c != '-')
			return false;
	}
	return i > 0;
}

static bool is_compared(char c)
{
	return is_digit(c) || is_alpha(c) || c == '~' || c == '-' || c == '^' || c == '.';
}

/* Where only one of both strings has the separator next, it decides: `~` is older than anything,
 * even the end; then `-`; then `^`; then `.`. UAPI.10, steps 2 to 6. */
static int separator_compare(const char **a, const char **b, bool *ret_decided)
{
	static const struct {
		char separator;
		int when_only_a_has_it;
	} STEPS[] = { { '~', -1 }, { 0, 0 }, { '-', -1 }, { '^', -1 }, { '.', -1 } };

	*ret_decided = true;
	for (unsigned i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
		const char c = STEPS[i].separator;

		if (c == 0) {
			if (**a == '\0' || **b == '\0')
				return (**a != '\0') - (**b != '\0');
			continue;
		}
		if ((**a == c) != (**b == c))
			return **a == c ? STEPS[i].when_only_a_has_it
					: -STEPS[i].when_only_a_has_it;
		if (**a == c) {
			(*a)++;
			(*b)++;
		}
	}
	*ret_decided = false;
	return 0;
}

static int number_compare(const char **a, const char **b)
{
	unsigned size_a = 0;
	unsigned size_b = 0;
	int order = 0;

	while (**a == '0')
		(*a)++;
	while (**b == '0')
		(*b)++;
	while (is_digit((*a)[size_a]))
		size_a++;
	while (is_digit((*b)[size_b]))
		size_b++;
	if (size_a != size_b)
		return size_a < size_b ? -1 : 1;
	for (unsigned i = 0; i < size_a && order == 0; i++)
		order = (*a)[i] - (*b)[i];
	*a += size_a;
	*b += size_b;
	return order;
}

static int word_compare(const char **a, const char **b)
{
	while (is_alpha(**a) && **a == **b) {
		(*a)++;
		(*b)++;
	}
	if (!is_alpha(**a) && !is_alpha(**b))
		return 0;
	return (is_alpha(**a) ? **a : 0) - (is_alpha(**b) ? **b : 0);
}

int version_compare(const char *a, const char *b)
{
	for (;;) {
		bool decided;
		int order;

		while (*a != '\0' && !is_compared(*a))
			a++;
		while (*b != '\0' && !is_compared(*b))
			b++;
		order = separator_compare(&a, &b, &decided);
		if (decided)
			return order;
		if (is_digit(*a) || is_digit(*b)) {
			if (is_digit(*a) != is_digit(*b))
				return is_digit(*a) ? 1 : -1;
			order = number_compare(&a, &b);
		} else {
			order = word_compare(&a, &b);
		}
		if (order != 0)
			return order;
	}
}
