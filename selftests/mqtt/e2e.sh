#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The broker as a whole, with mosquitto's clients, on both data planes: all
# messages arrive unchanged and in order; on the kernel's plane the daemon has
# seen none of them.
#
#   MQTT_MESSAGES   messages of the long run; 100000, 30000 on 6.1 so that the
#                   whole takes less time, 3000 on a debug kernel

# shellcheck disable=SC2317 # wait_until and trap call functions by name

set -u

if [ "${E2E_NETNS:-}" != 1 ]; then
	E2E_NETNS=1 exec unshare -n "$0" "$@"
fi

cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
ip link set lo up

port=1883
messages=100000
[[ $(uname -r) != 6.1.* ]] || messages=30000
limit=60	# seconds that a condition may take
if [ -e /sys/kernel/debug/kmemleak ] || [ "${MQTT_SLOW:-0}" = 1 ]; then
	messages=3000
	limit=240
fi
messages=${MQTT_MESSAGES:-$messages}

dir=$(mktemp -d)
daemon=''
subs=()
number=0
failed=0

# On SIGTERM the clients of mosquitto take locks that they may hold already, or
# forget it while they connect again
end_clients() { # PID...
	kill -9 "$@"
	wait "$@" 2>/dev/null
}

skip() { # NAME
	number=$((number + 1))
	echo "ok $number $1 # SKIP there is no $(module_file)"
}

cleanup() {
	[ ${#subs[@]} = 0 ] || end_clients "${subs[@]}"
	kill_daemon
	rm -rf "$dir"
}
trap cleanup EXIT

result() { # STATUS NAME
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
		failed=1
	fi
}

note() {
	echo "# $*"
}

# Waits until COMMAND succeeds; fails when that takes too long
wait_until() { # COMMAND...
	local end=$((SECONDS + limit))

	until "$@" >"$dir/wait" 2>&1; do
		if [ $SECONDS -gt $end ]; then
			note "never true: $*"
			sed 's/^/#   /' "$dir/wait"
			return 1
		fi
		read -r -t 0.05 <>"$dir/pause"	# nothing is ever written to it
	done
	return 0
}
mkfifo "$dir/pause"

# --- the daemon ---------------------------------------------------------------

pub() { # ARGUMENT...
	mosquitto_pub -h 127.0.0.1 -p $port -V 311 "$@"
}

start_daemon() { # PLANE
	cat >"$dir/conf" <<-END
		listener $port 127.0.0.1
		allow_anonymous true
		dataplane $1
		max_queued_bytes 1000000000
		control_socket_path $dir/control
		log_dest file $dir/log
		log_type all
	END
	: >"$dir/log"
	build/mqttd -c "$dir/conf" &
	daemon=$!
	wait_until pub -t up -m up
}

kill_daemon() {
	[ -n "$daemon" ] || return 0
	kill -9 "$daemon"
	wait "$daemon" 2>/dev/null
	daemon=''
}

# A counter out of the log, after a fresh SIGUSR2
daemon_counter() { # NAME
	local before

	before=$(grep -c "statistics: $1 " "$dir/log")
	kill -USR2 "$daemon"
	wait_until eval "[ \$(grep -c 'statistics: $1 ' '$dir/log') -gt $before ]"
	sed -n "s/.*statistics: $1 //p" "$dir/log" | tail -n 1
}

router_counter() { # NAME
	build/mqttctl -j stat show | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p"
}

# --- subscribers --------------------------------------------------------------

# Returns when a probe on TOPIC has arrived: the broker has the subscription
start_sub() { # FILE TOPIC ARGUMENT...
	local file=$1 topic=$2

	shift 2
	mosquitto_sub -h 127.0.0.1 -p $port -V 311 -v "$@" >"$file" &
	subs+=($!)
	wait_until eval "pub -t $topic -m probe && [ -s '$file' ]"
}

end_subs() {
	end_clients "${subs[@]}"
	subs=()
}

# Lines "TOPIC PAYLOAD"
received() { # FILE
	grep -v ' probe$' "$1"
}

has_received() { # FILE LAST-LINE
	[ "$(tail -n 1 "$1")" = "$2" ]
}

# --- tests --------------------------------------------------------------------

check_lines() { # FILE WANT
	received "$1" | cmp - "$2" && return
	note "$1 has $(received "$1" | wc -l) of $(wc -l <"$2") lines"
	return 1
}

many_messages() { # PLANE COUNT
	local rx seen status=0

	start_sub "$dir/plus" a/probe/c -t 'a/+/c' || return 1
	start_sub "$dir/hash" a/probe/c -t '#' || return 1
	if [ "$1" = kernel ]; then
		rx=$(router_counter rx-packets)
		seen=$(daemon_counter 'publish received')
	fi
	seq -f "message %06.0f of many, some text to make it longer" "$2" >"$dir/in"
	pub -t a/b/c -l <"$dir/in" || return 1
	sed 's/^/a\/b\/c /' "$dir/in" >"$dir/want"
	wait_until has_received "$dir/plus" "$(tail -n 1 "$dir/want")" || status=1
	wait_until has_received "$dir/hash" "$(tail -n 1 "$dir/want")" || status=1
	end_subs
	check_lines "$dir/plus" "$dir/want" || status=1
	check_lines "$dir/hash" "$dir/want" || status=1
	[ "$1" = kernel ] || return $status

	rx=$(($(router_counter rx-packets) - rx))
	seen=$(($(daemon_counter 'publish received') - seen))
	note "the kernel received $rx, the daemon $seen"
	[ "$rx" = "$2" ] && [ "$seen" = 0 ] || status=1
	return $status
}

# A retained message and one too large for the kernel keep their place
slow_path_messages() {
	head -c 300000 /dev/zero | tr '\0' x >"$dir/big"
	start_sub "$dir/out" r/probe -t 'r/#' || return 1
	pub -t r/1 -m one &&
		pub -t r/2 -r -m two &&
		pub -t r/3 -m three &&
		pub -t r/4 -f "$dir/big" &&
		pub -t r/5 -m five || return 1
	wait_until has_received "$dir/out" 'r/5 five' || return 1
	end_subs
	{
		printf 'r/1 one\nr/2 two\nr/3 three\nr/4 '
		cat "$dir/big"
		printf '\nr/5 five\n'
	} >"$dir/want"
	check_lines "$dir/out" "$dir/want"
}

# Who has left gets nothing, who stays gets everything
one_leaves() {
	start_sub "$dir/leaves" u/probe -t 'u/#' || return 1
	pub -t u/1 -m first || return 1
	wait_until has_received "$dir/leaves" 'u/1 first' || return 1
	end_subs
	start_sub "$dir/stays" u/probe -t 'u/#' || return 1
	pub -t u/2 -m second || return 1
	wait_until has_received "$dir/stays" 'u/2 second' || return 1
	end_subs
	[ "$(received "$dir/leaves")" = 'u/1 first' ] &&
		[ "$(received "$dir/stays")" = 'u/2 second' ]
}

# Nothing in the kernel outlives the daemon, whatever the clients do
killed_daemon() { # PLANE
	local publisher status=0

	start_sub "$dir/out" a/probe/c -t '#' || return 1
	mosquitto_pub -h 127.0.0.1 -p $port -V 311 -t a/b/c -l >/dev/null 2>&1 \
		< <(while seq 1000; do :; done 2>/dev/null) &
	publisher=$!
	wait_until grep -q '^a/b/c 500$' "$dir/out" || status=1
	if [ "$1" = kernel ] && rmmod mqtt 2>/dev/null; then
		note "the module was removed under a running daemon"
		status=1
	fi
	kill_daemon
	end_clients "$publisher"
	end_subs
	return $status
}

module_file() {
	echo "${MQTT_KO:-build/$(uname -r)/mqtt.ko}"
}

module_can_go() {
	wait_until rmmod mqtt && insmod "$(module_file)"
}

# Root that stays root has CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER
capabilities_gone() {
	local sets

	sets=$(sed -n 's/^Cap\(Prm\|Eff\|Bnd\):[[:space:]]*/\1 /p' "/proc/$daemon/status" |
		tr '\n' ' ')
	[ "$sets" = "Prm 000000000000000f Eff 000000000000000f Bnd 0000000000000000 " ] ||
		{ note "capabilities: $sets"; return 1; }
}

dataplane() { # PLANE
	build/mqttctl -S "$dir/control" dataplane "$1" >"$dir/moved" &&
		build/mqttctl -S "$dir/control" dataplane | grep -q "$1"
}

# The daemon may not make a router: there is somebody who does, whatever module it is
module_replaced() {
	start_sub "$dir/replaced" v/probe -t 'v/#' || return 1
	dataplane user && rmmod mqtt || return 1
	pub -t v/1 -m user || return 1
	if dataplane kernel 2>"$dir/refused"; then
		note "there is a router without a module"
		return 1
	fi
	grep -q 'load the module first' "$dir/refused" || return 1
	insmod "$(module_file)" && dataplane kernel || return 1
	pub -t v/2 -m kernel || return 1
	wait_until has_received "$dir/replaced" 'v/2 kernel' || return 1
	end_subs
	[ "$(router_counter rx-packets)" -ge 1 ] &&
		[ "$(received "$dir/replaced")" = "$(printf 'v/1 user\nv/2 kernel')" ]
}

run_plane() { # PLANE MESSAGES
	start_daemon "$1"
	result $? "start_$1"
	many_messages "$1" "$2"
	result $? "many_messages_$1"
	slow_path_messages
	result $? "slow_path_messages_$1"
	one_leaves
	result $? "one_leaves_$1"
	if [ "$1" = kernel ]; then
		capabilities_gone
		result $? capabilities_gone
		if [ -r "$(module_file)" ]; then
			module_replaced
			result $? module_replaced
		else
			skip module_replaced
		fi
	fi
	killed_daemon "$1"
	result $? "killed_daemon_$1"
	kill_daemon
}

echo "KTAP version 1"
echo "1..13"
run_plane kernel "$messages"
if [ -r "$(module_file)" ]; then
	module_can_go
	result $? module_can_go
else
	skip module_can_go
fi
run_plane user $((messages / 5))
[ "$failed" = 0 ] || sed 's/^/# log: /' "$dir/log" | tail -n 30
exit $failed
