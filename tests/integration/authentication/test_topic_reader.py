"""The rights that a reader of the topic needs are checked before anything is read, each with its own error."""

from collections.abc import Collection
from uuid import uuid4

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, if not by name
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.kafka.authentication import Authentication
from feature_events.settings.settings import read_settings
from feature_events.topic.consumer import GROUP
from feature_events.topic.reader import TopicReader
from tests.integration.authentication.cluster import LIMIT, Cluster
from tests.integration.authentication.conftest import MakeBench
from tests.support.secrets import Secrets

READ = (ResourceType.TOPIC, AclOperation.READ)
DESCRIBE = (ResourceType.TOPIC, AclOperation.DESCRIBE)
DESCRIBE_GROUP = (ResourceType.GROUP, AclOperation.DESCRIBE)
NEEDED = (DESCRIBE, READ, DESCRIBE_GROUP)

type Right = tuple[ResourceType, AclOperation]


@pytest.fixture
def user(cluster: Cluster) -> str:
    """Create a user that no ACL mentions."""
    name = f"user-{uuid4().hex}"
    cluster.change_password(name, "kafka-secret")
    return name


def open_reader(bench: MakeBench, secrets: Secrets, user: str) -> TopicReader:
    """Open a reader that authenticates as this user."""
    made = bench("scram")
    secrets.change(made.secret, {"username": user, "password": "kafka-secret"})
    settings = read_settings(made.environ)
    return TopicReader(settings, Authentication(settings), Deadline(LIMIT))


def allow(cluster: Cluster, topic: str, user: str, rights: Collection[Right]) -> None:
    """Grant these rights to the user, and others to another user, so that everything else is denied."""
    names = {ResourceType.TOPIC: topic, ResourceType.GROUP: GROUP}
    literal = ResourcePatternType.LITERAL
    grants = [(right, "User:another") for right in NEEDED] + [(right, f"User:{user}") for right in rights]
    bindings = [
        AclBinding(kind, names[kind], literal, name, "*", operation, AclPermissionType.ALLOW)
        for (kind, operation), name in grants
    ]
    admin = AdminClient({"bootstrap.servers": cluster.kafka.bootstrap})
    for made in admin.create_acls(bindings).values():
        made.result(LIMIT)


def test_reader__needs_three_rights(
    bench: MakeBench, cluster: Cluster, secrets: Secrets, topic: str, user: str
) -> None:
    """Read and Describe on the topic and Describe on the group suffice."""
    allow(cluster, topic, user, NEEDED)
    with open_reader(bench, secrets, user) as reader:
        offsets = reader.find_offsets(Deadline(LIMIT))
        assert offsets == {0: (0, 0), 1: (0, 0)}
        assert not list(reader.read({0: range(0)}, Deadline(LIMIT)))


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        (READ, "the function has no permission to read .* the ACL operations Read and Describe on the topic"),
        (DESCRIBE_GROUP, f"has no permission to describe it .* Describe on the group {GROUP}"),
    ],
)
def test_reader__names_the_missing_right(  # noqa: PLR0913, PLR0917  # fixtures and parameters
    bench: MakeBench, cluster: Cluster, secrets: Secrets, topic: str, user: str, missing: Right, text: str
) -> None:
    """Read includes Describe on the topic, so Describe is never the only one that is missing."""
    allow(cluster, topic, user, [right for right in NEEDED if right != missing])
    with pytest.raises(Misconfigured, match=text):
        open_reader(bench, secrets, user)


def test_reader__names_the_rights_on_the_topic(
    bench: MakeBench, cluster: Cluster, secrets: Secrets, topic: str, user: str
) -> None:
    """Without Describe, Kafka does not even return the topic's metadata."""
    allow(cluster, topic, user, [DESCRIBE_GROUP])
    with pytest.raises(Misconfigured, match="the function has no permission to read"):
        open_reader(bench, secrets, user)
