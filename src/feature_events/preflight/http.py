"""Check the network path to an HTTP server, and ask a token endpoint for a token."""

import ssl
from collections.abc import Callable
from functools import partial

from feature_events.aws.secret import OAuthClient
from feature_events.preflight.check import Check, Stages
from feature_events.preflight.network import network_stages, to_address
from feature_events.web.exchange import SettingNames, find_proxy
from feature_events.web.tokens import make_token_context, open_token_client


def path_stages(url: str, to_context: Callable[[], ssl.SSLContext] | None, ca_probe: str) -> Stages:
    """Return the probes of the network path to a URL.

    There are none if a proxy is used: the function may reach the server, and even resolve its name, only through it.

    Args:
        url: the server's.
        to_context: what TLS trusts; None without TLS.
        ca_probe: the name of the probe of the CA certificates.

    """
    return [] if find_proxy(url) else network_stages([to_address(url)], to_context, ca_probe)


def token_stages(name: str, client: OAuthClient, ca: str | None, names: SettingNames, ca_probe: str) -> Stages:
    """Return the probes of a token endpoint and of a token from it.

    Args:
        name: the name of the last probe, which fetches the token.
        client: whose token it is.
        ca: the CA certificates to trust besides the public ones, PEM.
        names: the settings, for messages.
        ca_probe: the name of the probe of the CA certificates.

    """
    context = partial(make_token_context, ca, names)
    path = path_stages(client.token_url, context, ca_probe)
    reached = [probe.name for stage in path[-1:] for probe in stage]
    return [*path, [Check(name, partial(_fetch, client, ca, names), needs_one=reached)]]


def _fetch(client: OAuthClient, ca: str | None, names: SettingNames) -> str:
    tokens = open_token_client(client, ca, names)
    tokens.fetch()
    return f"the {tokens.peer.name} gives a token"
