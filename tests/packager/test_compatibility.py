"""Every key is honoured, approximated or refused on every target, and whoever wrote it is told."""

import json
from pathlib import Path
from typing import get_args

import pytest

from packager.cli import main
from packager.compatibility import APPROXIMATED, EVERYWHERE, REFUSED, problems, report, treatment
from packager.grammar import SECTIONS, walk
from packager.manifest import Target
from packager.reading import read_text
from packager.spec import ApiSpec

TARGETS = get_args(Target)
KEYS = sorted({path.replace("[]", "") for section in SECTIONS.values() for path, _ in walk(section)})


def api(body: str) -> ApiSpec:
    text = f"- name: iris\n  predictor:\n    type: python\n    path: predictor.py\n{body}"
    (found,) = read_text(text.encode(), "cortex.yaml").apis
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_every_known_key_is_in_exactly_one_class(target: Target) -> None:
    """A key of a table is a key of the language, stands in one table only, and no sentence is empty."""
    tables = (EVERYWHERE, APPROXIMATED[target], REFUSED[target])
    listed = [path for table in tables for path in table]
    assert set(listed) <= set(KEYS)
    assert len(listed) == len(set(listed))
    for path in KEYS:
        kind, how = treatment(path, target)
        assert (kind == "honoured") == (how == "")


def test_a_report_has_a_row_for_every_key_that_was_written() -> None:
    """In the user's spelling and the file's order, honoured ones too."""
    spec = api("  autoscaling:\n    workers_per_replica: 2\n    min_replicas: 2\n  compute:\n    cpu: 1\n    gpu: 0\n")
    rows = [(row.line, row.path, row.kind) for row in report(spec, "lambda")]
    assert rows == [
        (1, "apis[0].name", "honoured"),
        (2, "apis[0].predictor", "honoured"),
        (3, "apis[0].predictor.type", "honoured"),
        (4, "apis[0].predictor.path", "honoured"),
        (5, "apis[0].autoscaling", "honoured"),
        (6, "apis[0].autoscaling.workers_per_replica", "approximated"),
        (7, "apis[0].autoscaling.min_replicas", "approximated"),
        (8, "apis[0].compute", "honoured"),
        (9, "apis[0].compute.cpu", "honoured"),
        (10, "apis[0].compute.gpu", "honoured"),
    ]


def test_what_is_approximated_is_a_warning_said_once() -> None:
    """A section that is approximated as a whole does not repeat itself for each key in it."""
    batching = "    threads_per_process: 4\n    server_side_batching:\n      max_batch_size: 4\n      batch_interval: 1s\n"
    found = list(problems(api(batching), "lambda"))
    assert [(problem.severity, problem.line) for problem in found] == [("warning", 5), ("warning", 6)]
    assert list(problems(api(batching), "ecs")) == []


def test_a_gpu_keeps_an_api_off_lambda() -> None:
    """Were it placed there nevertheless, that is an error."""
    (problem,) = problems(api("  compute:\n    gpu: 1\n"), "lambda")
    assert (problem.severity, problem.line, problem.message) == ("error", 6, "Lambda has no GPUs")


def test_check_shows_every_key_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a table, and in JSON beside the API's placement; without the question the answer is as short as ever."""
    (tmp_path / "predictor.py").write_text(
        "class PythonPredictor:\n    def __init__(self, config): pass\n    def predict(self): pass\n"
    )
    file = tmp_path / "cortex.yaml"
    file.write_text("- name: iris\n  predictor:\n    type: python\n    path: predictor.py\n  autoscaling:\n    window: 30s\n")
    assert main(["check", str(file), "--keys"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in shown[1:]] == [
        ["1", "apis[0].name", "honoured"],
        ["2", "apis[0].predictor", "honoured"],
        ["3", "apis[0].predictor.type", "honoured"],
        ["4", "apis[0].predictor.path", "honoured"],
        ["5", "apis[0].autoscaling", "honoured"],
        ["6", "apis[0].autoscaling.window", "approximated"],
    ]
    assert main(["check", str(file), "--keys", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["apis"][0]["keys"]
    assert rows[-1]["class"] == "approximated"
    assert rows[-1]["how"].startswith("Lambda adds an environment")
    assert main(["check", str(file), "--format", "json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["apis"][0]) == {"name", "kind", "target", "size", "reason"}
