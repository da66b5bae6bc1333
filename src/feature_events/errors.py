"""The three errors, told apart by what is to be done about them.

Who catches one need not know where it came from, only what to do:

    FeatureEventsError
    ├── PoisonRecord     dead-letter this record; no second try can help
    ├── Undelivered      report it; Lambda retries it
    └── Misconfigured    fail the invocation; a person must change something
"""


class FeatureEventsError(Exception):
    """Any error that this package raises on purpose; its text holds no payload and no secret."""


class PoisonRecord(FeatureEventsError):
    """This record can never become an event on the topic, whoever tries and however often."""


class Undelivered(FeatureEventsError):
    """This did not work now and may work later."""


class Misconfigured(FeatureEventsError):
    """Nothing can work until a setting, a permission or a resource is changed; the text says which."""
