/* SPDX-License-Identifier: MIT */
#pragma once
/* Fuzz targets: each decodes hostile bytes and must neither crash nor read outside of them. Built
 * with replay.c as a test over seeds and their mutants; with libFuzzer by ./dev fuzz. */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

/* A valid input to start from; at most `room` bytes, returns its size. For replay.c. */
size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room);
