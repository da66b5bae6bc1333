"""Asks whether an address is found, reached, and speaks TLS with a certificate that is trusted.

Most of what goes wrong in a VPC looks the same from outside: nothing arrives. Asked step by step, the network says
which step fails, and that step has its own remedy.
"""

import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from feature_events.errors import Misconfigured, Undelivered
from feature_events.preflight.check import Check, Stages

CONNECT_SECONDS = 3.0
"""How long one connection may take."""


class Address(NamedTuple):
    """Where a broker or the registry answers."""

    host: str
    port: int

    def to_name(self, step: str) -> str:
        """What the probe of this step is called."""
        return f"{step} {self.host}" if step == "DNS" else f"{step} {self.host}:{self.port}"


def to_address(url: str) -> Address:
    """The address in a URL, which may lack its scheme (`//host:port`)."""
    parts = urlsplit(url)
    return Address(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def network_stages(
    addresses: Sequence[Address], to_context: Callable[[], ssl.SSLContext] | None, ca_probe: str
) -> Stages:
    """The probes of the network path to each address: DNS, then TCP, then TLS.

    Args:
        addresses: where to go.
        to_context: what TLS trusts; None where there is no TLS.
        ca_probe: the name of the probe of the CA certificates, which TLS needs.

    """
    hosts = {each.host: each for each in addresses}
    stages = [
        [Check(each.to_name("DNS"), partial(_look_up, host)) for host, each in hosts.items()],
        [Check(each.to_name("TCP"), partial(_connect, each), [each.to_name("DNS")]) for each in addresses],
    ]
    if to_context is not None:
        stages.append(
            [
                Check(each.to_name("TLS"), partial(_shake_hands, each, to_context), [each.to_name("TCP"), ca_probe])
                for each in addresses
            ]
        )
    return stages


def _look_up(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Misconfigured(
            f"the name does not resolve ({error.strerror or type(error).__name__}): check it, and the VPC's DNS "
            "(enableDnsSupport, and a private hosted zone or peering for a name of another VPC)"
        ) from None
    return ", ".join(sorted({str(each[4][0]) for each in found}))


def _connect(address: Address) -> str:
    try:
        socket.create_connection(address, CONNECT_SECONDS).close()
    except OSError as error:
        raise Undelivered(
            f"no connection ({type(error).__name__}): check the port, the function's subnets and route, and that the "
            "other side's security group allows the function's"
        ) from None
    return "connected"


def _shake_hands(address: Address, to_context: Callable[[], ssl.SSLContext]) -> str:
    context = to_context()
    try:
        with (
            socket.create_connection(address, CONNECT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=address.host) as secure,
        ):
            return f"certificate trusted, {secure.version()}"
    except ssl.SSLCertVerificationError as error:
        raise Misconfigured(
            f"its certificate is refused ({error.verify_message}): check it, and the CA certificates that the "
            "function trusts"
        ) from None
    except ssl.SSLError as error:
        # An alert comes only after the certificate was trusted, where the other side asks for a client certificate
        if "ALERT" in (error.reason or ""):
            return "certificate trusted"
        raise _to_no_tls(error) from None
    except OSError as error:
        raise _to_no_tls(error) from None


def _to_no_tls(error: OSError) -> Misconfigured:
    return Misconfigured(
        f"it does not speak TLS ({type(error).__name__}): check the port, and KAFKA_AUTH, SCHEMA_REGISTRY or token_url"
    )
