#!/bin/bash
# Makes Docker present on a fresh Debian machine, as root. Where an engine already answers, nothing is changed.
# The log of an engine started here goes to DOCKERD_HOME, its pid to DOCKERD_PID_FILE, for the caller to end it.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin # where Debian keeps dockerd and iptables

answers() { docker info >/dev/null 2>&1; }

fail() {
  tail -n 30 "$2" >&2
  echo "error: $1; the end of its log is above" >&2
  exit 1
}

answers && exit 0

home=${DOCKERD_HOME:-$(mktemp -d)}
pid_file=${DOCKERD_PID_FILE:-$home/pid}
mkdir -p "$home"

if ! command -v dockerd >/dev/null || ! command -v iptables >/dev/null; then
  echo "docker: installing docker.io"
  install() {
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends docker.io iptables
  }
  install </dev/null >"$home/apt.log" 2>&1 || fail "docker.io could not be installed" "$home/apt.log"
  # Where systemd runs, the package has started the engine.
  answers && exit 0
fi

echo "docker: starting dockerd"
log=$home/dockerd.log
rm -f "$pid_file"
setsid --fork bash -c 'echo $$ >"$1"; exec dockerd' dockerd "$pid_file" </dev/null >"$log" 2>&1
for _ in $(seq 240); do
  answers && exit 0
  if [[ -s $pid_file ]] && ! kill -0 "$(<"$pid_file")" 2>/dev/null; then
    fail "dockerd has ended" "$log"
  fi
  sleep 0.25
done
fail "dockerd did not answer within a minute" "$log"
