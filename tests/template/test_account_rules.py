"""What a real account would refuse by rules that AWS states in prose alone, the template does not ask of it."""

from copy import deepcopy

import pytest

from tests.template.account_rule_table import CLOUDFORMATION_QUOTAS, RULES, Rule
from tests.template.document import read_template
from tests.template.expansion import SETS, expand_set


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_template__keeps_to_what_aws_says(rule: Rule) -> None:
    """Under no set of parameters does it ask for what AWS refuses."""
    assert {name: found for name in SETS if (found := list(rule.find(expand_set(name))))} == {}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_rules__find_what_breaks_them(rule: Rule) -> None:
    """A template that breaks the rule in one place is found out by that rule in that place."""
    broken = deepcopy(expand_set("everything"))
    rule.spoil(broken["Resources"])
    assert len(list(rule.find(broken))) == 1


def test_rules__have_a_source() -> None:
    """Each says where AWS says so, and how it was seen where AWS does not."""
    assert [rule.says for rule in RULES if not rule.source.startswith("https://")] == []
    assert len({rule.says for rule in RULES}) == len(RULES)


def test_parameters__are_as_many_as_cloudformation_takes() -> None:
    """They are used up in an expanded template, so they are counted in the one that is written."""
    assert len(read_template()["Parameters"]) <= 200, CLOUDFORMATION_QUOTAS
    assert [name for name, each in read_template()["Parameters"].items() if len(str(each.get("Default"))) > 4096] == []
