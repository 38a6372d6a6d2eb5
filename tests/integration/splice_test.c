/* SPDX-License-Identifier: MIT */
/* Bundles put together out of two: every checksum of the container is right, only the content
 * belongs to another release. What the signed root does not cover must not get into a slot. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "bundle.h"
#include "fixture.h"

static struct fixture *fixture;

struct parts {
	char *bytes;
	gsize size_bytes;
	Bundle *bundle;
	Source *source;
};

static void parts_read(struct parts *parts, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	expect(g_file_get_contents(path, &parts->bytes, &parts->size_bytes, NULL));
	parts->source = source_open_fd(fd, NULL, NULL);
	parts->bundle = bundle_open(parts->source, fixture->config.keyring, NULL);
	expect(parts->bundle != NULL);
	close(fd);
}

static void parts_done(struct parts *parts)
{
	bundle_free(parts->bundle);
	source_close(parts->source);
	g_free(parts->bytes);
}

/* The first one's manifest and signature; each section from the one that `from_second` says. */
static int bundle_splice(const struct parts *first, const struct parts *second,
			 gboolean (*from_second)(const struct bundle_section *section))
{
	struct bundle_section sections[BUNDLE_SECTIONS_MAX];
	g_autoptr(GByteArray) body = g_byte_array_new();
	const gsize manifest = g_bytes_get_size(first->bundle->manifest_bytes);
	const gsize signature = g_bytes_get_size(first->bundle->signature);
	const uint64_t start = BUNDLE_HEADER_SIZE + manifest + signature;
	const int fd = memfd_create("bundle", MFD_CLOEXEC);
	uint8_t header[BUNDLE_HEADER_SIZE];

	for (unsigned i = 0; i < first->bundle->section_count; i++) {
		const struct parts *side = from_second(&first->bundle->sections[i]) ? second
										    : first;

		sections[i] = side->bundle->sections[i];
		g_byte_array_append(body, (const guint8 *)side->bytes + sections[i].offset,
				    (guint)sections[i].size_bytes);
		sections[i].offset = start + body->len - sections[i].size_bytes;
	}
	bundle_header_encode(sections, first->bundle->section_count, (uint32_t)manifest,
			     (uint32_t)signature, start + body->len, header);
	expect(write(fd, header, sizeof header) == sizeof header);
	expect(write(fd, first->bytes + sizeof header, manifest + signature) ==
	       (ssize_t)(manifest + signature));
	expect(write(fd, body->data, body->len) == (ssize_t)body->len);
	return fd;
}

static gboolean is_frames(const struct bundle_section *section)
{
	return section->kind != BUNDLE_LEAVES;
}

static gboolean is_leaves(const struct bundle_section *section)
{
	return section->kind == BUNDLE_LEAVES;
}

static gboolean is_nothing(const struct bundle_section *section)
{
	(void)section;
	return FALSE;
}

static void test_spliced(void)
{
	static const struct {
		gboolean (*from_second)(const struct bundle_section *section);
		fault why;
	} ROWS[] = {
		{ is_frames, FAULT_BUNDLE_BLOCK },
		{ is_leaves, FAULT_BUNDLE_LEAVES },
		{ is_nothing, FAULT_OK },
	};
	struct parts second = { 0 };
	struct parts third = { 0 };

	parts_read(&second, fixture->bundle[2]);
	parts_read(&third, fixture->bundle[3]);
	for (unsigned i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		const int fd = bundle_splice(&second, &third, ROWS[i].from_second);
		const fault why = fixture_install_fd(fixture, fd, FALSE);
		const struct bootrec rec = fixture_record(fixture);

		expect(why == ROWS[i].why);
		expect(rec.table.slots[SLOT_A].state == SLOT_GOOD);
		expect(rec.table.slots[SLOT_B].state ==
		       (why == FAULT_OK ? SLOT_TRYING : SLOT_EMPTY));
		close(fd);
	}
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
	parts_done(&second);
	parts_done(&third);
}

/* A slot that could be booted is over before its first block is: the record says so at once. */
static void test_slot_is_emptied_first(void)
{
	struct parts second = { 0 };
	struct parts third = { 0 };
	struct bootrec rec;
	int fd;

	expect(fixture_install(fixture, fixture->bundle[2], FALSE) == FAULT_OK);
	expect(fixture_record(fixture).table.slots[SLOT_B].state == SLOT_TRYING);
	parts_read(&second, fixture->bundle[2]);
	parts_read(&third, fixture->bundle[3]);
	fd = bundle_splice(&third, &second, is_frames);
	expect(fixture_install_fd(fixture, fd, FALSE) == FAULT_BUNDLE_BLOCK);
	rec = fixture_record(fixture);
	expect(rec.table.slots[SLOT_B].state == SLOT_EMPTY);
	expect(slot_choose(&rec.table, SLOT_NONE).index == SLOT_A);
	close(fd);
	parts_done(&second);
	parts_done(&third);
}

static const struct tap_case CASES[] = {
	{ "content of another release", test_spliced },
	{ "a slot is emptied first", test_slot_is_emptied_first },
};

int main(void)
{
	int status;

	fixture = fixture_new(24);
	status = tap_run(CASES, G_N_ELEMENTS(CASES));
	fixture_free(fixture);
	return status;
}
