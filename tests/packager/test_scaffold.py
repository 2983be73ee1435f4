"""`cxpack init` writes a project that checks, synthesizes and serves at once."""

import json
from pathlib import Path

import httpx
import pytest

from packager.cli import main
from packager.reading import read_project
from packager.scaffold import TYPES, Occupied, api_name, scaffold
from tests.test_local import local


@pytest.mark.parametrize("kind", TYPES)
def test_a_new_project_checks_and_synthesizes(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a word of complaint, warnings included, and the last line says what to type next."""
    folder = tmp_path / "My First_API"
    assert main(["init", str(folder), "--type", kind]) == 0
    assert capsys.readouterr().out == f"next: cd '{folder}' && cxpack check && cxpack local\n"
    reading = read_project(folder / "cortex.yaml")
    assert reading.problems == ()
    assert [api.name for api in reading.apis] == ["my-first-api"]
    assert main(["synth", str(folder / "cortex.yaml")]) == 0
    assert (folder / "cxpack.out" / "my-first-api" / "api.json").is_file()


def test_nothing_of_the_users_is_overwritten(tmp_path: Path) -> None:
    """One file in the way, and none is written."""
    (tmp_path / "predictor.py").write_text("mine")
    with pytest.raises(Occupied, match=r"predictor\.py exists already"):
        scaffold(tmp_path, "python")
    assert [path.name for path in tmp_path.iterdir()] == ["predictor.py"]
    assert main(["init", str(tmp_path)]) == 1


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("iris", "iris"),
        ("My_Project 2", "my-project-2"),
        ("2nd-try", "nd-try"),
        ("123", "iris-classifier"),
        ("x" * 60, "x" * 42),
        ("é", "iris-classifier"),
    ],
)
def test_the_api_is_named_for_its_folder(folder: str, name: str, tmp_path: Path) -> None:
    """As far as Cortex's rules for names allow."""
    assert api_name(tmp_path / folder) == name


@pytest.mark.parametrize("kind", TYPES)
def test_the_sample_request_has_what_the_predictor_reads(kind: str, tmp_path: Path) -> None:
    """The four measurements, as JSON."""
    scaffold(tmp_path, kind)
    request = json.loads((tmp_path / "request.json").read_text())
    assert all(feature in (tmp_path / "predictor.py").read_text() for feature in request)


@pytest.mark.parametrize("kind", TYPES)
def test_a_new_project_serves_its_sample_request(kind: str, tmp_path: Path) -> None:
    """`cxpack local` as the last line of `init` says, and the answer is the right flower."""
    scaffold(tmp_path / "iris", kind)
    request = json.loads((tmp_path / "iris" / "request.json").read_text())
    with local(tmp_path / "iris" / "cortex.yaml") as running:
        answer = httpx.post(running.urls["iris"], json=request, timeout=60)
    assert (answer.status_code, answer.json()) == (200, {"label": "setosa"})
