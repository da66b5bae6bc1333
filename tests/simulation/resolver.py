"""A program whose producer loses its broker while the resolver hangs; it prints `answered` if `publish` returns."""

import os
import sys

from feature_events.deadline import Deadline
from feature_events.kafka.delivery import Delivery
from feature_events.kafka.producer import DEFAULTS
from feature_events.kafka.publisher import Publisher
from tests.support.messages import Refusals, to_messages
from tests.support.mock_kafka import hang_resolver, run_mock_kafka

LONG, SHORT = 20.0, 0.5


def main() -> None:
    """Publish, stop the broker while the resolver hangs, and publish again."""
    with run_mock_kafka() as kafka:
        publisher = Publisher(kafka.topic, {**DEFAULTS, "bootstrap.servers": kafka.bootstrap})
        delivered = publisher.publish(to_messages(40), Deadline(LONG), Refusals())
        asked = hang_resolver(publisher.open(Deadline(LONG)))
        kafka.stop()
        hangs = asked.wait(LONG)
        unknown = publisher.publish(to_messages(80)[40:], Deadline(SHORT), Refusals())
        is_right = (set(delivered), hangs, set(unknown)) == ({Delivery.DELIVERED}, True, {Delivery.UNKNOWN})
        sys.stdout.write("answered\n" if is_right else f"{delivered} {hangs} {unknown}\n")
        sys.stdout.flush()
        os._exit(0)  # the client's threads hang, and closing the producer would wait for them


if __name__ == "__main__":
    main()
