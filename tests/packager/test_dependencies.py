"""What has to be in the image before the rest of the project, so that an edited predictor installs nothing again."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from packager.check import check
from packager.dependencies import INSTALLERS, dependency_files, names_of_files
from tests.builders import a_project

PROJECT = {
    "predictor.py": b"class PythonPredictor: ...",
    "setup.py": b"",
    "base.txt": b"-c constraints.txt\nrequests\n",
    "constraints.txt": b"idna<4\n",
    "wheels/ours-1.0-py3-none-any.whl": b"PK\x03\x04\x00 predictor.py",
    "wheels/theirs-1.0-py3-none-any.whl": b"PK\x03\x04\x00",
    "lib/pyproject.toml": b"",
    "more/base.txt": b"-r extra.txt\n--find-links ./links\n--find-links ../wheels\n",
    "more/extra.txt": b"requests\n",
    "more/links/x-1.0-py3-none-any.whl": b"PK\x03\x04\x00",
    "more/notes.txt": b"",
    "setup/apt.sh": b"apt-get install --yes libsndfile1\n",
}


def installed_by(name: str, text: str) -> set[str]:
    project = {**PROJECT, name: text.encode()}
    return set(dependency_files(project, project.__getitem__)) - set(INSTALLERS)


def test_a_project_without_dependencies_has_none() -> None:
    """Nor does it need any."""
    assert dependency_files({"predictor.py"}, PROJECT.__getitem__) == []


def test_the_rest_of_the_project_is_not() -> None:
    """Comments, packages and options name no file."""
    assert installed_by("requirements.txt", "numpy==2.4.6\n--no-binary :all:\n# see predictor.py\nscipy # lib\n") == set()


def test_files_that_an_installer_names_come_along() -> None:
    """So do the files that those name, whatever the spelling."""
    assert installed_by("requirements.txt", "-r base.txt\n") == {"base.txt", "constraints.txt"}
    assert installed_by("requirements.txt", "-rbase.txt\n") == {"base.txt", "constraints.txt"}
    assert installed_by("requirements.txt", "--constraint=./constraints.txt\n") == {"constraints.txt"}
    assert installed_by("requirements.txt", "./wheels/ours-1.0-py3-none-any.whl\n") == {"wheels/ours-1.0-py3-none-any.whl"}
    assert installed_by("requirements.txt", "-e ./lib\n") == {"lib/pyproject.toml"}
    assert len(installed_by("requirements.txt", "--find-links wheels/\nours\n")) == 2
    assert installed_by("dependencies.sh", 'bash "setup/apt.sh"\n') == {"setup/apt.sh"}


def test_a_named_file_names_others_from_its_own_folder() -> None:
    """As pip reads `-r` and `--find-links` in an included file; what lies beside it does not come along."""
    found = installed_by("requirements.txt", "-r more/base.txt\n")
    assert found == {name for name in PROJECT if name.startswith(("more/", "wheels/"))} - {"more/notes.txt"}


def test_a_project_that_installs_itself_comes_whole() -> None:
    """`pip install .` needs all of it, and is done again after each edit: as in Cortex, where it ran at every start."""
    for line in (".", "-e .", "./", ".[gpu]"):
        assert installed_by("requirements.txt", f"numpy\n{line}\n") == set(PROJECT)


PIECES = ["-r ", "-e", "./", ".", "..", "/", "\n", " ", "#", "=", "\0", "\xff", *INSTALLERS, *PROJECT, "lib", "wheels/"]


@given(
    st.dictionaries(
        st.sampled_from([*INSTALLERS, *PROJECT]),
        st.lists(st.sampled_from(PIECES)).map(lambda pieces: "".join(pieces).encode("latin-1")),
    )
)
def test_any_bytes_give_a_part_of_the_project(project: dict[str, bytes]) -> None:
    """Nothing is invented and nothing raises, whatever the files hold."""
    found = dependency_files(project, project.__getitem__)
    assert found == sorted(set(found))
    assert {name for name in INSTALLERS if name in project} <= set(found) <= set(project)


@given(
    st.lists(st.sampled_from([*PIECES, ".whl", "-c ", "-f ", "--find-links=", "https://"])).map("".join),
    st.sampled_from(["a.txt", "b/c.txt"]),
)
def test_any_text_names_places_by_its_lines(text: str, file: str) -> None:
    """Nothing raises, and no place is absolute or an address."""
    for line, _, places in names_of_files(text, file):
        assert 1 <= line <= len(text.splitlines())
        assert places
        assert not [place for place in places if place.startswith("/") or "://" in place]


def test_what_dependencies_sh_may_make_is_not_missed(tmp_path: Path) -> None:
    """It runs before requirements.txt is installed; without it a file that is not there is an error with its line."""
    named = {"requirements_dot_txt": "numpy\n./made-1.0-py3-none-any.whl\n"}
    without = check(a_project(tmp_path / "without", **named))
    assert [(problem.code, problem.line) for problem in without.problems] == [("files.file_does_not_exist", 2)]
    assert check(a_project(tmp_path / "with", dependencies_dot_sh="./make-wheel\n", **named)).ok
