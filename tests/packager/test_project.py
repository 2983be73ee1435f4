"""Which files belong to a project."""

import json
from pathlib import Path

import pytest

from packager.project import OutsideProject, project_files
from tests.builders import PREDICTOR, a_project, an_api
from tests.packager.ordinary import cxpack, needs_permissions


def paths(file: Path) -> list[str]:
    return [found.path for found in project_files(file.parent, file)]


def test_what_cortex_left_out_is_left_out(tmp_path: Path) -> None:
    """The configuration, dot names (but .env), compiled Python and debug archives stay behind."""
    file = a_project(tmp_path, lib__a_dot_py="", _dot_env="A=1", _dot_git__config="")
    for name in ("x.pyc", "cortex-debug-1", ".hidden", "lib/.env"):
        (tmp_path / name).write_text("")
    assert paths(file) == [".env", "lib/a.py", "predictor.py"]


def test_cortexignore_speaks_gitignore(tmp_path: Path) -> None:
    """Patterns, folders and negations of .cortexignore hold; .env is added back."""
    file = a_project(tmp_path, data__a_dot_csv="", data__b_dot_txt="", notes_dot_md="", _dot_env="")
    (tmp_path / ".cortexignore").write_text("data/*\n!data/b.txt\n*.md\n.env\n")
    assert paths(file) == [".env", "data/b.txt", "predictor.py"]


def test_what_cxpack_and_cdk_write_is_left_out(tmp_path: Path) -> None:
    """A second synth sees the same project as the first."""
    file = a_project(
        tmp_path, cxpack_dot_out__manifest_dot_json="{}", cdk_dot_out__x="", cdk_dot_json="{}", venv__pyvenv_dot_cfg=""
    )
    assert paths(file) == ["predictor.py"]


def test_a_link_inside_the_project_is_followed(tmp_path: Path) -> None:
    """Linked files and folders arrive as what they point to."""
    file = a_project(tmp_path, shared__a_dot_py="A = 1\n")
    (tmp_path / "b.py").symlink_to("shared/a.py")
    (tmp_path / "again").symlink_to("shared")
    assert paths(file) == ["again/a.py", "b.py", "predictor.py", "shared/a.py"]


@pytest.mark.parametrize("target", ["/etc/hostname", "..", "."])
def test_a_link_that_leaves_the_project_is_refused_by_name(tmp_path: Path, target: str) -> None:
    """Neither somebody's secrets nor an endless circle ends up in an image."""
    file = a_project(tmp_path / "project")
    (tmp_path / "project/link").symlink_to(target)
    with pytest.raises(OutsideProject, match="link is a symbolic link") as refused:
        paths(file)
    assert ("outside the project" in str(refused.value)) is (target != ".")
    assert ("which it lies in" in str(refused.value)) is (target == ".")


@pytest.mark.parametrize("target", ["nowhere", "link", "predictor.py/x"])
def test_a_broken_link_is_left_out(tmp_path: Path, target: str) -> None:
    """A link to nothing, or to itself, has no bytes to copy; it is as absent here as in the user's own run."""
    file = a_project(tmp_path)
    (tmp_path / "link").symlink_to(target)
    assert paths(file) == ["predictor.py"]


def test_a_manifest_of_something_else_makes_no_output_folder(tmp_path: Path) -> None:
    """Whatever is in it, its folder is the project's."""
    file = a_project(tmp_path)
    for name, text in (("a", "[" * 100_000), ("b", '{"apis": 1}'), ("c", '{"apis": 1, "format": 1, "project": 1}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(text)
    assert paths(file) == ["a/manifest.json", "b/manifest.json", "c/manifest.json", "predictor.py"]


def test_a_link_to_an_output_folder_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    """As the folder would be; a link is no file of the name of one either."""
    file = a_project(tmp_path)
    (tmp_path / "cxpack.out").symlink_to("/not/mounted")
    (tmp_path / "a.pyc").symlink_to("predictor.py")
    assert paths(file) == ["predictor.py"]


@needs_permissions
@pytest.mark.parametrize("name", ["data", ".env", "native.so"])
def test_what_cannot_be_read_is_a_problem(tmp_path: Path, name: str) -> None:
    """Of the file that it is, once for all APIs, beside what else is wrong; without it the project is fine."""
    a_project(tmp_path, an_api("one") + an_api("two") + an_api("large", compute="{cpu: 900}"), data__x_dot_txt="")
    for unread in (".env", "native.so"):
        (tmp_path / unread).write_bytes(b"\x7fELF")
    (tmp_path / name).chmod(0)
    result = cxpack("check", "--format", "json", cwd=tmp_path)
    (tmp_path / name).chmod(0o700)
    assert result.stderr == ""
    errors = [problem for problem in json.loads(result.stdout)["problems"] if problem["severity"] == "error"]
    (unreadable,) = [problem for problem in errors if problem["file"] == name]
    assert (unreadable["code"], unreadable["line"]) == ("cxpack.unreadable_file", None)
    assert unreadable["message"].startswith("cannot be read: Permission denied; correct its permissions")
    assert result.returncode == 1


@needs_permissions
def test_what_is_ignored_need_not_be_read(tmp_path: Path) -> None:
    """Which is the other remedy."""
    a_project(tmp_path, data__x_dot_txt="", _dot_cortexignore="data/\n")
    (tmp_path / "data").chmod(0)
    result = cxpack("check", cwd=tmp_path)
    (tmp_path / "data").chmod(0o700)
    assert result.returncode == 0


@needs_permissions
@pytest.mark.parametrize(
    ("name", "file", "line"),
    [
        ("predictor.py", "cortex.yaml", 4),
        ("lib", "lib", None),
        ("iris/1", "cortex.yaml", 6),
        ("body.json", "cortex.yaml", 7),
        ("requirements.txt", "requirements.txt", None),
    ],
)
def test_what_cannot_be_read_is_said_at_its_key(tmp_path: Path, name: str, file: str, line: int | None) -> None:
    """Once, or of the file itself where no key names it."""
    text = an_api(predictor="python_path: lib\nmodel_path: iris", deploy="{warmup: body.json}")
    code = PREDICTOR.replace("(self, config)", "(self, config, python_client)") + "\n    def load_model(self, model_path): ...\n"
    files = {"lib__x_dot_py": "", "iris__1__m": "x", "body_dot_json": "{}", "requirements_dot_txt": "x\n"}
    a_project(tmp_path, text, predictor_dot_py=code, **files)
    (tmp_path / name).chmod(0)
    problems = json.loads(cxpack("check", "--format", "json", cwd=tmp_path).stdout)["problems"]
    (tmp_path / name).chmod(0o700)
    (unreadable,) = [problem for problem in problems if problem["code"] == "cxpack.unreadable_file"]
    assert (unreadable["file"], unreadable["line"]) == (file, line)
    assert "cannot be read: Permission denied" in unreadable["message"]
