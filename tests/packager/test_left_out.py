"""What cortex.yaml names of a project is in its image, at the path that is named, or check says why not."""

from pathlib import Path

import pytest

from packager.check import check
from packager.problem import Problem
from tests.builders import PREDICTOR, a_project, an_api

FILES = {
    "node_modules/p.py": {"node_modules__p_dot_py": PREDICTOR},
    "cdk.out/p.py": {"cdk_dot_out__p_dot_py": PREDICTOR},
    "env/p.py": {"env__p_dot_py": PREDICTOR, "env__pyvenv_dot_cfg": ""},
    "old/p.py": {"old__p_dot_py": PREDICTOR, "old__manifest_dot_json": '{"format": 1, "project": "p", "apis": []}'},
    "cortex-debug-1/p.py": {"cortex-debug-1__p_dot_py": PREDICTOR},
    "lib/p.txt": {"lib__p_dot_txt": PREDICTOR},
}
WHY = {
    "node_modules/p.py": "the name node_modules are never packed",
    "cdk.out/p.py": "the name cdk.out are never packed",
    "env/p.py": "env/ is a virtual environment",
    "old/p.py": "old/ is an output folder of cxpack synth",
    "cortex-debug-1/p.py": "the name cortex-debug-1 are never packed",
    "lib/p.txt": "does not end in .py",
}


def api(path: str, more: str = "") -> str:
    return an_api().replace("path: predictor.py", f"path: {path}{more}")


def errors(file: Path) -> list[Problem]:
    return [problem for problem in check(file).problems if problem.severity == "error"]


@pytest.mark.parametrize("path", FILES)
def test_a_predictor_that_the_image_would_lack_is_refused(tmp_path: Path, path: str) -> None:
    """At its key, with what keeps it out."""
    (problem,) = errors(a_project(tmp_path, api(path), **FILES[path]))
    assert (problem.code, problem.line, problem.path) == ("files.file_does_not_exist", 4, "apis[0].predictor.path")
    assert WHY[path] in problem.message


@pytest.mark.parametrize("written", ["../shop/lib/p.py", "ROOT/lib/p.py"])
def test_a_path_around_the_project_is_refused(tmp_path: Path, written: str) -> None:
    """It leads to the file here and to nothing in the image; what to write is said."""
    text = api(written.replace("ROOT", str(tmp_path / "shop")))
    (problem,) = errors(a_project(tmp_path / "shop", text, lib__p_dot_py=PREDICTOR))
    assert (problem.code, problem.line) == ("spec.must_be_relative_project_path", 4)
    assert problem.message.endswith("write lib/p.py")


@pytest.mark.parametrize("written", ["./lib/p.py", "lib/../lib//p.py"])
def test_a_path_within_the_project_may_wind(tmp_path: Path, written: str) -> None:
    """The image is told the straight way."""
    checked = check(a_project(tmp_path, api(written), lib__p_dot_py="import boto3\n" + PREDICTOR))
    assert [problem.code for problem in checked.problems] == ["deploy.nothing_granted"]
    context = checked.apis[0].context
    assert context is not None
    (spec,) = [file.read() for file in context.files if file.path == "api.json"]
    assert b'"path": "lib/p.py"' in spec


def test_a_warmup_that_the_image_would_lack_is_refused(tmp_path: Path) -> None:
    """As a predictor is."""
    text = an_api(deploy="{warmup: data/sample.json}")
    (problem,) = errors(a_project(tmp_path, text, data__sample_dot_json="{}", _dot_dockerignore="data\n"))
    assert (problem.code, problem.path) == ("files.file_does_not_exist", "apis[0].deploy.warmup")
    assert "for data is matched by .dockerignore" in problem.message


def test_a_python_path_that_the_image_would_lack_is_refused(tmp_path: Path) -> None:
    """A folder of which nothing is packed is none."""
    file = a_project(tmp_path, api("predictor.py", "\n    python_path: cdk.out/src/"), cdk_dot_out__src__a_dot_py="")
    (problem,) = errors(file)
    assert (problem.code, problem.path) == ("spec.python_path_not_found", "apis[0].predictor.python_path")
    assert problem.message.startswith("cdk.out/src would not be in the image")
