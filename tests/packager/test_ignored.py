"""What .cortexignore and .dockerignore leave out."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.check import check
from packager.ignored import docker_patterns, ignore_rules, no_patterns
from packager.project import project_files
from tests.builders import a_project, an_api

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


def test_what_is_no_pattern_is_said_and_leaves_nothing_out(tmp_path: Path) -> None:
    """As in git; the other lines hold, and each file of a project with two APIs is complained of once."""
    file = a_project(tmp_path, an_api() + an_api(name="b"))
    (tmp_path / ".cortexignore").write_text("*.csv\n!\n[z-a]\n\\\n")
    (tmp_path / ".dockerignore").write_text("[z-a]\n*.md\nx\\\n")
    ignored = ignore_rules(tmp_path)
    assert [ignored(path) for path in ("a.csv", "z", "a.md", "a.py")] == [".cortexignore", None, ".dockerignore", None]
    checked = check(file)
    assert [(problem.file, problem.line) for problem in checked.problems if problem.code == "cxpack.no_pattern"] == [
        *((str(tmp_path / ".cortexignore"), line) for line in (2, 3, 4)),
        *((str(tmp_path / ".dockerignore"), line) for line in (1, 3)),
    ]
    assert checked.ok


@given(lines=st.lists(st.text(st.sampled_from("!\\[]-az*?/ #^."), max_size=8)))
def test_no_ignore_file_ends_a_check(lines: list[str]) -> None:
    """Whatever its lines are."""
    with TemporaryDirectory() as folder:
        for name in (".cortexignore", ".dockerignore"):
            (Path(folder) / name).write_text("\n".join(lines))
        ignore_rules(Path(folder))("a/b.py")
        assert all(0 < line <= len(lines) for _, line in no_patterns(Path(folder)))


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")))))
def test_any_text_is_a_dockerignore(lines: list[str]) -> None:
    """No line makes a pattern that leaves the root, and none raises."""
    for pattern in docker_patterns(lines):
        assert pattern.removeprefix("!").startswith("/")
        assert "/../" not in pattern
