"""The local stack is on this machine, so nothing that speaks to it uses a proxy; only downloads do.

A developer's shell may have any proxy, and a SOCKS one is refused by some clients as soon as they are made:
https://github.com/encode/httpx/issues/505
"""

import os
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from local import bootstrap
from local.demo.events import EventReader, Unreadable
from local.environment import LOOPBACK, bypass_proxies, hide_proxies, to_direct_environment, to_tool_environment
from local.servers.stack import RunningStack
from local.servers.web import is_answering

UPPER = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")
VARIABLES = [*UPPER, *map(str.lower, UPPER)]
NOWHERE = ["socks5://127.0.0.1:9", "socks5h://127.0.0.1:9", "socks4://127.0.0.1:9", "http://127.0.0.1:9"]
"""Proxies that do not answer."""


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A shell without a proxy."""
    for name in (*VARIABLES, "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize("proxy", NOWHERE)
@pytest.mark.parametrize("no_proxy", [None, "internal.example,fe80::/10"])
def test_stack__is_reached_past_every_proxy(
    stack: RunningStack, topic: Callable[..., str], shell: pytest.MonkeyPatch, proxy: str, no_proxy: str | None
) -> None:
    """Kafka, the registry and AWS are read as in a shell without proxies: by `make tail`, `put` and the others."""
    name = topic()
    producer = Producer({"bootstrap.servers": stack.kafka})
    producer.produce(name, b"\0" + (2**31 - 1).to_bytes(4) + b"value")
    assert producer.flush(30) == 0
    for variable in VARIABLES:
        shell.setenv(variable, proxy)
    if no_proxy is not None:
        shell.setenv("NO_PROXY", no_proxy)
    bypass_proxies()
    assert is_answering(f"{stack.registry}/subjects")
    assert "TableNames" in stack.clients.dynamodb.list_tables()
    with EventReader(stack, name) as reader:
        found = reader.poll(30)
    assert isinstance(found, Unreadable)
    assert "HTTP status code 404" in found.problem  # the registry's answer, which has no such schema
    assert os.environ["ALL_PROXY"] == proxy


@pytest.mark.parametrize("variable", VARIABLES)
def test_hide_proxies__is_over_afterwards(shell: pytest.MonkeyPatch, variable: str) -> None:
    """A download that follows has its proxy."""
    shell.setenv(variable, NOWHERE[0])
    shell.setenv("no_proxy", "internal.example")
    with hide_proxies():
        assert {variable, "no_proxy"}.isdisjoint(os.environ)
    assert (os.environ[variable], os.environ["no_proxy"]) == (NOWHERE[0], "internal.example")


@pytest.mark.parametrize("variable", VARIABLES)
def test_to_direct_environment__has_no_proxy(shell: pytest.MonkeyPatch, variable: str) -> None:
    """A program that only speaks to the stack, such as an example consumer, gets none in any case of letters."""
    shell.setenv(variable, NOWHERE[0])
    assert to_direct_environment(to_tool_environment({"TOPIC_NAME": "t"})).keys().isdisjoint({variable, "NO_PROXY"})
    assert to_direct_environment(to_tool_environment({"TOPIC_NAME": "t"}))["TOPIC_NAME"] == "t"


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
def test_to_tool_environment__has_the_proxies_that_pip_can_use(
    shell: pytest.MonkeyPatch, variable: str, proxy: str, kept: str | None
) -> None:
    """A download goes through the caller's proxy; pip stops at a SOCKS proxy for everything."""
    shell.setenv(variable, proxy)
    for environment in (to_tool_environment({}), bootstrap.tool_environment()):
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
    """A repository without a proxy stays so under both names, in this process and in its tools."""
    for name, hosts in given.items():
        shell.setenv(name, hosts)
    bypass_proxies()
    bypass_proxies()
    for environment in (os.environ, to_tool_environment({})):
        assert (environment["NO_PROXY"], environment["no_proxy"]) == (expected, expected)
