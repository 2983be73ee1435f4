"""What does not go into a zip is known at `check`, where nothing is resolved."""

from pathlib import Path

import pytest

from packager.check import check
from tests.builders import a_project, an_api

ZIP = "{package: zip, target: lambda}"


def found(project: Path) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in check(project).problems if problem.severity == "error"]


def test_a_python_api_goes_into_a_zip(tmp_path: Path) -> None:
    """Nothing is said."""
    assert found(a_project(tmp_path, an_api(deploy=ZIP), requirements_dot_txt="joblib\n")) == []


def test_old_pythons_do_not(tmp_path: Path) -> None:
    """Lambda runs them on a system that today's wheels are too new for."""
    project = a_project(tmp_path, an_api(deploy="{package: zip, target: lambda, python: '3.11'}"))
    assert found(project) == [("deploy.zip", "apis[0].deploy.python")]


@pytest.mark.parametrize("installer", ["dependencies.sh", "conda-packages.txt"])
def test_what_no_wheel_can_bring_is_refused(installer: str, tmp_path: Path) -> None:
    """With the way out."""
    project = a_project(tmp_path, an_api(deploy=ZIP), **{installer.replace(".", "_dot_"): "something\n"})
    (problem,) = [problem for problem in check(project).problems if problem.code == "deploy.zip"]
    assert problem.message == f"a zip cannot hold what {installer} installs; use `package: image`"


def test_elsewhere_than_on_lambda_there_is_an_image_anyway(tmp_path: Path) -> None:
    """The rules are those of zips."""
    project = a_project(tmp_path, an_api(deploy="{package: zip, target: ecs, python: '3.11'}"))
    assert "deploy.zip" not in [code for code, _ in found(project)]
