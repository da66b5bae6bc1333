"""This project's handler, started without waiting for Kafka to let it in: the producer is made, authenticating by IAM.

No broker here can check a token of IAM, and none is asked to.
"""

from feature_events.kafka import producer

producer._find_topic = lambda *_: None  # noqa: SLF001  # what waits for a broker
producer._warm_up = lambda *_: None  # noqa: SLF001  # the same

from feature_events.handler import handler  # noqa: E402  # its import is the start

__all__ = ["handler"]
