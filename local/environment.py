"""The environment variables that programs of the local stack are given.

A developer's shell may hold real AWS credentials, a profile, a proxy or Java options; none of it may reach the stack,
or a command meant for this machine could act on a real account.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from local.paths import LAMBDA_RUNTIME, TOOLS

REGION = "us-east-1"
LOOPBACK = "127.0.0.1,localhost"


def to_aws_environment(endpoint: str) -> dict[str, str]:
    """What lets AWS's own tools speak to this endpoint and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def to_server_environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """What a server gets: its own settings, a home of its own, and nothing of the caller's shell."""
    return {
        "PATH": os.pathsep.join([str(LAMBDA_RUNTIME), os.defpath]),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        **settings,
    }


def to_tool_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """What a build tool gets: the caller's shell, for pip's index and proxy, without AWS, SAM and Python settings."""
    foreign = ("AWS_", "SAM_", "PYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {
        **kept,
        "PATH": os.pathsep.join([str(TOOLS), os.environ.get("PATH", os.defpath)]),
        "NO_PROXY": LOOPBACK,
        "no_proxy": LOOPBACK,
        "SAM_CLI_TELEMETRY": "0",
        **settings,
    }


def bypass_proxies() -> None:
    """Keeps this process's own HTTP clients from sending loopback requests to a proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), LOOPBACK]))
