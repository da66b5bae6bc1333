"""boto3 clients of the local stack, which know of no other account.

boto3 reads the user's profile, credentials and endpoint settings unless it is told otherwise; here it is.
"""

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config

from local.environment import REGION

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient, DynamoDBServiceResource
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient


class AwsClients:
    """The clients of one endpoint, each made when it is first asked for."""

    def __init__(self, url: str) -> None:
        nothing = (None, None, os.devnull, None)
        hidden = {"config_file": nothing, "credentials_file": nothing, "profile": (None, None, None, None)}
        core = botocore.session.Session(session_vars=hidden)
        self._session = boto3.Session("test", "test", botocore_session=core, region_name=REGION)
        self._url = url
        self._config = Config(proxies={}, retries={"total_max_attempts": 2}, s3={"addressing_style": "path"})

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """Tables, by requests."""
        return self._session.client("dynamodb", endpoint_url=self._url, config=self._config)

    @cached_property
    def tables(self) -> "DynamoDBServiceResource":
        """Tables, by Python values."""
        return self._session.resource("dynamodb", endpoint_url=self._url, config=self._config)

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda functions and their mappings."""
        return self._session.client("lambda", endpoint_url=self._url, config=self._config)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """Deployed stacks."""
        return self._session.client("cloudformation", endpoint_url=self._url, config=self._config)

    @cached_property
    def s3(self) -> "S3Client":
        """Buckets."""
        return self._session.client("s3", endpoint_url=self._url, config=self._config)

    @cached_property
    def glue(self) -> "GlueClient":
        """Schemas, where AWS Glue is the registry."""
        return self._session.client("glue", endpoint_url=self._url, config=self._config)

    @cached_property
    def states(self) -> "SFNClient":
        """State machines and their executions."""
        return self._session.client("stepfunctions", endpoint_url=self._url, config=self._config)

    @cached_property
    def logs(self) -> Any:  # noqa: ANN401 -- the types of this service are not installed
        """CloudWatch Logs."""
        return self._session.client("logs", endpoint_url=self._url, config=self._config)
