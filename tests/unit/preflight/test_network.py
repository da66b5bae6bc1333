"""The preflight check tests the network path only if the function connects directly."""

import pytest

from feature_events.aws.secret import OAuthClient
from feature_events.preflight.network import make_token_stages
from feature_events.preflight.registry import make_registry_stages
from feature_events.registries.confluent_client import REGISTRY_SETTINGS
from feature_events.settings.settings import read_settings


@pytest.mark.usefixtures("no_proxies")
@pytest.mark.parametrize(
    ("environ", "is_direct"),
    [
        ({}, True),
        ({"HTTPS_PROXY": "http://proxy:3128"}, False),
        ({"all_proxy": "proxy:3128"}, False),
        ({"HTTP_PROXY": "http://proxy:3128"}, True),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".internal"}, True),
    ],
)
def test_make_url_stages__skips_the_path_behind_a_proxy(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], *, is_direct: bool
) -> None:
    """The function may be unable to resolve the server's name, and work through the proxy."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    settings = read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": "https://registry.internal"})
    client = OAuthClient("c", "s", "https://idp.internal/token")
    for stages, host, last in (
        (make_registry_stages(settings), "registry.internal", "schema"),
        (make_token_stages("token", client, None, REGISTRY_SETTINGS, "CA"), "idp.internal", "token"),
    ):
        path = [f"DNS {host}", f"TCP {host}:443", f"TLS {host}:443"] if is_direct else []
        assert [check.name for stage in stages for check in stage] == [*path, last]
        assert [*stages[-1][0].needs_one] == path[-1:]
