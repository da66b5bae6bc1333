#!/bin/bash
# Install and start Docker on a new Debian machine, as root. Does nothing if Docker is already running.
# The log of a Docker engine started here is in DOCKERD_HOME. Its pid is in DOCKERD_PID_FILE, so that the caller can stop it.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin # the directories of dockerd and iptables on Debian

is_running() { docker info >/dev/null 2>&1; }

fail() {
  tail -n 30 "$2" >&2
  echo "error: $1; see the log above" >&2
  exit 1
}

is_running && exit 0

home=${DOCKERD_HOME:-$(mktemp -d)}
pid_file=${DOCKERD_PID_FILE:-$home/pid}
mkdir -p "$home"

if ! command -v dockerd >/dev/null || ! command -v iptables >/dev/null; then
  echo "docker: installing docker.io"
  install() {
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends docker.io iptables
  }
  install </dev/null >"$home/apt.log" 2>&1 || fail "could not install docker.io" "$home/apt.log"
  # With systemd, the package starts the engine.
  is_running && exit 0
fi

echo "docker: starting dockerd"
log=$home/dockerd.log
rm -f "$pid_file"
setsid --fork bash -c 'echo $$ >"$1"; exec dockerd' dockerd "$pid_file" </dev/null >"$log" 2>&1
for _ in $(seq 240); do
  is_running && exit 0
  if [[ -s $pid_file ]] && ! kill -0 "$(<"$pid_file")" 2>/dev/null; then
    fail "dockerd has exited" "$log"
  fi
  sleep 0.25
done
fail "dockerd did not respond within a minute" "$log"
