/* SPDX-License-Identifier: MIT */
/* What all targets share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit/tempdir.h"
#include "fuzz.h"

void fuzz_broken(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: a promise is broken: %s\n", file, line, condition);
	abort();
}

/* Damaged input is told in the log, which nobody reads here; a bug of ours is critical. */
static GLogWriterOutput log_write(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
				  gpointer user_data)
{
	if ((level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)) != 0) {
		g_log_writer_standard_streams(level, fields, n_fields, user_data);
		abort();
	}
	return G_LOG_WRITER_HANDLED;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	g_log_set_writer_func(log_write, NULL, NULL);
	return 0;
}

size_t fuzz_copy(const void *seed, size_t size_bytes, uint8_t *ret_bytes, size_t room)
{
	if (size_bytes > room)
		return 0;
	memcpy(ret_bytes, seed, size_bytes);
	return size_bytes;
}

void fuzz_file(const uint8_t *bytes, size_t size_bytes, char ret_path[static FUZZ_PATH_SIZE])
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	promise(fd >= 0 && ftruncate(fd, 0) == 0);
	promise(pwrite(fd, bytes, size_bytes, 0) == (ssize_t)size_bytes);
	snprintf(ret_path, FUZZ_PATH_SIZE, "/proc/self/fd/%d", fd);
}

static char *folder;

static void folder_remove(void)
{
	tempdir_free(folder);
}

const char *fuzz_folder(void)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir();

	if (folder != NULL)
		return folder;
	folder = g_build_filename(base, "azupdate-fuzz-XXXXXX", NULL);
	promise(g_mkdtemp(folder) != NULL);
	promise(atexit(folder_remove) == 0);
	return folder;
}

char *fuzz_text(const uint8_t *bytes, size_t size_bytes)
{
	return g_strndup((const char *)bytes, size_bytes);
}
