"""Cuts up ARNs, in one place, since their forms are AWS's and every part of them is found by counting.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

_REGION = 3


def to_region(arn: str) -> str:
    """The region in an ARN."""
    return arn.split(":")[_REGION]


def to_glue_schema_arn(registry_arn: str, name: str) -> str:
    """The ARN of a schema in a registry of Glue's, by the registry's ARN and the schema's name."""
    return f"{registry_arn.replace(':registry/', ':schema/', 1)}/{name}"


def to_glue_registry_name(registry_arn: str) -> str:
    """The name of a registry of Glue's."""
    return registry_arn.partition(":registry/")[2]


def to_table_arn(stream_arn: str) -> str:
    """The ARN of the table that a DynamoDB stream is of: the stream's begins with it."""
    return stream_arn.partition("/stream/")[0]


def to_table_name(arn: str) -> str:
    """The name of a table, by its ARN or its stream's; empty where the text is neither."""
    return arn.partition(":table/")[2].partition("/")[0]
