# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# cells.sh: what a cell of the benchmarks means.
#
#   A16b1, B4kb32, A16b1q1x100, ...
#   A, B, C   10 publishers to 10 subscribers, 1 to 50, 50 to 1
#   16, 4k    bytes of payload
#   b1        one PUBLISH per write and one under way
#   w32       one per write and 32 under way
#   b32       32 per write and 64 under way
#   deep      128 per write and 1024 under way
#   q1, q2    QoS; without, 0
#   d         the subscribers' sessions are durable (MQTT 5.0)
#   x100      so many publishers, or in B subscribers

# Prints the arguments of mqttperf
cell_arguments() { # CELL
	local pattern='^([ABC])([0-9]+)(k?)(b1|b32|w32|deep)(q[012])?(d?)(x([0-9]+))?$'
	local clients=50 size scenario arguments

	[[ $1 =~ $pattern ]] || {
		echo "bench: there is no cell $1" >&2
		return 1
	}
	case ${BASH_REMATCH[1]} in
	A) clients=10 scenario=p2p ;;
	B) scenario=fanout ;;
	C) scenario=fanin ;;
	esac
	size=${BASH_REMATCH[2]}
	[ -z "${BASH_REMATCH[3]}" ] || size=$((size * 1024))
	case ${BASH_REMATCH[4]} in
	b1) arguments="-b 1 -w 1" ;;
	b32) arguments="-b 32 -w 64" ;;
	deep) arguments="-b 128 -w 1024" ;;
	w32) arguments="-b 1 -w 32" ;;
	esac
	[ -z "${BASH_REMATCH[5]}" ] || arguments+=" -q ${BASH_REMATCH[5]#q}"
	[ -z "${BASH_REMATCH[6]}" ] || arguments+=" -V 5.0 -D"
	echo "-n ${BASH_REMATCH[8]:-$clients} -s $size $arguments $scenario"
}
