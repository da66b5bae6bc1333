"""The usual function with the usual imports: also X-Ray's Tracer, boto3 and the signer for Amazon MSK."""

import boto3
from aws_lambda_powertools import Tracer
from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # type: ignore[import-untyped]

from benchmarks.contenders.usual import handler as plain_handler

tracer = Tracer(service="usual")
session = boto3.session.Session()
sign = MSKAuthTokenProvider.generate_auth_token

handler = tracer.capture_lambda_handler(plain_handler)
