"""A registry that hangs, trickles or never ends costs no more than the limits of an answer."""

from collections.abc import Callable

import pytest

from feature_events.errors import Undelivered
from feature_events.registries.transport import Transport
from feature_events.settings import Settings
from feature_events.web import exchange
from tests.support.web_server import Answer, ScriptedServer

type ToSettings = Callable[..., Settings]

BODY = b'{"id": 12, "version": 3}'


def test_ask__waits_for_no_registry_that_hangs(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that does not come is not waited for."""
    monkeypatch.setattr(exchange, "READ_SECONDS", 0.1)
    server.script = [Answer(200, b"{}", delay=1)]
    with pytest.raises(Undelivered, match=r"not reached .ReadTimeout."):
        Transport(to_settings()).ask("GET", "/")


def test_ask__waits_for_no_registry_that_trickles(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer has a limit as a whole: where a byte comes each second, no timeout of a socket passes."""
    monkeypatch.setattr(exchange, "ANSWER_SECONDS", 0.2)
    server.script = [Answer(200, BODY, pause=1.0)]
    with pytest.raises(
        Undelivered, match=rf"{server.url} was not reached .no answer within 0 s.: check SCHEMA_REGISTRY"
    ):
        Transport(to_settings()).ask("GET", "/")


def test_ask__takes_no_part_of_an_answer(server: ScriptedServer, to_settings: ToSettings) -> None:
    """An answer that ends before its length counts as none."""
    server.script = [Answer(200, b'{"id": 12', headers={"Content-Length": "500"})]
    with pytest.raises(Undelivered, match="not reached"):
        Transport(to_settings()).ask("GET", "/")


@pytest.mark.parametrize("status", [200, 404, 500])
def test_ask__reads_no_endless_answer(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Of an answer that is longer than any schema no more is read than that."""
    monkeypatch.setattr(exchange, "MAX_ANSWER_BYTES", 1000)
    server.script = [Answer(status, BODY.ljust(1001))]
    with pytest.raises(Undelivered, match=r"answers with more than 1,000 bytes: check that SCHEMA_REGISTRY"):
        Transport(to_settings()).ask("GET", "/")
    server.script = [Answer(status, BODY.ljust(1000))]
    assert Transport(to_settings()).ask("GET", "/") == (status, {"id": 12, "version": 3})
