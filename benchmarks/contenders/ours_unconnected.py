"""This project's handler, started without waiting for Kafka to let it in: the producer is made, authenticating by IAM.

No broker here can check a token of IAM, and none is asked to.
"""

from feature_events.kafka import producer

producer.OPEN_SECONDS = 0.0

from feature_events.handler import handler  # noqa: E402  # its import is the start

__all__ = ["handler"]
