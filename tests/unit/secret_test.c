/* SPDX-License-Identifier: MIT */
#include "secret.h"

#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "tap.h"

/* Reads back what a pipe was given; NULL where the secret is refused. */
static struct secret *through_pipe(const char *text, size_t size_bytes, GError **error)
{
	struct secret *read_back = NULL;
	int ends[2];

	if (pipe(ends) != 0)
		return NULL;
	if (write(ends[1], text, size_bytes) == (ssize_t)size_bytes && close(ends[1]) == 0)
		read_back = secret_read(ends[0], error);
	close(ends[0]);
	return read_back;
}

static void expect_read(const char *text, size_t size_bytes, size_t wanted)
{
	g_autoptr(Secret) secret = through_pipe(text, size_bytes, NULL);

	expect(secret != NULL && secret->size_bytes == wanted &&
	       memcmp(secret->bytes, text, wanted) == 0 && secret->bytes[wanted] == 0);
}

static void expect_refused(const char *text, size_t size_bytes)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Secret) secret = through_pipe(text, size_bytes, &error);

	expect(secret == NULL && failure_code(error) == FAULT_SECRET_READ);
}

static void test_read(void)
{
	g_autofree char *longest = g_strnfill(SECRET_SIZE_MAX + 1, 'x');

	expect_read("pass", 4, 4);
	expect_read("pass\n", 5, 4);
	expect_read("pass\n\n", 6, 5); /* only the line feed of an editor is not meant */
	expect_read("\0\1\2", 3, 3);
	expect_read(longest, SECRET_SIZE_MAX, SECRET_SIZE_MAX);
	longest[SECRET_SIZE_MAX] = '\n';
	expect_read(longest, SECRET_SIZE_MAX + 1, SECRET_SIZE_MAX);
	longest[SECRET_SIZE_MAX] = 'x';
	expect_refused(longest, SECRET_SIZE_MAX + 1);
	expect_refused("", 0);
	expect_refused("\n", 1);
}

static void test_pipe(void)
{
	g_autoptr(Secret) secret = secret_copy("a\0b\n", 4);
	const int fd = secret_pipe(secret, NULL);
	g_autoptr(Secret) back = secret_read(fd, NULL);

	expect(back != NULL && back->size_bytes == 3 && memcmp(back->bytes, "a\0b", 3) == 0);
	close(fd);
}

static void test_base64(void)
{
	g_autoptr(Secret) secret = secret_copy("\xff\xfe\xfd\xfc", 4);
	g_autoptr(Secret) text = secret_base64(secret);
	g_autoptr(Secret) large = secret_new(SECRET_SIZE_MAX);
	g_autoptr(Secret) large_text = secret_base64(large);

	expect(strcmp((char *)text->bytes, "//79/A==") == 0 && text->size_bytes == 8);
	expect(large_text->size_bytes == (SECRET_SIZE_MAX + 2) / 3 * 4);
}

static const struct tap_case CASES[] = {
	{ "from a descriptor", test_read },
	{ "through a pipe", test_pipe },
	{ "as base64", test_base64 },
};
TAP_MAIN(CASES)
