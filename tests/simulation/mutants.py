"""Mutants of the function: each breaks one promise, and its invariant must notice.

Each mutant is a small edit of the source, made in memory.
"""

import inspect
import itertools
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from feature_events import encoder, handler
from feature_events.deadline import Deadline
from feature_events.events.codec import Codec
from feature_events.events.event import FeatureAvailabilityEvent, to_event
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.kafka import delivery, producer, publisher
from feature_events.kafka.publisher import Publisher
from feature_events.layouts.entity_features import EntityFeatures
from feature_events.outcome import BatchOutcome
from feature_events.pipeline import Pipeline
from feature_events.records.change import Change

type Edit = Callable[[ExitStack], object]


class Mutant(NamedTuple):
    """A change to the code, and the invariant that must notice it."""

    name: str
    killed_by: str
    edits: tuple[Edit, ...]

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Apply the edits within the context."""
        with ExitStack() as stack:
            for edit in self.edits:
                edit(stack)
            yield


def edit(owner: Any, name: str, old: str, new: str) -> Edit:  # noqa: ANN401  # a module or a class
    """Replace a text that occurs exactly once in a function's source."""

    def apply(stack: ExitStack) -> None:
        function = inspect.getattr_static(owner, name)
        text = textwrap.dedent(inspect.getsource(getattr(function, "fget", None) or function))
        assert text.count(old) == 1, f"{name} has changed: {old!r} is in it {text.count(old)} times"
        space: dict[str, Any] = {}
        # Names resolve in the function's module, as before
        module = vars(sys.modules[owner.__module__ if inspect.isclass(owner) else owner.__name__])
        exec(compile(text.replace(old, new), f"<mutant of {name}>", "exec"), module, space)  # noqa: S102  # our own text
        stack.enter_context(patch.object(owner, name, space[name]))

    return apply


def put(owner: Any, name: str, value: object) -> Edit:  # noqa: ANN401  # a module or a class
    """Replace a function or a value."""
    return lambda stack: stack.enter_context(patch.object(owner, name, value))


def put_item(owner: Any, **values: object) -> Edit:  # noqa: ANN401  # a mapping that is read-only by type
    """Replace entries of a mapping; underscores in the names stand for dots."""
    named = {name.replace("_", "."): value for name, value in values.items()}
    return lambda stack: stack.enter_context(patch.dict(owner, named))


_numbers = itertools.count()


def _to_event_with_new_id(entity: EntityFeatures, change: Change) -> FeatureAvailabilityEvent:
    return to_event(entity, change)._replace(event_id=f"00000000-0000-0000-0000-{next(_numbers):012}")


def _quiet(line: Pipeline, records: Any, deadline: Deadline) -> Any:  # noqa: ANN401  # the handler's types
    try:
        return line.run(records, deadline).response()
    except Exception:  # noqa: BLE001  # the mutation
        return {"batchItemFailures": []}


def _put_quiet(stack: ExitStack) -> object:
    return stack.enter_context(patch.object(handler, "_quiet", _quiet, create=True))


MUTANTS = (
    Mutant(
        "an exception is answered as success",
        "I1",
        (
            edit(
                handler,
                "handler",
                "return pipeline.run(records, deadline).response()",
                "return _quiet(pipeline, records, deadline)",
            ),
            _put_quiet,
        ),
    ),
    Mutant("no report counts as delivered", "I1", (put(delivery.DeliveryReport, "error", None),)),
    Mutant(
        "sending continues after an unanswered wave",
        "I2",
        (
            edit(
                Publisher,
                "_publish_waves",
                "self._explain(unknown)\n            return",
                "self._abandon()\n            continue",
            ),
        ),
    ),
    Mutant(
        "a refused half is sent after the next wave",
        "I2",
        (
            edit(
                Publisher,
                "_publish_waves",
                "waves.extendleft([positions[middle:], positions[:middle]])",
                "waves.extend([positions[:middle], positions[middle:]])",
            ),
        ),
    ),
    Mutant(
        "the halves of a refused wave are swapped",
        "I2",
        (
            edit(
                Publisher,
                "_publish_waves",
                "[positions[middle:], positions[:middle]]",
                "[positions[:middle], positions[middle:]]",
            ),
        ),
    ),
    Mutant(
        "the next chunk is sent after an undelivered record",
        "I2",
        (edit(Pipeline, "_publish_chunks", "if outcome.first_undelivered in chunk:", "if not chunk:"),),
    ),
    Mutant(
        "a removal is sent before earlier events",
        "I2",
        (
            edit(
                Pipeline,
                "_publish_chunk",
                "end = bisect_left(positions, position)",
                "positions.sort(key=lambda each: (messages[each].event_type == 'feature_available', each)); "
                "end = bisect_left(positions, position) if position != chunk.stop else len(positions)",
            ),
        ),
    ),
    Mutant(
        "each message is a record batch and expires on its own",
        "I2",
        (put_item(producer.FIXED, linger_ms=5, message_timeout_ms=5000),),
    ),
    Mutant("each delivery has another id", "I3", (put(encoder, "to_event", _to_event_with_new_id),)),
    Mutant(
        "the bytes depend on what was encoded before",
        "I3",
        (put(Codec, "encode", lambda _, event: str((next(_numbers), event)).encode()),),
    ),
    Mutant(
        "the last undelivered record is reported",
        "I4",
        (
            edit(
                BatchOutcome,
                "first_undelivered",
                "return self._first_unsettled",
                "return len(self.outcomes) - 1 - self.outcomes[::-1].index(RecordOutcome.UNDELIVERED)",
            ),
        ),
    ),
    Mutant(
        "the record after the first undelivered one is reported",
        "I4",
        (
            edit(
                BatchOutcome,
                "response",
                "self.records[position]",
                "self.records[min(position + 1, len(self.records) - 1)]",
            ),
        ),
    ),
    Mutant("unsent messages are not purged", "I5", (put(Publisher, "_abandon", lambda _: None),)),
    Mutant("every failed record is dead-lettered", "I6", (put(publisher, "is_refused", lambda *_, **__: True),)),
    Mutant("no time is reserved for the answer", "I7", (put(handler, "ANSWER_SECONDS", 0.0),)),
    Mutant("a failed producer is reused", "I8", (put(Publisher, "_abandon", lambda _: None),)),
    Mutant(
        "a delivered event restores nothing of the limit", "I8", (put(DeadLetterLimit, "give_back", lambda *_: None),)
    ),
    Mutant(
        "a retried batch is sent without waiting for its first event",
        "I11",
        (edit(Publisher, "_publish_waves", "[range(1)] if messages and", "[range(1)] if not messages and"),),
    ),
    Mutant("there is no dead-letter limit", "I9", (put(DeadLetterLimit, "allows", lambda *_: True),)),
    Mutant(
        "any delivered event restores the whole limit",
        "I9",
        (edit(DeadLetterLimit, "give_back", "max(0, account.used - events)", "0 if events else account.used"),),
    ),
    Mutant(
        "the dead-letter limit is counted per invocation",
        "I9",
        (
            edit(
                Pipeline,
                "run",
                "return self._settle(",
                "self.limit._accounts.clear(); return self._settle(",
            ),
        ),
    ),
    Mutant(
        "a bad record after an undelivered one is dead-lettered",
        "I10",
        (edit(Pipeline, "_publish_chunk", " or outcome.first_undelivered != position", ""),),
    ),
)
