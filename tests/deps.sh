#!/bin/sh
# SPDX-License-Identifier: MIT
# deps.sh [LIST]...: installs what building and testing needs, and what further lists name, as far as
# this Debian machine lacks it. Quick when nothing is missing.
set -eu
packages=$(sed 's/#.*//' "$(dirname "$0")/packages.txt" "$@")
missing=
for package in $packages; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing" >&2
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
$as_root apt-get update -q >&2
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >&2
