"""Run every sample event with `sam local invoke` in a container, without a broker and a registry.

Newcomers try this command first, so it must behave as documented on their machines.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from local.application.artefacts import ARCHITECTURE, FUNCTION, Artefacts
from local.environment import REGION, make_tool_environment
from local.paths import TOOLS
from tests.support import lambda_image
from tests.support.sample_events import SAMPLES, SETTINGS, find_expected_outcome, to_outcome

WHY_NO_DOCKER = lambda_image.find_docker_problem()
DOCKER_IS_REQUIRED = os.environ.get("FEATURE_EVENTS_REQUIRE_DOCKER") == "1"
INVOKE_SECONDS = 120
# With credentials, sam calls STS, which takes seconds to fail if AWS is unreachable
NO_CREDENTIALS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

if WHY_NO_DOCKER and not DOCKER_IS_REQUIRED:
    pytest.skip(WHY_NO_DOCKER, allow_module_level=True)


@pytest.fixture(scope="module", autouse=True)
def _image() -> None:
    if WHY_NO_DOCKER:
        pytest.fail(f"{WHY_NO_DOCKER} (FEATURE_EVENTS_REQUIRE_DOCKER=1)")
    lambda_image.ensure()


def invoke(artefacts: Artefacts, event: Path, sam_home: Path) -> tuple[object, str]:
    """Run `sam local invoke`. Return the response and the log.

    sam locks each image that it builds by a file in the temporary directory. It waits for up to five minutes if another
    sam was paused or killed while it held the lock, and then uses the other's image. So it needs its own directory.
    """
    command: list[str | Path] = [
        *(TOOLS / "sam", "local", "invoke", FUNCTION, "--template", artefacts.template),
        *("--event", event, "--env-vars", SETTINGS, "--skip-pull-image"),
        *("--layer-cache-basedir", sam_home, "--region", REGION, "--language-extensions"),
        *("--parameter-overrides", f"ParameterKey=Architecture,ParameterValue={ARCHITECTURE}"),
    ]
    done = subprocess.run(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=make_tool_environment({**NO_CREDENTIALS, "__SAM_CLI_APP_DIR": str(sam_home), "TMPDIR": str(sam_home)}),
        cwd=artefacts.template.parent,
        timeout=INVOKE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def sam_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a directory for sam's state, which is otherwise in the home directory and the temporary directory."""
    return tmp_path_factory.mktemp("sam")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_sam_local_invoke__responds_as_documented(artefacts: Artefacts, sam_home: Path, sample: Path) -> None:
    """Each file of events/ produces the response or error in events/answers.json."""
    answer, log = invoke(artefacts, sample, sam_home)

    assert to_outcome(answer) == find_expected_outcome(sample), log
