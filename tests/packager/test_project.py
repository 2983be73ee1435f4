"""Which files belong to a project."""

from pathlib import Path

import pytest

from packager.project import OutsideProject, project_files
from tests.builders import a_project


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
    with pytest.raises(OutsideProject, match="link is a symbolic link"):
        paths(file)


def test_a_broken_link_is_left_out(tmp_path: Path) -> None:
    """A link to nothing has no bytes to copy; it is as absent here as in the user's own run."""
    file = a_project(tmp_path)
    (tmp_path / "link").symlink_to("nowhere")
    assert paths(file) == ["predictor.py"]
