"""The template refuses combinations of parameters that cannot work, before anything is made."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError

from local.environment import REGION
from local.servers.stack import RunningStack
from tests.template.document import BROKERS, CLUSTER, PINNED, REGISTRY, SECRET, Parameters, read_defaults, read_template
from tests.template.expansion import SETS, upload
from tests.template.rule_functions import find_refusals

TEMPLATE = read_template()


class Case(NamedTuple):
    """One assertion, by its description, with parameters that it refuses and the nearest that it accepts."""

    description: str
    refused: Parameters
    accepted: Parameters


AUTHENTICATION_NEEDS = "This KafkaAuth needs KafkaSecretArn."
TOGETHER = "SubnetIds and SecurityGroupIds need each other."
REGISTRY_NEEDED = "This Schema needs SchemaRegistry. Without a registry, pin the schema id with Schema=id:NUMBER."
SUBNETS = {"SubnetIds": "subnet-0a1b2c3d,subnet-1a1b2c3d"}
GROUPS = {"SecurityGroupIds": "sg-0a1b2c3d"}

CASES = [
    *(
        Case(
            AUTHENTICATION_NEEDS,
            PINNED | {"KafkaAuth": method},
            PINNED | {"KafkaAuth": method, "KafkaSecretArn": SECRET},
        )
        for method in ("plain", "scram", "scram-256", "oauth", "mtls")
    ),
    Case(
        "KafkaAuth iam needs KafkaClusterArn, for the policy.",
        PINNED | {"KafkaAuth": "iam"},
        PINNED | {"KafkaAuth": "iam", "KafkaClusterArn": CLUSTER},
    ),
    *(
        Case(REGISTRY_NEEDED, {"Schema": schema}, {"Schema": schema, "SchemaRegistry": REGISTRY})
        for schema in ("register", "look-up", "version:latest")
    ),
    Case(TOGETHER, PINNED | SUBNETS, PINNED | SUBNETS | GROUPS),
    Case(TOGETHER, PINNED | GROUPS, PINNED | {"SubnetIds": "none", "SecurityGroupIds": "none"}),
]
ACCEPTED = [
    *(case.accepted for case in CASES),
    *SETS.values(),
    *(PINNED | {"KafkaAuth": each} for each in ("none", "tls")),
]


def to_values(parameters: Parameters) -> dict[str, str]:
    """All parameters, the defaults included."""
    return {**read_defaults(TEMPLATE), **BROKERS, **parameters}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(dict(case.refused)))
def test_rules__refuse_what_cannot_work(case: Case) -> None:
    """Each assertion refuses its bad combination, and says so alone."""
    assert find_refusals(TEMPLATE, to_values(case.refused)) == [case.description]


@pytest.mark.parametrize("parameters", ACCEPTED, ids=str)
def test_rules__accept_what_works(parameters: Parameters) -> None:
    """What differs from a bad combination by its remedy passes every rule."""
    assert find_refusals(TEMPLATE, to_values(parameters)) == []


def test_rules__have_a_case_for_each_assertion() -> None:
    """No assertion of the template is untried."""
    told = [assertion["AssertDescription"] for rule in TEMPLATE["Rules"].values() for assertion in rule["Assertions"]]
    assert sorted(told) == sorted({case.description for case in CASES})


@pytest.fixture(scope="module")
def template_url(stack: RunningStack) -> str:
    """Where CloudFormation reads the template from: it is longer than a request may be."""
    template = read_template()
    for resource in template["Resources"].values():
        upload(resource["Properties"])
    stack.clients.s3.create_bucket(Bucket="rules")
    stack.clients.s3.put_object(Bucket="rules", Key="template.json", Body=json.dumps(template).encode())
    return f"{stack.aws}/rules/template.json"


@contextmanager
def raises_refusal(description: str) -> Iterator[None]:
    """CloudFormation's answer names the assertion."""
    with pytest.raises(ClientError) as raised:
        yield
    assert description in str(raised.value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(dict(case.refused)))
def test_rules__are_evaluated_before_anything_is_made(stack: RunningStack, template_url: str, case: Case) -> None:
    """A stack with a bad combination is not even begun."""
    cloudformation = boto3.client(
        "cloudformation",
        endpoint_url=stack.aws,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
    )
    with raises_refusal(case.description):
        cloudformation.create_change_set(
            StackName="refused",
            ChangeSetName="refused",
            ChangeSetType="CREATE",
            TemplateURL=template_url,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in (BROKERS | dict(case.refused)).items()
            ],
        )
