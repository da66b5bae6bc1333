"""The backfill's function and state machine have what they need, and nothing else."""

import json
import re
from typing import Any

from feature_events.backfills.work import WORK_SECONDS
from feature_events.settings.settings import read_settings
from feature_events.wiring import ANSWER_SECONDS
from local.paths import ROOT
from tests.template.expansion import ACCOUNT, expand_set

DEFINITION = (ROOT / "statemachines" / "backfill.asl.json").read_text()


def read_properties(name: str) -> Any:  # noqa: ANN401 -- a part of a template
    """The properties of a resource."""
    return expand_set("own tables")["Resources"][name]["Properties"]


def test_backfill__has_the_time_that_a_step_takes() -> None:
    """After the time to work the function has some for a page and its answer, and it ends before the machine does."""
    function = read_properties("BackfillFunction")
    definition = json.loads(DEFINITION)
    work = definition["States"]["Announce"]["ItemProcessor"]["States"]["Work"]
    delivery_seconds = read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_ID": "7"}).delivery_timeout_ms / 1000
    assert work["TimeoutSeconds"] > function["Timeout"] > WORK_SECONDS + delivery_seconds + ANSWER_SECONDS


def test_state_machine__gets_what_its_definition_asks_for() -> None:
    """Each placeholder of the definition has a value, and no value is without its placeholder."""
    machine = read_properties("BackfillStateMachine")
    assert set(re.findall(r"\$\{(\w+)\}", DEFINITION)) == set(machine["DefinitionSubstitutions"])
    assert machine["DefinitionSubstitutions"]["FunctionArn"] == {"Fn::GetAtt": ["BackfillFunction", "Arn"]}


def test_state_machine__keeps_no_log() -> None:
    """Nothing of an execution is in a log."""
    assert "LoggingConfiguration" not in read_properties("BackfillStateMachine")


def test_state_machine__starts_and_redrives_segments_by_its_own_name() -> None:
    """Its role names the machine and its Map as they are called."""
    machine, label = read_properties("BackfillStateMachine"), json.loads(DEFINITION)["States"]["Announce"]["Label"]
    text = json.dumps(read_properties("BackfillStateMachineRole"))
    assert machine["RoleArn"] == {"Fn::GetAtt": ["BackfillStateMachineRole", "Arn"]}
    assert f':stateMachine:{machine["StateMachineName"]}"' in text
    assert f":execution:{machine['StateMachineName']}/{label}:*" in text


def test_state_machine__is_for_its_own_account() -> None:
    """Step Functions takes the role for nobody else's state machine."""
    role = read_properties("BackfillStateMachineRole")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "states.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
