#!/bin/bash
# Install and start Docker on a fresh Debian machine, as root. If Docker already runs, change nothing.
# DOCKERD_HOME receives the log, and DOCKERD_PID_FILE the pid, so that the caller can stop it.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin # Debian installs dockerd and iptables there

answers() { docker info >/dev/null 2>&1; }

fail() {
  tail -n 30 "$2" >&2
  echo "error: $1; see the end of its log above" >&2
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
  # With systemd, the package starts Docker.
  answers && exit 0
fi

echo "docker: starting dockerd"
log=$home/dockerd.log
rm -f "$pid_file"
setsid --fork bash -c 'echo $$ >"$1"; exec dockerd' dockerd "$pid_file" </dev/null >"$log" 2>&1
for _ in $(seq 240); do
  answers && exit 0
  if [[ -s $pid_file ]] && ! kill -0 "$(<"$pid_file")" 2>/dev/null; then
    fail "dockerd exited" "$log"
  fi
  sleep 0.25
done
fail "dockerd did not respond within a minute" "$log"
