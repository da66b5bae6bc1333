"""Check everything between the function and its first event, from where the function runs.

Most problems with Kafka in a VPC look the same from outside: no events arrive. If the function is invoked with
`{"check": true}`, it checks each step separately and reports what to change. `"tables"` in the event names the tables
to check. The checks publish no event and register no schema. A check can pass with a warning. They run in this order:

| check | passes if |
|---|---|
| settings | the environment is valid and free of contradictions |
| layout of ... | a layout fits the table, and its stream contains the necessary images; it may read a few items |
| secret ... | the secret can be read and has the right form |
| DNS, TCP, TLS ... | a broker, the registry or a token endpoint can be reached and its certificate is trusted |
| token endpoint of Kafka | it issues a token, with `KAFKA_AUTH=oauth` |
| authentication | Kafka authenticates the function |
| topic | the topic exists, and the function may describe it |
| idempotent producer | Kafka assigns a producer id, which sending events requires |
| write to the topic | Kafka reports that the function may write; nothing is written |
| topic configuration | always; it warns about LogAppendTime, replication factor 1 and `min.insync.replicas` 1 |
| token endpoint | it issues a token for the registry, if the registry accepts tokens |
| schema | the schema has an id, and events can be written with it |
| dead letters | the failure bucket accepts an object |
"""

from collections.abc import Mapping
from typing import TypedDict

from feature_events.deadline import Deadline
from feature_events.logs import logger
from feature_events.preflight.aws import DEAD_LETTERS, make_bucket_check, make_secret_checks
from feature_events.preflight.check import Check, CheckResult, CheckRunner
from feature_events.preflight.kafka import (
    AUTHENTICATION,
    CONFIGURATION,
    PRODUCER_ID,
    TOPIC,
    WRITE,
    open_kafka_checks,
)
from feature_events.preflight.registry import SCHEMA, make_registry_stages
from feature_events.preflight.tables import TABLE_LAYOUTS, make_table_checks
from feature_events.settings.settings import Settings, read_settings

_SETTINGS = "settings"


class PreflightReport(TypedDict):
    """The response to `{"check": true}`. `ok` is false if a check failed; a warning does not change it."""

    ok: bool
    checks: list[CheckResult]


def run_checks(environ: Mapping[str, str], deadline: Deadline, tables: object = None) -> PreflightReport:
    """Run every check until the deadline, log the results and return them.

    Args:
        environ: the function's environment.
        deadline: when to stop.
        tables: the event's `tables`, which should be a list of table names. None means the tables in OWN_TABLES.

    """
    runner = CheckRunner(deadline)
    read: list[Settings] = []
    runner.run(Check(_SETTINGS, lambda: _read_settings(environ, read)))
    if read:
        _run_each(runner, read[0], tables)
    else:
        names = (TABLE_LAYOUTS, AUTHENTICATION, TOPIC, WRITE, CONFIGURATION, PRODUCER_ID, SCHEMA, DEAD_LETTERS)
        runner.run(*[Check(name, lambda: "", [_SETTINGS]) for name in names])
    report = PreflightReport(ok=all(each["ok"] for each in runner.results), checks=runner.results)
    logger.info("checked", extra=dict(report))
    return report


def _run_each(runner: CheckRunner, settings: Settings, tables: object) -> None:
    """Run the checks of each system. If the checks of one cannot be made, the others still run."""
    with runner.report_errors(TABLE_LAYOUTS):
        runner.run(*make_table_checks(settings, tables))
    runner.run(*make_secret_checks(settings))
    with runner.report_errors(AUTHENTICATION), open_kafka_checks(settings) as stages:
        for stage in stages:
            runner.run(*stage)
    with runner.report_errors(SCHEMA):
        for stage in make_registry_stages(settings):
            runner.run(*stage)
    runner.run(make_bucket_check(settings))


def _read_settings(environ: Mapping[str, str], read: list[Settings]) -> str:
    settings = read_settings(environ)
    read.append(settings)
    return f"valid: KAFKA_AUTH={settings.kafka_auth}, topic {settings.topic}"
