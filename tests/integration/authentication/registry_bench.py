"""Use a registry like the function and the registration, each test with its own topic."""

from collections.abc import Mapping
from typing import NamedTuple

import pytest
import requests

from feature_events import registration
from feature_events.settings.settings import Settings, read_settings
from tests.support.doubles import FakeContext
from tests.support.registry_proxy import RegistryProxy
from tests.support.secrets import Secrets
from tests.support.web_client import read_json
from tests.support.web_server import ScriptedServer


class Bench(NamedTuple):
    """A topic in the registry behind the proxy, and the secrets to access it."""

    registry: str
    proxy: RegistryProxy
    secrets: Secrets
    environ: dict[str, str]

    @property
    def settings(self) -> Settings:
        """The function's settings."""
        return read_settings({**self.environ, "KAFKA_BROKER_URL": "b:9092"})

    @property
    def subject(self) -> str:
        """The subject of the schema."""
        return f"{self.environ['TOPIC_NAME']}-value"

    def register(self, schema: str) -> int:
        """Register a schema without the proxy, and return its id."""
        url = f"{self.registry}/subjects/{self.subject}/versions"
        return int(requests.post(url, json={"schema": schema}, timeout=10).json()["id"])

    def versions(self) -> object:
        """Return the subject's versions."""
        return read_json(f"{self.registry}/subjects/{self.subject}/versions")


def deploy(
    cloudformation: ScriptedServer, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, **request: str
) -> dict[str, object]:
    """Send CloudFormation's request of this kind, and return the response."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    event = {
        "RequestType": "Create",
        "ResponseURL": f"{cloudformation.url}/answer?X-Amz-Signature=url-secret",
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/s/1",
        "RequestId": "request-1",
        "LogicalResourceId": "Schema",
        **request,
    }
    registration.handler(event, FakeContext())  # type: ignore[arg-type]  # has the method that is used
    response = dict(cloudformation.requests[-1].body)
    known = {name: response.pop(name) for name in ("StackId", "RequestId", "LogicalResourceId")}
    assert known == {name: event[name] for name in known}
    return response
