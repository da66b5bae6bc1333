"""Parse and build ARNs. No other module depends on their form.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

_REGION = 3


def to_region(arn: str) -> str:
    """Return the region in an ARN."""
    return arn.split(":")[_REGION]


def to_glue_schema_arn(registry_arn: str, name: str) -> str:
    """Return the ARN of a Glue schema, from its registry's ARN and its name."""
    return f"{registry_arn.replace(':registry/', ':schema/', 1)}/{name}"


def to_glue_registry_name(registry_arn: str) -> str:
    """Return the name of a Glue registry."""
    return registry_arn.partition(":registry/")[2]


def to_table_arn(stream_arn: str) -> str:
    """Return the ARN of the table of a DynamoDB stream."""
    return stream_arn.partition("/stream/")[0]


def to_table_name(arn: str) -> str:
    """Return the table name in the ARN of a table or stream. Empty if the text is neither."""
    return arn.partition(":table/")[2].partition("/")[0]
