"""`python -m tests.template.policy_files DIRECTORY`: write the policies of the expanded template to files."""

import json
import logging
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.template.expansion import SETS, expand_set
from tests.template.iam_evaluation import read_policies

LEFT_OUT: Mapping[str, str] = {
    "NetworkInterfaces": "Lambda rejects a function whose role allows these actions on less than every resource",
    "NoNetworkInterfacesFromCode": (
        "parliament does not know the condition key, which Lambda adds to every call: "
        "https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html"
    ),
    "FollowSegments": "parliament also asks for the ARNs of express executions, which the state machine does not have",
}
"""Statements that parliament misjudges, each with the reason."""


def write_policies(directory: Path) -> None:
    """Write each policy of each role under each set of parameters to a file with their names, replacing former ones."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name in SETS:
        template = expand_set(name)
        for role, resource in template["Resources"].items():
            if resource["Type"] == "AWS::IAM::Role":
                for number, document in enumerate(read_policies(template, role)):
                    statements = [each for each in document["Statement"] if each["Sid"] not in LEFT_OUT]
                    # parliament takes the colons of a stream's time for those between an ARN's parts
                    text = json.dumps({**document, "Statement": statements}, indent=1).replace("T00:00:00.000", "")
                    if statements:
                        (directory / f"{name.replace(' ', '-')}.{role}.{number}.json").write_text(text)


if __name__ == "__main__":
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns that its metrics go nowhere
    write_policies(Path(sys.argv[1]))
