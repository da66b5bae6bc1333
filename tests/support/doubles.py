"""Fakes of the pipeline's dependencies; those with a contract pass the same tests as the real implementation."""

from collections.abc import Callable, Sequence
from typing import override

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, PoisonRecord, Undelivered
from feature_events.events.message import Message
from feature_events.failures.dead_letters import DeadLetters
from feature_events.kafka.delivery import Delivery, Refuse
from feature_events.kafka.publisher import Publisher
from feature_events.records.stream_record import StreamRecord


class FakePublisher(Publisher):
    """A publisher to a list, with the contract of `publisher.Publisher`."""

    def __init__(self, *, message_max_bytes: int = 1_000_000) -> None:
        self.log: list[Message] = []
        self.reachable = True
        self.topic_exists = True
        self.loses: Callable[[Message], bool] = lambda _: False
        """Returns True for messages that are not acknowledged."""
        self._message_max_bytes = message_max_bytes

    @override
    def publish(self, messages: Sequence[Message], deadline: Deadline, refuse: Refuse) -> Sequence[Delivery]:
        """Append messages in order, up to the first one that is not acknowledged."""
        if not self.topic_exists:
            raise Misconfigured("Kafka refuses the topic: it does not exist: create it")
        deliveries = [Delivery.UNKNOWN] * len(messages)
        for index, message in enumerate(messages):
            if not self.reachable or not deadline.remaining() or self.loses(message):
                break
            if len(message.value) + len(message.key) > self._message_max_bytes:
                if not refuse(index, "MSG_SIZE_TOO_LARGE"):
                    break
                deliveries[index] = Delivery.REFUSED
                continue
            self.log.append(message)
            deliveries[index] = Delivery.DELIVERED
        return deliveries


class FakeDeadLetters(DeadLetters):
    """A dead-letter store in a list."""

    def __init__(self, *, works: bool = True) -> None:
        self.works = works
        self.letters: list[tuple[StreamRecord, str]] = []
        self.put_takes: Callable[[], None] = lambda: None
        """Called by each put, for example to advance a clock."""

    @override
    def put(self, record: StreamRecord, poison: PoisonRecord, deadline: Deadline) -> str:
        """Store the record, or fail as S3 would."""
        if not self.works or not deadline.remaining():
            raise Undelivered("S3 answered SlowDown")
        self.put_takes()
        self.letters.append((record, str(poison)))
        return f"dead-letters/{len(self.letters)}.json"


class FakeContext:
    """Lambda's context with a fixed remaining time."""

    function_name = "feature-events"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:feature-events"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def __init__(self, milliseconds: int = 60_000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining time of the invocation."""
        return self._milliseconds


class FakeClock:
    """A clock that tests advance by setting `seconds`."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        """Return the current time."""
        return self.seconds
