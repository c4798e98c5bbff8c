#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What `make install` installs for systemd: the units make sense to it, and keep the
# daemon away from what it does not need. Prints TAP.

set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/../.."
number=0
# Points of 100 that "systemd-analyze security" may count against the service
exposure_max=20

result() { # STATUS NAME
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
	fi
}

check() { # NAME COMMAND...
	local name=$1 status=0

	shift
	"$@" >"$dir/output" 2>&1 || status=$?
	[ "$status" = 0 ] || sed 's/^/# /' "$dir/output"
	result "$status" "$name"
}

if ! command -v systemd-analyze >/dev/null; then
	echo "1..0 # SKIP there is no systemd-analyze"
	exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
prefix=$dir/usr

echo "TAP version 13"
check "install" make -s install PREFIX="$prefix"
units=$prefix/lib/systemd/system
check "units" systemd-analyze verify --man=no --recursive-errors=no \
	"$units/mqttd.service" "$units/mqttd.socket"
check "program" test -x "$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$units/mqttd.service")"
check "exposure" systemd-analyze security --offline=true --threshold=$exposure_max \
	"$units/mqttd.service"
check "user" systemd-sysusers --root="$dir" --dry-run "$prefix/lib/sysusers.d/mqttd.conf"
mkdir -p "$dir/etc"
echo 'mqttd:x:900:900::/:/bin/false' >"$dir/etc/passwd"
echo 'mqttd:x:900:' >"$dir/etc/group"
check "directories" systemd-tmpfiles --root="$dir" --create "$prefix/lib/tmpfiles.d/mqttd.conf"
check "control socket's directory" test -d "$dir/run/mqttd"
echo "1..$number"
