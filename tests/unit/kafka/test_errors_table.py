"""Every error code has a rule, and the text decides if the code is ambiguous."""

import pytest
from confluent_kafka import KafkaError

from feature_events.errors import Misconfigured
from feature_events.kafka.authentication import Authentication
from feature_events.kafka.errors import (
    NEW_CODE,
    OUTAGE,
    RULES,
    Action,
    ClientErrors,
    find_rule,
    is_refused,
    make_authentication_error,
    raise_if_misconfigured,
)
from feature_events.settings.settings import read_settings

CODES = {name: code for name in dir(KafkaError) if type(code := getattr(KafkaError, name)) is int}
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
ADDRESS = "sasl_ssl://b-1:9096/bootstrap: "


def test_rules__cover_every_code_of_librdkafka() -> None:
    """A new code in a new version of librdkafka fails here, and must be added to the table."""
    assert RULES.keys() == CODES.keys() - {"NO_ERROR"}


def test_rules__have_a_remedy_if_an_operator_must_act() -> None:
    """Other rules have none: for authentication, the remedy depends on the method."""
    assert {name for name, rule in RULES.items() if bool(rule.remedy) != (rule.action is Action.OPERATOR)} == set()
    assert all(rule.reason for rule in RULES.values())


@pytest.mark.parametrize("name", sorted(RULES))
def test_find_rule__returns_the_rule_for_each_code(name: str) -> None:
    """Only the code decides if the text is not specific."""
    assert find_rule(KafkaError(CODES[name], "text")) == RULES[name]


def test_find_rule__retries_an_unknown_code() -> None:
    """A new broker's code must not lose messages."""
    assert find_rule(KafkaError(31_000)) is NEW_CODE


@pytest.mark.parametrize("name", sorted(RULES))
@pytest.mark.parametrize("alone", [True, False])
def test_is_refused__requires_a_certain_rejection(name: str, *, alone: bool) -> None:
    """Only a code that rejects this message dead-letters it. A batch is also split because of another message."""
    certain = {"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "INVALID_TIMESTAMP"}
    expected = certain if alone else certain | {"_INVALID_DIFFERENT_RECORD"}
    assert is_refused(KafkaError(CODES[name]), alone=alone) is (name in expected)


@pytest.mark.parametrize("name", sorted(name for name, rule in RULES.items() if rule.action is Action.OPERATOR))
def test_raise_if_misconfigured__contains_the_remedy(name: str) -> None:
    """The message contains the topic, the error and the remedy."""
    with pytest.raises(Misconfigured) as raised:
        raise_if_misconfigured(KafkaError(CODES[name]), "events")
    assert all(text in str(raised.value) for text in ("topic events", name, RULES[name].remedy))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # https://github.com/tulios/kafkajs/issues/1435 and /1550: a slow broker is not a wrong password
        ("_AUTHENTICATION", "SASL SCRAM-SHA-512 mechanism handshake failed: Local: Timed out: broker's supported: "),
        ("_AUTHENTICATION", "SASL SCRAM-SHA-512 mechanism handshake failed: Local: Broker transport failure: "),
        # https://github.com/confluentinc/librdkafka/issues/5003
        ("_AUTHENTICATION", "SaslAuthenticateRequest failed: Local: Broker handle destroyed (after 0ms)"),
        # https://github.com/confluentinc/librdkafka/issues/1013
        ("_AUTHENTICATION", "SASL authentication failure: Disconnected"),
        # https://github.com/aws/aws-msk-iam-auth/issues/28
        ("_AUTHENTICATION", "SASL authentication error: [c4c1210b-9221-40ac-9fde-03daf7b747dc]: Too many connects"),
        ("_AUTHENTICATION", "Failed to acquire SASL OAUTHBEARER token: no IAM token was signed"),
        ("_SSL", "SSL handshake failed: SSL transport error: Connection timed out"),
        ("_SSL", "SSL handshake failed: error:0A000126:SSL routines::unexpected eof while reading"),
        ("_SSL", "error:0A000438:SSL routines::tlsv1 alert internal error: SSL alert number 80"),
    ],
)
def test_client_errors__treat_an_outage_as_temporary(name: str, text: str) -> None:
    """A connection that fails during authentication is retried, like any other."""
    errors = ClientErrors(lambda: pytest.fail("the outage counts as a refusal"))
    errors(KafkaError(CODES[name], ADDRESS + text))
    assert (errors.refusal, find_rule(KafkaError(CODES[name], text))) == (None, OUTAGE)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("_AUTHENTICATION", "SASL authentication error: Authentication failed: Invalid username or password"),
        ("_AUTHENTICATION", "SASL authentication error: [7d0ab893-9b16-4371-a8b2-1ae9b5ce73a5]: Access denied"),
        ("_AUTHENTICATION", "SASL SCRAM-SHA-512 mechanism handshake failed: Broker: Unsupported SASL mechanism: "),
        ("_SSL", "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate"),
        ("_TRANSPORT", "Receive failed: error:0A000413:SSL routines::sslv3 alert bad certificate: SSL alert number 42"),
    ],
)
def test_client_errors__store_a_refusal(name: str, text: str) -> None:
    """For rejected credentials and untrusted certificates, an operator must act, so waiting ends."""
    calls: list[None] = []
    errors = ClientErrors(lambda: calls.append(None))
    errors(KafkaError(CODES[name], ADDRESS + text))
    assert (errors.refusal is not None, len(calls)) == (True, 1)


def to_authentication(auth: str) -> Authentication | None:
    """Create the authentication for these settings, without reading its secrets."""
    secret = {"KAFKA_SECRET_ARN": ARN} if auth not in ("tls", "iam") else {}
    least = {"KAFKA_BROKER_URL": "b-1.msk:9094", "SCHEMA_ID": "7", "AWS_REGION": "eu-west-1"}
    environ = {**least, "KAFKA_AUTH": auth, **secret}
    return None if auth == "none" else Authentication(read_settings(environ))


OWN_CERTIFICATE, CA = "check certificate and privateKey", "check the brokers' certificates, and the CA certificates"
PORT = "check the port in KafkaBrokerUrl (KAFKA_BROKER_URL)"
HANDSHAKE = "SSL handshake failed: error:0A000415:SSL routines::"


@pytest.mark.parametrize(
    ("auth", "name", "text", "remedy"),
    [
        # TLS 1.2 reports within the handshake what TLS 1.3 reports after it
        ("mtls", "_SSL", f"{HANDSHAKE}sslv3 alert certificate expired: SSL alert number 45", OWN_CERTIFICATE),
        ("mtls", "_SSL", f"{HANDSHAKE}tlsv1 alert unknown ca: SSL alert number 48", OWN_CERTIFICATE),
        ("mtls", "_TRANSPORT", "Receive failed: sslv3 alert bad certificate: SSL alert number 42", OWN_CERTIFICATE),
        ("tls", "_SSL", f"{HANDSHAKE}sslv3 alert bad certificate: SSL alert number 42", f"{PORT}; if it requires"),
        ("scram", "_SSL", f"{HANDSHAKE}sslv3 alert bad certificate: SSL alert number 42", f"{PORT}; if it requires"),
        ("iam", "_TRANSPORT", "Receive failed: alert certificate required: SSL alert number 116", f"{PORT}; if it"),
        ("mtls", "_SSL", f"{HANDSHAKE}certificate verify failed: broker certificate could not be verified", CA),
        ("scram", "_SSL", f"{HANDSHAKE}certificate verify failed: (no alert)", CA),
        ("tls", "_SSL", f"{HANDSHAKE}wrong version number", f"this port does not use TLS; {PORT}, and KafkaAuth"),
        ("mtls", "_SSL", f"{HANDSHAKE}tlsv1 alert protocol version: SSL alert number 70", "check which TLS versions"),
        ("mtls", "_SSL", f"{HANDSHAKE}unsupported protocol", "check which TLS versions and ciphers"),
        ("scram", "_AUTHENTICATION", "Authentication failed", "check username and password"),
        ("iam", "_AUTHENTICATION", "Access denied", "grant the function's role kafka-cluster:Connect"),
        (
            "scram",
            "_AUTHENTICATION",
            "Broker: Unsupported SASL mechanism: ",
            "set KafkaAuth (KAFKA_AUTH) to a method that this listener supports, or KafkaBrokerUrl (KAFKA_BROKER_URL)",
        ),
        ("none", "_AUTHENTICATION", "Authentication failed", "set KafkaAuth (KAFKA_AUTH) to a method that"),
    ],
)
def test_make_authentication_error__contains_the_remedy(auth: str, name: str, text: str, remedy: str) -> None:
    """A TLS alert concerns the client certificate, a failed verification the broker's certificate."""
    error = make_authentication_error(KafkaError(CODES[name], ADDRESS + text), to_authentication(auth))
    assert str(error).startswith(f"authentication to Kafka failed: {name} ({ADDRESS}{text}): {remedy}")
