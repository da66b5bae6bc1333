"""`make check-config` finds names that sam ignores silently."""

import sys
import tomllib
from pathlib import Path

import pytest

from local.check_config import find_mistakes, main
from local.paths import ROOT

PARAMETERS = ("TopicName", "TableArns", "OwnTables")


@pytest.mark.parametrize(
    ("config", "mistakes"),
    [
        (
            '[prod.deploy.parameters]\nparameter_overrides = "TopicNam=events OwnTables=true"',
            ["[prod.deploy.parameters]: template.yaml has no parameter TopicNam; did you mean TopicName?"],
        ),
        (
            """[prod.deploy.parameters]
            parameter_overrides = ['ParameterKey=TableArn,ParameterValue="one,two"', 'OwnTables=true']""",
            ["[prod.deploy.parameters]: template.yaml has no parameter TableArn; did you mean TableArns?"],
        ),
        (
            '[dev.local_invoke.parameters]\nparameter_overrides = "Ownables=true"',
            ["[dev.local_invoke.parameters]: template.yaml has no parameter Ownables; did you mean OwnTables?"],
        ),
        (
            "[dev.deploy.parameters]\nresolv_s3 = true",
            ["[dev.deploy.parameters]: sam has no option resolv_s3; did you mean resolve_s3?"],
        ),
        (
            '[dev.global.parameters]\nstackname = "one"\n[dev.deploy.parameters]\nresolve_s3 = true',
            ["[dev.global.parameters]: sam has no option stackname; did you mean stack_name?"],
        ),
        ("[dev.deplyo.parameters]\nresolve_s3 = true", ["[dev.deplyo.parameters]: sam has no command deplyo"]),
        ("[dev.remote_call.parameters]", ["[dev.remote_call.parameters]: sam has no command remote call"]),
        ('version = 0.1\n[dev.deploy.parameters]\nparameter_overrides = "OwnTables=true"', []),
    ],
)
def test_find_mistakes__names_what_sam_ignores(config: str, mistakes: list[str]) -> None:
    """It checks parameters, options and commands, and suggests the closest name."""
    assert list(find_mistakes(tomllib.loads(config), PARAMETERS)) == mistakes


def test_main__fails_on_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sam would deploy with this misspelled parameter."""
    path = tmp_path / "samconfig.toml"
    path.write_text((ROOT / "samconfig.toml").read_text().replace("OwnTables=true A", "TopicNam=events A"))
    monkeypatch.setattr(sys, "argv", ["check_config", str(path)])
    with pytest.raises(SystemExit, match=r"template.yaml has no parameter TopicNam; did you mean TopicName\?"):
        main()


@pytest.mark.parametrize("text", [None, "[dev.deploy", b"\xff"])
def test_main__reports_why_a_file_cannot_be_read(
    text: str | bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is missing or is not TOML."""
    path = tmp_path / "samconfig.toml"
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    monkeypatch.setattr(sys, "argv", ["check_config", str(path)])
    with pytest.raises(SystemExit, match=r"samconfig\.toml cannot be read: ."):
        main()


def test_samconfig__has_no_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's samconfig.toml passes the check."""
    monkeypatch.setattr(sys, "argv", ["check_config"])
    main()
