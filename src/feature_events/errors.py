"""Three errors, by remedy. Code that catches one need not know where it was raised.

FeatureEventsError
├── PoisonRecord     dead-letter the record; a retry cannot succeed
├── Undelivered      report the record; Lambda retries it
└── Misconfigured    fail the invocation; an operator must change something
"""


class FeatureEventsError(Exception):
    """Any error that this package raises deliberately. Its text contains no payload and no secret.

    The text is always valid Unicode. Lambda's runtime for Python 3.13 encodes it as UTF-8 and fails on a lone
    surrogate, which a name in JSON can contain.
    https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/lambda_runtime_marshaller.py
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(text.encode(errors="replace").decode())


class PoisonRecord(FeatureEventsError):
    """This record can never become an event."""


class Undelivered(FeatureEventsError):
    """The operation failed; a retry may succeed."""


class Misconfigured(FeatureEventsError):
    """The operation fails until an operator changes the setting, permission or resource that the text names."""
