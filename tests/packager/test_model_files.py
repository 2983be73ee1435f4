"""A model folder is one thing: what check looks at, what the image gets and what the runtime would find."""

from pathlib import Path

import pytest

from packager.check import Check, check
from packager.model_files import model_files
from packager.project import OutsideProject
from runtime_handler.models.local import LocalSource
from tests.builders import a_project

ONNX = "class ONNXPredictor:\n    def __init__(self, onnx_client, config): ...\n    def predict(self, payload): ...\n"


def checked(folder: Path) -> Check:
    """A project with one version of one model, of which `folder` is the model's."""
    text = "- name: iris\n  predictor: {type: onnx, path: predictor.py, model_path: iris}\n"
    return check(a_project(folder.parent, text, predictor_dot_py=ONNX))


def packed(found: Check) -> dict[str, bytes]:
    context = found.apis[0].context
    assert context is not None
    return {
        file.path.removeprefix("models/_cortex_default/"): file.read()
        for file in context.files
        if file.path.startswith("models/_cortex_default/")
    }


@pytest.fixture
def iris(tmp_path: Path) -> Path:
    """A model's folder with one version."""
    folder = tmp_path / "shop/iris"
    (folder / "1").mkdir(parents=True)
    (folder / "1/model.onnx").write_bytes(b"one")
    return folder


def test_a_version_that_is_a_link_is_packed(iris: Path) -> None:
    """It is looked at, so it has to be in the image too."""
    (iris / "2").symlink_to("1")
    found = checked(iris)
    assert not found.problems
    assert packed(found) == {"1/model.onnx": b"one", "2/model.onnx": b"one"}


@pytest.mark.parametrize("name", ["1/extra", "2"])
def test_a_link_that_leaves_the_folder_is_refused(iris: Path, tmp_path: Path, name: str) -> None:
    """Neither somebody's secrets nor half a model goes into an image, and the link is named at the model's key."""
    (tmp_path / "secret").mkdir()
    (iris / name).symlink_to(tmp_path / "secret")
    (problem,) = checked(iris).problems
    assert (problem.code, problem.line) == ("cxpack.outside_project", 2)
    assert problem.path == "apis[0].predictor.model_path"
    assert problem.message.startswith(f"iris/{name} is a symbolic link to {tmp_path}/secret, outside the model's folder")


def test_links_that_lead_nowhere_are_passed_over(iris: Path) -> None:
    """To nothing, to themselves, or around: there are no bytes to copy."""
    for name, target in (("1/gone", "nothing"), ("1/self", "self"), ("1/up", "../1"), ("round", ".")):
        (iris / name).symlink_to(target)
    found = checked(iris)
    assert not found.problems
    assert packed(found) == {"1/model.onnx": b"one"}


def test_the_runtime_finds_the_same_files(iris: Path) -> None:
    """`cxpack local` serves the folder itself, an image its copy."""
    (iris / "2/deep").mkdir(parents=True)
    (iris / "2/deep/x").write_bytes(b"")
    (iris / "3").symlink_to("2")
    (iris / "2/deep/round").symlink_to("..")
    (iris / "latest").symlink_to("3")
    served = [item.path for item in LocalSource(iris).list()]
    assert sorted(file.path for file in model_files(iris)) == served
    (iris / "4").symlink_to(iris.parent)
    with pytest.raises(OutsideProject):
        list(model_files(iris))


def test_a_folder_may_be_called_like_a_user(tmp_path: Path) -> None:
    """`~nobody-here` is nobody's home folder, and so a name like others."""
    text = "- name: iris\n  predictor: {type: onnx, path: predictor.py, model_path: ~nobody-here/m}\n"
    found = check(a_project(tmp_path, text, predictor_dot_py=ONNX, **{"~nobody-here__m__1__x_dot_onnx": b"x"}))
    assert not found.problems
    assert packed(found) == {"1/x.onnx": b"x"}
