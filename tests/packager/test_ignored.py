"""What .cortexignore and .dockerignore leave out."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.ignored import docker_patterns, ignore_rules
from packager.project import project_files
from tests.builders import a_project

FILES = ("a.md", "data/a.md", "data/deep/b.txt", "data/keep.txt", "temp1/x", "sub/temp2/y")


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ("*.md", ("data/a.md", "data/deep/b.txt", "data/keep.txt", "temp1/x", "sub/temp2/y")),
        ("**/*.md", ("data/deep/b.txt", "data/keep.txt", "temp1/x", "sub/temp2/y")),
        ("/data/", ("a.md", "temp1/x", "sub/temp2/y")),
        ("data\n!data/keep.txt", ("a.md", "data/keep.txt", "temp1/x", "sub/temp2/y")),
        ("!data/keep.txt\ndata", ("a.md", "temp1/x", "sub/temp2/y")),
        ("*\n!data", ("data/a.md", "data/deep/b.txt", "data/keep.txt")),
        ("temp?", ("a.md", "data/a.md", "data/deep/b.txt", "data/keep.txt", "sub/temp2/y")),
        ("*/temp*", ("a.md", "data/a.md", "data/deep/b.txt", "data/keep.txt", "temp1/x")),
        ("./sub/../data/deep", ("a.md", "data/a.md", "data/keep.txt", "temp1/x", "sub/temp2/y")),
        ("# *\n\n  \n.", FILES),
    ],
)
def test_dockerignore_speaks_dockers_syntax(tmp_path: Path, lines: str, left: tuple[str, ...]) -> None:
    """Patterns begin at the root, the last one that matches decides, also below an excluded folder; comments are none."""
    file = a_project(tmp_path)
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / ".dockerignore").write_text(lines)
    assert {found.path for found in project_files(tmp_path, file)} - {"predictor.py"} == set(left)


def test_both_files_hold_and_are_named(tmp_path: Path) -> None:
    """A path is left out by either file, .env by neither, and who asks hears by which."""
    (tmp_path / ".cortexignore").write_text("*.csv\n.env\n")
    (tmp_path / ".dockerignore").write_text("*.md\n.env\n")
    ignored = ignore_rules(tmp_path)
    assert [ignored(path) for path in ("a.csv", "a.md", ".env", "a.py")] == [".cortexignore", ".dockerignore", None, None]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")))))
def test_any_text_is_a_dockerignore(lines: list[str]) -> None:
    """No line makes a pattern that leaves the root, and none raises."""
    for pattern in docker_patterns(lines):
        assert pattern.removeprefix("!").startswith("/")
        assert "/../" not in pattern
