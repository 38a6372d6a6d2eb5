/* SPDX-License-Identifier: MIT */
#include "sharedmem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"

enum { PAGE = 4096, SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

static gboolean memory_map(struct sharedmem *memory)
{
	void *bytes = mmap(NULL, memory->size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd,
			   0);

	memory->bytes = bytes == MAP_FAILED ? NULL : bytes;
	return memory->bytes != NULL;
}

gboolean sharedmem_init(struct sharedmem *memory, size_t size_bytes, GError **error)
{
	*memory = (struct sharedmem){
		.fd = memfd_create("azupdate", MFD_CLOEXEC | MFD_ALLOW_SEALING),
		.size_bytes = size_bytes,
	};
	if (memory->fd >= 0 && ftruncate(memory->fd, (off_t)size_bytes) == 0 &&
	    fcntl(memory->fd, F_ADD_SEALS, SEALS) == 0 && memory_map(memory))
		return TRUE;
	failure_set(error, FAULT_WORKER_START, "cannot make %zu bytes of shared memory: %s",
		    size_bytes, g_strerror(errno));
	sharedmem_done(memory);
	return FALSE;
}

gboolean sharedmem_take(struct sharedmem *memory, int fd, size_t size_max)
{
	struct stat status;

	*memory = (struct sharedmem){ .fd = fd };
	if (fstat(fd, &status) == 0 && status.st_size > 0 && (size_t)status.st_size <= size_max &&
	    (fcntl(fd, F_GET_SEALS) & SEALS) == SEALS) {
		memory->size_bytes = (size_t)status.st_size;
		if (memory_map(memory))
			return TRUE;
	}
	sharedmem_done(memory);
	return FALSE;
}

void sharedmem_drop(struct sharedmem *memory, size_t from)
{
	const size_t start = (from + PAGE - 1) / PAGE * PAGE;

	/* Where it cannot be done, the memory is only held longer. */
	if (start < memory->size_bytes)
		(void)madvise(memory->bytes + start, memory->size_bytes - start, MADV_REMOVE);
}

void sharedmem_done(struct sharedmem *memory)
{
	if (memory->bytes != NULL)
		g_assert(munmap(memory->bytes, memory->size_bytes) == 0);
	if (memory->fd >= 0)
		(void)close(memory->fd); /* memory; nothing can be lost */
	*memory = (struct sharedmem){ .fd = -1 };
}
