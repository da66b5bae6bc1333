"""Rules on the two templates as they are written, which an expansion would hide."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from local.paths import ROOT
from tests.template.document import Template, read_template

LIMITS: Mapping[str, tuple[int, int]] = {"template.yaml": (33, 1_250), "table.yaml": (10, 220)}
"""A template -> how many parameters it has at most, and below how many lines it stays."""
UPLOADS = {"CodeUri", "ContentUri", "DefinitionUri"}
EXTENDED = {"Fn::Length", "Fn::ToJsonString"}
"""Functions that need AWS::LanguageExtensions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-languageextensions.html
"""


class Templates(NamedTuple):
    """Both templates as they are written, by their names, with the numbers of their lines, and the documentation."""

    parsed: Mapping[str, Template]
    lines: Mapping[str, int]
    documentation: str

    @property
    def application(self) -> Template:
        """template.yaml."""
        return self.parsed["template.yaml"]

    @property
    def attachment(self) -> Template:
        """table.yaml."""
        return self.parsed["table.yaml"]


def read_templates() -> Templates:
    """The project's own."""
    return Templates(
        {name: read_template(name) for name in LIMITS},
        {name: len((ROOT / name).read_text().splitlines()) for name in LIMITS},
        "".join(page.read_text() for page in (ROOT / "docs").glob("*.md")),
    )


def walk(node: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 -- a part of a template
    """Every name in a part of a template, with its value."""
    for each in node if isinstance(node, list) else []:
        yield from walk(each)
    for name, each in node.items() if isinstance(node, dict) else []:
        yield name, each
        yield from walk(each)


def find_language_extensions(templates: Templates) -> Iterator[str]:
    """The transform, loops, and functions that need it."""
    for name, template in templates.parsed.items():
        if "LanguageExtensions" in str(template.get("Transform")):
            yield f"{name}: transform"
        yield from (f"{name}: {key}" for key, _ in walk(template) if key.startswith("Fn::ForEach") or key in EXTENDED)


def find_other_transforms(templates: Templates) -> Iterator[str]:
    """Anything but SAM's transform for the application, and nothing for an attachment."""
    if templates.application.get("Transform") != "AWS::Serverless-2016-10-31":
        yield "template.yaml"
    if "Transform" in templates.attachment:
        yield "table.yaml"


def find_computed_policies(templates: Templates) -> Iterator[str]:
    """A deletion or replacement policy that is not a literal."""
    for template in templates.parsed.values():
        for name, resource in template["Resources"].items():
            for key in ("DeletionPolicy", "UpdateReplacePolicy"):
                if not isinstance(resource.get(key, ""), str):
                    yield f"{name}: {key}"


def find_starting_positions(templates: Templates) -> Iterator[str]:
    """A position other than TRIM_HORIZON: LATEST can miss records whenever a mapping is created or updated.

    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
    """
    for name, template in templates.parsed.items():
        yield from (
            f"{name}: {each}" for key, each in walk(template) if key == "StartingPosition" and each != "TRIM_HORIZON"
        )


def _read_exports(templates: Templates) -> dict[str, str]:
    exports = {
        name: each["Export"]["Name"] for name, each in templates.application["Outputs"].items() if "Export" in each
    }
    return {name: each["Fn::Sub"].removeprefix("${AWS::StackName}-") for name, each in exports.items()}


def find_unused_exports(templates: Templates) -> Iterator[str]:
    """An export that table.yaml does not import and no page names, or that has another name than its output."""
    imports = _read_imports(templates)
    for output, export in _read_exports(templates).items():
        if export != output or not (export in imports or f"`{export}`" in templates.documentation):
            yield output


def find_missing_exports(templates: Templates) -> Iterator[str]:
    """What table.yaml imports and the application does not export."""
    yield from sorted(_read_imports(templates) - set(_read_exports(templates).values()))


def _read_imports(templates: Templates) -> set[str]:
    names = [each["Fn::Sub"] for key, each in walk(templates.attachment) if key == "Fn::ImportValue"]
    return {name.removeprefix("${Application}-") for name in names}


def find_changing_exports(templates: Templates) -> Iterator[str]:
    """An export of a conditional output or resource: CloudFormation refuses to change one that is imported.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
    """
    for output in _read_exports(templates):
        resource = re.findall(r"\w+", str(next(iter(templates.application["Outputs"][output]["Value"].values()))))[0]
        made = templates.application["Resources"][resource]
        if "Condition" in made or "Condition" in templates.application["Outputs"][output]:
            yield output


def find_roles_of_attachments(templates: Templates) -> Iterator[str]:
    """An IAM resource in table.yaml, for which CloudFormation would ask for a capability."""
    for name, resource in templates.attachment["Resources"].items():
        if resource["Type"].startswith("AWS::IAM::"):
            yield name


def find_excess(templates: Templates) -> Iterator[str]:
    """Too many parameters or lines."""
    for name, (parameters, lines) in LIMITS.items():
        if len(templates.parsed[name]["Parameters"]) > parameters:
            yield f"{name}: parameters"
        if templates.lines[name] >= lines:
            yield f"{name}: lines"


def find_computed_paths(templates: Templates) -> Iterator[str]:
    """What is uploaded from a path that is computed or does not exist, so that `aws cloudformation package` fails."""
    for name, resource in templates.application["Resources"].items():
        for key in sorted(UPLOADS & resource["Properties"].keys()):
            path = resource["Properties"][key]
            if not isinstance(path, str) or not (ROOT / path).exists():
                yield f"{name}: {key}"


def find_vague_parameters(templates: Templates) -> Iterator[str]:
    """A parameter without a description or a limit, or whose pattern is not explained to those who miss it."""
    for name, template in templates.parsed.items():
        for parameter, each in template["Parameters"].items():
            is_limited = {"AllowedPattern", "AllowedValues", "MinValue"} & each.keys()
            is_explained = "AllowedPattern" not in each or "ConstraintDescription" in each
            if not (each.get("Description") and is_limited and is_explained):
                yield f"{name}: {parameter}"


def find_idle_parameters(templates: Templates) -> Iterator[str]:
    """A parameter that nothing refers to."""
    for name, template in templates.parsed.items():
        used = {each for key, each in walk(template) if key == "Ref" and isinstance(each, str)}
        used |= set(re.findall(r"\$\{(\w+)\}", str(template)))
        yield from (f"{name}: {parameter}" for parameter in template["Parameters"] if parameter not in used)


def find_untexted_comparisons(templates: Templates) -> Iterator[str]:
    """A comparison with something that is not text: a parameter's value is text, whatever its type.

    https://github.com/aws-cloudformation/cfn-lint/issues/3458
    """
    for template in templates.parsed.values():
        for key, sides in walk([template.get("Conditions", {}), template.get("Rules", {})]):
            if key == "Fn::Equals":
                yield from (str(side) for side in sides if not isinstance(side, str | dict))
