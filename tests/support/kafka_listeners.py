"""Configure Kafka's TLS listeners, one for each authentication method, for tests of authentication."""

from collections.abc import Mapping
from pathlib import Path

from local.servers.kafka import Listener
from tests.support.certificates import Identity


def to_tls_listener(name: str, server: Identity, *, client_ca: str | None = None, version: str = "") -> Listener:
    """Return a TLS listener.

    Args:
        name: the listener's name.
        server: the broker's certificate.
        client_ca: the CA certificate, PEM, that must have issued the clients' certificates, if clients need one.
        version: the only TLS version, such as `TLSv1.2`; empty for Kafka's default.

    """
    prefix = f"listener.name.{name.lower()}.ssl."
    settings = {
        f"{prefix}keystore.type": "PEM",
        f"{prefix}keystore.certificate.chain": _to_line(server.certificate),
        f"{prefix}keystore.key": _to_line(server.private_key),
    }
    if client_ca is not None:
        settings |= {
            f"{prefix}client.auth": "required",
            f"{prefix}truststore.type": "PEM",
            f"{prefix}truststore.certificates": _to_line(client_ca),
        }
    if version:
        settings[f"{prefix}enabled.protocols"] = version
    return Listener(name, "SSL", settings)


def to_sasl_listener(name: str, server: Identity, mechanism: str, module: str) -> Listener:
    """Return a listener for SASL over TLS with one mechanism, and its JAAS module with options."""
    prefix = f"listener.name.{name.lower()}."
    return Listener(
        name,
        "SASL_SSL",
        {
            **to_tls_listener(name, server).settings,
            f"{prefix}sasl.enabled.mechanisms": mechanism,
            f"{prefix}{mechanism.lower()}.sasl.jaas.config": f"org.apache.kafka.common.security.{module};",
        },
    )


def to_scram_listener(name: str, server: Identity, mechanism: str = "SCRAM-SHA-512") -> Listener:
    """Return a listener for SCRAM over TLS, for the cluster's users."""
    return to_sasl_listener(name, server, mechanism, "scram.ScramLoginModule required")


def to_plain_listener(name: str, server: Identity, users: Mapping[str, str]) -> Listener:
    """Return a listener for PLAIN over TLS, for these users with their passwords."""
    options = [f'user_{user}="{password}"' for user, password in users.items()]
    return to_sasl_listener(name, server, "PLAIN", " ".join(["plain.PlainLoginModule required", *options]))


def to_token_listener(name: str, server: Identity, jwks: Path, audience: str) -> Listener:
    """Return a listener for OAUTHBEARER over TLS with Kafka's validator of signed tokens.

    The broker needs the options of `to_jwks_options`.

    https://kafka.apache.org/documentation/#security_sasl_oauthbearer_prod

    Args:
        name: the listener's name.
        server: the broker's certificate.
        jwks: the file with the public keys of the tokens.
        audience: the required audience of the tokens.

    """
    listener = to_sasl_listener(name, server, "OAUTHBEARER", "oauthbearer.OAuthBearerLoginModule required")
    prefix, package = f"listener.name.{name.lower()}.", "org.apache.kafka.common.security.oauthbearer"
    validator = {
        f"{prefix}oauthbearer.sasl.server.callback.handler.class": f"{package}.OAuthBearerValidatorCallbackHandler",
        f"{prefix}sasl.oauthbearer.jwks.endpoint.url": jwks.as_uri(),
        f"{prefix}sasl.oauthbearer.expected.audience": audience,
        f"{prefix}sasl.oauthbearer.clock.skew.seconds": "0",
    }
    return Listener(name, listener.protocol, {**listener.settings, **validator})


def to_jwks_options(jwks: Path) -> list[str]:
    """Return the Java options that allow Kafka to read this file."""
    prefix = "-Dorg.apache.kafka.sasl.oauthbearer.allowed."
    return [f"{prefix}urls={jwks.as_uri()}", f"{prefix}files={jwks}"]


def to_oauth_listener(name: str, server: Identity) -> Listener:
    """Return a listener for OAUTHBEARER over TLS with Kafka's validator of unsigned tokens."""
    module = 'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"'
    return to_sasl_listener(name, server, "OAUTHBEARER", module)


def _to_line(pem: str) -> str:
    """Convert PEM to the value of a property."""
    return pem.replace("\n", "\\n")
