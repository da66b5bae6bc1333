"""Generate docs/parameters.md from the parameters of both templates: `make parameters`."""

import re
from typing import Any

from local.paths import ROOT
from tests.template.document import read_template

PAGE = ROOT / "docs" / "parameters.md"
_INTRODUCTION = """# Parameters

Generated from the templates by `make parameters`. CloudFormation checks every limit before it changes anything. How to
write parameters into samconfig.toml, and what an empty value does: [deploying.md](deploying.md).
"""


def to_page() -> str:
    """Return the page."""
    return "\n".join(
        [
            _INTRODUCTION,
            "## The application (template.yaml)\n",
            _to_table("template.yaml"),
            "\n## A table (table.yaml)\n",
            _to_table("table.yaml"),
            "",
        ]
    )


def _to_table(template: str) -> str:
    rows = [_to_row(name, parameter) for name, parameter in read_template(template)["Parameters"].items()]
    return "\n".join(["| parameter | default | meaning | allowed |", "|---|---|---|---|", *rows])


def _to_row(name: str, parameter: dict[str, Any]) -> str:
    default = parameter.get("Default")
    shown = "required" if default is None else f"`{default}`" if default != "" else "empty"
    cells = [f"`{name}`", shown, parameter["Description"], _to_allowed(parameter)]
    return "| " + " | ".join(re.sub(r"\s+", " ", cell).replace("|", "\\|").strip() for cell in cells) + " |"


def _to_allowed(parameter: dict[str, Any]) -> str:
    if "AllowedValues" in parameter:
        return ", ".join(f"`{value}`" for value in parameter["AllowedValues"])
    if "MinValue" in parameter:
        return f"{parameter['MinValue']} to {parameter['MaxValue']}"
    return str(parameter.get("ConstraintDescription", "")).removeprefix("must be ")


if __name__ == "__main__":
    PAGE.write_text(to_page())
