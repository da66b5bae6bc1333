"""Check the network path to a server in three steps, DNS, TCP and TLS, and get a token from a token endpoint.

In a VPC, most network problems look the same from outside. Each step has its own remedy.
"""

import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from feature_events.aws.secret import OAuthClient
from feature_events.errors import Misconfigured, Undelivered
from feature_events.preflight.check import Check, Stages
from feature_events.web.exchange import SettingNames, find_proxy
from feature_events.web.tokens import make_token_context, open_token_client

CONNECT_SECONDS = 3.0
"""The time limit of one connection."""

type MakeContext = Callable[[], ssl.SSLContext]
"""Makes a TLS context with the trusted CA certificates."""


class Address(NamedTuple):
    """The host and port of a server."""

    host: str
    port: int

    def to_name(self, step: str) -> str:
        """Return the name of this step's check."""
        return f"{step} {self.host}" if step == "DNS" else f"{step} {self.host}:{self.port}"


def to_address(url: str) -> Address:
    """Return the address in a URL, which may lack its scheme (`//host:port`)."""
    parts = urlsplit(url)
    return Address(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def make_network_stages(addresses: Sequence[Address], make_context: MakeContext | None, ca_check: str) -> Stages:
    """Return the checks of the network path to each address.

    Args:
        addresses: the servers.
        make_context: see `MakeContext`; None without TLS.
        ca_check: the name of the check of the CA certificates, which TLS needs.

    """
    hosts = {each.host: each for each in addresses}
    stages = [
        [Check(each.to_name("DNS"), partial(_resolve, host)) for host, each in hosts.items()],
        [Check(each.to_name("TCP"), partial(_connect, each), [each.to_name("DNS")]) for each in addresses],
    ]
    if make_context is not None:
        stages.append(
            [
                Check(each.to_name("TLS"), partial(_shake_hands, each, make_context), [each.to_name("TCP"), ca_check])
                for each in addresses
            ]
        )
    return stages


def make_url_stages(url: str, make_context: MakeContext | None, ca_check: str) -> Stages:
    """Return the checks of the network path to a URL; see `make_network_stages`.

    There are none if a proxy is used: the function may reach the server, and even resolve its name, only through it.
    """
    return [] if find_proxy(url) else make_network_stages([to_address(url)], make_context, ca_check)


def make_token_stages(name: str, client: OAuthClient, ca: str | None, names: SettingNames, ca_check: str) -> Stages:
    """Return the checks of the path to a token endpoint and of a token from it.

    Args:
        name: the name of the last check, which requests the token.
        client: the client that requests it.
        ca: CA certificates to trust in addition to the public ones, PEM.
        names: the settings, for messages.
        ca_check: the name of the check of the CA certificates.

    """
    path = make_url_stages(client.token_url, partial(make_token_context, ca, names), ca_check)
    last = [check.name for stage in path[-1:] for check in stage]
    return [*path, [Check(name, partial(_request_token, client, ca, names), needs_one=last)]]


def _resolve(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Misconfigured(
            f"the name does not resolve ({error.strerror or type(error).__name__}): check the name and the VPC's DNS "
            "(enableDnsSupport, and for a name of another VPC a private hosted zone or peering)"
        ) from None
    return ", ".join(sorted({str(each[4][0]) for each in found}))


def _connect(address: Address) -> str:
    try:
        socket.create_connection(address, CONNECT_SECONDS).close()
    except OSError as error:
        raise Undelivered(
            f"connection failed ({type(error).__name__}): check the port, the function's subnets and routes, and that "
            "the server's security group allows the function's"
        ) from None
    return "connected"


def _shake_hands(address: Address, make_context: MakeContext) -> str:
    context = make_context()
    try:
        with (
            socket.create_connection(address, CONNECT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=address.host) as secure,
        ):
            return f"certificate trusted, {secure.version()}"
    except ssl.SSLCertVerificationError as error:
        raise Misconfigured(
            f"certificate not trusted ({error.verify_message}): check the certificate, and the CA certificates that "
            "the function trusts"
        ) from None
    except OSError as error:
        # A server that requires a client certificate sends an alert after its own certificate was trusted
        if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
            return "certificate trusted"
        raise Misconfigured(
            f"TLS handshake failed ({type(error).__name__}): check the port in KafkaBrokerUrl (KAFKA_BROKER_URL), "
            "SchemaRegistry (SCHEMA_REGISTRY) or token_url, and KafkaAuth (KAFKA_AUTH)"
        ) from None


def _request_token(client: OAuthClient, ca: str | None, names: SettingNames) -> str:
    tokens = open_token_client(client, ca, names)
    tokens.fetch()
    return f"the {tokens.peer.name} issues a token"
