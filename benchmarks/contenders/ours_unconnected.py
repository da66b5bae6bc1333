"""The handler of this project with IAM authentication, started without waiting for a connection.

No broker on this machine can check IAM tokens.
"""

from feature_events.kafka import producer

producer._find_topic = lambda *_: None  # noqa: SLF001  # waits for a broker
producer._warm_up = lambda *_: None  # noqa: SLF001  # waits for a broker too

from feature_events.handler import handler  # noqa: E402  # the import starts the function

__all__ = ["handler"]
