"""With SASL/PLAIN and SCRAM-SHA-256, each mistake has a clear error, and a rotation needs no deployment."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest

from feature_events.errors import Misconfigured
from feature_events.settings.settings import KafkaAuth
from local.servers.kafka import PLAIN, Kafka, Listener
from local.servers.topic import create_topic
from tests.integration.authentication.cluster import SHA_256, Cluster
from tests.integration.authentication.conftest import Bench, MakeBench
from tests.integration.authentication.publishing import DELIVERED, UNKNOWN, numbers_in, publish
from tests.support.kafka_listeners import to_plain_listener

FIRST, SECOND, THIRD = "first-secret", "second-secret", "third-secret"
REMEDY = r"check username and password in the secret in KafkaSecretArn \(KAFKA_SECRET_ARN\)"


@pytest.mark.parametrize("auth", ["plain", "scram-256"])
def test_publish__names_the_secret_of_a_wrong_password(
    bench: MakeBench, cluster: Cluster, topic: str, log: StringIO, auth: KafkaAuth
) -> None:
    """After the password is corrected, the same environment delivers."""
    setup = bench(auth)
    valid = setup.secrets.read(setup.secret)
    setup.secrets.change(setup.secret, {**valid, "password": FIRST})
    publisher = setup.to_publisher()
    with pytest.raises(Misconfigured, match=f"authentication to Kafka failed: .*{REMEDY}"):
        publish(publisher)
    setup.secrets.change(setup.secret, valid)
    assert publish(publisher) == DELIVERED
    assert numbers_in(cluster, topic) == list(range(10))
    assert not any(secret in log.getvalue() for secret in (FIRST, valid["password"]))


@pytest.mark.parametrize(
    ("auth", "listener"),
    [("plain", "SCRAM"), ("scram", "SCRAM256"), ("scram-256", "SCRAM"), ("iam", "APIKEYS"), ("oauth", "SCRAM256")],
)
def test_publish__explains_a_listener_with_another_method(
    bench: MakeBench, cluster: Cluster, auth: KafkaAuth, listener: str
) -> None:
    """The credentials are not wrong, so the error contains the settings of method and address."""
    with pytest.raises(Misconfigured, match=r"set KafkaAuth \(KAFKA_AUTH\) to a method that this listener supports"):
        publish(bench(auth).to_publisher(KAFKA_BROKER_URL=cluster.address(listener)))


@pytest.fixture
def scram(bench: MakeBench, cluster: Cluster) -> Bench:
    """Create a bench with its own user."""
    setup = bench("scram-256")
    user = f"user-{uuid4().hex}"
    cluster.change_password(user, FIRST, SHA_256)
    setup.secrets.change(setup.secret, {"username": user, "password": FIRST})
    return setup


def test_publish__reports_a_deleted_user(scram: Bench, cluster: Cluster, topic: str) -> None:
    """Every retry raises the error until the user is restored."""
    publisher = scram.to_publisher()
    assert publish(publisher) == DELIVERED
    login = scram.secrets.read(scram.secret)
    cluster.delete_user(login["username"], SHA_256)
    cluster.cut("SCRAM256")
    assert publish(publisher, 10) == UNKNOWN
    for _ in range(2):
        with pytest.raises(Misconfigured, match=f"{REMEDY}, and that the user has SCRAM-SHA-256 credentials"):
            publish(publisher, 10)
    cluster.change_password(login["username"], login["password"], SHA_256)
    assert publish(publisher, 10) == DELIVERED
    assert numbers_in(cluster, topic) == list(range(20))


class ApiKeys:
    """A cluster whose API keys can be changed by restarting its broker."""

    def __init__(self, directory: Path, cluster: Cluster) -> None:
        self._file = directory / "jaas.conf"
        listener = to_plain_listener("KEYS", cluster.authority.issue("broker"), {})
        settings = {name: text for name, text in listener.settings.items() if not name.endswith("jaas.config")}
        listener = Listener(listener.name, listener.protocol, settings)
        self.kafka = Kafka(
            directory, listeners=[PLAIN, listener], java_options=[f"-Djava.security.auth.login.config={self._file}"]
        )
        self.address = self.kafka.address(listener)

    def write(self, **keys: str) -> None:
        """Configure the keys that the broker accepts after its next start."""
        options = " ".join(f'user_{key}="{secret}"' for key, secret in keys.items())
        module = "org.apache.kafka.common.security.plain.PlainLoginModule"
        self._file.write_text(f"keys.KafkaServer {{ {module} required {options}; }};")

    def change(self, **keys: str) -> None:
        """Change the keys that the broker accepts."""
        self.write(**keys)
        self.kafka.restart()


@pytest.fixture
def api_keys(tmp_path: Path, cluster: Cluster) -> Iterator[ApiKeys]:
    """Run a cluster with one API key."""
    keys = ApiKeys(tmp_path, cluster)
    keys.write(key1=FIRST)
    with keys.kafka:
        yield keys


def test_publish__recovers_from_rotated_api_keys(bench: MakeBench, api_keys: ApiKeys) -> None:
    """One retry is enough once the secret contains the new key. Until then, every retry raises the error."""
    plain = bench("plain")
    topic = plain.environ["TOPIC_NAME"]
    create_topic(api_keys.kafka.bootstrap, topic, 2)
    plain.secrets.change(plain.secret, {"username": "key1", "password": FIRST})
    publisher = plain.to_publisher(KAFKA_BROKER_URL=api_keys.address)
    assert publish(publisher) == DELIVERED
    api_keys.change(key2=SECOND)
    assert publish(publisher, 10) == UNKNOWN
    for _ in range(2):
        with pytest.raises(Misconfigured, match=REMEDY):
            publish(publisher, 10)
    plain.secrets.change(plain.secret, {"username": "key2", "password": SECOND})
    assert publish(publisher, 10) == DELIVERED
    api_keys.change(key3=THIRD)
    plain.secrets.change(plain.secret, {"username": "key3", "password": THIRD})
    assert publish(publisher, 20) == UNKNOWN
    assert publish(publisher, 20) == DELIVERED
