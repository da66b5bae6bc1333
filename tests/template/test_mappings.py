"""The mappings of the template are the one that the promises are shown with."""

from typing import Any

from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from local.paths import ROOT
from tests.support.mapping import MappingSettings


def read_mappings() -> list[MappingSettings]:
    """What the template's loops make mappings of, with every parameter at its default."""
    template = yaml_parse((ROOT / "template.yaml").read_text())

    def resolve(value: Any) -> Any:  # noqa: ANN401  # a part of the template
        parameter = template["Parameters"].get(value.get("Ref")) if isinstance(value, dict) else None
        return parameter["Default"] if parameter else value

    loops = [each for each in template["Resources"].values() if isinstance(each, list)]
    return [
        MappingSettings.of_template({name: resolve(value) for name, value in resource["Properties"].items()})
        for _, _, made in loops
        for resource in made.values()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping"
    ]


def test_settings__are_those_of_the_template() -> None:
    """What is proved is proved for the mapping that is deployed."""
    expected = MappingSettings(
        batch_size=1000,
        bisect_batch_on_function_error=True,
        report_batch_item_failures=True,
        maximum_record_age_in_seconds=23 * 3600,
        filters=({"eventName": ["INSERT", "MODIFY"]},),
    )
    mappings = read_mappings()
    assert mappings == [expected] * 2
