"""Environment variables for programs of the local stack.

A developer's shell may contain real AWS credentials, a profile, a proxy or Java options. The stack must not see them.
Otherwise, a local command could change a real account.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from local.paths import LAMBDA_RUNTIME, TOOLS

REGION = "us-east-1"
LOOPBACK = "127.0.0.1,localhost"


def make_aws_environment(endpoint: str) -> dict[str, str]:
    """Return the variables that restrict AWS tools to this endpoint."""
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


def make_server_environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return a server's variables: its settings and a separate home, without the caller's variables."""
    return {
        "PATH": os.pathsep.join([str(LAMBDA_RUNTIME), os.defpath]),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        **settings,
    }


def make_tool_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return a build tool's variables: the caller's, without AWS, SAM and Python settings.

    The tool needs the caller's pip index and proxy. A SOCKS proxy in `ALL_PROXY` is removed, because pip rejects it:
    https://github.com/psf/requests/issues/3516
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
        **_make_bypasses(),
        "SAM_CLI_TELEMETRY": "0",
        **settings,
    }


def remove_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Return these variables without proxies, for a program that connects only to the local stack."""
    return {name: value for name, value in environment.items() if not _is_proxy_variable(name)}


def bypass_proxies() -> None:
    """Exclude loopback requests of this process from its proxies."""
    os.environ.update(_make_bypasses())


@contextlib.contextmanager
def hide_proxies() -> Iterator[None]:
    """Hide the caller's proxies while an HTTP client is created.

    httpx rejects a SOCKS proxy when it creates a client, even if `NO_PROXY` covers every request:
    https://github.com/encode/httpx/issues/505
    """
    hidden = {name: value for name, value in os.environ.items() if _is_proxy_variable(name)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _is_proxy_variable(name: str) -> bool:
    """Return whether this is `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` or `NO_PROXY`, in upper or lower case."""
    return name.lower() in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def _make_bypasses() -> dict[str, str]:
    """Return `NO_PROXY` and `no_proxy` with the caller's hosts and the loopback interface."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    is_covered = given == "*" or given.endswith(LOOPBACK)
    hosts = given if is_covered else ",".join(filter(None, [given, LOOPBACK]))
    return {"NO_PROXY": hosts, "no_proxy": hosts}
