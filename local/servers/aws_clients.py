"""boto3 clients for the local stack. They ignore the user's profile, credentials and endpoints."""

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
    """The clients of one endpoint, each created on first use."""

    def __init__(self, url: str) -> None:
        nothing = (None, None, os.devnull, None)
        hidden = {"config_file": nothing, "credentials_file": nothing, "profile": (None, None, None, None)}
        core = botocore.session.Session(session_vars=hidden)
        self._session = boto3.Session("test", "test", botocore_session=core, region_name=REGION)
        self._url = url
        self._config = Config(proxies={}, retries={"total_max_attempts": 2}, s3={"addressing_style": "path"})

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """DynamoDB's requests."""
        return self._session.client("dynamodb", endpoint_url=self._url, config=self._config)

    @cached_property
    def tables(self) -> "DynamoDBServiceResource":
        """DynamoDB's tables with Python values."""
        return self._session.resource("dynamodb", endpoint_url=self._url, config=self._config)

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda functions and event source mappings."""
        return self._session.client("lambda", endpoint_url=self._url, config=self._config)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """CloudFormation stacks."""
        return self._session.client("cloudformation", endpoint_url=self._url, config=self._config)

    @cached_property
    def s3(self) -> "S3Client":
        """S3 buckets."""
        return self._session.client("s3", endpoint_url=self._url, config=self._config)

    @cached_property
    def glue(self) -> "GlueClient":
        """Glue's schema registry."""
        return self._session.client("glue", endpoint_url=self._url, config=self._config)

    @cached_property
    def states(self) -> "SFNClient":
        """Step Functions."""
        return self._session.client("stepfunctions", endpoint_url=self._url, config=self._config)

    @cached_property
    def logs(self) -> Any:  # noqa: ANN401 -- the type stubs of this service are not installed
        """CloudWatch Logs."""
        return self._session.client("logs", endpoint_url=self._url, config=self._config)
