#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh NAME [SECONDS]: libFuzzer on one target, with its corpus in .cache/fuzz.
set -eu
cd "$(dirname "$0")/../.."
name=${1:?which target? one of: $(cd tests/fuzz && ls *_fuzz.c | sed 's/_fuzz.c//' | tr '\n' ' ')}
build=build-fuzz
[ -f "$build/build.ninja" ] || CC=clang meson setup "$build" -Dfuzzer=true -Db_sanitize=address,undefined -Db_lundef=false
meson compile -C "$build" "${name}_libfuzzer"
mkdir -p ".cache/fuzz/$name"
exec "$build/tests/fuzz/${name}_libfuzzer" -max_total_time="${2:-60}" -max_len=65536 ".cache/fuzz/$name"
