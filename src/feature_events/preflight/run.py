"""The preflight check: tests, from where the function runs, everything that lies between it and its first event.

Most of what goes wrong with Kafka in a VPC looks the same from outside: nothing arrives. Invoked with
`{"check": true}` the function tries each part by itself and says of each what to change. `"tables"` in the event names
the tables to check. It writes no event and registers no schema. Each part brings its own probes; here they are put in
order.

| probe | proves |
|---|---|
| settings | the environment is understood and free of contradictions |
| layout of ... | a layout fits the table, and its stream carries the images that are needed |
| secret ... | it can be read and has its form |
| DNS, TCP, TLS ... | a broker is reached, its certificate trusted; so are registry and token endpoint without a proxy |
| token endpoint of Kafka | it gives the function a token, with `KAFKA_AUTH=oauth` |
| authentication | Kafka authenticates the function |
| topic | it exists, and the function may look at it |
| write to the topic | Kafka's authorizer says that the function may write; it is asked, nothing is written |
| idempotent producer | Kafka gives a producer id, without which no event is sent |
| token endpoint | it gives the function a token, where the registry takes tokens |
| schema | there is an id, and an event can fill the schema |
| dead letters | the bucket takes an object: nothing less proves what policies, key and endpoint allow together |
"""

import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypedDict

from feature_events.deadline import Deadline, run_within
from feature_events.errors import FeatureEventsError
from feature_events.logs import logger
from feature_events.preflight.check import Check
from feature_events.preflight.failure_bucket import DEAD_LETTERS, failure_bucket_check
from feature_events.preflight.kafka import AUTHENTICATION, PRODUCER_ID, TOPIC, WRITE, open_probes
from feature_events.preflight.registry import SCHEMA, registry_stages
from feature_events.preflight.secrets import secret_checks
from feature_events.preflight.tables import TABLE_LAYOUTS, layout_checks
from feature_events.settings.settings import Settings, read_settings

PROBE_SECONDS = 8.0
"""How long one probe may take."""

_PARALLEL = 16
_SETTINGS = "settings"


class Finding(TypedDict):
    """What one probe has found, and where it is not ok what to change."""

    name: str
    ok: bool
    detail: str


class Report(TypedDict):
    """The answer to `{"check": true}`."""

    ok: bool
    checks: list[Finding]


def run_checks(environ: Mapping[str, str], deadline: Deadline, tables: object = None) -> Report:
    """Run every check until the deadline, log the results and return them.

    Args:
        environ: the function's environment.
        deadline: when to stop.
        tables: the event's `tables`, which should be a list of table names. None means the tables in OWN_TABLES.

    """
    findings = _Findings(deadline)
    read: list[Settings] = []
    findings.ask(Check(_SETTINGS, lambda: _read_settings(environ, read)))
    if read:
        _ask_each(findings, read[0], tables)
    else:
        names = (TABLE_LAYOUTS, AUTHENTICATION, TOPIC, WRITE, PRODUCER_ID, SCHEMA, DEAD_LETTERS)
        findings.ask(*[Check(name, lambda: "", [_SETTINGS]) for name in names])
    report = Report(ok=all(each["ok"] for each in findings.all), checks=findings.all)
    logger.info("checked", extra=dict(report))
    return report


def _ask_each(findings: "_Findings", settings: Settings, tables: object) -> None:
    """Ask the probes of each part; a part whose probes cannot be made does not keep the others from their answers."""
    with findings.of(TABLE_LAYOUTS):
        findings.ask(*layout_checks(settings, tables))
    findings.ask(*secret_checks(settings))
    with findings.of(AUTHENTICATION), open_probes(settings) as stages:
        for stage in stages:
            findings.ask(*stage)
    with findings.of(SCHEMA):
        for stage in registry_stages(settings):
            findings.ask(*stage)
    findings.ask(failure_bucket_check(settings))


def _read_settings(environ: Mapping[str, str], read: list[Settings]) -> str:
    settings = read_settings(environ)
    read.append(settings)
    return f"understood: KAFKA_AUTH={settings.kafka_auth}, topic {settings.topic}"


class _Findings:
    """What the probes have found, in their order."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self.all: list[Finding] = []

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Report an exception as a finding of this name."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # the check always answers
            self.all.append(Finding(name=name, ok=False, detail=_describe(error)))

    def ask(self, *probes: Check) -> None:
        """Asks these probes at the same time."""
        failed = {each["name"] for each in self.all if not each["ok"]}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            self.all += pool.map(partial(self._ask, failed), probes)

    def _ask(self, failed: set[str], probe: Check) -> Finding:
        unmet = [name for name in probe.needs if name in failed]
        if failed.issuperset(probe.needs_one):
            unmet += probe.needs_one
        if unmet:
            return Finding(name=probe.name, ok=False, detail=f"not tried: first fix {', '.join(unmet)}")
        seconds = min(PROBE_SECONDS, self._deadline.remaining())
        try:
            return Finding(name=probe.name, ok=True, detail=run_within(seconds, probe.find))
        except TimeoutError:
            detail = f"no answer within {seconds:.1f} s: check the network path to it, and the function's timeout"
        except Exception as error:  # noqa: BLE001  # the other probes go on
            detail = _describe(error)
        return Finding(name=probe.name, ok=False, detail=detail)


def _describe(error: Exception) -> str:
    """Return what an error says, or the place where an unexpected one was raised: its text may hold anything."""
    if isinstance(error, FeatureEventsError):
        return str(error).replace("\n- ", " ")
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"unexpected {type(error).__name__} ({Path(place.filename).name}, line {place.lineno}): report this line"
