"""Ports for servers on the loopback interface."""

import subprocess
import sys

import pytest

from local.paths import ROOT
from local.servers import loopback

RANGE = (29_000, 29_040)
RESERVE = f"""
from local.servers import loopback
loopback.LOWEST_PORT, loopback.HIGHEST_PORT = {RANGE}
print(*(loopback.reserve_port() for _ in range(20)), flush=True)
input()
"""


def test_reserve_port__differs_between_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes of a user never have the same port, although nothing listens on it yet."""
    monkeypatch.setattr(loopback, "LOWEST_PORT", RANGE[0])
    monkeypatch.setattr(loopback, "HIGHEST_PORT", RANGE[1])
    command = [sys.executable, "-c", RESERVE]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as other:  # noqa: S603  # our own
        assert other.stdout is not None
        theirs = {int(port) for port in other.stdout.readline().split()}
        ours = {loopback.reserve_port() for _ in range(15)}
        other.communicate("\n")
    assert len(theirs) == 20
    assert theirs.isdisjoint(ours)
