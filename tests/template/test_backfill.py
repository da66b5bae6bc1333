"""The backfill's function and state machine have what they need, and nothing else."""

import json
import re
from typing import Any

from feature_events.backfills.checkpoints import PREFIX
from feature_events.backfills.work import WORK_SECONDS
from feature_events.wiring import ANSWER_SECONDS
from local.paths import ROOT
from tests.template.document import EVERYTHING, PINNED, STREAMS, Template, read_template, to_members, transform
from tests.template.expansion import expand
from tests.template.roles import read_functions, read_resources, read_statements

DEFINITION = (ROOT / "statemachines" / "backfill.asl.json").read_text()
OWN_TABLES = PINNED
EXISTING = PINNED | {"StreamArns": ",".join(STREAMS)}


def read_properties(template: Template, name: str) -> Any:  # noqa: ANN401 -- a part of a template
    """The properties of a resource."""
    return template["Resources"][name]["Properties"]


def test_backfill__has_the_time_that_a_step_takes() -> None:
    """After the time to work the function has some for a page and its answer, and it ends before the machine does."""
    function = read_properties(transform(PINNED), "BackfillFunction")
    definition = json.loads(DEFINITION)
    work = definition["States"]["Announce"]["ItemProcessor"]["States"]["Work"]
    delivery_seconds = int(read_template()["Parameters"]["DeliveryTimeoutMs"]["Default"]) / 1000
    assert work["TimeoutSeconds"] > function["Timeout"] > WORK_SECONDS + delivery_seconds + ANSWER_SECONDS


def test_state_machine__gets_what_its_definition_asks_for() -> None:
    """Each placeholder of the definition has a value, and no value is without its placeholder."""
    machine = read_properties(transform(PINNED), "BackfillStateMachine")
    assert set(re.findall(r"\$\{(\w+)\}", DEFINITION)) == set(machine["DefinitionSubstitutions"])
    assert machine["DefinitionSubstitutions"]["FunctionArn"] == {"Fn::GetAtt": ["BackfillFunction", "Arn"]}


def test_state_machine__keeps_no_log_of_its_own() -> None:
    """Nothing of an execution is in a log, and X-Ray sees one only where it is asked to."""
    traced = [read_properties(expand(read_template(), each), "BackfillStateMachine") for each in (EVERYTHING, PINNED)]
    assert [each["TracingConfiguration"]["Enabled"] for each in traced] == [True, False]
    assert [each for each in traced if "LoggingConfiguration" in each] == []


def test_tables__are_scanned_by_the_backfill_alone_and_are_those_of_the_streams() -> None:
    """It describes, scans and reads exactly the tables whose streams are read; no other function scans."""
    streams, own = transform(EXISTING), transform(OWN_TABLES)
    tables = [stream.partition("/stream/")[0] for stream in STREAMS]
    own_tables = [{"Fn::GetAtt": [table, "Arn"]} for table in ("UserFeatureStore", "AccountFeatureStore")]
    for template, expected in ((streams, tables), (own, own_tables)):
        statements = [each for each in read_statements(template, "BackfillRole") if "dynamodb:" in str(each["Action"])]
        assert [resource for each in statements for resource in to_members(each["Resource"])] == expected
        actions = ["dynamodb:DescribeTable", "dynamodb:Scan", "dynamodb:BatchGetItem"]
        assert [each["Action"] for each in statements] == [actions] * len(statements)
        for role in set(read_functions(template).values()) - {"BackfillRole"}:
            assert read_resources(template, role, "dynamodb:Scan") == []


def test_backfill__keeps_checkpoints_under_its_own_prefix() -> None:
    """It reads and writes objects there alone, deletes none, and lists only there: so S3 says that one is absent."""
    template = transform(OWN_TABLES)
    checkpoints = [f"${{FailureBucket.Arn}}/{PREFIX}*"]
    assert read_resources(template, "BackfillRole", "s3:GetObject") == checkpoints
    assert read_resources(template, "BackfillRole", "s3:PutObject") == checkpoints
    assert read_resources(template, "BackfillRole", "s3:DeleteObject") == []
    (listing,) = [each for each in read_statements(template, "BackfillRole") if each["Action"] == "s3:ListBucket"]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": f"{PREFIX}*"}}


def test_state_machine__invokes_its_function_and_follows_its_own_executions() -> None:
    """Its role has what a Distributed Map needs of the machine itself, by the names that machine and Map have."""
    template = transform(OWN_TABLES)
    machine = template["Resources"]["BackfillStateMachine"]["Properties"]
    definition = json.loads(DEFINITION)
    assert machine["RoleArn"] == {"Fn::GetAtt": ["BackfillStateMachineRole", "Arn"]}
    name, label = machine["StateMachineName"], definition["States"]["Announce"]["Label"]
    account = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
    allowed = {
        action: each["Resource"]
        for each in read_statements(template, "BackfillStateMachineRole")
        for action in to_members(each["Action"])
    }
    executions = f"{account}:execution:{name}:*"
    assert allowed == {
        "lambda:InvokeFunction": {"Fn::GetAtt": ["BackfillFunction", "Arn"]},
        "states:StartExecution": f"{account}:stateMachine:{name}",
        "states:DescribeExecution": executions,
        "states:StopExecution": executions,
        "states:RedriveExecution": f"{account}:execution:{name}/{label}:*",
    }


def test_state_machine__is_for_its_own_account() -> None:
    """Step Functions takes the role for nobody else's state machine."""
    role = transform(PINNED)["Resources"]["BackfillStateMachineRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "states.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
