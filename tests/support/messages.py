"""Messages and what watches over them, for tests of publishers."""

from feature_events.events.message import Headers, Message


def to_messages(count: int, *, entities: int = 10, size: int = 100) -> list[Message]:
    """Messages of several entities in turn; each value begins with its own number."""
    return [to_message(number, entity=f"entity-{number % entities}", size=size) for number in range(count)]


def to_message(number: int, *, entity: str = "entity-0", size: int = 100) -> Message:
    """One message, its value `size` bytes long."""
    value = f"{number:06} ".encode()
    return to_whole_message(
        entity.encode(), value.ljust(size, b"."), [("ce_id", str(number).encode())], 1760099697000 + number
    )


def to_whole_message(key: bytes, value: bytes, headers: Headers, timestamp_ms: int) -> Message:
    """A message of these parts, with the size that they have."""
    return Message(key, value, headers, timestamp_ms, to_size(key, value, headers))


def number_of(value: bytes) -> int:
    """The number that a message's value begins with."""
    return int(value[:6])


class Refusals:
    """Remembers what was refused, and answers as the dead-letter store would."""

    def __init__(self, *, stored: bool = True) -> None:
        self._stored = stored
        self.seen: list[int] = []

    def __call__(self, index: int, _: str) -> bool:
        """Keeps the index, and says whether the record was stored."""
        self.seen.append(index)
        return self._stored


def to_size(key: bytes, value: bytes, headers: Headers) -> int:
    """The most bytes that a message takes in a record batch: its parts, and what the format puts before each."""
    return 80 + len(key) + len(value) + sum(24 + len(text) for _, text in headers)
