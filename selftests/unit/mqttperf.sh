#!/bin/bash
# SPDX-License-Identifier: MIT
#
# mqttperf.sh: mqttperf against mqttd with the user data plane, a little of every
# scenario; and that it fails when something is wrong. Prints TAP.

set -uo pipefail

cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
work=$(mktemp -d)
broker='' number=0 failures=0
trap '[ -z "$broker" ] || kill "$broker"; rm -rf "$work"' EXIT

verdict() { # STATUS NAME
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		sed 's/^/# /' "$work/output"
		echo "not ok $number $2"
		failures=$((failures + 1))
	fi
}

listens() {
	(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

# Sets broker and port, which nobody else had
start() {
	local try

	for ((try = 0; try < 10; try++)); do
		port=$((20000 + RANDOM % 10000))
		! listens || continue
		printf 'listener %d 127.0.0.1\nallow_anonymous true\ndataplane user\n' $port \
			>"$work/mqttd.conf"
		build/mqttd -c "$work/mqttd.conf" >"$work/output" 2>&1 &
		broker=$!
		until listens; do
			kill -0 $broker 2>/dev/null || continue 2
		done
		return
	done
	verdict 1 "mqttd starts"
	exit 1
}

# Runs mqttperf and compares what it says of messages
expect() { # NAME PUBLISHED DELIVERED ARGUMENT...
	local name=$1 want="\"published\":$2,\"delivered\":$3,\"lost\":0,\"duplicates\":0,\"late\":0,\"corrupt\":0"

	shift 3
	build/mqttperf -j -p "$port" "$@" >"$work/output" 2>&1 && grep -qF "$want" "$work/output"
	verdict $? "$name"
}

start
expect "one to one, one by one" 2000 2000 -c 200 -n 10 p2p
expect "one to one, in batches" 6400 6400 -c 640 -b 32 -w 64 -s 300 -P "$broker" p2p
expect "one to many" 500 25000 -c 500 -n 50 -b 10 -w 20 fanout
expect "many to one" 25000 25000 -c 500 -n 50 -b 10 -w 20 fanin
expect "large payloads" 100 100 -c 10 -s 200000 -w 4 p2p
expect "MQTT 5.0" 2000 2000 -c 200 -V 5.0 p2p
expect "MQTT 5.0, many to one, in batches" 2000 2000 -c 200 -V 5.0 -b 8 fanin
expect "QoS 1" 2000 2000 -c 200 -w 10 -q 1 p2p
expect "QoS 2, one to many" 500 25000 -c 500 -n 50 -b 10 -w 20 -q 2 fanout
expect "QoS 1, many to one, MQTT 5.0, durable" 5000 5000 -c 500 -w 10 -q 1 -V 5.0 -D fanin
expect "no broker" 2000 2000 -c 200 -w 8 --bare p2p

kill "$broker" && wait "$broker" 2>/dev/null
broker=''
! build/mqttperf -c 10 -p "$port" p2p >"$work/output" 2>&1
verdict $? "no broker to connect to is a failure"
echo "1..$number"
exit $((failures > 0))
