"""Run every sample event on the real Lambda runtime interface with the code and layer of `sam build`.

It holds the promises of `sam local invoke` where there is no Docker, and shows that the layer brings all that the
runtime does not: nothing else is visible to the function here.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.application.artefacts import Artefacts
from local.paths import LAMBDA_RUNTIME
from tests.support.runtime_interface import RuntimeInterface
from tests.support.sample_events import SAMPLES, find_expected_outcome, read_expected, read_settings, to_outcome

HANDLER = "feature_events.handler.handler"
# `sam local invoke` passes invalid credentials to AWS. Here, AWS is unreachable.
NO_AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
}
FUNCTION_CODE = """
import importlib

def handler(event, context):
    return {name: importlib.import_module(name).__file__ for name in event}
"""


@pytest.fixture(scope="module")
def environment(artefacts: Artefacts) -> Iterator[RuntimeInterface]:
    """Start one execution environment for all events. Lambda also reuses environments."""
    settings = read_settings(artefacts.template) | NO_AWS
    with RuntimeInterface(artefacts.code, artefacts.layer, HANDLER, settings) as environment:
        yield environment


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_handler__responds_as_documented(environment: RuntimeInterface, sample: Path) -> None:
    """Each file of events/ produces the response or error in events/answers.json."""
    answer = environment.invoke(json.loads(sample.read_text()))

    assert to_outcome(answer) == find_expected_outcome(sample), environment.log()


def test_answers__name_every_sample_event() -> None:
    """The file has one entry for each file of events/, and no other entries."""
    assert sorted(read_expected()) == [sample.name for sample in SAMPLES]


def test_search_path__is_function_then_layer_then_runtime(artefacts: Artefacts, tmp_path: Path) -> None:
    """The function's modules have precedence over the layer's, and these over the runtime's. Others are not visible."""
    (tmp_path / "sample.py").write_text(FUNCTION_CODE)
    (tmp_path / "idna.py").touch()
    origins = ["idna", "confluent_kafka", "urllib3", "boto3"]

    with RuntimeInterface(tmp_path, artefacts.layer, "sample.handler", {}) as environment:
        found = environment.invoke(origins)
        tools = environment.invoke(["pytest"])

    layer, runtime = artefacts.layer / "python", LAMBDA_RUNTIME.parent / "lib"
    expected = dict(zip(origins, [tmp_path, layer, layer, runtime], strict=True))
    assert {name: Path(found[name]).is_relative_to(place) for name, place in expected.items()} == dict.fromkeys(
        origins, True
    )
    assert tools["errorType"] == "ModuleNotFoundError"


def test_handler__cannot_be_imported_without_the_layer(artefacts: Artefacts, tmp_path: Path) -> None:
    """Packages of this machine do not replace the layer."""
    with RuntimeInterface(artefacts.code, tmp_path, HANDLER, read_settings(artefacts.template)) as environment:
        answer = environment.invoke({"Records": []})

    assert answer["errorType"] == "Runtime.ImportModuleError"
