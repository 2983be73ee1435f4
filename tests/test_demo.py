"""The two commands of the README, in a clean clone on a machine without Node."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UV = ROOT / ".venv/bin/uv"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that a clone of this working tree would have."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    folder = tmp_path / "clone"
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture
def without_node(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH has everything but Node, and whose installers use what `make setup` has cached."""
    folder = tmp_path / "bin"
    folder.mkdir()
    directories = [Path(directory) for directory in os.environ["PATH"].split(os.pathsep) if directory]
    programs: dict[str, Path] = {}
    for directory in (each for each in directories if each != UV.parent):
        for program in filter(Path.is_file, directory.glob("*")):
            programs.setdefault(program.name, program)
    for name in programs.keys() - {"node", "npm", "npx", "corepack"}:
        (folder / name).symlink_to(programs[name])
    return {**os.environ, "PATH": str(folder), "UV_OFFLINE": "1", "npm_config_offline": "true", "MAKEFLAGS": ""}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_make_demo_takes_a_clean_clone_to_predictions(clone: Path, without_node: dict[str, str]) -> None:
    """Set up, export, check, synth, CloudFormation, local and predict: exit status 0, an answer for every API."""
    assert shutil.which("node", path=without_node["PATH"]) is None
    command = ["make", "demo", f"UV={UV}"]
    result = subprocess.run(command, cwd=clone, env=without_node, capture_output=True, text=True, timeout=390)
    assert result.returncode == 0, result.stdout + result.stderr
    answers = result.stdout.splitlines()
    assert "creating iris-classifier" in answers
    assert any("AWS::Lambda::Function" in line for line in answers)
    assert {"virginica", "versicolor"} <= set(answers)
    assert sum("in the cloud: lambda, 512 MB" in line for line in answers) == 2
    again = subprocess.run(["make", "-n", "setup", f"UV={UV}"], cwd=clone, env=without_node, capture_output=True, text=True)
    assert "Nothing to be done" in again.stdout, "a second `make setup` does nothing"
