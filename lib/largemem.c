/* SPDX-License-Identifier: MIT */
#include "largemem.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum {
	HEAD = 64,
	PAGE = 4096,
	LARGE_PAGE = 2 << 20, /* of x86_64, and of arm64 with pages of 4 KiB */
};

/* In front of the memory that was asked for. */
struct head {
	void *mapping; /* NULL: of g_malloc0() */
	size_t size_bytes;
};
_Static_assert(sizeof(struct head) <= HEAD, "the head has its place");

/* The head has a small page of its own, so that what nobody has written to takes no memory. */
static uint8_t *mapping_new(size_t size_bytes)
{
	const struct head head = {
		.mapping = mmap(NULL, PAGE + size_bytes + LARGE_PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		.size_bytes = PAGE + size_bytes + LARGE_PAGE, /* not all of it is touched */
	};
	uint8_t *memory = head.mapping;

	if (head.mapping == MAP_FAILED)
		g_error("no memory for %zu bytes: %s", size_bytes, g_strerror(errno));
	memory += PAGE;
	memory += (LARGE_PAGE - (uintptr_t)memory % LARGE_PAGE) % LARGE_PAGE;
	/* Whole pages only, so that nothing is taken that was not asked for. Where the kernel has
	 * none, small pages do. */
	(void)madvise(memory, size_bytes / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
	memcpy(memory - HEAD, &head, sizeof head);
	return memory;
}

void *largemem_new(size_t size_bytes)
{
	uint8_t *start;

	if (size_bytes >= LARGE_PAGE)
		return mapping_new(size_bytes);
	start = g_malloc0(HEAD + size_bytes);
	return start + HEAD;
}

void largemem_free(void *memory)
{
	struct head head;

	if (memory == NULL)
		return;
	memcpy(&head, (uint8_t *)memory - HEAD, sizeof head);
	if (head.mapping == NULL)
		g_free((uint8_t *)memory - HEAD);
	else
		g_assert(munmap(head.mapping, head.size_bytes) == 0);
}
