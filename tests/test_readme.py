"""The README says what there is, and there is what it says."""

import re
import shlex
from pathlib import Path

import pytest

from packager.cli import COMMANDS, make_parser
from tests.builders import a_project

README = (Path(__file__).parent.parent / "README.md").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_table(command: str) -> None:
    """A reader finds each command."""
    assert re.search(rf"^\| .*`cxpack {command}\b", README, re.MULTILINE)


def test_the_worked_example_is_the_example() -> None:
    """The files that the README shows are those of the folder that it names."""
    folder = Path(__file__).parent.parent / "examples/iris-classifier"
    blocks = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
    shown = {language: text for language, text in blocks if "iris" in text or "joblib" in text}
    assert shown["python"] == (folder / "predictor.py").read_text()
    assert shown["yaml"].strip() in (folder / "cortex.yaml").read_text()


def test_every_command_line_of_the_readme_is_understood(tmp_path: Path) -> None:
    """What a reader copies is no usage error."""
    a_project(tmp_path)
    lines = [line.partition("#")[0].strip() for line in README.splitlines() if line.startswith("    $ cxpack")]
    assert len(lines) >= 4
    for line in lines:
        make_parser().parse_args(shlex.split(line)[2:])
