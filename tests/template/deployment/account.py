"""The account that stacks are deployed to.

MiniStack stands in for AWS. It makes everything that the template names, but enforces no IAM and evaluates no alarm on
metric math. Instead, calls.py evaluates every call that the functions make under the policies that are deployed.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterable, Sized
from itertools import count
from typing import Any

import boto3
import pytest

from local.application import attachment, deployment
from local.application.artefacts import CONFIG
from local.application.deployment import Deployment
from local.environment import REGION, make_aws_environment, make_tool_environment
from local.paths import TOOLS
from local.servers.aws import get_calls_file
from local.servers.stack import Stack
from tests.template.deployment.calls import Calls, Role
from tests.template.document import Parameters

NO_REGISTRY = {"SchemaRegistry": "", "Schema": "id:7"}
"""Parameters under which no registry is asked."""
WAIT = 30.0


class Account:
    """The account that everything is deployed to, and the tables that were there before."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._numbers = count()
        self._attached: dict[str, list[str]] = {}
        self.calls = Calls(get_calls_file(stack.directory))
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
        """Deploy the application with these parameters, by default without own tables."""
        self.calls.evaluate()  # under the policies before this deployment
        deployed = deployment.deploy(self.stack, {"OwnTables": "false", **parameters}, name)
        self._follow_functions(name)
        return deployed

    def deploy_with(self, name: str, streams: Iterable[str], parameters: Parameters) -> Deployment:
        """Deploy the application, then attach the tables of these streams."""
        arns = [to_table_arn(stream) for stream in streams]
        deployed = self.deploy(name, {"TableArns": ",".join(arns), **parameters})
        for stream in streams:
            self.attach(name, stream)
        return deployed

    def to_attachment(self, application: str, stream: str) -> str:
        """Return the name for a stack that attaches this stream's table. It is deleted with the application."""
        name = f"{application}-{to_table_name(stream)}".replace("_", "-")
        self._attached.setdefault(application, []).append(name)
        return name

    def attach(self, application: str, stream: str, **parameters: str) -> str:
        """Attach the table of this stream, and return the name of the stack that does so."""
        name = self.to_attachment(application, stream)
        attachment.attach(self.stack, stream, name, application, parameters)
        return name

    def check(self, name: str, *tables: str) -> Any:  # noqa: ANN401 -- JSON
        """Return the report on these tables; without tables, on the event in samconfig.toml."""
        options = ["--event", json.dumps({"check": True, "tables": tables})] if tables else []
        return self._invoke(name, "FeatureEventsFunction", *options)

    def redrive(self, name: str, **request: object) -> Any:  # noqa: ANN401 -- JSON
        """What the redrive function answers to this request."""
        return self._invoke(name, "RedriveFunction", "--event", json.dumps(request))

    def to_environment(self) -> dict[str, str]:
        """Return the variables with which tools reach this account."""
        return make_tool_environment(make_aws_environment(self.stack.aws))

    def _invoke(self, name: str, function: str, *options: str) -> Any:  # noqa: ANN401
        command = [
            *(str(TOOLS / "sam"), "remote", "invoke", function),
            *("--config-file", str(CONFIG), "--stack-name", name, "--region", REGION),
            *options,
        ]
        done = subprocess.run(command, env=self.to_environment(), capture_output=True, text=True, check=False)  # noqa: S603
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def _follow_functions(self, name: str) -> None:
        resources = self.stack.clients.cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        for each in resources:
            if each["ResourceType"] == "AWS::Lambda::Function":
                role = self.read_function(each["PhysicalResourceId"])["Role"]
                documents = [{"Statement": list(self.read_statements(role).values())}]
                self.calls.follow(each["PhysicalResourceId"], Role(role.split(":")[4], documents))

    def delete(self, application: str) -> None:
        """Detach every table from the application, then delete it. Its own tables and failure bucket remain."""
        self.delete_attachments(application)
        self.delete_stack(application)

    def delete_attachments(self, application: str) -> None:
        """Delete every stack that was to attach a table to the application."""
        for name in self._attached.pop(application, []):
            self.delete_stack(name)

    def delete_tables(self, prefix: str) -> None:
        """Delete the tables whose names have this prefix, such as those that a deleted stack has left."""
        for name in self.stack.clients.dynamodb.list_tables()["TableNames"]:
            if name.startswith(prefix):
                self.stack.clients.dynamodb.delete_table(TableName=name)

    def delete_stack(self, name: str) -> None:
        """Delete one stack and wait until it is gone."""
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

    def set_variable(self, function: str, name: str, value: str) -> None:
        """Set an environment variable of a deployed function by hand, one that is not a parameter."""
        variables = self.read_function(function)["Environment"]["Variables"] | {name: value}
        self.stack.clients.functions.update_function_configuration(
            FunctionName=function, Environment={"Variables": variables}
        )

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


def to_table_arn(stream: str) -> str:
    """Return the ARN of a stream's table."""
    return stream.partition("/stream/")[0]


def to_table_name(stream: str) -> str:
    """Return the name of a stream's table."""
    return to_table_arn(stream).rpartition("/")[2]


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
