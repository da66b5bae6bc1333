"""Listeners of a Kafka that is reached over TLS, by each way to authenticate.

The local stack itself needs none of them: only tests of authentication do.
"""

from local.servers.kafka import Listener
from tests.support.certificates import Identity


def to_tls_listener(name: str, server: Identity, *, client_ca: str | None = None) -> Listener:
    """TLS under this certificate; with a CA certificate (PEM), clients need one that it issued."""
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
    return Listener(name, "SSL", settings)


def to_sasl_listener(name: str, server: Identity, mechanism: str, module: str) -> Listener:
    """SASL over TLS, by one mechanism and its JAAS module with options."""
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


def to_scram_listener(name: str, server: Identity) -> Listener:
    """SCRAM-SHA-512 over TLS, for the users that the cluster knows."""
    return to_sasl_listener(name, server, "SCRAM-SHA-512", "scram.ScramLoginModule required")


def to_oauth_listener(name: str, server: Identity) -> Listener:
    """OAUTHBEARER over TLS, by Kafka's own validator of unsigned tokens, which looks at their times."""
    module = 'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"'
    return to_sasl_listener(name, server, "OAUTHBEARER", module)


def _to_line(pem: str) -> str:
    """PEM as the value of a property."""
    return pem.replace("\n", "\\n")
