#!/bin/bash
# prereqs.sh: sees to it that everything "make test" runs is there, or ends non-zero and names what is missing.
#
# As root on Debian it installs missing packages with apt-get. A Node that is too old for the web tools is not replaced: one
# of its own is put into bin/node, which the Makefile puts first in PATH. Nothing is fetched when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

# what is looked for, and the Debian package that has it
needs=(
  gcc:gcc /usr/include/stdlib.h:libc6-dev # the race detector
  chromium:chromium firefox-esr:firefox-esr ffmpeg:ffmpeg turnserver:coturn
  ip:iproute2 tc:iproute2 nft:nftables ethtool:ethtool sysctl:procps unshare:util-linux # test/lab
  /usr/lib/python3/dist-packages/aiortc:python3-aiortc # test/clients
  npm:npm git:git diff:diffutils
)
node_version=20.20.2 # taken when the machine's own is too old

fail() {
  printf 'make test: prerequisite missing: %s\n' "$@" >&2
  exit 1
}

has() { [[ $1 == /* ]] && [ -e "$1" ] || { [[ $1 != /* ]] && command -v "$1" >/dev/null; }; }

missing() { # prints the packages that are not there, each once
  local pair
  for pair in "${needs[@]}"; do
    has "${pair%%:*}" || echo "${pair#*:}"
  done | sort -u
}

# install_packages does not start the services that come with them: a TURN server of its own belongs to no test.
install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    trap "rm -f $policy" EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
  fi
  apt-get -o DPkg::Lock::Timeout=600 update -q </dev/null
  apt-get -o DPkg::Lock::Timeout=600 install -yq --no-install-recommends "$@" </dev/null
}

node_fits() { # NODE: the versions that Vite runs on
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number);
    process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)' 2>/dev/null
}

command -v go >/dev/null || fail "Go 1.26 or later (https://go.dev/dl; Debian's own is older)"
go version >/dev/null || fail "Go 1.26 or later: $(go version 2>&1 || true)"

mapfile -t packages < <(missing)
if [ ${#packages[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ]; then
    fail "${packages[*]} (as root: apt-get install ${packages[*]})"
  fi
  command -v apt-get >/dev/null || fail "${packages[*]}, named as in Debian; there is no apt-get to install them with"
  echo "make test: installing ${packages[*]}"
  install_packages "${packages[@]}" || fail "${packages[*]} (apt-get could not install them)"
  mapfile -t packages < <(missing)
  [ ${#packages[@]} -eq 0 ] || fail "${packages[*]} (installed, but what they should bring is not there)"
fi
[ "$(id -u)" = 0 ] || fail "root, for the network namespaces that the tests run in (sudo make test; make check needs none)"

mkdir -p bin
probe=veche$$
works=true
{ ip netns add $probe && ip netns exec $probe nft list ruleset; } >/dev/null 2>bin/netns.log || works=false
ip netns del $probe 2>/dev/null || true
$works || fail "network namespaces and nftables, which a container must be allowed to use: $(cat bin/netns.log)"

if ! node_fits node; then
  if ! node_fits bin/node/node_modules/.bin/node; then
    echo "make test: Node $(node --version 2>/dev/null || echo 'of your own') does not do, installing $node_version into bin/node"
    mkdir -p bin/node
    npm install --prefix bin/node --no-save --no-audit --no-fund --ignore-scripts=false "node@$node_version" </dev/null ||
      fail "Node 20.19 or later (npm install node@$node_version failed)"
    node_fits bin/node/node_modules/.bin/node || fail "Node 20.19 or later (the one that npm has installed does not run)"
  fi
fi
