"""All calls to AWS work with the oldest botocore that Lambda's runtime can contain.

Functions can run on any release of the runtime. The first release of python3.13 contained botocore 1.36.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html#python-sdk-included
"""

import base64
import json
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest

from feature_events.errors import PoisonRecord
from feature_events.failures.dead_letters import to_dead_letter
from local.application.artefacts import Artefacts
from local.environment import REGION, make_aws_environment
from local.paths import LAMBDA_RUNTIME
from local.servers.stack import RunningStack
from tests.support.records import to_record, to_unreadable_record
from tests.support.runtime_interface import PYTHON, RuntimeInterface
from tests.support.tables import create_table
from tests.support.web_server import Answer, run_scripted_server

BUCKET = "oldest-runtime"
TABLE = "oldest_runtime"
PREFIX = "dead-letters/"

SIGNING = """
import time
from feature_events.kafka.tokens import sign_iam_token

def handler(event, context):
    return sign_iam_token(time.time, 3.0)[:2]
"""

type Json = dict[str, Any]
type Invoke = Callable[[str, Mapping[str, str], object], Any]


@pytest.fixture(scope="module", autouse=True)
def account(stack: RunningStack) -> None:
    """Create a bucket and a table."""
    stack.clients.s3.create_bucket(Bucket=BUCKET)
    create_table(stack.clients.dynamodb, TABLE)


@pytest.fixture
def invoke(artefacts: Artefacts, stack: RunningStack, oldest_runtime: Path, topic: Callable[..., str]) -> Invoke:
    """Return a function that invokes a handler of the built code on the runtime interface with the oldest packages."""
    settings = {
        **make_aws_environment(stack.aws),
        "KAFKA_BROKER_URL": stack.kafka,
        "TOPIC_NAME": topic(),
        "SCHEMA_ID": "7",
        "FAILURE_BUCKET": BUCKET,
    }

    def invoke(handler: str, more: Mapping[str, str], event: object) -> Any:  # noqa: ANN401  # JSON
        with RuntimeInterface(
            artefacts.code,
            artefacts.layer,
            f"feature_events.{handler}.handler",
            {**settings, **more},
            runtime=oldest_runtime,
        ) as environment:
            return environment.invoke(event)

    return invoke


def make_table_record(record: Json, stack: RunningStack) -> Json:
    """Make a record of this module's table from another record."""
    table = stack.clients.dynamodb.describe_table(TableName=TABLE)["Table"]["TableArn"]
    return {**record, "eventSourceARN": f"{table}/stream/2026-01-01T00:00:00.000", "awsRegion": REGION}


def list_keys(stack: RunningStack) -> list[str]:
    """List the keys of all objects in the bucket."""
    return [each["Key"] for each in stack.clients.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_runtime__is_the_oldest(oldest_runtime: Path) -> None:
    """These tests use botocore 1.36. Other tests use a later version."""
    code = "import botocore; print(botocore.__version__)"
    versions = [
        subprocess.run([path / PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout  # noqa: S603
        for path in (oldest_runtime, LAMBDA_RUNTIME)
    ]
    assert versions[0].startswith("1.36.")
    assert not versions[1].startswith("1.36.")


def test_function__puts_dead_letters(invoke: Invoke, stack: RunningStack) -> None:
    """An unreadable record is written to the failure bucket."""
    answer = invoke("handler", {}, {"Records": [make_table_record(to_unreadable_record(1), stack)]})
    assert answer == {"batchItemFailures": []}
    assert [key for key in list_keys(stack) if key.startswith(f"{PREFIX}{TABLE}/")] != []


def test_function__checks_the_bucket(invoke: Invoke) -> None:
    """The preflight check writes an object, and passes."""
    report = invoke("handler", {}, {"check": True})
    assert report["ok"], report


def test_function__registers_with_glue(invoke: Invoke) -> None:
    """The function registers the schema at its start, and the preflight check finds it."""
    registry = {"SCHEMA_ID": "", "SCHEMA_REGISTRY": "glue", "AUTO_REGISTER_SCHEMAS": "true"}
    report = invoke("handler", registry, {"check": True})
    (schema,) = [each for each in report["checks"] if each["name"] == "schema"]
    assert (schema["ok"], schema["detail"][:3]) == (True, "id "), schema


def test_function__signs_tokens(
    artefacts: Artefacts, stack: RunningStack, oldest_runtime: Path, tmp_path: Path
) -> None:
    """With IAM authentication, the runtime's botocore signs the token."""
    (tmp_path / "feature_events").symlink_to(artefacts.code / "feature_events")
    (tmp_path / "sample.py").write_text(SIGNING)
    settings = make_aws_environment(stack.aws)
    with RuntimeInterface(tmp_path, artefacts.layer, "sample.handler", settings, runtime=oldest_runtime) as environment:
        token, expires = environment.invoke({})
    assert b"kafka-cluster%3AConnect" in base64.urlsafe_b64decode(token + "==")
    assert expires > time.time()


def test_redrive__sends_and_archives_dead_letters(invoke: Invoke, stack: RunningStack) -> None:
    """It works by prefix and by keys."""
    records = [make_table_record(to_record(number, entity=f"user-{number}"), stack) for number in (10, 11)]
    keys = []
    for record in records:
        stack.clients.dynamodb.put_item(TableName=TABLE, Item=record["dynamodb"]["NewImage"])
        letter = to_dead_letter(record, PoisonRecord("its topic was too small"), PREFIX)
        stack.clients.s3.put_object(Bucket=BUCKET, Key=letter.key, Body=letter.body)
        keys.append(letter.key)
    first = invoke("redrive", {}, {"keys": [keys[0], f"{PREFIX}absent.json"]})
    assert (first["delivered"], first["moved"], first["missing"]) == (1, 1, 1)
    second = invoke("redrive", {}, {"prefix": keys[1]})
    assert (second["delivered"], second["moved"], second["complete"]) == (1, 1, True)
    assert {f"redriven/{key}" for key in keys} <= set(list_keys(stack))


def test_registration__reads_secrets(invoke: Invoke, stack: RunningStack) -> None:
    """The function reads the registry's credentials, and reports to CloudFormation that the registry is unreachable."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("secretsmanager", endpoint_url=stack.aws, region_name=REGION, **keys)  # type: ignore[call-overload]
    arns = [
        client.create_secret(Name=f"oldest-{number}", SecretString=text)["ARN"]
        for number, text in enumerate([json.dumps({"username": "features", "password": "hidden"}), "not the form"])
    ]
    reasons = []
    for arn in arns:
        with ExitStack() as resources:
            cloudformation = resources.enter_context(run_scripted_server())
            cloudformation.script = [Answer(200, b"")]
            settings = {"SCHEMA_ID": "", "SCHEMA_REGISTRY": "https://127.0.0.1:1", "SCHEMA_REGISTRY_SECRET_ARN": arn}
            invoke("registration", settings, {"RequestType": "Create", "ResponseURL": f"{cloudformation.url}/"})
            reasons.append(cloudformation.requests[-1].body["Reason"])
    assert "SCHEMA_REGISTRY_SECRET_ARN) must have the form" in reasons[1]
    assert "registry" in reasons[0]
    assert "SECRET" not in reasons[0]
