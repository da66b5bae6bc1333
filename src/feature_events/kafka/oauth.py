"""Fetch the tokens by which the function authenticates to Kafka as a client of an OAuth 2.0 identity provider.

librdkafka could fetch them itself (`sasl.oauthbearer.method=oidc`). It reports mistakes and outages of the token
endpoint under one code, and would not read the secret again after a rotation.
"""

import math
from collections.abc import Callable
from functools import partial

from feature_events.aws.secret import OAuthClient, Secret
from feature_events.deadline import Clock, run_within
from feature_events.errors import Misconfigured, Undelivered
from feature_events.kafka.tokens import Token
from feature_events.settings.settings import KAFKA_CA, KAFKA_CREDENTIALS
from feature_events.web import tokens
from feature_events.web.tokens import Names, open_tokens

NAMES = Names(KAFKA_CREDENTIALS, KAFKA_CA)

_MARGIN_SECONDS, _MARGIN_PART = 60.0, 0.1
"""A token that has less than this left, in seconds or as a part of its life, is not used by a new client."""

_UNTOLD_SECONDS = 300.0
"""For how long a token is used if the endpoint does not say how long it lives."""


def fetch_token(arn: str, read_ca: Callable[[], str | None], now: Clock, seconds: float) -> Token:
    """Return a new token of the client in the secret, which is read for each, so that it may be rotated.

    Args:
        arn: the secret's.
        read_ca: reads the CA certificates to trust besides the public ones.
        now: seconds since the epoch.
        seconds: how long it may take.

    Raises:
        Misconfigured: the secret cannot be read or used, or the token endpoint refuses the client.
        Undelivered: there was no answer in time.

    """
    asked = now()
    try:
        client, fetched = run_within(seconds, partial(_fetch, arn, read_ca))
    except TimeoutError:
        raise Undelivered(
            f"no token was fetched within {seconds:.1f} s by the secret in {NAMES.secret}: check the network path to "
            "Secrets Manager and to the token endpoint"
        ) from None
    life = _UNTOLD_SECONDS if math.isinf(fetched.seconds) else fetched.seconds
    if life <= 0:
        raise Misconfigured(
            f"the token endpoint in the secret in {NAMES.secret} returns tokens that have expired already "
            f"(expires_in {life:g}): raise their lifetime in the identity provider"
        )
    expires = asked + life
    good_until = expires - min(_MARGIN_SECONDS, _MARGIN_PART * life)
    return Token(fetched.text, expires, good_until, _to_extensions(client))


def _fetch(arn: str, read_ca: Callable[[], str | None]) -> tuple[OAuthClient, tokens.Token]:
    client = Secret(KAFKA_CREDENTIALS, arn).read_oauth_client()
    return client, open_tokens(client, read_ca(), NAMES).fetch()


def _to_extensions(client: OAuthClient) -> dict[str, str]:
    """Return the SASL extensions by which Confluent Cloud finds the cluster and the identity pool.

    https://docs.confluent.io/cloud/current/security/authenticate/workload-identities/identity-providers/oauth/clients/configuration-reference.html
    """
    extensions = {"logicalCluster": client.logical_cluster, "identityPoolId": client.identity_pool}
    return {name: text for name, text in extensions.items() if text}
