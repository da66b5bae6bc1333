"""Messages and a dead-letter store for tests of publishers."""

from feature_events.events.event import AVAILABLE
from feature_events.events.message import Headers, Message


def to_messages(count: int, *, entities: int = 10, size: int = 100) -> list[Message]:
    """Make messages of several entities in turn. Each value starts with the message's number."""
    return [to_message(number, entity=f"entity-{number % entities}", size=size) for number in range(count)]


def to_message(number: int, *, entity: str = "entity-0", size: int = 100) -> Message:
    """Make one message with a value of `size` bytes."""
    value = f"{number:06} ".encode()
    return to_whole_message(
        entity.encode(), value.ljust(size, b"."), [("ce_id", str(number).encode())], 1760099697000 + number
    )


def to_whole_message(key: bytes, value: bytes, headers: Headers, timestamp_ms: int) -> Message:
    """Make a message from its parts, and compute its size."""
    return Message(key, value, headers, timestamp_ms, to_size(key, value, headers), AVAILABLE)


def number_of(value: bytes) -> int:
    """Return the number at the start of a message's value."""
    return int(value[:6])


class Refusals:
    """Records refused messages, and responds like the dead-letter store."""

    def __init__(self, *, stored: bool = True) -> None:
        self._stored = stored
        self.seen: list[int] = []

    def __call__(self, index: int, _: str) -> bool:
        """Record the index, and return whether the record was stored."""
        self.seen.append(index)
        return self._stored


def to_size(key: bytes, value: bytes, headers: Headers) -> int:
    """Return the largest size of a message in a record batch, including the overhead of the format."""
    return 80 + len(key) + len(value) + sum(24 + len(text) for _, text in headers)
