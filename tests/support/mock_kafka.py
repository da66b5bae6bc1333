"""Run librdkafka's mock cluster with faults, for a real producer in the same process.

confluent-kafka's wheel contains librdkafka, which exports the functions of the mock cluster. The Python client cannot
inject faults. Faults in the protocol show the behavior of the real producer, unlike a test double.
"""

import ctypes
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_int16, c_int32, c_size_t, c_void_p
from pathlib import Path
from typing import Any
from uuid import uuid4

import confluent_kafka
from confluent_kafka import Producer

PRODUCE, METADATA, INIT_PRODUCER_ID = 0, 3, 22
"""Kafka's API keys of requests that can fail."""


def _load() -> ctypes.CDLL:
    libraries = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    return ctypes.CDLL(str(next(libraries.glob("librdkafka*"))))


def _function(library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Any:  # noqa: ANN401  # C types
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments  # without types, ctypes truncates pointers to 32 bits
    return function


_C = _load()
_conf_new = _function(_C, "rd_kafka_conf_new", c_void_p)
_new = _function(_C, "rd_kafka_new", c_void_p, c_int, c_void_p, c_char_p, c_size_t)
_destroy = _function(_C, "rd_kafka_destroy", None, c_void_p)
_show_properties = _function(_C, "rd_kafka_conf_properties_show", None, c_void_p)
_fopen = _function(ctypes.CDLL(None), "fopen", c_void_p, c_char_p, c_char_p)
_fclose = _function(ctypes.CDLL(None), "fclose", c_int, c_void_p)
_cluster_new = _function(_C, "rd_kafka_mock_cluster_new", c_void_p, c_void_p, c_int)
_cluster_destroy = _function(_C, "rd_kafka_mock_cluster_destroy", None, c_void_p)
_bootstraps = _function(_C, "rd_kafka_mock_cluster_bootstraps", c_char_p, c_void_p)
_topic_create = _function(_C, "rd_kafka_mock_topic_create", c_int, c_void_p, c_char_p, c_int, c_int)
_topic_set_error = _function(_C, "rd_kafka_mock_topic_set_error", None, c_void_p, c_char_p, c_int)
_push_errors = _function(_C, "rd_kafka_mock_push_request_errors_array", None, c_void_p, c_int16, c_size_t, c_void_p)
_clear_errors = _function(_C, "rd_kafka_mock_clear_request_errors", None, c_void_p, c_int16)
_set_down = _function(_C, "rd_kafka_mock_broker_set_down", c_int, c_void_p, c_int32)
_set_up = _function(_C, "rd_kafka_mock_broker_set_up", c_int, c_void_p, c_int32)
_start_tracking = _function(_C, "rd_kafka_mock_start_request_tracking", None, c_void_p)
_clear_requests = _function(_C, "rd_kafka_mock_clear_requests", None, c_void_p)
_get_requests = _function(_C, "rd_kafka_mock_get_requests", POINTER(c_void_p), c_void_p, POINTER(c_size_t))
_request_api_key = _function(_C, "rd_kafka_mock_request_api_key", c_int16, c_void_p)
_destroy_requests = _function(_C, "rd_kafka_mock_request_destroy_array", None, POINTER(c_void_p), c_size_t)
_set_rtt = _function(_C, "rd_kafka_mock_broker_set_rtt", c_int, c_void_p, c_int32, c_int)

_conf = _function(_C, "rd_kafka_conf", c_void_p, c_void_p)
_Resolve = CFUNCTYPE(c_int, c_char_p, c_char_p, c_void_p, c_void_p, c_void_p)
_set_resolve = _function(_C, "rd_kafka_conf_set_resolve_cb", None, c_void_p, _Resolve)

_OBJECT_HEAD = 16
"""The size of a Python object's header. The first member of a client is librdkafka's handle."""

_KEPT: list[Any] = []


class MockKafka:
    """A cluster of mock brokers with one topic."""

    def __init__(self, cluster: int, topic: str, brokers: int) -> None:
        self._cluster = cluster
        self._brokers = range(1, brokers + 1)
        self.topic = topic
        self.bootstrap = _bootstraps(cluster).decode()

    def fail(self, request: int, *codes: int) -> None:
        """Fail the next requests of this kind with these errors, one each."""
        _push_errors(self._cluster, request, len(codes), ctypes.cast((c_int * len(codes))(*codes), c_void_p))

    def recover(self, request: int) -> None:
        """Clear the pending errors."""
        _clear_errors(self._cluster, request)

    def fail_topic(self, code: int) -> None:
        """Return this error for the topic's metadata."""
        _topic_set_error(self._cluster, self.topic.encode(), code)

    def stop(self) -> None:
        """Stop every broker."""
        for broker in self._brokers:
            _set_down(self._cluster, broker)

    def stop_one(self, broker: int) -> None:
        """Stop one broker, numbered from 1."""
        _set_down(self._cluster, broker)

    def start(self) -> None:
        """Start every broker."""
        for broker in self._brokers:
            _set_up(self._cluster, broker)

    def cut(self) -> None:
        """Drop every connection with its data, and restart the count of requests.

        Every request counted afterwards was sent afterwards.
        """
        self.stop()
        self.track()
        self.start()

    def track(self) -> None:
        """Restart the count of requests."""
        _start_tracking(self._cluster)
        _clear_requests(self._cluster)

    def count(self, request: int) -> int:
        """Count the requests of this kind since `track` or `cut`."""
        number = c_size_t()
        requests = _get_requests(self._cluster, byref(number))
        found = [_request_api_key(requests[index]) for index in range(number.value)]
        _destroy_requests(requests, number)
        return found.count(request)

    def delay(self, milliseconds: int) -> None:
        """Delay every response."""
        for broker in self._brokers:
            _set_rtt(self._cluster, broker, milliseconds)


def read_producer_aliases(file: Path) -> dict[str, str]:
    """Return the aliases of the producer's properties. librdkafka writes its documentation to this file."""
    stream = _fopen(str(file).encode(), b"w")
    _show_properties(stream)
    _fclose(stream)
    aliases = {}
    for line in file.read_text().splitlines():
        name, _, rest = line.partition("|")
        whose, _, description = rest.partition("|")
        alias = re.search(r"Alias for `([^`]+)`", description)
        if alias and whose.strip() != "C":
            aliases[name.strip()] = alias[1]
    return aliases


@contextmanager
def run_mock_kafka(brokers: int = 1, partitions: int = 4) -> Iterator[MockKafka]:
    """Run a mock cluster with an empty topic."""
    text = ctypes.create_string_buffer(512)
    conf = _conf_new()
    owner = _new(0, conf, text, len(text))
    cluster = _cluster_new(owner, brokers)
    topic = f"events-{uuid4().hex[:8]}"
    _topic_create(cluster, topic.encode(), partitions, 1)
    try:
        yield MockKafka(cluster, topic, brokers)
    finally:
        _cluster_destroy(cluster)
        _destroy(owner)


def hang_resolver(producer: Producer) -> threading.Event:
    """Make this client's threads hang when they resolve an address. The event is set when one does.

    This changes the configuration in the handle, because the Python client has no setting for it. The process cannot
    close such a client, and must exit with `os._exit`.
    """
    started = threading.Event()

    def resolve(*_: object) -> int:
        started.set()
        threading.Event().wait()
        return 0

    callback = _Resolve(resolve)
    _KEPT.append(callback)  # the client's threads call it until the process ends
    _set_resolve(_conf(c_void_p.from_address(id(producer) + _OBJECT_HEAD).value), callback)
    return started
