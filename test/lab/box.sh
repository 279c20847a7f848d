#!/bin/bash
# box.sh CMD [ARG...]: runs CMD in a network of its own, with nobody else in it.
#
# A fresh network namespace with loopback and one interface that is up (10.98.0.1/24, default route into nothing): browsers
# see an ordinary host and gather ordinary candidates (Firefox gathers nothing on loopback alone), while multicast DNS,
# updaters and the like stay inside. A PID namespace of its own takes everything CMD has started down with it, so that no
# browser is left over. The exit status is CMD's. Needs root, iproute2 and util-linux.
set -u
[ $# -gt 0 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }

ns=box$$
ip netns add "$ns" || exit 1
trap 'ip netns del "$ns"' EXIT

ip -n "$ns" link set lo up
ip -n "$ns" link add v0 type veth peer name v1
ip -n "$ns" addr add 10.98.0.1/24 dev v0
ip -n "$ns" link set v0 up
ip -n "$ns" link set v1 up
ip -n "$ns" route add default via 10.98.0.254 dev v0

ip netns exec "$ns" unshare --pid --fork --kill-child --mount-proc "$@"
