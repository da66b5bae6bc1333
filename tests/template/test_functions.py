"""The functions, their logs and the backfill's state machine have the settings that they need."""

import json
import re
from types import ModuleType
from typing import Any

import pytest

from feature_events import backfill, redrive
from feature_events.backfills.work import WORK_SECONDS
from feature_events.layouts.parser import parse_table_layouts
from feature_events.redrives.request import MAX_SECONDS
from feature_events.settings.settings import read_settings
from feature_events.wiring import ANSWER_SECONDS
from local.paths import ROOT
from tests.template.document import ACCOUNT, EVERYTHING, GLUE_REGISTRY, LAYOUTS, REGISTRY
from tests.template.expansion import SETS, STACK, expand_set, read_resources

FUNCTION = "AWS::Lambda::Function"
DEFINITION = (ROOT / "statemachines" / "backfill.asl.json").read_text()
STATES = json.loads(DEFINITION)["States"]
DELIVERY_SECONDS = read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_ID": "7"}).delivery_timeout_ms / 1000


def read_variables(name: str, function: str = "FeatureEventsFunction") -> dict[str, Any]:
    """Return the environment variables of a function with a set of parameters."""
    variables: dict[str, Any] = read_resources(name, FUNCTION)[function]["Environment"]["Variables"]
    return variables


def test_functions__have_the_given_network_and_key() -> None:
    """All functions have subnets, security groups and KMS key, or none has them."""
    functions = read_resources("everything", FUNCTION)
    assert set(functions) == {"FeatureEventsFunction", "RedriveFunction", "BackfillFunction", "RegistrationFunction"}
    subnets = EVERYTHING["SubnetIds"].split(",")
    network = {"SubnetIds": subnets, "SecurityGroupIds": [EVERYTHING["SecurityGroupIds"]]}
    assert [each["VpcConfig"] for each in functions.values()] == [network] * 4
    assert {each["KmsKeyArn"] for each in functions.values()} == {EVERYTHING["KmsKeyArn"]}
    outside = read_resources("own tables", FUNCTION)
    assert [each for each in outside.values() if {"VpcConfig", "KmsKeyArn"} & each.keys()] == []


@pytest.mark.parametrize("name", SETS)
def test_functions__have_the_layer_of_their_architecture(name: str) -> None:
    """The stack creates one layer, and every function uses it."""
    ((layer, properties),) = read_resources(name, "AWS::Lambda::LayerVersion").items()
    functions = read_resources(name, FUNCTION).values()
    assert [each["Layers"] for each in functions] == [[{"Ref": layer}]] * len(functions)
    assert {tuple(each["Architectures"]) for each in functions} == {tuple(properties["CompatibleArchitectures"])}


@pytest.mark.parametrize("name", SETS)
def test_functions__write_to_log_groups_of_the_stack(name: str) -> None:
    """Each log group has its function's name and the given retention."""
    groups, functions = read_resources(name, "AWS::Logs::LogGroup"), read_resources(name, FUNCTION)
    assert {each["RetentionInDays"] for each in groups.values()} == {SETS[name].get("LogRetentionDays", "30")}
    assert len(functions) == len(groups)
    for function in functions.values():
        group = groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"


@pytest.mark.parametrize("name", ["everything", "pinned id", "registry looked up"])
@pytest.mark.parametrize(("sender", "module"), [("Redrive", redrive), ("Backfill", backfill)])
def test_senders__have_the_code_and_settings_of_the_publishing_function(
    name: str, sender: str, module: ModuleType
) -> None:
    """Their metrics have another service, so that they do not affect the alarms. They have no preflight check.

    The backfill also has the registry, because it reads events with any schema.
    """
    functions = read_resources(name, FUNCTION)
    function, other = functions["FeatureEventsFunction"], functions[f"{sender}Function"]
    same = {"Code", "Layers", "Runtime", "Architectures", "VpcConfig", "KmsKeyArn", "Tags"}
    assert {each: other.get(each) for each in same} == {each: function.get(each) for each in same}
    variables = dict(function["Environment"]["Variables"])
    assert variables["POWERTOOLS_SERVICE_NAME"] == STACK
    del variables["OWN_TABLES"]  # for the preflight check
    expected = variables | {"POWERTOOLS_SERVICE_NAME": f"{STACK}-{sender.lower()}"}
    if sender == "Backfill" and "RegistrationFunction" in functions:
        registered = functions["RegistrationFunction"]["Environment"]["Variables"]
        expected |= {each: registered[each] for each in registered if each.startswith("SCHEMA_REGISTRY")}
    assert other["Environment"]["Variables"] == expected
    assert other["Handler"] == f"{module.__name__}.{module.handler.__name__}"
    assert "ReservedConcurrentExecutions" not in other


@pytest.mark.parametrize(
    ("name", "schema_id", "version", "registry"),
    [
        ("pinned id", "7", "", ""),
        ("registry looked up", "", "", REGISTRY),
        ("latest version", "", "latest", REGISTRY),
        ("named Glue registry looked up", "", "3", GLUE_REGISTRY),
        ("own tables", {"Fn::GetAtt": ["SchemaRegistration", "SchemaId"]}, "", ""),
    ],
)
def test_schema__becomes_an_id_a_version_or_a_registry(
    name: str, schema_id: object, version: str, registry: str
) -> None:
    """The parameter Schema sets three environment variables."""
    variables = read_variables(name)
    found = [variables[each] for each in ("SCHEMA_ID", "SCHEMA_VERSION", "SCHEMA_REGISTRY")]
    assert found == [schema_id, version, registry]


@pytest.mark.parametrize(("name", "layouts"), [("own tables", "default"), ("everything", LAYOUTS)])
def test_table_layouts__reach_the_function(name: str, layouts: str) -> None:
    """The function can parse the value."""
    assert read_variables(name)["TABLE_LAYOUTS"] == layouts
    assert len(parse_table_layouts(layouts)) == 1


def test_table_layouts__do_not_reach_the_registration() -> None:
    """A mistake in a layout cannot fail the registration, which reads no records."""
    assert "TABLE_LAYOUTS" not in read_variables("own tables", "RegistrationFunction")


def test_own_tables__are_named_for_the_preflight_check() -> None:
    """The check describes them by default."""
    names = "dev_user_feature_store,dev_account_feature_store"
    assert read_variables("own tables with a prefix")["OWN_TABLES"] == names
    assert read_variables("pinned id")["OWN_TABLES"] == ""


def test_timeouts__exceed_the_longest_run() -> None:
    """A batch, the longest redrive and a step of the backfill end before their functions' timeouts."""
    functions = read_resources("own tables", FUNCTION)
    assert functions["FeatureEventsFunction"]["Timeout"] > DELIVERY_SECONDS + ANSWER_SECONDS
    assert functions["RedriveFunction"]["Timeout"] > MAX_SECONDS + ANSWER_SECONDS
    backfill_seconds = functions["BackfillFunction"]["Timeout"]
    assert backfill_seconds > WORK_SECONDS + DELIVERY_SECONDS + ANSWER_SECONDS
    assert STATES["Announce"]["ItemProcessor"]["States"]["Work"]["TimeoutSeconds"] > backfill_seconds


def test_registration__responds_before_cloudformation_stops_waiting() -> None:
    """CloudFormation waits for at most an hour."""
    registration = expand_set("own tables")["Resources"]["SchemaRegistration"]["Properties"]
    assert registration["ServiceToken"] == {"Fn::GetAtt": ["RegistrationFunction", "Arn"]}
    timeout = read_resources("own tables", FUNCTION)["RegistrationFunction"]["Timeout"]
    assert timeout < registration["ServiceTimeout"] <= 3600


def test_concurrency__is_reserved_only_if_given() -> None:
    """The default -1 reserves none."""
    reserved = read_resources("everything", FUNCTION)["FeatureEventsFunction"]
    assert reserved["ReservedConcurrentExecutions"] == EVERYTHING["ReservedConcurrency"]
    assert "ReservedConcurrentExecutions" not in read_resources("pinned id", FUNCTION)["FeatureEventsFunction"]


def test_state_machine__has_a_value_for_each_placeholder_of_its_definition() -> None:
    """No value lacks a placeholder, and an execution logs nothing."""
    (machine,) = read_resources("own tables", "AWS::StepFunctions::StateMachine").values()
    assert set(re.findall(r"\$\{(\w+)\}", DEFINITION)) == set(machine["DefinitionSubstitutions"])
    assert machine["DefinitionSubstitutions"]["FunctionArn"] == {"Fn::GetAtt": ["BackfillFunction", "Arn"]}
    assert "LoggingConfiguration" not in machine


def test_state_machine__may_start_and_redrive_its_own_segments() -> None:
    """The role names the state machine and its Map, and only Step Functions in this account may assume it."""
    (machine,) = read_resources("own tables", "AWS::StepFunctions::StateMachine").values()
    role = read_resources("own tables", "AWS::IAM::Role")["BackfillStateMachineRole"]
    assert machine["RoleArn"] == {"Fn::GetAtt": ["BackfillStateMachineRole", "Arn"]}
    policies = json.dumps(role["Policies"])
    assert f':stateMachine:{machine["StateMachineName"]}"' in policies
    assert f":execution:{machine['StateMachineName']}/{STATES['Announce']['Label']}:*" in policies
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "states.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
