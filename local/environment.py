"""The environment variables that programs of the local stack are given.

A developer's shell may hold real AWS credentials, a profile, a proxy or Java options; none of it may reach the stack,
or a command meant for this machine could act on a real account.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
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
    """Return a build tool's variables: the caller's, for pip's index and proxy, without AWS, SAM and Python settings.

    Nor does it get an `ALL_PROXY` that is a SOCKS proxy, which pip refuses: https://github.com/psf/requests/issues/3516
    """
    foreign = ("AWS_", "SAM_", "PYTHON", "VIRTUAL_ENV")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(foreign) and not (name.lower() == "all_proxy" and value.lower().startswith("socks"))
    }
    return {
        **kept,
        "PATH": os.pathsep.join([str(TOOLS), os.environ.get("PATH", os.defpath)]),
        **_to_bypasses(),
        "SAM_CLI_TELEMETRY": "0",
        **settings,
    }


def to_direct_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return this environment without its proxies, for a program that speaks only to the local stack."""
    return {name: value for name, value in environment.items() if not _is_of_proxies(name)}


def bypass_proxies() -> None:
    """Keep this process's own HTTP clients from sending loopback requests to a proxy."""
    os.environ.update(_to_bypasses())


@contextlib.contextmanager
def hide_proxies() -> Iterator[None]:
    """Let an HTTP client be made without the caller's proxies.

    httpx refuses a SOCKS proxy when a client is made, even if `NO_PROXY` covers every request:
    https://github.com/encode/httpx/issues/505
    """
    hidden = {name: value for name, value in os.environ.items() if _is_of_proxies(name)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _is_of_proxies(name: str) -> bool:
    """`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` may be in upper or lower case."""
    return name.lower() in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def _to_bypasses() -> dict[str, str]:
    """Return the hosts that no proxy is used for: the caller's and this machine's, under both names."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    is_covered = given == "*" or given.endswith(LOOPBACK)
    hosts = given if is_covered else ",".join(filter(None, [given, LOOPBACK]))
    return {"NO_PROXY": hosts, "no_proxy": hosts}
