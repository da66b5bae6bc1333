"""The three errors, told apart by what is to be done about them.

Who catches one need not know where it came from, only what to do:

    FeatureEventsError
    ├── PoisonRecord     dead-letter this record; no second try can help
    ├── Undelivered      report it; Lambda retries it
    └── Misconfigured    fail the invocation; a person must change something
"""


class FeatureEventsError(Exception):
    """Any error that this package raises on purpose; its text holds no payload and no secret.

    The text is always valid Unicode. Lambda's runtime for Python 3.13 encodes it as UTF-8 and fails on a lone
    surrogate, which JSON can carry into a name that a message repeats.
    https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/lambda_runtime_marshaller.py
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(text.encode(errors="replace").decode())


class PoisonRecord(FeatureEventsError):
    """This record can never become an event on the topic, whoever tries and however often."""


class Undelivered(FeatureEventsError):
    """This did not work now and may work later."""


class Misconfigured(FeatureEventsError):
    """Nothing can work until a setting, a permission or a resource is changed; the text says which."""
