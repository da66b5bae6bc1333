"""Asks the schema registry that the settings name over HTTP, in the way in which it authenticates the function.

What that needs, `requests` above all, is imported and opened when the registry is first asked.
"""

from typing import TYPE_CHECKING

from feature_events.settings import REGISTRY_CA, REGISTRY_CREDENTIALS, Settings
from feature_events.web.exchange import Answer, Peer, exchange, refuse_bad_proxy

if TYPE_CHECKING:
    from feature_events.registries.authentication import Access

_UNAUTHORIZED = 401

_HEADERS = {
    "Accept": "application/vnd.schemaregistry.v1+json",
    "Content-Type": "application/vnd.schemaregistry.v1+json",
}


class Transport:
    """The HTTP session with the registry that the settings name, opened when it is first used."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.registry or ""
        self.peer = Peer(
            f"schema registry at {settings.registry}",
            "SchemaRegistry (SCHEMA_REGISTRY)",
            "the base URL of the registry's Confluent-compatible API (Apicurio's ends with /apis/ccompat/v7)",
            REGISTRY_CREDENTIALS,
            REGISTRY_CA,
        )
        self._secret = settings.registry_secret
        self._ca_secret = settings.registry_ca_secret
        self._access: Access | None = None

    def ask(self, method: str, path: str, schema: str | None = None) -> Answer:
        """The registry's answer, whatever its status.

        Raises:
            Misconfigured: a secret, a proxy or the registry's certificate is wrong, or there is no token.
            Undelivered: there was no answer within the limits.

        """
        if self._access is None:
            from feature_events.registries.authentication import open_access

            refuse_bad_proxy(self.peer, self._url)
            self._access = open_access(self._secret, self._ca_secret)
        answer = self._ask(self._access, method, path, schema)
        if answer.status == _UNAUTHORIZED and self._access.tokens:
            # The token has ended early: it was revoked, or the clocks differ
            self._access.tokens.forget()
            answer = self._ask(self._access, method, path, schema)
        return answer

    def _ask(self, access: "Access", method: str, path: str, schema: str | None) -> Answer:
        headers = _HEADERS | (access.tokens.to_headers() if access.tokens else {})
        json = None if schema is None else {"schema": schema}
        return exchange(access.session, self.peer, method, self._url + path, headers=headers, json=json)
