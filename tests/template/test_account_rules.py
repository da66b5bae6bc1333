"""What a real account would refuse by rules that AWS states in prose alone, the templates do not ask of it."""

from copy import deepcopy

import pytest

from tests.template.account_rule_table import RULES, Rule
from tests.template.expansion import ALL_SETS, expand_set


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_templates__keep_to_what_aws_says(rule: Rule) -> None:
    """Under no set of parameters does it ask for what AWS refuses."""
    assert {name: found for name in ALL_SETS if (found := list(rule.find(expand_set(name))))} == {}


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
