"""Requests to the local stack use no proxy. Downloads use the proxy of the developer's shell.

Some clients reject a SOCKS proxy when they are created: https://github.com/encode/httpx/issues/505
"""

import os
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from local import bootstrap
from local.demo.events import EventReader, Unreadable
from local.environment import LOOPBACK, bypass_proxies, hide_proxies, make_tool_environment, remove_proxies
from local.servers.loopback import is_responding
from local.servers.stack import RunningStack

UPPER = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")
VARIABLES = [*UPPER, *map(str.lower, UPPER)]
NOWHERE = ["socks5://127.0.0.1:9", "socks5h://127.0.0.1:9", "socks4://127.0.0.1:9", "http://127.0.0.1:9"]
"""Proxies that are not reachable."""


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Simulate a shell without proxies."""
    for name in (*VARIABLES, "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize("proxy", NOWHERE)
@pytest.mark.parametrize("no_proxy", [None, "internal.example,fe80::/10"])
def test_stack__is_reached_without_a_proxy(
    stack: RunningStack, topic: Callable[..., str], shell: pytest.MonkeyPatch, proxy: str, no_proxy: str | None
) -> None:
    """Kafka, the registry and AWS are reachable whatever proxy the shell has."""
    name = topic()
    producer = Producer({"bootstrap.servers": stack.kafka})
    producer.produce(name, b"\0" + (2**31 - 1).to_bytes(4) + b"value")
    assert producer.flush(30) == 0
    for variable in VARIABLES:
        shell.setenv(variable, proxy)
    if no_proxy is not None:
        shell.setenv("NO_PROXY", no_proxy)
    bypass_proxies()
    assert is_responding(f"{stack.registry}/subjects")
    assert "TableNames" in stack.clients.dynamodb.list_tables()
    with EventReader(stack, name) as reader:
        found = reader.poll(30)
    assert isinstance(found, Unreadable)
    assert "HTTP status code 404" in found.problem  # the registry responds that the schema does not exist
    assert os.environ["ALL_PROXY"] == proxy


@pytest.mark.parametrize("variable", VARIABLES)
def test_hide_proxies__restores_the_proxies(shell: pytest.MonkeyPatch, variable: str) -> None:
    """A later download uses the proxy again."""
    shell.setenv(variable, NOWHERE[0])
    shell.setenv("no_proxy", "internal.example")
    with hide_proxies():
        assert {variable, "no_proxy"}.isdisjoint(os.environ)
    assert (os.environ[variable], os.environ["no_proxy"]) == (NOWHERE[0], "internal.example")


@pytest.mark.parametrize("variable", VARIABLES)
def test_remove_proxies__removes_all_proxies(shell: pytest.MonkeyPatch, variable: str) -> None:
    """Variables in upper and lower case are removed. Other variables remain."""
    shell.setenv(variable, NOWHERE[0])
    assert remove_proxies(make_tool_environment({"TOPIC_NAME": "t"})).keys().isdisjoint({variable, "NO_PROXY"})
    assert remove_proxies(make_tool_environment({"TOPIC_NAME": "t"}))["TOPIC_NAME"] == "t"


@pytest.mark.parametrize(
    ("variable", "proxy", "kept"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9", None),
        ("all_proxy", "SOCKS5H://127.0.0.1:9", None),
        ("ALL_PROXY", "http://proxy.example:3128", "http://proxy.example:3128"),
        ("HTTPS_PROXY", "http://proxy.example:3128", "http://proxy.example:3128"),
        ("http_proxy", "http://proxy.example:3128", "http://proxy.example:3128"),
    ],
)
def test_make_tool_environment__keeps_the_proxies_that_pip_supports(
    shell: pytest.MonkeyPatch, variable: str, proxy: str, kept: str | None
) -> None:
    """Pip rejects a SOCKS proxy in ALL_PROXY, so it is removed."""
    shell.setenv(variable, proxy)
    for environment in (make_tool_environment({}), bootstrap.tool_environment()):
        assert environment.get(variable) == kept


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, LOOPBACK),
        ({"NO_PROXY": "nexus.example"}, f"nexus.example,{LOOPBACK}"),
        ({"no_proxy": "nexus.example"}, f"nexus.example,{LOOPBACK}"),
        ({"NO_PROXY": "other.example", "no_proxy": "nexus.example"}, f"nexus.example,{LOOPBACK}"),
        ({"NO_PROXY": "*"}, "*"),
    ],
)
def test_bypass_proxies__keeps_the_hosts_of_the_caller(
    shell: pytest.MonkeyPatch, given: dict[str, str], expected: str
) -> None:
    """Both variables contain the caller's hosts and the loopback interface, in this process and in its tools."""
    for name, hosts in given.items():
        shell.setenv(name, hosts)
    bypass_proxies()
    bypass_proxies()
    for environment in (os.environ, make_tool_environment({})):
        assert (environment["NO_PROXY"], environment["no_proxy"]) == (expected, expected)
