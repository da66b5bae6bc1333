"""Every error code has a rule, and an error's text counts where its code says too little."""

import pytest
from confluent_kafka import KafkaError

from feature_events.errors import Misconfigured
from feature_events.kafka.authentication import Authentication
from feature_events.kafka.client_errors import (
    ClientErrors,
    is_refused,
    raise_if_misconfigured,
    to_authentication_refusal,
)
from feature_events.kafka.error_table import NEW_CODE, OUTAGE, RULES, Action, find_rule
from feature_events.settings.settings import read_settings

CODES = {name: code for name in dir(KafkaError) if type(code := getattr(KafkaError, name)) is int}
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
ADDRESS = "sasl_ssl://b-1:9096/bootstrap: "


def test_rules__have_every_code_of_librdkafka() -> None:
    """A new version of librdkafka with a new code fails here: decide what to do about it, and add it to the table."""
    assert RULES.keys() == CODES.keys() - {"NO_ERROR"}


def test_rules__have_a_remedy_only_for_an_operator() -> None:
    """An operator needs to know what to do; of authentication the kind of authentication says it."""
    assert {name for name, rule in RULES.items() if bool(rule.remedy) != (rule.action is Action.OPERATOR)} == set()
    assert all(rule.reason for rule in RULES.values())


@pytest.mark.parametrize("name", sorted(RULES))
def test_find_rule__finds_the_rule_of_each_code(name: str) -> None:
    """The code alone decides, when the text says nothing more."""
    assert find_rule(KafkaError(CODES[name], "text")) == RULES[name]


def test_find_rule__retries_what_it_does_not_know() -> None:
    """A code of a newer broker loses nothing."""
    assert find_rule(KafkaError(31_000)) is NEW_CODE


@pytest.mark.parametrize("name", sorted(RULES))
@pytest.mark.parametrize("alone", [True, False])
def test_is_refused__is_certain(name: str, *, alone: bool) -> None:
    """A dead letter needs a code that refuses this message; a batch is split also for another message's sake."""
    certain = {"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "INVALID_TIMESTAMP"}
    expected = certain if alone else certain | {"_INVALID_DIFFERENT_RECORD"}
    assert is_refused(KafkaError(CODES[name]), alone=alone) is (name in expected)


@pytest.mark.parametrize("name", sorted(name for name, rule in RULES.items() if rule.action is Action.OPERATOR))
def test_raise_if_misconfigured__says_what_to_do(name: str) -> None:
    """The message names the topic, the error and the remedy."""
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
def test_client_errors__refuse_nothing_in_an_outage(name: str, text: str) -> None:
    """A connection that fails while it is authenticated is retried, as any other."""
    errors = ClientErrors(lambda: pytest.fail("it stopped waiting"))
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
def test_client_errors__keep_a_refusal(name: str, text: str) -> None:
    """Refused credentials and untrusted certificates need an operator, and there is no point in waiting."""
    calls: list[None] = []
    errors = ClientErrors(lambda: calls.append(None))
    errors(KafkaError(CODES[name], ADDRESS + text))
    assert (errors.refusal is not None, len(calls)) == (True, 1)


def to_authentication(auth: str) -> Authentication | None:
    """Return the authentication of these settings; its secrets are not read."""
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
        ("tls", "_SSL", f"{HANDSHAKE}sslv3 alert bad certificate: SSL alert number 42", f"{PORT}; if it asks for"),
        ("scram", "_SSL", f"{HANDSHAKE}sslv3 alert bad certificate: SSL alert number 42", f"{PORT}; if it asks for"),
        ("iam", "_TRANSPORT", "Receive failed: alert certificate required: SSL alert number 116", f"{PORT}; if it"),
        ("mtls", "_SSL", f"{HANDSHAKE}certificate verify failed: broker certificate could not be verified", CA),
        ("scram", "_SSL", f"{HANDSHAKE}certificate verify failed: (no alert)", CA),
        ("tls", "_SSL", f"{HANDSHAKE}wrong version number", f"{PORT}, and KafkaAuth (KAFKA_AUTH)"),
        ("mtls", "_SSL", f"{HANDSHAKE}tlsv1 alert protocol version: SSL alert number 70", "check which versions"),
        ("mtls", "_SSL", f"{HANDSHAKE}unsupported protocol", "check which versions and ciphers of TLS"),
        ("scram", "_AUTHENTICATION", "Authentication failed", "check username and password"),
        ("iam", "_AUTHENTICATION", "Access denied", "grant the function's role kafka-cluster:Connect"),
        (
            "scram",
            "_AUTHENTICATION",
            "Broker: Unsupported SASL mechanism: ",
            "set KafkaAuth (KAFKA_AUTH) to a method that this listener offers, or KafkaBrokerUrl (KAFKA_BROKER_URL)",
        ),
        ("none", "_AUTHENTICATION", "Authentication failed", "set KafkaAuth (KAFKA_AUTH) to what the brokers ask for"),
    ],
)
def test_to_authentication_refusal__says_what_to_change(auth: str, name: str, text: str, remedy: str) -> None:
    """An alert is about what the function shows or does not show, and a failed verification about the broker."""
    error = to_authentication_refusal(KafkaError(CODES[name], ADDRESS + text), to_authentication(auth))
    assert str(error).startswith(f"authentication to Kafka failed: {name} ({ADDRESS}{text}): {remedy}")
