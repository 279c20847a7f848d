#!/bin/bash
# netns.sh COMMAND [ARG...]: a star of network namespaces for tests of bandwidth, loss, delay, NAT and firewalls.
#
#   hub       ${P}h   10.99.I.1 on the leg of client I; run the server here
#   client I  ${P}I   10.99.I.2, default route by the hub
# P is NS_PREFIX (default vn, at most 8 characters), so that several stars can stand side by side. Nothing leaves the star.
#
#   up N                     makes the hub and clients 1 to N
#   natleg I [random]        adds client I (192.168.I.2) behind a NAT router ${P}rI whose public side is 10.99.I.2;
#                            "random" takes a new port per destination (symmetric), else ports are kept (cone)
#   emu I                    adds client I on a link emulated in user space (tunem): delay, jitter, loss, rate
#   link I KEY=VALUE...      sets what tunem does to that link from now on, for example: delay=80ms jitter=20ms loss=2
#   rate I MBIT [QUEUE_MS]   limits both directions of leg I, 0 lifts the limit; uprate and downrate: one direction
#   loss I PCT [PCT_DOWN]    loses UDP packets at random
#   blockudp I               drops all UDP of client I
#   only I PORT              lets client I use TCP to PORT of the hub and nothing else
#   clear I                  lifts loss, blockudp and only
#   flap I SECONDS           takes client I's link away for a while
#   exec h|I CMD...          runs CMD in the hub or in client I
#   show                     limits and counters
#   down                     removes all of it
#
# Needs root, iproute2, nftables, ethtool; emu also needs Go. Traps that shaped it:
#   - A drop in an output hook makes sendto() fail with EPERM, so packets are lost at the receiver's prerouting.
#   - Segmentation offload must be off, or tbf sees packets of 64 KiB and drops them.
#   - A NAT router must drop unsolicited packets to itself, or their conntrack entries break hole punching.
#   - The hub needs a default route that swallows packets: servers treat "network unreachable" as fatal.
set -u
P=${NS_PREFIX:-vn}
H=${P}h
STATE=${TMPDIR:-/tmp}/veche-lab-$P
HERE=$(cd "$(dirname "$0")" && pwd)

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
in_ns() { ip netns exec "$@"; }
namespaces() { ip netns list | awk '{print $1}' | grep -E "^${P}(h|r?[0-9]+)$"; }

new_ns() { # NAME
  ip netns add "$1" || exit 1
  ip -n "$1" link set lo up
  in_ns "$1" nft 'add table inet lab'
  in_ns "$1" nft 'add chain inet lab pre { type filter hook prerouting priority -300; policy accept; }'
}

no_offload() { in_ns "$1" ethtool -K "$2" gso off tso off gro off >/dev/null 2>&1; } # NAME DEVICE

wire() { # NAME I: a leg of the hub to a namespace
  ip link add "${P}l$2" netns "$H" type veth peer name e0 netns "$1"
  ip -n "$H" addr add "10.99.$2.1/24" dev "${P}l$2"
  ip -n "$H" link set "${P}l$2" up
  ip -n "$1" addr add "10.99.$2.2/24" dev e0
  ip -n "$1" link set e0 up
  ip -n "$1" route add default via "10.99.$2.1"
  no_offload "$1" e0
  no_offload "$H" "${P}l$2"
}

up() { # N
  new_ns "$H"
  in_ns "$H" sysctl -qw net.ipv4.ip_forward=1
  ip -n "$H" link add sk0 type veth peer name sk1 # the way into nothing
  ip -n "$H" addr add 10.97.0.1/24 dev sk0
  ip -n "$H" link set sk0 up
  ip -n "$H" link set sk1 up
  ip -n "$H" neigh add 10.97.0.254 lladdr 02:00:00:00:00:99 dev sk0 nud permanent
  ip -n "$H" route add default via 10.97.0.254
  for i in $(seq 1 "$1"); do
    new_ns "$P$i"
    wire "$P$i" "$i"
  done
}

natleg() { # I [random]
  local c=$P$1 r=${P}r$1
  new_ns "$c"
  new_ns "$r"
  in_ns "$r" sysctl -qw net.ipv4.ip_forward=1
  wire "$r" "$1"
  ip link add in0 netns "$r" type veth peer name e0 netns "$c"
  ip -n "$r" addr add "192.168.$1.1/24" dev in0
  ip -n "$r" link set in0 up
  ip -n "$c" addr add "192.168.$1.2/24" dev e0
  ip -n "$c" link set e0 up
  ip -n "$c" route add default via "192.168.$1.1"
  no_offload "$r" in0
  no_offload "$c" e0
  in_ns "$r" nft -f - <<RULES
add table ip nat
add chain ip nat post { type nat hook postrouting priority 100; }
add rule ip nat post oifname e0 masquerade ${2:-}
add chain inet lab in { type filter hook input priority 0; policy accept; }
add rule inet lab in iifname e0 ct state new counter drop
add chain inet lab forward { type filter hook forward priority 0; policy accept; }
add rule inet lab forward iifname e0 ct state new counter drop
RULES
}

emu() { # I
  local c=$P$1
  mkdir -p "$STATE"
  (cd "$HERE" && go build -o "$STATE/tunem" ./tunem) || exit 1
  new_ns "$c"
  : >"$STATE/$1.link"
  in_ns "$H" "$STATE/tunem" -leg "$1" -netns "$c" -params "$STATE/$1.link" >"$STATE/$1.log" 2>&1 &
  echo $! >"$STATE/$1.pid"
  for _ in $(seq 50); do
    grep -q READY "$STATE/$1.log" && return
    sleep 0.1
  done
  cat "$STATE/$1.log" >&2
  exit 1
}

link() { # I KEY=VALUE...
  local i=$1
  shift
  echo "$*" >"$STATE/$i.new" && mv "$STATE/$i.new" "$STATE/$i.link"
}

shape() { # NAME DEVICE MBIT [QUEUE_MS]
  in_ns "$1" tc qdisc del dev "$2" root 2>/dev/null
  [ "$3" = 0 ] || in_ns "$1" tc qdisc add dev "$2" root tbf rate "${3}mbit" burst 16kb latency "${4:-200}ms"
}

lose() { # NAME DEVICE PCT
  local n
  n=$(awk "BEGIN { print int($3 * 10) }")
  in_ns "$1" nft add rule inet lab pre iifname "$2" meta l4proto udp numgen random mod 1000 '<' "$n" counter drop
}

block() { in_ns "$H" nft add rule inet lab pre iifname "${P}l$1" "${@:2}" counter drop; } # I MATCH...

flap() { # I SECONDS
  ip -n "$P$1" link set e0 down
  sleep "$2"
  ip -n "$P$1" link set e0 up
  ip -n "$P$1" route add default via "10.99.$1.1" 2>/dev/null
}

down() {
  for f in "$STATE"/*.pid; do
    [ -f "$f" ] && kill "$(cat "$f")" 2>/dev/null
  done
  rm -rf "$STATE"
  for n in $(namespaces); do ip netns del "$n"; done
}

show() {
  for n in $(namespaces); do
    echo "-- $n"
    in_ns "$n" tc -s qdisc | grep -A2 tbf
    in_ns "$n" nft list ruleset | grep -E 'counter|masq'
  done
  return 0 # also if the last one has neither
}

need() { [ "$1" -ge "$2" ] || usage; } # GIVEN WANTED
command=${1:-}
shift || true
case $command in
up) need $# 1; up "$1" ;;
natleg) need $# 1; natleg "$@" ;;
emu) need $# 1; emu "$1" ;;
link) need $# 1; link "$@" ;;
rate) need $# 2; shape "$P$1" e0 "${@:2}"; shape "$H" "${P}l$1" "${@:2}" ;;
uprate) need $# 2; shape "$P$1" e0 "${@:2}" ;;
downrate) need $# 2; shape "$H" "${P}l$1" "${@:2}" ;;
loss) need $# 2; lose "$H" "${P}l$1" "$2"; lose "$P$1" e0 "${3:-$2}" ;;
blockudp) need $# 1; block "$1" meta l4proto udp ;;
only) need $# 2; block "$1" meta l4proto != tcp; block "$1" tcp dport != "$2" ;;
clear) need $# 1; in_ns "$H" nft flush chain inet lab pre; in_ns "$P$1" nft flush chain inet lab pre ;;
flap) need $# 2; flap "$@" ;;
exec) need $# 2; who=$P$1; shift; exec ip netns exec "$who" "$@" ;;
show) show ;;
down) down ;;
*) usage ;;
esac
