/* SPDX-License-Identifier: MIT */
#pragma once
/* Fuzz targets: each decodes hostile bytes and must neither crash nor read outside of them, and
 * keep the promises that its first comment names. Built with replay.c as a test over seeds, corpus
 * and mutants; with libFuzzer by ./dev fuzz. docs/FUZZING.md. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);
/* Once, before all inputs: critical messages of GLib abort, lesser ones are dropped. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* A valid input to start from; at most `room` bytes, returns its size, 0 if there is none of that
 * number. For replay.c, which asks for FUZZ_SEEDS. */
enum { FUZZ_SEEDS = 16 };
size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room);

/* A promise of the code under test; libFuzzer keeps the input that breaks it. */
#define promise(condition) ((condition) ? (void)0 : fuzz_broken(#condition, __FILE__, __LINE__))
_Noreturn void fuzz_broken(const char *condition, const char *file, int line);

/* Copies a seed, if there is room; what fuzz_seed() returns. */
size_t fuzz_copy(const void *seed, size_t size_bytes, uint8_t *ret_bytes, size_t room);
/* The bytes as a file that is read by `ret_path`; it is the same one each time, for one thread. */
enum { FUZZ_PATH_SIZE = 32 };
void fuzz_file(const uint8_t *bytes, size_t size_bytes, char ret_path[static FUZZ_PATH_SIZE]);
/* A folder of this process, empty at first, in memory if that can be had; removed at its end. */
const char *fuzz_folder(void);
/* The bytes up to the first NUL, as a text; the caller frees. */
char *fuzz_text(const uint8_t *bytes, size_t size_bytes);
