"""The broker of the tests of authentication."""

import time
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, if not by name
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from local.servers.kafka import Kafka, Listener
from tests.support.certificates import CertificateAuthority
from tests.support.connections import cut_connections

LIMIT = 30.0
SHA_512, SHA_256 = ScramMechanism.SCRAM_SHA_512, ScramMechanism.SCRAM_SHA_256
SCRAM_LISTENERS = {SHA_512: "SCRAM", SHA_256: "SCRAM256"}


class Cluster(NamedTuple):
    """The broker, its listeners, and the CA of its certificates."""

    kafka: Kafka
    authority: CertificateAuthority
    listeners: dict[str, Listener]

    def address(self, name: str) -> str:
        """Return the address of this listener."""
        return self.kafka.address(self.listeners[name])

    def cut(self, name: str) -> None:
        """Close every connection to this listener."""
        assert cut_connections(int(self.address(name).rpartition(":")[2]))

    def change_password(self, user: str, password: str, mechanism: ScramMechanism = SHA_512) -> None:
        """Set a user's password, and create the user if necessary. Return when the broker accepts it.

        The controller answers before the broker has read the change. Until then, the broker accepts the old password.
        """
        self._alter(UserScramCredentialUpsertion(user, ScramCredentialInfo(mechanism, 4096), password.encode()))
        end = time.monotonic() + LIMIT
        while not self._accepts(user, password, mechanism):
            assert time.monotonic() < end, "the broker does not accept the new password"

    def _accepts(self, user: str, password: str, mechanism: ScramMechanism) -> bool:
        """Return whether the user can log in."""
        admin = AdminClient(
            {
                "bootstrap.servers": self.address(SCRAM_LISTENERS[mechanism]),
                "security.protocol": "SASL_SSL",
                "ssl.ca.pem": self.authority.certificate,
                "sasl.mechanisms": mechanism.name.replace("_", "-"),
                "sasl.username": user,
                "sasl.password": password,
                "log_level": 0,
            }
        )
        try:
            admin.list_topics(timeout=1)
        except KafkaException:
            return False
        return True

    def delete_user(self, user: str, mechanism: ScramMechanism) -> None:
        """Delete the user's password."""
        self._alter(UserScramCredentialDeletion(user, mechanism))

    def _alter(self, change: UserScramCredentialUpsertion | UserScramCredentialDeletion) -> None:
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap})
        admin.alter_user_scram_credentials([change])[change.user].result(LIMIT)
