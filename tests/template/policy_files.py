"""Write the policies of the expanded template to files, which `make lint` passes to parliament.

Usage: python -m tests.template.policy_files DIRECTORY
"""

import json
import logging
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.template.expansion import SETS, expand_set
from tests.template.iam_evaluation import read_policies

LEFT_OUT: Mapping[str, str] = {
    "NetworkInterfaces": "Lambda rejects a function whose role restricts these actions to some resources",
    "NoNetworkInterfacesFromCode": (
        "parliament lacks the condition key, which Lambda adds to every call: "
        "https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html"
    ),
    "FollowSegments": "parliament also requires the ARNs of express executions, which the state machine lacks",
}
"""Statements for which parliament reports false errors, and the reason."""


def write_policies(directory: Path) -> None:
    """Replace the directory by one file for each policy of each role with each set of parameters."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name in SETS:
        template = expand_set(name)
        for role, resource in template["Resources"].items():
            if resource["Type"] == "AWS::IAM::Role":
                for number, document in enumerate(read_policies(template, role)):
                    statements = [each for each in document["Statement"] if each["Sid"] not in LEFT_OUT]
                    # parliament splits an ARN at the colons of a stream's time
                    text = json.dumps({**document, "Statement": statements}, indent=1).replace("T00:00:00.000", "")
                    if statements:
                        (directory / f"{name.replace(' ', '-')}.{role}.{number}.json").write_text(text)


if __name__ == "__main__":
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns that it cannot send metrics
    write_policies(Path(sys.argv[1]))
