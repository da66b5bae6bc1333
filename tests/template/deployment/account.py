"""The account that stacks are deployed to.

MiniStack stands in for AWS. It makes everything that the template names, but enforces no IAM and evaluates no alarm on
metric math; what the policies say is tried in test_least_privilege.py.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterable, Sized
from itertools import count
from typing import Any

import boto3
import pytest

from local.application import deployment
from local.application.artefacts import CONFIG
from local.application.deployment import Deployment
from local.environment import REGION, to_aws_environment, to_tool_environment
from local.paths import TOOLS
from local.servers.stack import Stack
from tests.template.document import (
    Parameters,
)

NO_REGISTRY = {"SchemaRegistry": "", "SchemaId": "7", "AutoRegisterSchemas": "false"}
"""Parameters under which no registry is asked."""
WAIT = 30.0


class Account:
    """The account that everything is deployed to, and the tables that were there before."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._numbers = count()
        self.iam = self.client("iam")
        self.alarms = self.client("cloudwatch")

    def client(self, service: str) -> Any:  # noqa: ANN401 -- these services' types are not installed
        """A client of a service that the local stack's own have not."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.stack.aws, region_name=REGION, **keys)  # type: ignore[call-overload]

    def make_tables(self, number: int, keys: tuple[str, str] = ("device_id", "category")) -> dict[str, str]:
        """New tables of another team, with these keys: name -> the ARN of the stream."""
        made = {}
        for _ in range(number):
            name = f"team_table_{next(self._numbers)}"
            table = self.stack.clients.dynamodb.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": keys[0], "KeyType": "HASH"},
                    {"AttributeName": keys[1], "KeyType": "RANGE"},
                ],
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            )
            made[name] = table["TableDescription"]["LatestStreamArn"]
        return made

    def put(self, table: str, key: str, entity: str, features: Iterable[str] = ("battery",)) -> None:
        """Writes one item with these features."""
        data = dict.fromkeys(features, 5)
        item: dict[str, Any] = {key: entity, "category": "health", "features": {"data": data, "meta": {}}}
        self.stack.clients.tables.Table(table).put_item(Item=item)

    def read_keys(self, bucket: str, prefix: str) -> set[str]:
        """The keys of the objects with this prefix."""
        found = self.stack.clients.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {each["Key"] for each in found}

    def deploy(self, name: str, parameters: Parameters) -> Deployment:
        """What `sam deploy` makes of these parameters."""
        return deployment.deploy(self.stack, {"Stage": "dev", **parameters}, name)

    def check(self, name: str) -> Any:  # noqa: ANN401 -- JSON
        """What the function answers to the event that samconfig.toml has for `sam remote invoke`."""
        return self._invoke(name, "FeatureEventsFunction")

    def redrive(self, name: str, **request: object) -> Any:  # noqa: ANN401 -- JSON
        """What the redrive function answers to this request."""
        return self._invoke(name, "RedriveFunction", "--event", json.dumps(request))

    def _invoke(self, name: str, function: str, *options: str) -> Any:  # noqa: ANN401
        command = [
            *(str(TOOLS / "sam"), "remote", "invoke", function),
            *("--config-file", str(CONFIG), "--stack-name", name, "--region", REGION),
            *options,
        ]
        environment = to_tool_environment(to_aws_environment(self.stack.aws))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def delete(self, name: str) -> None:
        """Removes the stack and waits until it is gone."""
        cloudformation = self.stack.clients.cloudformation
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )

    def read_types(self, name: str) -> list[str]:
        """The types of the stack's resources."""
        resources = self.stack.clients.cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return [each["ResourceType"] for each in resources]

    def read_mappings(self, deployed: Deployment) -> dict[str, Any]:
        """The function's event source mappings by the stream's ARN."""
        found = self.stack.clients.functions.list_event_source_mappings(FunctionName=deployed.function)
        return {each["EventSourceArn"]: each for each in found["EventSourceMappings"]}

    def read_function(self, name: str) -> Any:  # noqa: ANN401
        """How the function is configured."""
        return self.stack.clients.functions.get_function_configuration(FunctionName=name)

    def read_statements(self, arn: str) -> dict[str, Any]:
        """What a role may do, by the statements' names."""
        role = arn.rpartition("/")[2]
        policies = [
            self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in self.iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
        for each in self.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            shared = self.iam.get_policy(PolicyArn=each["PolicyArn"])["Policy"]
            version = {"PolicyArn": shared["Arn"], "VersionId": shared["DefaultVersionId"]}
            policies.append(self.iam.get_policy_version(**version)["PolicyVersion"]["Document"])
        documents = [json.loads(policy) if isinstance(policy, str) else policy for policy in policies]
        return {each["Sid"]: each for document in documents for each in document["Statement"]}


def wait_until[Found: Sized](find: Callable[[], Found], number: int) -> Found:
    """What is found, once there is so much of it."""
    end = time.monotonic() + WAIT
    while len(found := find()) < number and time.monotonic() < end:
        time.sleep(0.2)
    return found


def read_gone(account: Account, name: str) -> list[str]:
    """What of these is gone: the function and its log group."""
    gone = []
    with pytest.raises(account.stack.clients.functions.exceptions.ResourceNotFoundException):
        account.read_function(name)
    gone.append("function")
    groups = account.stack.clients.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    return gone if groups else [*gone, "log group"]
